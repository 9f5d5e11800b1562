"""Customers who owe, in a company to crash in: their invoices at Stripe, the mirror of these, and what they do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import stripe
from sqlalchemy import text

from activities.binding import Ports
from activities.payments import Payments
from adapters.mail.smtp import SmtpPostman
from adapters.postgres.tenants import Tenants
from adapters.stripe.events import StripeEvents
from adapters.stripe.invoices import StripeInvoices
from adapters.stripe.payments import StripeCollector
from adapters.stripe.provider import StripeProvider
from billing.payments import RefreshOrder
from billing.policy.bundle import Policy
from billing.policy.dunning import DAY, DUNNING, TierDunning
from billing.policy.standard import INVOICE_PUSH, STANDARD
from billing.provider_events import News, NewsKind
from billing.rungs import Rung
from billing.tenants import Tier
from tests.crash.company import Company
from tests.crash.crashing_worker import API_KEY, SENDER
from worker import Vendors, ports_over

# A day of waiting takes 0.15 seconds. There is one reminder: of several that dead workers missed only the last is sent.
PACE, DAY_TAKES = 576_000, timedelta(seconds=2)
DECLINING, GOOD = "pm_card_chargeCustomerFail", "pm_card_visa"
LONG = 10_000 * DAY
USAGE_DUE = 310_00


def policy_of(name: str, rows: Mapping[Tier, TierDunning], *, pace: int = PACE, **ladder: Any) -> Policy:
    """The standard with these rows and changes of the ladder at that pace; people take their time as ever, and a case that
    looks once a day looks not more often than a machine can bear."""
    changes = {"tiers": {**DUNNING.tiers, **rows}, **ladder}
    if "kept_for" in ladder:
        changes["least_stay"] = {**DUNNING.least_stay, Rung.SUSPENDED: ladder["kept_for"]}
    fast = STANDARD.model_copy(update={"dunning": DUNNING.model_copy(update=changes)}).accelerated(pace)
    bearable = {"dunning": fast.dunning.model_copy(update={"day": DAY_TAKES}), "approvals": STANDARD.approvals}
    return fast.model_copy(update={"version": f"{STANDARD.version}-{name}", **bearable})


STEEP = policy_of("steep", {Tier.PRO: TierDunning(grace=7 * DAY, reminders=(7 * DAY,))}, kept_for=31 * DAY)
PATIENT = policy_of(
    "patient",
    {Tier.PRO: TierDunning(grace=LONG), Tier.ENTERPRISE: TierDunning(grace=LONG, account_manager=(2 * DAY,))},
)


@dataclass(frozen=True)
class Debtor:
    """A customer and its invoices at Stripe, by our ids."""

    tenant_id: str
    customer: str
    invoices: dict[str, str]


@dataclass
class House:
    """One company's customers, Stripe's side of them, and the books as its workers see them."""

    company: Company

    @cached_property
    def stripe(self) -> stripe.StripeClient:
        # A customer whose connection was idle for too long asks again; the library's own key keeps it from happening twice.
        return stripe.StripeClient(
            API_KEY, base_addresses={"api": self.company.surroundings.stripe}, max_network_retries=3
        )

    @cached_property
    def ports(self) -> Ports:
        """The real adapters, for what people do beside the workers."""
        at, base = self.company.surroundings, self.company.surroundings.stripe
        vendors = Vendors(
            provider=StripeProvider(API_KEY, base),
            invoicing=StripeInvoices(API_KEY, INVOICE_PUSH, base),
            collector=StripeCollector(API_KEY, base),
            postman=SmtpPostman(*at.smtp, SENDER),
            events=StripeEvents(API_KEY, base),
        )
        return ports_over(self.company.engine, at.evidence, vendors)

    def debtor(
        self, tenant_id: str, policy: Policy, *, tier: Tier = Tier.PRO, plan: int = 0, usage: bool = True,
        charged: bool = True,
    ) -> Debtor:  # fmt: skip
        """A customer whose card declines, and who was charged in vain unless `charged` is False: October's usage of 310.00,
        and a plan of so many cents."""
        world = self.company.world
        world.tenant(tenant_id, tier=tier)
        Tenants(world.engine).carry_policy(tenant_id, policy)
        customer = self.stripe.v1.customers.create({"name": tenant_id, "email": f"billing@{tenant_id}.example"}).id
        self.brings(customer, DECLINING)
        wanted = {f"inv-{tenant_id}": USAGE_DUE} if usage else {}
        if plan:
            self._plan(tenant_id)
            wanted[f"inv-{tenant_id}-plan"] = plan
        invoices = {ours: self._billed(customer, ours, amount, charged=charged) for ours, amount in wanted.items()}
        self._link(tenant_id, customer, invoices)
        debtor = Debtor(tenant_id, customer, invoices)
        if charged:
            self.reads(debtor)
        return debtor

    def brings(self, customer: str, card: str) -> str:
        """A card that is charged from now on; answers its id."""
        method = self.stripe.v1.payment_methods.attach(card, {"customer": customer}).id
        self.stripe.v1.customers.update(customer, {"invoice_settings": {"default_payment_method": method}})
        return method

    def brings_good_card(self, debtor: Debtor) -> News:
        """A card that pays; answers the news of it."""
        method = self.brings(debtor.customer, GOOD)
        return _news(debtor, NewsKind.PAYMENT_METHOD, payment_method=method)

    def pays_elsewhere(self, debtor: Debtor, invoice_id: str) -> News:
        """Paid past us, and read by us."""
        self.stripe.v1.invoices.pay(debtor.invoices[invoice_id], {"paid_out_of_band": True})
        self.reads(debtor)
        return _news(debtor, NewsKind.INVOICE)

    def is_written_off(self, debtor: Debtor, invoice_id: str) -> News:
        """Nobody expects the money any more."""
        self.stripe.v1.invoices.mark_uncollectible(debtor.invoices[invoice_id])
        self.reads(debtor)
        return _news(debtor, NewsKind.INVOICE)

    def is_credited(self, debtor: Debtor, invoice_id: str) -> News:
        """A credit note over all of it."""
        theirs = debtor.invoices[invoice_id]
        whole = self.stripe.v1.invoices.retrieve(theirs).amount_remaining
        self.stripe.v1.credit_notes.create({"invoice": theirs, "amount": whole})
        self.reads(debtor)
        return _news(debtor, NewsKind.INVOICE)

    def reads(self, debtor: Debtor) -> None:
        """The mirror is brought up to date."""
        ports = self.ports
        Payments(
            ports.receivables, ports.effects, ports.collector, ports.tenants, ports.policies, ports.holds, ports.now
        ).refresh(RefreshOrder(invoice_ids=tuple(debtor.invoices)))

    def rows(self, query: str, **values: Any) -> list[dict[str, Any]]:
        """What the books say."""
        with self.company.engine.connect() as connection:
            return [dict(row) for row in connection.execute(text(query), values).mappings()]

    def charges(self) -> Iterator[tuple[str, str, int]]:
        """Every charge at Stripe: the provider's invoice, how it went, and the amount that was taken."""
        state = self.company.stripe.state()
        invoice_of = {
            payment["payment"]["payment_intent"]: payment["invoice"]
            for payment in state.get("invoice_payment", [])
            if payment["payment"].get("payment_intent")
        }
        for charge in state.get("charge", []):
            yield invoice_of.get(charge["payment_intent"], ""), charge["status"], charge["amount_captured"]

    def _plan(self, tenant_id: str) -> None:
        """An invoice without usage, which costs the whole service if it stays unpaid."""
        with self.company.engine.begin() as connection:
            connection.execute(
                text(
                    "insert into invoices (invoice_id, number, revision, tenant_id, period, status, currency, total_minor,"
                    " issued_at) select :id, :number, 1, tenant_id, '2026-09', 'open', currency, total_minor, issued_at"
                    " from invoices where invoice_id = :first"
                ),
                {"id": f"inv-{tenant_id}-plan", "number": f"INV-2026-09-{tenant_id}", "first": f"inv-{tenant_id}"},
            )

    def _billed(self, customer: str, ours: str, amount: int, *, charged: bool) -> str:
        at_stripe = self.stripe.v1.invoices
        bill = at_stripe.create({"customer": customer, "currency": "usd", "auto_advance": False})
        at_stripe.add_lines(bill.id, {"lines": [{"description": ours, "amount": amount}]})
        at_stripe.finalize_invoice(bill.id)
        if charged:
            with suppress(stripe.CardError):
                at_stripe.pay(bill.id)
        return str(bill.id)

    def _link(self, tenant_id: str, customer: str, invoices: dict[str, str]) -> None:
        """As after a push: the books know Stripe's ids. Issued documents are else never changed."""
        with self.company.engine.begin() as connection:
            connection.execute(text("set local session_replication_role = replica"))
            linked = "update tenants set provider_customer_id = :customer where tenant_id = :it"
            connection.execute(text(linked), {"customer": customer, "it": tenant_id})
            none = "update invoices set provider_invoice_id = null where tenant_id = :it"
            connection.execute(text(none), {"it": tenant_id})
            stands = "update invoices set provider_invoice_id = :theirs, status = 'open' where invoice_id = :ours"
            for ours, theirs in invoices.items():
                connection.execute(text(stands), {"ours": ours, "theirs": theirs})


def _news(debtor: Debtor, kind: NewsKind, **about: Any) -> News:
    now = datetime.now(UTC)
    event_id = f"evt_{debtor.tenant_id}_{now.timestamp():.3f}"
    return News(kind=kind, tenant_id=debtor.tenant_id, event_id=event_id, occurred_at=now, **about)
