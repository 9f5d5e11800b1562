"""What a correction leaves on record when it closes, inside the transaction that closes it: remark, correction, decision."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from activities.invoice_correction_ports import ClosingCorrection
from adapters.postgres.credits import UNSENT, withdraw_effect
from adapters.postgres.invoices import lock_revisions
from adapters.postgres.tables import billing_corrections, effects, invoices
from billing.decisions import CorrectionDecision
from billing.effects import EffectKind, EffectState
from billing.invoice_corrections import CorrectionOrder, CorrectionReceipt, Deed
from billing.invoices import Invoice
from billing.policy.raci import RACI

_ACTIONS = {
    Deed.CREDIT: "invoice_corrected",
    Deed.VOID: "invoice_voided",
    Deed.WRITE_OFF: "invoice_written_off",
}
_DONE = {Deed.CREDIT: "given back", Deed.VOID: "void", Deed.WRITE_OFF: "written off"}


def withdraw_unsent(connection: Connection, closing: ClosingCorrection) -> None:
    """A closed case leaves nothing behind that could still be sent, or that would keep room on the invoice."""
    unsent = (
        select(effects.c.op_key)
        .where(effects.c.case_id == closing.case_id, effects.c.state.in_(UNSENT))
        .where(effects.c.kind.in_((EffectKind.CREDIT.value, EffectKind.INVOICE_CORRECTION.value)))
        .with_for_update(key_share=True)
    )
    for op_key in connection.execute(unsent).scalars().all():
        withdraw_effect(connection, op_key, f"{closing.case_id} ended: {closing.ending}")


def note_on_invoice(
    connection: Connection, invoice: Invoice, order: CorrectionOrder, receipt: CorrectionReceipt
) -> None:
    """A remark on the newest revision, or on what is void; the document itself stays as it was issued (D8)."""
    revisions = lock_revisions(connection, invoice.invoice_id)
    this_one = [one for one in revisions if one["invoice_id"] == invoice.invoice_id]
    newest = (this_one if order.deed is Deed.VOID else revisions)[-1]
    note = f"Correction {order.reference}: {receipt.amount} {_DONE[receipt.deed]}."
    remarks = "\n".join(filter(None, [newest["dispute_note"], note]))
    this = invoices.c.invoice_id == newest["invoice_id"]
    connection.execute(update(invoices).where(this).values(dispute_note=remarks))


def record_correction(
    connection: Connection, invoice: Invoice, order: CorrectionOrder, closing: ClosingCorrection, now: datetime
) -> None:
    """The rectifying runbook's row, as for a dispute: the reference stands where the ticket does (C7)."""
    assert closing.receipt is not None  # noqa: S101 - recorded only for what was carried out
    confirmed = (
        select(effects.c.request["category"].astext)
        .where(effects.c.case_id == closing.case_id, effects.c.kind == EffectKind.CREDIT.value)
        .where(effects.c.state == EffectState.CONFIRMED.value)
    )
    correction = {
        "customer_id": invoice.tenant_id,
        "ticket_id": order.reference,
        "round": 1,
        "issue_type": connection.execute(confirmed).scalar_one(),
        "credit_amount": closing.receipt.amount.minor,
        "currency": closing.receipt.amount.currency,
        "resolved_by": closing.resolved_by,
        "resolved_at": now,
        "notes": order.reason,
    }
    connection.execute(insert(billing_corrections).values(correction))


def decided(invoice: Invoice, order: CorrectionOrder, closing: ClosingCorrection) -> CorrectionDecision:
    """The line for the decision log."""
    assert closing.receipt is not None  # noqa: S101 - decided only for what was carried out
    return CorrectionDecision(
        resolver=closing.resolved_by,
        action=_ACTIONS[order.deed],
        tenant_id=invoice.tenant_id,
        period=invoice.period,
        invoice_number=invoice.number,
        amount=closing.receipt.amount,
        reason=order.reason,
        team=RACI["decision_log"].responsible,
    )
