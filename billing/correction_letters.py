"""What is said about an invoice correction: its question, its letters to operators, and the sentences of its story."""

from billing.cases import PendingApproval
from billing.emails import ApprovalRequested, HandedOver
from billing.invoice_corrections import CorrectionOrder, CorrectionReceipt, Deed
from billing.money import Money
from billing.wording import listed

_ORDERED = {
    Deed.CREDIT: "{by} has money given back on invoice {number}",
    Deed.VOID: "{by} has invoice {number} declared void",
    Deed.WRITE_OFF: "{by} has invoice {number} written off",
}
_ASKED = {
    Deed.CREDIT: "May {amount} of invoice {number} be given back?",
    Deed.VOID: "May invoice {number} be declared void, {amount}?",
    Deed.WRITE_OFF: "May {amount} of invoice {number} be written off as uncollectible?",
}
_DOING = {
    Deed.CREDIT: "give {amount} back",
    Deed.VOID: "declare the invoice void at the provider",
    Deed.WRITE_OFF: "mark the invoice as uncollectible at the provider",
}


def ordered(order: CorrectionOrder, number: str) -> str:
    """Who wants what done, and why."""
    return f"{_ORDERED[order.deed].format(by=order.requested_by, number=number)}: {order.reason}"


def question_for(order: CorrectionOrder, number: str, amount: Money) -> str:
    """What an approver is asked, with the reason of whoever ordered it."""
    return f"{_ASKED[order.deed].format(amount=amount, number=number)} {order.requested_by} says: {order.reason}"


def next_step(order: CorrectionOrder, amount: Money) -> str:
    """What is being done once it is approved."""
    return _DOING[order.deed].format(amount=amount)


def carried_out(receipt: CorrectionReceipt) -> str:
    """What was done, by which document, and the provider's id to look it up."""
    match receipt.deed:
        case Deed.CREDIT:
            ways = (
                (receipt.lowered_due, "less is due"),
                (receipt.refunded, "refunded"),
                (receipt.to_balance, "for the next invoice"),
            )
            by_note = f" by credit note {receipt.credit_note_number}" if receipt.credit_note_number else ""
            done = f"credited {receipt.amount}{by_note}: {listed([f'{money} {way}' for money, way in ways if money])}"
        case Deed.VOID:
            back = f", {receipt.to_balance} of earlier credits handed back" if receipt.to_balance else ""
            done = f"declared void, {receipt.lowered_due} need not be paid{back}"
        case Deed.WRITE_OFF:
            done = f"written off, {receipt.lowered_due}"
    return f"{done} ({receipt.provider_id})"


def approval_requested(
    pending: PendingApproval,
    amount: Money,
    statements: tuple[str, ...],
    recently_credited: Money | None,
    reminder: int,
) -> ApprovalRequested:
    """With what will happen, in sentences, and what the tenant was credited lately; `reminder` 0 is the first asking."""
    return ApprovalRequested(
        approval_id=pending.approval_id,
        case_id=pending.case_id,
        tenant_id=pending.tenant_id or "",
        role=pending.role,
        amount=amount,
        recently_credited=recently_credited,
        question=pending.question,
        findings=statements,
        requested_by=pending.requested_by,
        expires_at=pending.expires_at,
        reminder=reminder,
    )


def handed_over(order: CorrectionOrder, step: str, what_happened: str) -> HandedOver:
    """`what_happened` as the step said it, without secrets; `step` is what it was to do."""
    return HandedOver(
        case_id=order.case_id,
        step=step,
        what_happened=what_happened,
        what_to_do="Repair the cause, then let the correction try again, or withdraw it.",
    )
