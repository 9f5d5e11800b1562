"""The form by which a customer contests a bill: what was typed, and the ticket it makes or what is wrong beside each field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import ValidationError

from billing.disputes import Ticket
from billing.money import Money
from billing.redaction import redact_link
from console.portal.figures import Figures
from console.portal.forms import Form
from console.portal.months import BillingMonthView
from console.portal.visits import Visit

# Field of the form to sentences about it; "" holds what belongs to none.
Flaws = dict[str, list[str]]

LONGEST_DESCRIPTION = 20_000
LINKS_MAX = 50

# Where a flaw of the ticket is shown: the ticket's fields by the form's.
_SHOWN_AT = {
    "meters": "meters",
    "period": "month",
    "category": "category",
    "claimed_amount": "amount",
    "billed_amount": "meters",
    "description": "description",
    "evidence": "evidence",
    "requester.name": "name",
    "requester.email": "email",
}
_SENTENCES = {
    "category": "Choose what is wrong.",
    "description": f"Keep it below {LONGEST_DESCRIPTION:,} characters; put more into a file and link it.",
    "evidence": "Write one link a line, each starting with https:// or http:// and without spaces.",
    "name": "Keep the name to one line of at most 300 characters.",
    "email": "Write an address that we can answer to, such as accounts@company.example.",
}


@dataclass(frozen=True)
class Contest:
    """What was typed, as it was typed, so that a page can show it again."""

    meters: tuple[str, ...] = ()
    category: str = ""
    amount: str = ""
    description: str = ""
    evidence: str = ""
    name: str = ""
    email: str = ""
    security: bool = False
    flaws: Flaws = field(default_factory=dict)

    @classmethod
    def typed_in(cls, form: Form) -> Self:
        """Takes whatever was sent; `ticket_of` finds the flaws."""
        return cls(
            meters=form.every("meters"),
            category=form.line("category"),
            amount=form.line("amount"),
            description=form.text("description"),
            evidence=form.text("evidence"),
            name=form.line("name"),
            email=form.line("email"),
            security=form.line("security") == "yes",
        )

    @property
    def links(self) -> list[str]:
        """One a line, blank lines left out."""
        return [line.strip() for line in self.evidence.splitlines() if line.strip()]


def ticket_of(
    typed: Contest, visit: Visit, shown: BillingMonthView, *, reference: str, now: datetime
) -> tuple[Ticket | None, Flaws]:
    """The ticket, or None with at least one flaw. What was billed is read from the invoice and never taken from the form."""
    flaws = _own_flaws(typed)
    billed = _billed(typed, shown, visit.figures, flaws)
    claimed = _claimed(typed, billed, visit.figures, flaws)
    content = {
        "ticket_id": reference,
        "tenant_id": visit.tenant_id,
        "period": shown.month,
        "meters": typed.meters,
        "category": typed.category,
        "claimed_amount": claimed.major,
        "billed_amount": billed.major,
        "currency": visit.tenant.currency,
        "requester": {"name": typed.name, "email": typed.email},
        "subject": f"{visit.tenant.name} contests {visit.figures.month(shown.month)}"[:300],
        "description": typed.description,
        "evidence": [{"name": _name_of(link), "link": link} for link in typed.links],
        "opened_at": now,
        "security_concern": typed.security,
    }
    try:
        ticket = Ticket.model_validate(content)
    except ValidationError as error:
        for flaw in error.errors():
            _note(flaws, flaw)
        return None, flaws
    return (None if flaws else ticket), flaws


def in_fields(problems: list[str]) -> Flaws:
    """The intake's sentences, which start with the ticket's field they are about, beside the form's fields."""
    flaws: Flaws = {}
    for problem in problems:
        name, _, sentence = problem.partition(": ")
        flaws.setdefault(_SHOWN_AT.get(name, ""), []).append(f"{sentence[:1].upper()}{sentence[1:]}")
    return flaws


def _own_flaws(typed: Contest) -> Flaws:
    """What a ticket would allow and a person should still be told."""
    flaws: Flaws = {}
    if not typed.description:
        flaws["description"] = ["Tell us in a sentence or two what is wrong."]
    if len(typed.links) > LINKS_MAX:
        flaws["evidence"] = [f"Send at most {LINKS_MAX} links; put the rest into one file."]
    elif any(redact_link(link) != link for link in typed.links):
        flaws["evidence"] = ["A link holds what looks like a card number: please take it out."]
    return flaws


def _billed(typed: Contest, shown: BillingMonthView, figures: Figures, flaws: Flaws) -> Money:
    lines = {one.meter.meter: one.line for one in shown.billed}
    if not typed.meters:
        flaws["meters"] = ["Tick at least one."]
    elif unknown := [name for name in typed.meters if name not in lines]:
        flaws["meters"] = [f"{', '.join(unknown)[:100]} is not on this invoice: tick what is."]
    ticked = [line for name, line in lines.items() if name in typed.meters and line]
    return Money(minor=sum(line.amount_minor for line in ticked), currency=figures.currency)


def _claimed(typed: Contest, billed: Money, figures: Figures, flaws: Flaws) -> Money:
    try:
        claimed = figures.read_amount(typed.amount)
    except ValueError as error:
        sentence = str(error) if typed.amount else f"write the amount you think is right, such as {figures.example}"
        flaws["amount"] = [f"{sentence[:1].upper()}{sentence[1:]}."]
        return Money.zero(figures.currency)
    if "meters" not in flaws and claimed >= billed:
        flaws["amount"] = [f"You were billed {figures.amount(billed)} for this: write the lower amount that is right."]
    return claimed


def _note(flaws: Flaws, flaw: Mapping[str, Any]) -> None:
    """A flaw that pydantic found, in our words and once a field."""
    path = [str(part) for part in flaw["loc"]]
    shown_at = _SHOWN_AT.get(".".join(path[:2])) or _SHOWN_AT.get(path[0] if path else "", "")
    if shown_at not in flaws:
        flaws[shown_at] = [_SENTENCES.get(shown_at, str(flaw["msg"]).removeprefix("Value error, "))]


def _name_of(link: str) -> str:
    """The file's name, else the host's."""
    try:
        parts = urlsplit(link)
        name = PurePosixPath(parts.path).name or parts.netloc
    except ValueError:
        name = ""
    return (name or "link")[:300]
