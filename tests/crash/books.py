"""The one place where a finished run is examined: what exists in Postgres, at Stripe, in the mailbox and on the disk."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from email.utils import parseaddr
from typing import Any

from sqlalchemy import Row, Table, select

from adapters.mail.headers import message_id
from adapters.postgres.decisions import DecisionLog
from adapters.postgres.engine import transaction
from adapters.postgres.tables import (
    approval_refusals,
    approvals,
    assessments,
    billing_corrections,
    credit_notes,
    credits,
    decisions,
    dispute_rounds,
    effects,
    evidence_packs,
    findings,
    invoices,
    ticket_notes,
)
from billing.cases import Ending
from billing.effects import EffectKind, EffectState
from billing.emails import AT_MOST_ONCE
from tests.crash.attempts import Attempts
from tests.crash.company import Company
from tests.crash.crashing_worker import SENDER
from tests.crash.stories import CREDIT, Case, Expectation

DOMAIN = parseaddr(SENDER)[1].rpartition("@")[2]


class Books:
    """Everything one case has left behind; `flaws` says in sentences what is not as it must be."""

    def __init__(self, company: Company, case: Case, expected: Expectation, attempts: Attempts) -> None:
        self._company, self._case, self._expected, self._attempts = company, case, expected, attempts
        self._case_id = case.handle.id
        self._op_key = f"{self._case_id}/credit/{expected.credited_by}"

    def flaws(self, ending: Ending | None) -> list[str]:
        """Nothing doubled, nothing lost, nothing stuck; an empty list is a pass. `ending` None: it did not end."""
        found = [*self._money(), *self._at_stripe(), *self._letters(), *self._approvals(), *self._record()]
        return found if ending is Ending.CREDITED else [*found, f"the case ended {ending or 'not at all'}"]

    def _money(self) -> Iterator[str]:
        given = self._rows(credits, credits.c.case_id)
        yield from _count("credits", len(given), 1)
        if {(row.op_key, row.amount_minor) for row in given} != {(self._op_key, CREDIT.minor)}:
            yield f"credits: {[(row.op_key, row.amount_minor) for row in given]}"
        invoice_ids = {row.invoice_id for row in given}
        yield from _count("credit notes", len(self._rows(credit_notes, credit_notes.c.invoice_id, *invoice_ids)), 1)
        revisions = self._rows(invoices, invoices.c.tenant_id, self._case.ticket.tenant_id)
        yield from _count("revisions of the invoice", len(revisions), 2)
        totals = {row.revision: row.total_minor for row in revisions}
        if totals.get(2) != totals[1] - CREDIT.minor:
            yield f"invoice totals by revision: {totals}"

    def _at_stripe(self) -> Iterator[str]:
        state = self._company.stripe.state()
        tenant = self._case.ticket.tenant_id
        ours = [
            item
            for kind in ("credit_note", "customer_balance_transaction")
            for item in state.get(kind, [])
            if str((item.get("metadata") or {}).get("op_key", "")).startswith(f"{self._case_id}/")
        ]
        yield from _count("objects at Stripe", len(ours), 1)
        amounts = {(item["metadata"]["op_key"], abs(item["amount"])) for item in ours}
        if amounts != {(self._op_key, CREDIT.minor)}:
            yield f"objects at Stripe: {sorted(amounts)}"
        balance = sum(c["balance"] for c in state.get("customer", []) if c["email"] == f"billing@{tenant}.example")
        if balance != -CREDIT.minor:
            yield f"the customer's balance at Stripe is {balance}"

    def _letters(self) -> Iterator[str]:
        letters = [row for row in self._rows(effects, effects.c.case_id) if row.kind == EffectKind.LETTER]
        declared = Counter(row.request["payload"]["template"] for row in letters)
        if declared != self._expected.letters:
            yield f"letters: {dict(declared)}"
        mails = {mail.message_id: mail for mail in self._company.mailbox.store.lines(limit=10_000)}
        for row in letters:
            mail = mails.get(message_id(row.op_key, DOMAIN))
            yield from self._letter(row, mail.deliveries if mail else 0)

    def _letter(self, row: Row[Any], deliveries: int) -> Iterator[str]:
        """SMTP can promise no better: after an attempt that may have handed a letter over, one that may never arrive
        twice is left to a person, and any other is sent again under the same Message-ID."""
        template = row.request["payload"]["template"]
        doubts = self._attempts.in_doubt(row.op_key, template)
        at_most_once = template in AT_MOST_ONCE
        left_to_a_person = row.state == EffectState.UNKNOWN and at_most_once and doubts > 0
        at_most = 1 if at_most_once else 1 + doubts
        if row.state != EffectState.CONFIRMED and not left_to_a_person:
            yield f"{template} is {row.state}"
        if deliveries > at_most or (deliveries == 0 and not left_to_a_person):
            yield f"{template} arrived {deliveries} times"

    def _approvals(self) -> Iterator[str]:
        asked = self._rows(approvals, approvals.c.op_key.startswith(f"{self._case_id}/", autoescape=True))
        ended = {row.op_key.rpartition("/")[2]: row.state for row in asked}
        if ended != self._expected.questions or len(asked) != len(ended):
            yield f"approval questions: {[(row.approval_id, row.state) for row in asked]}"
        refused = approval_refusals.c.approval_id.startswith(f"{self._case_id}/", autoescape=True)
        yield from _count("refused decisions", len(self._rows(approval_refusals, refused)), 0)
        proposals = [row for row in self._rows(effects, effects.c.case_id) if row.kind == EffectKind.CREDIT]
        states = {row.op_key: row.state for row in proposals}
        if states.pop(self._op_key, None) != EffectState.CONFIRMED or set(states.values()) != {EffectState.WITHDRAWN}:
            yield f"proposals: {[(row.op_key, row.state) for row in proposals]}"

    def _record(self) -> Iterator[str]:
        ticket_id = self._case.ticket.ticket_id
        yield from _count("finished rounds", len(self._rows(dispute_rounds, dispute_rounds.c.case_id)), 1)
        tenant = f"TENANT={self._case.ticket.tenant_id}"
        lines = [row for row in self._rows(decisions) if tenant in row.line.split(" | ")]
        yield from _count("decision-log lines", len(lines), 1)
        if flaw := DecisionLog(self._company.engine).verify():
            yield f"the decision log: {flaw}"
        corrections = self._rows(billing_corrections, billing_corrections.c.ticket_id, ticket_id)
        yield from _count("billing corrections", len(corrections), 1)
        yield from _count("notes on the ticket", len(self._rows(ticket_notes, ticket_notes.c.ticket_id, ticket_id)), 1)
        yield from _count("assessments", len(self._rows(assessments, assessments.c.case_id)), 1)
        yield from _count("findings", len(self._rows(findings, findings.c.case_id)), 1)
        yield from self._evidence()

    def _evidence(self) -> Iterator[str]:
        packs = self._rows(evidence_packs, evidence_packs.c.case_id)
        yield from _count("evidence packs", len(packs), 1)
        for pack in packs:
            folder = self._company.surroundings.evidence / pack.evidence_id
            written = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}
            if written != {file["name"]: file["sha256"] for file in pack.files}:
                yield f"evidence files: {sorted(written)}"

    def _rows(self, table: Table, column: Any = None, *values: str) -> list[Row[Any]]:
        """The rows whose column holds one of the values (the case's id when none are given), or that meet a condition."""
        chosen = select(table)
        if column is not None:
            condition = column.type.python_type is bool
            chosen = chosen.where(column if condition else column.in_(values or [self._case_id]))
        with transaction(self._company.engine) as connection:
            return list(connection.execute(chosen).all())


def _count(what: str, found: int, wanted: int) -> Iterator[str]:
    if found != wanted:
        yield f"{found} {what}, not {wanted}"
