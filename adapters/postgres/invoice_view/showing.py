"""One document with everything that it leads to: what it corrects and what corrects it, notes, credits, its print."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict
from sqlalchemy import Connection, text

from adapters.postgres.invoices import read_invoice
from billing.documents import DocumentKind
from billing.failures import BillingFailure, FailureCode
from billing.invoices import Invoice
from billing.money import Money
from billing.wording import listed

_NEAREST = 3
# Numbers end with a counter of so many digits: ours of six, those of an earlier system of as many as it had.
_COUNTER_DIGITS = range(1, 10)

_NAMED = text("""
    select invoice_id from invoices where (invoice_id = :name or number = :name) and number is not null
    order by invoice_id = :name desc limit 1
""")

_LINKS = text("""
    select earlier.number as corrects, later.number as corrected_by, printed.sha256 as pdf_sha256,
        invoice.void_reason, invoice.dispute_note as remark,
        (select number from credit_notes where corrected_invoice_id = invoice.invoice_id) as credit_note
    from invoices as invoice
    left join invoices as earlier on earlier.invoice_id = invoice.corrects
    left join invoices as later on later.corrects = invoice.invoice_id
    left join invoice_documents as printed on printed.number = invoice.number
    where invoice.invoice_id = :invoice_id
""")

_NOTES_ON = text("""
    select note.number, note.amount_minor, note.issued_at, restated.number as restated_by
    from credit_notes as note left join invoices as restated on restated.invoice_id = note.corrected_invoice_id
    where note.invoice_id = :invoice_id order by note.issued_at, note.number
""")

# Credits are taken off the first document of a chain of revisions, and hold for every one behind it.
_CREDITS_APPLIED = text("""
    with recursive chain(invoice_id, corrects) as (
        select invoice_id, corrects from invoices where invoice_id = :invoice_id
        union all
        select earlier.invoice_id, earlier.corrects from invoices as earlier join chain on earlier.invoice_id = chain.corrects
    )
    select applied.credit_id, applied.amount_minor, credit.reference_id, credit.reason
    from chain join credit_applications as applied using (invoice_id) join credits as credit using (credit_id)
    order by applied.applied_at, applied.credit_id
""")

_NOTE = text("""
    select note.number, invoice.tenant_id, invoice.period, note.currency, note.amount_minor, note.issued_at,
        note.provider_id, invoice.number as corrects, restated.number as restated_by, credit.reason,
        printed.sha256 as pdf_sha256
    from credit_notes as note
    join invoices as invoice using (invoice_id)
    left join invoices as restated on restated.invoice_id = note.corrected_invoice_id
    left join credits as credit using (credit_id)
    left join invoice_documents as printed on printed.number = note.number
    where note.number = :name
""")

# A few steps along the indexes of the numbers to either side, and what was probably meant.
_AROUND = text("""
    (select number from invoices where number = any(:guesses))
    union (select number from invoices where number < :name order by number desc limit 2)
    union (select number from invoices where number > :name order by number limit 2)
    union (select number from credit_notes where number = any(:guesses))
    union (select number from credit_notes where number < :name order by number desc limit 2)
    union (select number from credit_notes where number > :name order by number limit 2)
""")


class _Shown(BaseModel):
    model_config = ConfigDict(frozen=True)


class NoteOn(_Shown):
    """A credit note that takes `amount_minor` off the document, and the revision that restates it."""

    number: str
    amount_minor: int
    issued_at: AwareDatetime
    restated_by: str | None


class CreditApplied(_Shown):
    """An earlier credit that lowered what was due; `reference_id` is the ticket it was decided in."""

    credit_id: str
    amount_minor: int
    reference_id: str
    reason: str


class Links(_Shown):
    """Numbers of the documents before and behind; `credit_note` is the one that this revision came with."""

    corrects: str | None
    corrected_by: str | None
    credit_note: str | None
    credit_notes: tuple[NoteOn, ...] = ()
    credits_applied: tuple[CreditApplied, ...] = ()


class ShownInvoice(Invoice):
    """An issued invoice with its links; `pdf_sha256` is None until it was first printed."""

    kind: DocumentKind
    due: Money
    void_reason: str | None
    remark: str | None
    pdf_sha256: str | None
    links: Links


class ShownCreditNote(_Shown):
    """A credit note: what it takes off `corrects`, and the revision that restates it."""

    kind: DocumentKind = DocumentKind.CREDIT_NOTE
    number: str
    tenant_id: str
    period: str
    currency: str
    amount_minor: int
    issued_at: AwareDatetime
    corrects: str
    restated_by: str | None
    reason: str | None
    provider_id: str | None
    pdf_sha256: str | None

    @property
    def amount(self) -> Money:
        """`amount_minor` with its currency."""
        return Money(minor=self.amount_minor, currency=self.currency)


def read_document(connection: Connection, name: str) -> ShownInvoice | ShownCreditNote:
    """The document with this number, or the invoice with this id; raises NOT_FOUND, naming what is spelled nearly so."""
    invoice_id = connection.execute(_NAMED, {"name": name}).scalar_one_or_none()
    if invoice_id is not None:
        return _shown(connection, read_invoice(connection, invoice_id))
    note = connection.execute(_NOTE, {"name": name}).mappings().one_or_none()
    if note is not None:
        return ShownCreditNote.model_validate(dict(note))
    raise BillingFailure(
        FailureCode.NOT_FOUND, f"there is no invoice or credit note {name}{_instead(connection, name)}"
    )


def read_issued(connection: Connection, name: str) -> Invoice:
    """The invoice with this number or id; raises NOT_FOUND, and INVALID for a credit note, which names its invoice."""
    found = read_document(connection, name)
    if isinstance(found, ShownCreditNote):
        raise BillingFailure(
            FailureCode.INVALID, f"{name} is a credit note, which has no lines of its own: ask for {found.corrects}"
        )
    return found


def _shown(connection: Connection, invoice: Invoice) -> ShownInvoice:
    asked = {"invoice_id": invoice.invoice_id}
    known = dict(connection.execute(_LINKS, asked).mappings().one())
    links = {name: known.pop(name) for name in ("corrects", "corrected_by", "credit_note")}
    return ShownInvoice.model_validate(
        invoice.model_dump()
        | known
        | {
            "kind": DocumentKind.CORRECTED_INVOICE if invoice.revision > 1 else DocumentKind.INVOICE,
            "due": Money(minor=invoice.due_minor, currency=invoice.currency),
            "links": links
            | {
                "credit_notes": _rows(connection, _NOTES_ON, asked),
                "credits_applied": _rows(connection, _CREDITS_APPLIED, asked),
            },
        }
    )


def _rows(connection: Connection, statement: Any, asked: dict[str, str]) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(statement, asked).mappings()]


def _instead(connection: Connection, name: str) -> str:
    """The numbers that are spelled most like it, as the end of a sentence; nothing where there are none."""
    wanted = name.strip().upper()
    known = connection.execute(_AROUND, {"name": wanted, "guesses": _guesses(wanted)}).scalars()
    nearest = sorted(known, key=lambda number: (-_likeness(wanted, number), number))[:_NEAREST]
    return f"; the nearest are {listed(nearest)}" if nearest else ""


def _guesses(wanted: str) -> Sequence[str]:
    """What was probably meant: with more digits, or fewer, in its counter."""
    counter = re.search(r"[0-9]+$", wanted)
    if counter is None:
        return [wanted]
    series, count = wanted[: counter.start()], int(counter[0][-_COUNTER_DIGITS[-1] :])
    return [wanted, *(f"{series}{count:0{digits}d}" for digits in _COUNTER_DIGITS)]


def _likeness(wanted: str, number: str) -> float:
    return SequenceMatcher(None, wanted, number).ratio()
