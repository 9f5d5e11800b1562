"""The one place where a finished recovery is examined: in Postgres, at Stripe, in the mailbox, and what gateways are told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from email.utils import parseaddr
from typing import Any

from adapters.mail.headers import message_id
from billing.emails import AT_MOST_ONCE
from tests.crash.crashing_worker import SENDER
from tests.crash.recovery_house import House
from tests.crash.recovery_tales import Expected

DOMAIN = parseaddr(SENDER)[1].rpartition("@")[2]

_EFFECTS = (
    "select op_key, kind, state, request from effects where kind in ('letter', 'payment', 'arrangement', 'purge')"
)
_OPEN_ATTEMPTS = "select op_key from payment_attempts where ended_at is null"
_LOG = "select op_key, restriction from restriction_log where tenant_id = :it order by log_id"
_LEFT_OPEN = """
    select 'case ' || case_id as what from delinquencies where ending is null
    union all select 'arrangement ' || arrangement_id from arrangements where state = 'asked'
    union all select 'chase of ' || invoice_id || ' by ' || chased_by from receivables where chased_by is not null
    union all select 'event ' || event_id || ' is ' || state from provider_events where state in ('waiting', 'parked')
    union all select 'alert ' || alert_id from usage_alerts where told_at is null
    union all select 'row of the deleted' from usage_daily join deletion_candidates using (tenant_id)
        where deleted_at is not null
"""


class RecoveryBooks:
    """Everything that one tale has left behind; `flaws` says in sentences what is not as it must be."""

    def __init__(self, house: House, tenant_id: str, expected: Expected) -> None:
        self._house, self._tenant_id, self._expected = house, tenant_id, expected

    def flaws(self, endings: Sequence[str]) -> list[str]:
        """Nothing doubled, nothing lost, nothing stuck; an empty list is a pass."""
        found = [*self._money(), *self._letters(), *self._service(), *self._record()]
        if tuple(endings) != self._expected.endings:
            found.append(f"it ended {', '.join(endings) or 'not at all'}")
        return found

    def _money(self) -> Iterator[str]:
        taken: Counter[str] = Counter()
        declined: Counter[str] = Counter()
        times: Counter[str] = Counter()
        ours = {row["theirs"]: row["ours"] for row in self._house.rows(
            "select invoice_id as ours, provider_invoice_id as theirs from invoices where provider_invoice_id is not null"
        )}  # fmt: skip
        for theirs, status, amount in self._house.charges():
            invoice = ours.get(theirs, theirs)
            if status == "succeeded":
                taken[invoice] += amount
                times[invoice] += 1
            else:
                declined[invoice] += 1
        if taken != self._expected.paid:
            yield f"taken at Stripe: {dict(taken)}"
        if doubled := [invoice for invoice, number in times.items() if number > 1]:
            yield f"charged twice: {', '.join(doubled)}"
        for invoice in declined.keys() | self._expected.declined.keys():
            if declined[invoice] not in self._expected.declined.get(invoice, range(0)):
                yield f"{invoice} was declined {declined[invoice]} times"

    def _letters(self) -> Iterator[str]:
        letters = [row for row in self._house.rows(_EFFECTS) if row["kind"] == "letter"]
        declared = Counter(row["request"]["payload"]["template"] for row in letters if row["request"].get("payload"))
        mails = {mail.message_id: mail.deliveries for mail in self._house.company.mailbox.store.lines(limit=10_000)}
        missing = [
            row["op_key"]
            for row in letters
            if not mails.pop(message_id(row["op_key"], DOMAIN), 0) and not _is_left_to_a_person(row)
        ]
        # The text of what a deleted customer was written is gone with its data; how many letters it got is not.
        if declared != self._expected.letters and len(letters) != self._expected.letters.total():
            yield f"letters: {dict(declared)}"
        if missing:
            yield f"never arrived: {', '.join(missing)}"
        if mails:
            yield f"mails of nobody: {', '.join(mails)}"

    def _service(self) -> Iterator[str]:
        log = self._house.rows(_LOG, it=self._tenant_id)
        if tuple(row["restriction"] for row in log) != self._expected.limits:
            yield f"limits: {[row['restriction'] for row in log]}"
        service = self._house.ports.restrictions.standing(self._tenant_id).restriction
        if service != self._expected.service:
            yield f"the service is {service}"

    def _record(self) -> Iterator[str]:
        for row in self._house.rows(_EFFECTS):
            if row["state"] != "confirmed" and not _is_left_to_a_person(row):
                yield f"{row['op_key']} is {row['state']}"
        for row in self._house.rows(_OPEN_ATTEMPTS):
            yield f"{row['op_key']} never ended"
        for row in self._house.rows(_LEFT_OPEN):
            yield f"left open: {row['what']}"


def _is_left_to_a_person(row: dict[str, Any]) -> bool:
    """A letter that may never arrive twice, and of which nobody knows whether it left."""
    return row["state"] == "unknown" and row["request"]["payload"]["template"] in AT_MOST_ONCE
