"""What may be done to an issued invoice, and what it comes to for the customer: by its deed, what was paid, and the policy.

Of a credit note the open part lowers what is due; only what was paid can go back, to the payment method or into the
balance. Small credits go to the next invoice without a document (D8, B4).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, assert_never

from billing.contracts import Contract
from billing.corrections import CreditReceipt, CreditRequest, Destination, credit_step, destination_for
from billing.disputes import Category
from billing.failures import BillingFailure, FailureCode
from billing.findings import CorrectedLine
from billing.invoice_correction_lines import in_words, restated
from billing.invoice_corrections import CorrectionOrder, CorrectionReceipt, Deed, InvoiceStanding, StatusChange
from billing.invoices import Invoice, InvoiceStatus
from billing.money import Money
from billing.policy.credits import CreditPolicy, Payback

_CREDIT_INSTEAD = "give the rest back with `runbooks invoice correct` instead"


class Shares(NamedTuple):
    """Where an amount that is given back goes; together they are the amount."""

    lowered_due: Money
    refunded: Money
    to_balance: Money


def not_accepted(
    order: CorrectionOrder, named: Invoice | None, newest: Invoice | None, *, may_order: bool
) -> str | None:
    """Why an order is turned away before anything is proposed, with what to do; None when it is taken up."""
    if not may_order:
        return f"{order.requested_by} may not order corrections: an active agent, lead, finance or vp is needed"
    if named is None or newest is None:
        return f"there is no issued invoice {order.invoice}: take its number from `runbooks invoice list`"
    if named.status is InvoiceStatus.VOID:
        return f"invoice {named.number} is void already: nothing is asked for with it"
    if newest.provider_invoice_id is None:
        return f"invoice {newest.number} never reached the provider: push its month end first"
    if order.lines and named.invoice_id != newest.invoice_id:
        return f"invoice {named.number} was corrected already: correct the lines of its newest revision {newest.number}"
    return None


def objection(deed: Deed, invoice: Invoice, standing: InvoiceStanding) -> str | None:
    """Why the deed cannot be done as the invoice stands at the provider, with what to do instead; None when it can."""
    match deed:
        case Deed.CREDIT:
            return _no_credit(invoice, standing)
        case Deed.VOID:
            return _no_void(invoice, standing)
        case Deed.WRITE_OFF:
            return _no_write_off(invoice, standing)
        case _:
            assert_never(deed)


def payback_of(order: CorrectionOrder, amount: Money, policy: CreditPolicy) -> Payback:
    """Which way a credit goes: as the operator chose, else by its size, and what was paid by the policy."""
    if order.payback is not None:
        return order.payback
    if destination_for(amount, goodwill=False, policy=policy) is Destination.NEXT_INVOICE:
        return Payback.NEXT_INVOICE
    return policy.payback


def shares_of(amount: Money, payback: Payback, standing: InvoiceStanding) -> Shares:
    """What of `amount` lowers what is due, goes back to the payment method, and into the balance.

    Raises INVALID when more would be refunded than was paid and not given back yet.
    """
    nothing = Money.zero(amount.currency)
    if payback is Payback.NEXT_INVOICE:
        return Shares(nothing, nothing, amount)
    lowered = min(amount, standing.remaining)
    paid = amount - lowered
    if payback is Payback.BALANCE:
        return Shares(lowered, nothing, paid)
    if paid > standing.refundable:
        raise _invalid(
            f"amount {amount}: {paid} of it was paid, and at most {standing.refundable} can still go back to the payment "
            "method; give it into the balance with `--to balance`"
        )
    return Shares(lowered, paid, nothing)


def credit_request(
    order: CorrectionOrder,
    revision: int,
    invoice: Invoice,
    contract: Contract | None,
    standing: InvoiceStanding,
    left: Money,
    policy: CreditPolicy,
) -> CreditRequest:
    """The credit to propose; `left` is what the books still allow to give back, `contract` is needed for lines.

    What was worked out from lines is cut to what is left; an amount that exceeds it is refused. Raises INVALID.
    """
    _may(Deed.CREDIT, invoice, standing)
    lines = restated(order.lines, invoice, contract) if order.lines and contract else ()
    amount = order.amount or Money(minor=sum(line.credit_minor for line in lines), currency=invoice.currency)
    if amount.currency != invoice.currency:
        raise _invalid(f"amount {amount}: invoice {invoice.number} is in {invoice.currency}")
    if amount.minor <= 0:
        raise _invalid(
            f"with these lines the invoice comes to {-amount} more: what was billed too little is no correction; bill it "
            "on the next invoice"
        )
    payback = payback_of(order, min(amount, left), policy)
    room = left if payback is Payback.NEXT_INVOICE else min(left, standing.creditable)
    if amount > room and (order.amount or not room.minor > 0):
        raise _invalid(f"amount {amount}: invoice {invoice.number} has {room} left that can be given back")
    amount = min(amount, room)
    shares_of(amount, payback, standing)
    return CreditRequest(
        op_key=order.op_key(revision),
        case_id=order.case_id,
        ticket_id=order.reference,
        step=credit_step(1, revision),
        tenant_id=invoice.tenant_id,
        period=invoice.period,
        invoice_id=invoice.invoice_id,
        amount=amount,
        destination=Destination.NEXT_INVOICE if payback is Payback.NEXT_INVOICE else Destination.CREDIT_NOTE,
        category=order.category or _category(lines),
        resolution=None,
        reason=f"Invoice correction - {order.reason}",
        requested_by=order.requested_by,
        lines=lines,
        payback=payback,
    )


def status_change(order: CorrectionOrder, revision: int, invoice: Invoice, standing: InvoiceStanding) -> StatusChange:
    """The void or write-off to propose. Raises INVALID."""
    _may(order.deed, invoice, standing)
    return StatusChange(
        op_key=order.op_key(revision),
        case_id=order.case_id,
        invoice_id=invoice.invoice_id,
        number=invoice.number,
        tenant_id=invoice.tenant_id,
        period=invoice.period,
        deed=order.deed,
        amount=standing.remaining,
        reason=order.reason,
        requested_by=order.requested_by,
    )


def credit_in_words(request: CreditRequest, invoice: Invoice, standing: InvoiceStanding) -> tuple[str, ...]:
    """What a credit will do, a sentence each, for whoever approves it."""
    told = list(in_words(request.lines, invoice))
    if request.lines and sum(line.credit_minor for line in request.lines) > request.amount.minor:
        told.append(f"That is more than the {request.amount} which can still be given back, so it is cut to that.")
    if request.payback is Payback.NEXT_INVOICE:
        return (*told, f"{request.amount} is taken off the next invoice; invoice {invoice.number} stays as it is.")
    shares = shares_of(request.amount, Payback.BALANCE, standing)
    if shares.lowered_due:
        told.append(f"{shares.lowered_due} is not due any more.")
    if shares.to_balance:
        where = "to the payment method" if request.payback is Payback.REFUND else "into the customer's balance"
        told.append(f"{shares.to_balance} was paid and goes back {where}.")
    told.append(f"A credit note over {request.amount} and a corrected invoice follow {invoice.number}.")
    return tuple(told)


def change_in_words(change: StatusChange, invoice: Invoice) -> tuple[str, ...]:
    """The same for a void or a write-off."""
    if change.deed is Deed.WRITE_OFF:
        return (f"{change.amount} of invoice {change.number} is given up as uncollectible; the document stays.",)
    told = [f"Invoice {change.number} is declared void; {change.amount} is not due any more."]
    if invoice.applied_credit_minor:
        back = Money(minor=invoice.applied_credit_minor, currency=invoice.currency)
        told.append(f"{back} of earlier credits was applied to it and waits for the next invoice again.")
    told.append(f"{change.period} can be billed again: `runbooks month-end rerun --period {change.period}` bills it.")
    return tuple(told)


def receipt_of_credit(request: CreditRequest, booked: CreditReceipt, kept: Mapping[str, Any]) -> CorrectionReceipt:
    """What a booked credit came to; `kept` is what the provider said of it."""
    nothing = Money.zero(request.amount.currency)
    is_note = request.destination is Destination.CREDIT_NOTE
    lowered = Money(minor=int(kept.get("pre_payment_amount") or 0), currency=nothing.currency) if is_note else nothing
    rest = request.amount - lowered
    refunded = rest if request.payback is Payback.REFUND else nothing
    return CorrectionReceipt(
        deed=Deed.CREDIT,
        amount=request.amount,
        provider_id=booked.provider_id,
        credit_note_number=booked.credit_note_number,
        corrected_invoice_number=booked.corrected_invoice_number,
        refunded=refunded,
        to_balance=rest - refunded,
        lowered_due=lowered,
        booked_at=booked.booked_at,
    )


def _may(deed: Deed, invoice: Invoice, standing: InvoiceStanding) -> None:
    if why := objection(deed, invoice, standing):
        raise _invalid(why)


def _no_credit(invoice: Invoice, standing: InvoiceStanding) -> str | None:
    if standing.total.currency != invoice.currency:
        return (
            f"invoice {invoice.number} is in {invoice.currency}, at the provider in {standing.total.currency}: correct its "
            "provider_invoice_id first"
        )
    match standing.status:
        case InvoiceStatus.DRAFT:
            return f"invoice {invoice.number} is a draft at the provider still: push its month end first"
        case InvoiceStatus.VOID:
            return f"invoice {invoice.number} is void at the provider: nothing is asked for with it"
        case _:
            return None


def _no_void(invoice: Invoice, standing: InvoiceStanding) -> str | None:
    if standing.status not in (InvoiceStatus.OPEN, InvoiceStatus.UNCOLLECTIBLE):
        return f"invoice {invoice.number} is {standing.status} at the provider and cannot be voided: {_CREDIT_INSTEAD}"
    if standing.paid:
        return (
            f"{standing.paid} of invoice {invoice.number} was paid already, so it cannot be voided: {_CREDIT_INSTEAD}"
        )
    if standing.credited:
        return f"invoice {invoice.number} has a credit note, so it cannot be voided: {_CREDIT_INSTEAD}"
    return None


def _no_write_off(invoice: Invoice, standing: InvoiceStanding) -> str | None:
    if standing.status is InvoiceStatus.UNCOLLECTIBLE:
        return f"invoice {invoice.number} is written off already"
    if standing.status is not InvoiceStatus.OPEN:
        return (
            f"invoice {invoice.number} is {standing.status} at the provider: only what is still due can be written off"
        )
    return None


def _category(lines: tuple[CorrectedLine, ...]) -> Category:
    return Category.USAGE_CALCULATION if any(line.meter for line in lines) else Category.PRICING


def _invalid(words: str) -> BillingFailure:
    return BillingFailure(FailureCode.INVALID, words)
