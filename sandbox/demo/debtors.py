"""A customer who owes: its card and invoice at the simulated Stripe, the mail it reads, and what its gateway is told."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
import stripe

from billing.money import Money
from sandbox.demo.stage import LOOK_EVERY_SECONDS, PATIENCE_SECONDS, Stage, StoryError
from sandbox.sample_data.invoicing import invoice_id
from sandbox.sample_data.month_end import PERIOD
from sandbox.sample_data.roster import TENANTS
from sandbox.stripe.control import StripeControl

# Stripe takes it for a good one until it is charged.
DECLINED_CARD, GOOD_CARD = "pm_card_chargeCustomerFail", "pm_card_visa"


@dataclass(frozen=True)
class Letter:
    """One that a customer got, and how often."""

    subject: str
    received_at: datetime
    deliveries: int


@dataclass(frozen=True)
class Debtor:
    """One customer and its invoice of October, under the ids that Stripe gave them."""

    stage: Stage
    tenant_id: str
    customer: str
    invoice: str
    due: Money

    @classmethod
    async def called(cls, stage: Stage, tenant_id: str) -> "Debtor":
        """As the sample data has left it: a good card, and an invoice that nobody has charged yet."""
        held = (await asyncio.to_thread(_control(stage).state))["invoice"]
        found = next(one for one in held if one["metadata"].get("invoice_id") == invoice_id(tenant_id, PERIOD))
        due = Money(minor=found["amount_remaining"], currency=found["currency"].upper())
        return cls(stage, tenant_id, found["customer"], found["id"], due)

    async def falls_behind(self) -> None:
        """Its card is replaced by one without cover, and the invoice is charged: declined, of which Stripe tells us."""
        await self.puts_on_file(DECLINED_CARD)
        await self._was_heard_of("payment_method.attached")
        try:
            await asyncio.to_thread(self._client.v1.invoices.pay, self.invoice)
        except stripe.CardError:
            return
        raise StoryError(f"the card of {self.tenant_id} was not declined")

    async def puts_on_file(self, card: str) -> None:
        """Another card, from now on the one that is charged."""

        def put() -> None:
            method = self._client.v1.payment_methods.attach(card, {"customer": self.customer})
            chosen: Any = {"invoice_settings": {"default_payment_method": method.id}}
            self._client.v1.customers.update(self.customer, chosen)

        await asyncio.to_thread(put)

    async def pays_by_transfer(self) -> None:
        """The money came another way, and somebody has marked the invoice as paid at Stripe."""
        await asyncio.to_thread(self._client.v1.invoices.pay, self.invoice, {"paid_out_of_band": True})

    async def charges(self) -> tuple[tuple[Money, ...], int]:
        """What was collected of the invoice at Stripe, charge by charge, and how many charges failed."""
        state = await asyncio.to_thread(_control(self.stage).state)
        payments = [one["payment"] for one in state["invoice_payment"] if one["invoice"] == self.invoice]
        intents = {payment["payment_intent"] for payment in payments}
        ours = [charge for charge in state["charge"] if charge["payment_intent"] in intents]
        collected = tuple(
            Money(minor=charge["amount_captured"], currency=charge["currency"].upper())
            for charge in ours
            if charge["status"] == "succeeded"
        )
        return collected, sum(charge["status"] == "failed" for charge in ours)

    async def letters(self) -> tuple[Letter, ...]:
        """What lies in its mailbox about the debt, in the order in which it came."""
        async with httpx.AsyncClient(timeout=15, trust_env=False) as http:
            page = f"http://127.0.0.1:{self.stage.sandbox.mailbox_port}/api/mails"
            mails = (await http.get(page, params={"to": TENANTS[self.tenant_id].billing_email})).json()
        return tuple(
            Letter(one["subject"], datetime.fromisoformat(one["received_at"]), one["deliveries"])
            for one in mails
            if f"Account #{self.tenant_id}" in one["subject"]
        )

    async def access(self) -> Mapping[str, Any]:
        """What its gateway is told, with the token that gateways have."""
        token = self.stage.sandbox.settings["RUNBOOKS_ACCESS_TOKEN"]
        page = f"/access/{self.tenant_id}"
        return dict((await self.stage.http.get(page, headers={"Authorization": f"Bearer {token}"})).json())

    async def comes_to_have(self, restriction: str) -> None:
        """Wait until its gateway hears of it, which may repeat an answer for two seconds; raises StoryError."""

        async def told() -> bool:
            return bool((await self.access())["restriction"] == restriction)

        await _until(told, f"the gateway of {self.tenant_id} was not told {restriction}")

    async def _was_heard_of(self, event: str) -> None:
        """Wait until an event of Stripe's about it is worked through."""
        page = f"/provider-events?tenant_id={self.tenant_id}&state=processed"

        async def processed() -> bool:
            return event in {one["type"] for one in (await self.stage.read(page)).json()}

        await _until(processed, f"{event} about {self.tenant_id} was not worked through")

    @property
    def _client(self) -> stripe.StripeClient:
        settings = self.stage.sandbox.settings
        return stripe.StripeClient(
            settings["RUNBOOKS_STRIPE_API_KEY"], base_addresses={"api": settings["RUNBOOKS_STRIPE_API_BASE"]}
        )


def _control(stage: Stage) -> StripeControl:
    return StripeControl(stage.sandbox.settings["RUNBOOKS_STRIPE_API_BASE"])


async def _until(so: Callable[[], Awaitable[bool]], otherwise: str) -> None:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await so():  # noqa: ASYNC110 - other processes make it so; there is no event to wait for
                await asyncio.sleep(LOOK_EVERY_SECONDS)
    except TimeoutError:
        raise StoryError(otherwise) from None
