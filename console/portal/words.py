"""What a case says to the customer: the stages, endings and categories in their words, and no internal note."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from adapters.postgres.case_list import CaseRow
from billing.access import Restriction
from billing.cases import CaseStory, Ending, Stage
from billing.disputes import Category
from billing.documents import DocumentKind

# The clock whose end is the customer's: when they are to know the outcome.
PROMISE = "resolution"

CATEGORIES: Mapping[Category, tuple[str, str]] = {
    Category.USAGE_CALCULATION: (
        "The usage is counted wrongly",
        "More than we used, counted twice, or on the wrong day.",
    ),
    Category.UNAUTHORIZED_USAGE: ("Somebody else used it", "Usage we did not cause, for example with a stolen key."),
    Category.SERVICE_QUALITY: ("The service did not work well", "Errors, slow answers or outages in this month."),
    Category.PRICING: ("The price is wrong", "Another price than the one in our contract."),
}
CONTESTED: Mapping[Category, str] = {
    Category.USAGE_CALCULATION: "usage counted",
    Category.UNAUTHORIZED_USAGE: "usage by somebody else",
    Category.SERVICE_QUALITY: "quality of the service",
    Category.PRICING: "price",
}

DOCUMENTS: Mapping[DocumentKind, str] = {
    DocumentKind.INVOICE: "invoice",
    DocumentKind.CORRECTED_INVOICE: "corrected invoice",
    DocumentKind.CREDIT_NOTE: "credit note",
}

STEPS = ("Received", "Investigating", "Deciding", "Correcting", "Closed")

# For each stage: the step of the way it belongs to, where the case stands, and what comes next.
STAGES: Mapping[Stage, tuple[int, str, str]] = {
    Stage.INTAKE: (0, "We have your dispute", "We read your invoice and the terms we agreed with you."),
    Stage.ACKNOWLEDGE: (0, "We have your dispute", "You get a letter from us, and we start to investigate."),
    Stage.TRIAGE: (1, "We judge how urgent it is", "We collect the evidence."),
    Stage.ESCALATE: (1, "It is looked at with priority", "We collect the evidence."),
    Stage.COLLECT: (1, "We collect the evidence", "We compare what was recorded with what was billed."),
    Stage.ANALYSE: (1, "We compare your usage with your bill", "We work out what the result means in money."),
    Stage.PROPOSE: (2, "We work out the result", "The result is confirmed, by a person where our rules ask for one."),
    Stage.JUDGE: (2, "One of our people looks at it", "They decide, and we tell you what they found."),
    Stage.APPROVE: (
        2,
        "One of our people confirms the result",
        "We correct what has to be corrected and write to you.",
    ),
    Stage.CREDIT: (3, "We correct your bill", "You get a letter with the outcome."),
    Stage.NOTIFY: (3, "We write to you", "You get a letter with the outcome."),
    Stage.RECORD: (3, "It is decided", "We close the dispute."),
    Stage.CLOSED: (4, "It is closed", "Nothing more; reply to our letter if you see it differently."),
}

ENDINGS: Mapping[Ending, str] = {
    Ending.CREDITED: "You were right, and we gave the money back",
    Ending.PARTIALLY_CREDITED: "You were right in part, and we gave part of the money back",
    Ending.CONFIRMED: "The bill is right",
    Ending.WITHDRAWN: "You withdrew it; nothing was changed",
    Ending.UNANSWERED: "Closed, because we did not hear from you",
    Ending.DUPLICATE: "You had told us about this before; we answer you there",
    Ending.NOT_ACCEPTED: "We could not accept it as it was; our letter says why",
    Ending.ALREADY_CLOSED: "It was closed before",
}

SERVICE: Mapping[Restriction, str] = {
    Restriction.NONE: "Your service is not limited.",
    Restriction.RATE_LIMITED: "Your service runs at a reduced rate until this is paid.",
    Restriction.NEW_REQUESTS_BLOCKED: "New requests are not accepted until this is paid.",
    Restriction.SUSPENDED: "Your service is suspended until this is paid.",
    Restriction.DELETED: "Your service has ended, and what it kept was deleted.",
}

# What a form is answered with that came too late, and one of which nobody knows whether it arrived.
STALE = "This page was opened with another link, or too long ago. Nothing was sent: please send it again."
NOT_SURE = "We could not make sure that it arrived. Please load this page again in a minute, before you repeat it."

# From here on the outcome is being carried out.
TOO_LATE_TO_WITHDRAW = frozenset({Stage.CREDIT, Stage.NOTIFY, Stage.RECORD, Stage.CLOSED})


@dataclass(frozen=True)
class Standing:
    """Where a dispute stands, for the one who raised it; `due` None while the clock stands still or has ended."""

    step: int
    headline: str
    next_step: str
    due: datetime | None
    late: bool = False
    waiting: bool = False
    closed: bool = False
    may_withdraw: bool = False


def standing(story: CaseStory) -> Standing:
    """The customer's side of a story."""
    step, headline, next_step = STAGES[story.stage]
    closed = story.ending is not None
    if closed and story.ending is not None:
        step, headline = len(STEPS) - 1, ENDINGS[story.ending]
        next_step = STAGES[Stage.CLOSED][2]
    elif story.waiting_for_customer:
        headline, next_step = "We need an answer from you", "We go on as soon as we have it."
    promise = next((clock for clock in story.clocks if clock.name == PROMISE), None)
    return Standing(
        step=step,
        headline=headline,
        next_step=next_step,
        due=promise.due if promise and not closed and not story.waiting_for_customer else None,
        late=bool(promise and promise.state == "breached" and not closed),
        waiting=story.waiting_for_customer and not closed,
        closed=closed,
        may_withdraw=not closed and story.stage not in TOO_LATE_TO_WITHDRAW,
    )


def state_in_words(case: CaseRow) -> str:
    """How a list shows a dispute."""
    return ENDINGS[case.ending] if case.ending else "In progress"
