"""A payment provider with its books open: the real adapter on the simulator, and the fake, steered alike."""

from __future__ import annotations

from abc import ABC, abstractmethod

import stripe

from activities.ports import PaymentProvider, Wire
from adapters.stripe.provider import StripeProvider
from billing.corrections import CreditRequest
from billing.failures import FailureCode
from billing.invoices import Invoice
from billing.tenants import Tenant
from sandbox.stripe.faults import FaultKind
from tests.adapters.stripe.samples import a_tenant, an_effect, an_invoice
from tests.fakes.provider import FakeProvider
from tests.fixtures.stripe_simulator import API_KEY, StripeSimulator

# What a credit calls at Stripe, in the simulator's way of writing paths.
CREDIT_NOTES = "/v1/credit_notes"
BALANCE_TRANSACTIONS = "/v1/customers/*/balance_transactions"

TOTAL = 100_00


class Books(ABC):
    """A tenant with one issued invoice of 100.00, and what came about at its provider."""

    provider: PaymentProvider
    tenant: Tenant
    invoice: Invoice

    def plan(self, request: CreditRequest) -> Wire:
        return self.provider.plan_credit(an_effect(request), request, self.invoice, self.tenant)

    @abstractmethod
    def credited(self) -> list[tuple[str, int]]:
        """The op_key and amount (minor units, positive) of every credit there is."""

    @abstractmethod
    def pay(self) -> None:
        """The customer pays the whole invoice by card."""

    @abstractmethod
    def fail_next(self, code: FailureCode, *, commits: bool = False) -> None:
        """Have the next request end that way, whether or not the credit comes about."""

    @abstractmethod
    def forget_keys(self) -> None:
        """Let more than 24 hours pass."""


class FakeBooks(Books):
    def __init__(self) -> None:
        self.fake = FakeProvider()
        self.provider = self.fake
        self.tenant, self.invoice = a_tenant(), an_invoice(total=TOTAL)

    def credited(self) -> list[tuple[str, int]]:
        return [(credit.op_key, credit.amount.minor) for credit in self.fake.credits]

    def pay(self) -> None:
        self.fake.amount_remaining[str(self.invoice.provider_invoice_id)] = 0

    def fail_next(self, code: FailureCode, *, commits: bool = False) -> None:
        self.fake.fail_next(code, commits=commits)

    def forget_keys(self) -> None:
        self.fake.forget_keys()


_FAULTS = {
    (FailureCode.PROVIDER_BUSY, False): (FaultKind.RATE_LIMIT, None),
    (FailureCode.PROVIDER_REFUSED, False): (FaultKind.DECLINE, None),
    (FailureCode.OUTCOME_UNKNOWN, False): (FaultKind.ERROR_BEFORE_COMMIT, False),
    (FailureCode.OUTCOME_UNKNOWN, True): (FaultKind.LOST_ANSWER, None),
    (FailureCode.KEY_SPENT, False): (FaultKind.ERROR_BEFORE_COMMIT, True),
    (FailureCode.KEY_SPENT, True): (FaultKind.ERROR_AFTER_COMMIT, None),
}


class RealBooks(Books):
    """`paid` settles the invoice first; `timeout` in seconds is the adapter's patience."""

    def __init__(
        self, simulator: StripeSimulator, *, paid: bool = False, currency: str = "USD", timeout: float = 5.0
    ) -> None:
        self.control = simulator.control
        self.client = simulator.client()
        self.provider = StripeProvider(API_KEY, simulator.url, timeout)
        customer, invoice = _an_issued_invoice(self.client, paid=paid, currency=currency.lower())
        self.tenant = a_tenant(customer, currency)
        self.invoice = an_invoice(invoice, TOTAL, currency)

    def credited(self) -> list[tuple[str, int]]:
        entries = self.client.v1.customers.balance_transactions.list(str(self.tenant.provider_customer_id))
        notes = self.client.v1.credit_notes.list({"invoice": str(self.invoice.provider_invoice_id)})
        found = [(entry.to_dict(), -entry.amount) for entry in entries.data if entry.credit_note is None]
        found += [(note.to_dict(), note.amount) for note in notes.data]
        return [(fields["metadata"]["op_key"], minor) for fields, minor in found]

    def refunded(self) -> int:
        """What went back to the card, in minor units."""
        charges = self.client.v1.charges.list({"customer": str(self.tenant.provider_customer_id)})
        return sum(charge.amount_refunded for charge in charges.data)

    def pay(self) -> None:
        self.client.v1.invoices.pay(str(self.invoice.provider_invoice_id))

    def fail_next(self, code: FailureCode, *, commits: bool = False) -> None:
        kind, stored = _FAULTS[code, commits]
        for path in (CREDIT_NOTES, BALANCE_TRANSACTIONS):
            self.control.fault(kind, path, attempts=(1,), stored=stored)

    def forget_keys(self) -> None:
        self.control.advance(hours=25)


def _an_issued_invoice(client: stripe.StripeClient, *, paid: bool, currency: str) -> tuple[str, str]:
    customer = client.v1.customers.create(
        {
            "name": "Acme",
            "payment_method": "pm_card_visa",
            "invoice_settings": {"default_payment_method": "pm_card_visa"},
        }
    )
    draft = client.v1.invoices.create({"customer": customer.id, "currency": currency})
    client.v1.invoice_items.create(
        {
            "customer": customer.id,
            "invoice": draft.id,
            "amount": TOTAL,
            "currency": currency,
            "description": "API calls",
        }
    )
    client.v1.invoices.finalize_invoice(draft.id)
    if paid:
        client.v1.invoices.pay(draft.id)
    return customer.id, draft.id
