"""The documents of a credit on an issued invoice: a numbered credit note, and the next revision, which restates it (D8).

The revision's total is the old total less the credit by construction: its lines take the corrections of the request, and
one adjustment line carries whatever the approved amount differs from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection, insert, select

from adapters.postgres.invoices import lock_revisions, read_invoice, write_invoice
from adapters.postgres.number_series import next_number
from adapters.postgres.tables import credit_notes, invoices
from billing.corrections import CreditRequest
from billing.findings import CorrectedLine
from billing.invoices import MINIMUM_COMMITMENT, Invoice, InvoiceLine, LineKind


def issue_credit_note(
    connection: Connection, request: CreditRequest, credit_id: str, provider_id: str, now: datetime
) -> None:
    """Write the note and the corrected revision of the newest document, which is locked already."""
    newest = read_invoice(connection, lock_revisions(connection, request.invoice_id)[-1]["invoice_id"])
    revision = restated(newest, request, now)
    number = next_number(connection, f"CN-{now.year}")
    note = f"Corrects {newest.number} by credit note {number} after {_cause(request)}."
    write_invoice(connection, revision, dispute_note=note)
    connection.execute(
        insert(credit_notes).values(
            number=number,
            credit_id=credit_id,
            invoice_id=newest.invoice_id,
            corrected_invoice_id=revision.invoice_id,
            amount_minor=request.amount.minor,
            currency=request.amount.currency,
            issued_at=now,
            provider_id=provider_id,
        )
    )


def documents_of(connection: Connection, credit_id: str) -> tuple[str, str] | None:
    """The numbers of the credit note and of the corrected invoice, or None when the credit made no document."""
    made = (
        select(credit_notes.c.number, invoices.c.number)
        .join(invoices, invoices.c.invoice_id == credit_notes.c.corrected_invoice_id)
        .where(credit_notes.c.credit_id == credit_id)
    )
    row = connection.execute(made).one_or_none()
    return (row[0], row[1]) if row else None


def restated(invoice: Invoice, request: CreditRequest, issued_at: datetime) -> Invoice:
    """The next revision of `invoice` with the request's corrections in its lines."""
    corrections = {line.line_number: line for line in request.lines if not line.is_new}
    lines = [_corrected(line, corrections.get(line.number)) for line in invoice.lines]
    lines += [_true_up(_after(lines), added) for added in request.lines if added.is_new]
    by_lines = sum(line.credit_minor for line in request.lines)
    lines += _adjustment(lines, by_lines - request.amount.minor, _cause(request))
    revision, total_minor = invoice.revision + 1, invoice.total_minor - request.amount.minor
    return Invoice(
        invoice_id=_suffixed(invoice.invoice_id, invoice.revision),
        number=_suffixed(invoice.number, invoice.revision),
        revision=revision,
        tenant_id=invoice.tenant_id,
        period=invoice.period,
        status=invoice.status,
        currency=invoice.currency,
        lines=tuple(lines),
        total_minor=total_minor,
        issued_at=issued_at,
        corrects=invoice.invoice_id,
        provider_invoice_id=invoice.provider_invoice_id,
        legal_entity_id=invoice.legal_entity_id,
        service_start=invoice.service_start,
        service_end=invoice.service_end,
        applied_credit_minor=min(invoice.applied_credit_minor, max(0, total_minor)),
    )


def _corrected(line: InvoiceLine, correction: CorrectedLine | None) -> InvoiceLine:
    """The line less what the correction takes off, so that an earlier correction of the same line stays counted."""
    if correction is None:
        return line
    return line.model_copy(
        update={
            "quantity": line.quantity - (correction.billed_quantity - correction.correct_quantity),
            "amount_minor": line.amount_minor - correction.credit_minor,
            "applied_price": correction.correct_price or line.applied_price,
        }
    )


def _true_up(number: int, added: CorrectedLine) -> InvoiceLine:
    """The line of a minimum that the charges reached as billed and do not reach as corrected."""
    return InvoiceLine(
        number=number,
        description=MINIMUM_COMMITMENT,
        quantity=added.correct_quantity,
        amount_minor=added.correct_minor,
        kind=LineKind.MINIMUM,
    )


def _cause(request: CreditRequest) -> str:
    """What the documents say they were made for."""
    return f"{'dispute' if request.resolution else 'correction'} {request.ticket_id}"


def _adjustment(lines: Sequence[InvoiceLine], amount_minor: int, cause: str) -> list[InvoiceLine]:
    if not amount_minor:
        return []
    words = f"Adjustment as decided in {cause}"
    return [
        InvoiceLine(
            number=_after(lines),
            description=words,
            quantity=Decimal(1),
            amount_minor=amount_minor,
            kind=LineKind.ADJUSTMENT,
        )
    ]


def _after(lines: Sequence[InvoiceLine]) -> int:
    return max((line.number for line in lines), default=0) + 1


def _suffixed(name: str, revision: int) -> str:
    """The name of what follows `revision`: after `INV-7` comes `INV-7-R2`, then `INV-7-R3`."""
    base = name.removesuffix(f"-R{revision}") if revision > 1 else name
    return f"{base}-R{revision + 1}"
