"""The provider's invoices as they stand, read page by page for one period; a reading goes on behind its cursor."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import stripe
from stripe.params import InvoiceListParams

from activities.reconciliation_ports import InvoicePage
from adapters.stripe.client import PAGE, told_by
from adapters.stripe.outcome import failure_of_reading
from adapters.stripe.wires import OP_KEY
from billing.failures import BillingFailure, FailureCode
from billing.invoices import InvoiceStatus
from billing.month_end import case_id
from billing.reconciliation import Theirs

# Clocks differ, and a month begins earlier somewhere than in UTC.
_EARLIER = timedelta(days=1)


def pages(client: stripe.StripeClient, period: str, after: str | None) -> Iterator[InvoicePage]:
    """Made since the period began; those that carry the mark of another period are left out.

    Raises INVALID for a status that the books do not know, naming the invoice.
    """
    while True:
        with told_by(failure_of_reading):
            listed = client.v1.invoices.list(_asked(period, after))
            page = [_theirs(one) for one in listed.data if _may_belong_to(period, one)]
        if not listed.data:
            return
        after = listed.data[-1].id
        yield InvoicePage(invoices=tuple(page), held=len(listed.data), cursor=after)
        if not listed.has_more:
            return


def _asked(period: str, after: str | None) -> InvoiceListParams:
    year, month = (int(part) for part in period.split("-"))
    since = datetime(year, month, 1, tzinfo=UTC) - _EARLIER
    asked: InvoiceListParams = {"created": {"gte": int(since.timestamp())}, "limit": PAGE}
    if after is not None:
        asked["starting_after"] = after
    return asked


def _may_belong_to(period: str, invoice: stripe.Invoice) -> bool:
    """By the mark of our push, else by the period in its metadata; what carries neither may be anybody's."""
    metadata = invoice.to_dict().get("metadata") or {}
    if mark := metadata.get(OP_KEY):
        return str(mark).startswith(f"{case_id(period)}/")
    return bool(metadata.get("period", period) == period)


def _theirs(invoice: stripe.Invoice) -> Theirs:
    fields = invoice.to_dict()
    try:
        status = InvoiceStatus(fields["status"])
    except ValueError:
        raise BillingFailure(
            FailureCode.INVALID, f"invoice {invoice.id} at Stripe has the status {fields['status']!r}, which is unknown"
        ) from None
    return Theirs(
        provider_invoice_id=fields["id"],
        provider_customer_id=fields.get("customer"),
        op_key=(fields.get("metadata") or {}).get(OP_KEY),
        number=fields.get("number"),
        status=status,
        currency=str(fields["currency"]).upper(),
        total_minor=fields["total"],
        due_minor=fields["amount_due"],
        credited_minor=fields["pre_payment_credit_notes_amount"] + fields["post_payment_credit_notes_amount"],
        created_at=datetime.fromtimestamp(fields["created"], UTC),
    )
