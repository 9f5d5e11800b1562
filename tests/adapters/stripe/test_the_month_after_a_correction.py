"""A correction of a paid invoice and the next month's invoice, in real books and at Stripe: both ask for the same amount."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from activities.clock import wall_clock
from activities.invoice_push import PushedByEffects
from adapters.policies import Policies
from adapters.postgres.effects import Effects
from adapters.postgres.invoice_pushes import InvoicePushes
from adapters.stripe.provider import StripeProvider
from billing.authority import Role
from billing.month_end import BatchResult
from billing.policy.credits import Payback
from tests.adapters.postgres.billing_runs.world import EVERYBODY, House, still
from tests.adapters.postgres.company import Company
from tests.adapters.postgres.correcting import Correcting, usd
from tests.adapters.stripe.documents import AtStripe
from tests.fixtures.stripe_simulator import API_KEY, StripeSimulator

OCTOBER, NOVEMBER = "2026-10", "2026-11"
# Both months are billed at 119.00: the fee and its tax.
BILLED = 119_00


class Books:
    """One tenant, billed by the real month end at its first of the month, with the same tenant at Stripe."""

    def __init__(self, engine: Engine, simulator: StripeSimulator) -> None:
        self.account = AtStripe(simulator)
        self.house = House(engine)
        self.house.tenant("acme", provider_customer_id=self.account.customer)
        self.company = Company(engine)
        self.company.tokens = {role: self.company.hire(role) for role in Role}
        self.correcting = Correcting(self.company, StripeProvider(API_KEY, simulator.url))
        effects = Effects(engine, Policies(engine))
        self._pushing = PushedByEffects(InvoicePushes(engine), effects, self.account.invoices, wall_clock)

    def bills(self, period: str) -> tuple[str, str]:
        """Bill a month and push it; number and id at Stripe of its document."""
        run = self.house.open(period, period=period)
        self.house.rate(run)
        self.house.finalise(run, now=datetime.now(UTC) - timedelta(hours=1))
        assert self._pushing.push(run.run_id, EVERYBODY, still) == BatchResult(done=1)
        (document,) = self.house.rows(
            "select number, provider_invoice_id from invoices where period = :period and revision = 1", period=period
        )
        return document["number"], document["provider_invoice_id"]

    def is_paid(self, invoice: str, minor: int) -> None:
        """So much of it arrives from another card."""
        payments = self.account.client.v1.payment_intents
        paid = {"amount": minor, "currency": "usd", "confirm": True, "payment_method": "pm_card_visa"}
        self.account.client.v1.invoices.attach_payment(invoice, {"payment_intent": payments.create(paid).id})

    def due(self, period: str) -> int:
        (minor,) = self.house.column(
            "select total_minor - applied_credit_minor from invoices where period = :period and revision = 1",
            period=period,
        )
        return int(minor)


@pytest.fixture
def books(engine: Engine, stripe_simulator: StripeSimulator) -> Books:
    return Books(engine, stripe_simulator)


@pytest.mark.parametrize(
    ("payback", "paid", "due"),
    [
        (Payback.BALANCE, BILLED, BILLED - 40_00),
        # 20.00 of the credit lower what is still due, and only the rest waits for November.
        (Payback.BALANCE, BILLED - 20_00, BILLED - 20_00),
        (Payback.NEXT_INVOICE, BILLED, BILLED - 40_00),
        (Payback.REFUND, BILLED, BILLED),
    ],
)
def test_what_a_correction_gave_back_is_off_the_next_invoice_here_and_at_stripe(
    books: Books, payback: Payback, paid: int, due: int
) -> None:
    number, at_stripe = books.bills(OCTOBER)
    books.is_paid(at_stripe, paid)
    books.correcting.carried_out(invoice=number, amount=usd("40.00"), payback=payback)

    _, following = books.bills(NOVEMBER)

    assert books.due(NOVEMBER) == due
    assert books.account.client.v1.invoices.retrieve(following).amount_due == due
