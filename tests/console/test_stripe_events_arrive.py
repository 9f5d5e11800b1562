"""From Stripe's simulator to the books: real events, really signed, repeated and shuffled, and how invoices stand then."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text

from activities.clock import wall_clock
from activities.payments import Payments
from activities.provider_events import ProviderEvents
from adapters.policies import Policies
from adapters.postgres.books import Books
from adapters.postgres.effects import Effects
from adapters.postgres.holds import PostgresHolds
from adapters.postgres.provider_events import ProviderEvents as Book
from adapters.postgres.receivables import PostgresReceivables
from adapters.postgres.tenants import Tenants
from adapters.stripe.event_types import ACTED_ON
from adapters.stripe.events import StripeEvents
from adapters.stripe.payments import StripeCollector
from billing.invoices import InvoiceStatus
from billing.provider_events import EventState
from starters.provider_events import Bell
from tests.adapters.postgres.both_sides import BothSides
from tests.console.caller import Caller, calling
from tests.fixtures.stripe_simulator import API_KEY, StripeSimulator
from tests.sandbox.stripe import builders
from tests.sandbox.stripe.receivers import Receiver, receiving
from tests.starters.desk import CaseDesk

SECRET = "whsec_of_the_simulator"
TENANTS = ("acme", "bolt", "cask", "dell", "elms", "firs")
DECLINES = "pm_card_chargeCustomerFail"
TOTAL = 100_00


@dataclass
class House:
    """A company with an invoice for each tenant, at Stripe and in the books; the door, and who works behind it."""

    engine: Engine
    simulator: StripeSimulator
    receiver: Receiver
    caller: Caller
    invoices: dict[str, str]

    def __post_init__(self) -> None:
        self.receivables = PostgresReceivables(self.engine)
        policies = Policies(self.engine)
        payments = Payments(
            self.receivables,
            Effects(self.engine, policies),
            StripeCollector(API_KEY, self.simulator.url),
            Tenants(self.engine),
            policies,
            PostgresHolds(self.engine),
            wall_clock,
        )
        source = StripeEvents(API_KEY, self.simulator.url)
        self.desk = ProviderEvents(Book(self.engine), source, payments, self.receivables, policies, wall_clock)

    async def takes(self, deliveries: list[tuple[bytes, str]]) -> None:
        for body, signature in deliveries:
            headers = {"Stripe-Signature": signature, "Content-Type": "application/json"}
            answer = await self.caller.http.post("/webhooks/stripe", content=body, headers=headers)
            assert answer.status_code == 200, answer.text

    def works(self) -> set[str]:
        """Work through everything; answers who owes."""
        owing: set[str] = set()
        while (batch := self.desk.process(1_000)).rest is None:
            self.desk.settle(batch.outcomes)
            owing |= set(batch.owing)
        return owing

    def stands(self) -> dict[str, tuple[InvoiceStatus, int, bool]]:
        """How each tenant's invoice stands by the mirror."""
        found = {tenant: self.receivables.of_tenant(tenant) for tenant in TENANTS}
        return {
            tenant: (one.status, one.remaining.minor, one.charged_back)
            for tenant, receivables in found.items()
            for one in receivables
        }

    def forgets(self) -> None:
        with self.engine.begin() as connection:
            connection.execute(text("truncate provider_events, receivables"))


@pytest.fixture
def receiver(stripe_simulator: StripeSimulator) -> Iterator[Receiver]:
    with receiving() as started:
        yield started


@pytest.fixture
async def house(
    engine: Engine, desk: CaseDesk, stripe_simulator: StripeSimulator, receiver: Receiver
) -> AsyncIterator[House]:
    at_stripe, sides, invoices = builders.Books(stripe_simulator.client()), BothSides(engine), {}
    for tenant in TENANTS:
        customer = at_stripe.customer(card=DECLINES if tenant == "bolt" else builders.VISA)
        invoices[tenant] = str(at_stripe.open(TOTAL, customer=customer.id).id)
        sides.document(tenant, TOTAL, provider_invoice_id=invoices[tenant], provider_customer_id=customer.id)
    sides.write_ours()
    stripe_simulator.control.tell(receiver.url, list(ACTED_ON), SECRET)
    settings = desk.settings.model_copy(
        update={"stripe_webhook_secret": SecretStr(SECRET), "stripe_api_key": SecretStr(API_KEY)}
    )

    async def ring() -> None:
        """Whoever is woken works elsewhere."""

    async with calling(replace(desk, settings=settings, books=Books.over(engine))) as caller:
        caller.app.state.stripe_bell = Bell(ring, pause=0)
        yield House(engine, stripe_simulator, receiver, caller, invoices)


def a_month_goes_by(house: House) -> None:
    """One pays, one cannot, one is voided, money goes back to one, a bank takes it from one, one is given up."""
    client, at_stripe = house.simulator.client(), builders.Books(house.simulator.client())
    invoices = house.invoices
    for tenant in ("acme", "dell", "elms"):
        client.v1.invoices.pay(invoices[tenant])
    with pytest.raises(Exception, match="declined"):
        client.v1.invoices.pay(invoices["bolt"])
    client.v1.invoices.void_invoice(invoices["cask"])
    client.v1.invoices.mark_uncollectible(invoices["firs"])
    client.v1.refunds.create(
        {"charge": at_stripe.charge_of(client.v1.invoices.retrieve(invoices["dell"])).id, "amount": 40_00}
    )
    house.simulator.control.dispute(at_stripe.charge_of(client.v1.invoices.retrieve(invoices["elms"])).id)
    house.simulator.control.advance()


async def test_shuffled_and_repeated_events_of_the_simulator_end_as_those_in_order(house: House) -> None:
    a_month_goes_by(house)
    deliveries = list(house.receiver.got)
    shuffled = deliveries + deliveries[::2] + deliveries[::3]
    random.Random(20261121).shuffle(shuffled)

    await house.takes(shuffled)
    owing = house.works()
    stood = house.stands()
    house.forgets()
    await house.takes(deliveries)
    house.works()

    assert len(deliveries) >= 12
    assert stood == house.stands()
    assert stood["acme"] == (InvoiceStatus.PAID, 0, False)
    assert stood["bolt"] == (InvoiceStatus.OPEN, TOTAL, False)
    assert stood["cask"] == (InvoiceStatus.VOID, 0, False)
    assert stood["dell"][:2] == (InvoiceStatus.PAID, 40_00)
    assert stood["elms"] == (InvoiceStatus.PAID, TOTAL, True)
    assert stood["firs"][0] is InvoiceStatus.UNCOLLECTIBLE
    assert {"bolt", "dell"} <= owing
    assert not {"acme", "cask"} & owing


async def test_what_never_arrived_is_swept_from_the_simulator(house: House) -> None:
    a_month_goes_by(house)

    swept: Any = house.desk.sweep(wall_clock())
    house.works()

    assert swept.found >= 12
    assert house.stands()["acme"] == (InvoiceStatus.PAID, 0, False)
    assert house.desk.book.backlog(wall_clock()).waiting == 0
    assert {one.state for one in house.desk.book.newest(None, "acme", 100)} == {EventState.PROCESSED}
