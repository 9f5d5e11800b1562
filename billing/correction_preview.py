"""What an invoice correction changes at the provider, in figures: the invoice as it stands, and as it will."""

from __future__ import annotations

from billing.corrections import CreditRequest
from billing.invoice_correction_rules import shares_of
from billing.invoice_corrections import Deed, InvoiceStanding, Preview, StatusChange
from billing.invoices import Invoice, InvoiceStatus
from billing.money import Money
from billing.policy.credits import Payback


def of_credit(request: CreditRequest, standing: InvoiceStanding) -> Preview:
    """A credit to the next invoice leaves the document as it is; a credit note takes its open part off what is due."""
    nothing = Money.zero(request.amount.currency)
    if request.payback is Payback.NEXT_INVOICE:
        return Preview(before=standing, after=standing, to_balance=request.amount)
    shares = shares_of(request.amount, Payback.BALANCE, standing)
    remaining, paid = standing.remaining - shares.lowered_due, shares.to_balance
    refunded = paid if request.payback is Payback.REFUND else nothing
    settled = standing.status is InvoiceStatus.OPEN and not remaining
    after = standing.model_copy(
        update={
            "status": InvoiceStatus.PAID if settled else standing.status,
            "remaining": remaining,
            "credited": standing.credited + request.amount,
            "refunded": standing.refunded + refunded,
            "refundable": standing.refundable - paid,
        }
    )
    return Preview(before=standing, after=after, to_balance=paid - refunded)


def of_change(change: StatusChange, invoice: Invoice, standing: InvoiceStanding) -> Preview:
    """A void asks for nothing any more and hands back what earlier credits had been applied; a write-off only gives up."""
    nothing = Money.zero(invoice.currency)
    if change.deed is Deed.WRITE_OFF:
        after = standing.model_copy(update={"status": InvoiceStatus.UNCOLLECTIBLE})
        return Preview(before=standing, after=after, to_balance=nothing)
    after = standing.model_copy(update={"status": InvoiceStatus.VOID, "remaining": nothing})
    handed_back = Money(minor=invoice.applied_credit_minor, currency=invoice.currency)
    return Preview(before=standing, after=after, to_balance=handed_back)
