"""A house with tenants to bill in October 2026; a test mentions only what differs from the usual tenant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine, insert, text

from adapters.postgres.billing_runs import PostgresBillingRuns
from adapters.postgres.closings import close_period
from adapters.postgres.holds import PostgresHolds
from adapters.postgres.tables import (
    invoice_lines,
    invoices,
    legal_entities,
    meters,
    tenants,
    usage_daily,
)
from adapters.postgres.tenants import record_contracts
from billing.contracts import Contract, RecurringFee, Tax, Terms
from billing.holds import HeldEffect, HoldOrder
from billing.month_end import BillingRun, RunOrder, Shard, ShardResult, over_since
from billing.policy.month_end import MonthEndPolicy
from billing.policy.standard import MONTH_END
from billing.prices import MeterPrice, PriceTier

PERIOD = "2026-10"
NOW = datetime(2026, 11, 1, 6, tzinfo=UTC)
EVERYBODY = Shard(first="a", last="zzzz")
FINANCE = "finance-1@ops.example"

API_CALLS = MeterPrice(meter="api_calls", tiers=(PriceTier(unit_amount=Decimal("0.5")),))
STORAGE = MeterPrice(
    meter="storage",
    included=Decimal(10),
    tiers=(PriceTier(up_to=Decimal(100), unit_amount=Decimal(20)), PriceTier(unit_amount=Decimal(10))),
)
USUAL = Terms(
    currency="USD",
    fees=(RecurringFee(name="Platform fee", amount_minor=100_00),),
    prices=(API_CALLS, STORAGE),
    tax=Tax(name="VAT", rate=Decimal("0.19")),
)


def still(_: str) -> None:
    """A heartbeat that nobody listens to."""


class House:
    """The books of a month end over one database."""

    def __init__(self, engine: Engine, policy: MonthEndPolicy = MONTH_END) -> None:
        self.engine = engine
        self.policy = policy
        self.runs = PostgresBillingRuns(engine)
        self.holds = PostgresHolds(engine)
        self._write(insert(meters), [{"meter": name, "unit": "unit", "description": label} for name, label in METERS])
        self.entity("main", "INV")

    # -- who is billed -----------------------------------------------------------------------------------------------

    def entity(self, entity_id: str, prefix: str) -> None:
        self._write(
            insert(legal_entities),
            {
                "entity_id": entity_id,
                "name": f"{entity_id.title()} Ltd",
                "address": "1 Main Street\nBerlin",
                "country": "DE",
                "email": f"billing@{entity_id}.example",
                "number_prefix": prefix,
            },
        )

    def tenant(self, tenant_id: str, terms: Terms | None = USUAL, **changes: Any) -> str:
        """A tenant with everything that an invoice needs, under a contract from January 2025 on."""
        row = {
            "tenant_id": tenant_id,
            "name": tenant_id.title(),
            "tier": "pro",
            "currency": "USD",
            "zone": "Europe/Berlin",
            "country": "DE",
            "locale": "en-US",
            "billing_email": f"billing@{tenant_id}.example",
            "provider_customer_id": f"cus_{tenant_id}",
            "legal_entity_id": "main",
            "address": f"{tenant_id} Street 1",
            "payment_method_id": f"pm_{tenant_id}",
        }
        self._write(insert(tenants), row | changes)
        if terms is not None:
            self.contract(tenant_id, terms)
        return tenant_id

    def contract(
        self, tenant_id: str, terms: Terms, starts: str = "2025-01-01T00:00+01:00", ends: str | None = None, **more: Any
    ) -> None:
        """Local midnights are given with their offset."""
        contract = Contract(
            contract_id=f"C-{tenant_id}-{starts}",
            tenant_id=tenant_id,
            starts=datetime.fromisoformat(starts),
            ends=ends and datetime.fromisoformat(ends),
            terms=terms,
            **more,
        )
        with self.engine.begin() as connection:
            record_contracts(connection, [contract])

    def contract_again(self, tenant_id: str, terms: Terms) -> None:
        """Other terms instead of those agreed."""
        self.run("delete from contracts where tenant_id = :tenant_id", tenant_id=tenant_id)
        self.contract(tenant_id, terms)

    def used(self, tenant_id: str, quantity: str | int, meter: str = "api_calls", day: str = "2026-10-05") -> None:
        """A day's roll-up."""
        start = datetime.fromisoformat(f"{day}T00:00+00:00")
        self._write(
            insert(usage_daily),
            {
                "tenant_id": tenant_id,
                "meter": meter,
                "day": date.fromisoformat(day),
                "quantity": Decimal(quantity),
                "events": 1,
                "window_start": start,
                "window_end": start + timedelta(days=1),
            },
        )

    def issued(
        self,
        tenant_id: str,
        total_minor: int,
        period: str = "2026-09",
        line: dict[str, Any] | None = None,
        **changes: Any,
    ) -> str:
        """A document of an earlier month with one line, a fee unless said otherwise."""
        row = {
            "invoice_id": f"old-{period}-{tenant_id}",
            "tenant_id": tenant_id,
            "period": period,
            "status": "paid",
            "currency": "USD",
            "total_minor": total_minor,
            "issued_at": NOW,
        }
        row |= changes
        row["number"] = f"OLD-{row['invoice_id']}"
        self._write(insert(invoices), row)
        usual = {"invoice_id": row["invoice_id"], "number": 1, "description": "Fee", "quantity": 1, "kind": "fee"}
        self._write(insert(invoice_lines), usual | {"amount_minor": row["total_minor"]} | (line or {}))
        return str(row["invoice_id"])

    def credit(self, tenant_id: str, amount_minor: int, name: str, destination: str = "next_invoice") -> str:
        """A booked credit on an earlier document, with the case and the effect that it needs."""
        earlier = len(self.rows("select * from credits"))
        case, month = f"dispute/{name}", f"2025-{earlier + 1:02}"
        on = self.issued(tenant_id, 1_000_00, period=month, invoice_id=f"for-{name}")
        shared = {"case": case, "name": name, "tenant": tenant_id, "on": on, "minor": amount_minor, "to": destination}
        self.run(_DISPUTE, **shared)
        self.run(_CREDIT_EFFECT, **shared)
        self.run(_CREDIT, **shared)
        return f"CR-{name}"

    def hold(self, **cover: str) -> str:
        order = HoldOrder(effect=HeldEffect.INVOICING, reason="a repair is under way", by=FINANCE, **cover)
        return self.holds.place(order, NOW).hold_id

    def close_usage(self, period: str) -> None:
        with self.engine.begin() as connection:
            close_period(connection, period, f"{period}#1", NOW - timedelta(days=20))

    # -- the run -----------------------------------------------------------------------------------------------------

    def open(self, name: str = "first", period: str = PERIOD, **order: Any) -> BillingRun:
        """On the first of the next month, at six."""
        now = over_since(period, "UTC") + timedelta(hours=6)
        return self.runs.open(RunOrder(period=period, requested_by=FINANCE, **order), name, self.policy, now)

    def rate(self, run: BillingRun, shard: Shard = EVERYBODY) -> ShardResult:
        return self.runs.rate(run.run_id, shard, still)

    def finalise(self, run: BillingRun, shard: Shard = EVERYBODY, now: datetime = NOW) -> ShardResult:
        return self.runs.finalise(run.run_id, shard, now, still)

    def billed(self, name: str = "first", **order: Any) -> BillingRun:
        """A whole run for everybody, closed."""
        run = self.open(name, **order)
        self.rate(run)
        if not run.order.dry_run:
            self.finalise(run)
        self.runs.close(run.run_id, self.runs.check(run.run_id), NOW)
        return run

    # -- what is in the books ----------------------------------------------------------------------------------------

    def rows(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(text(statement), values).mappings()]

    def column(self, statement: str, **values: Any) -> list[Any]:
        return [next(iter(row.values())) for row in self.rows(statement, **values)]

    def run(self, statement: str, **values: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement), values)

    def lines(self, tenant_id: str, period: str = PERIOD) -> list[tuple[Any, ...]]:
        """Kind, description, quantity and amount of each line of the tenant's document."""
        found = self.rows(
            "select line.kind, line.description, line.quantity, line.amount_minor from invoices as invoice "
            "join invoice_lines as line using (invoice_id) where tenant_id = :tenant_id and period = :period "
            "order by line.number",
            tenant_id=tenant_id,
            period=period,
        )
        return [(row["kind"], row["description"], row["quantity"], row["amount_minor"]) for row in found]

    def totals(self, period: str = PERIOD) -> dict[str, int]:
        found = self.rows("select tenant_id, total_minor from invoices where period = :period", period=period)
        return {row["tenant_id"]: row["total_minor"] for row in found}

    def numbers(self) -> list[str]:
        return self.column(
            "select number from invoices where run_id is not null and number is not null order by number"
        )

    def entry(self, run: BillingRun, tenant_id: str) -> dict[str, Any]:
        asked = "select * from run_entries where run_id = :run_id and tenant_id = :tenant_id"
        (row,) = self.rows(asked, run_id=run.run_id, tenant_id=tenant_id)
        return row

    def _write(self, statement: Any, rows: dict[str, Any] | Sequence[dict[str, Any]]) -> None:
        with self.engine.begin() as connection:
            connection.execute(statement, rows)


_DISPUTE = """
    insert into disputes (case_id, ticket_id, tenant_id, period, category, meters, invoice_id, disputed_minor, currency,
        severity, ticket, opened_at, ending, closed_at)
    values (:case, :name, :tenant, '2026-08', 'pricing', '{api_calls}', :on, 1, 'USD', 'low', '{}', now(), 'credited', now())
"""
_CREDIT_EFFECT = """
    insert into effects (op_key, kind, case_id, tenant_id, state, request, request_sha256, amount_minor, currency,
        provider_id)
    values (:case || '/credit', 'credit', :case, :tenant, 'confirmed', '{}', repeat('0', 64), :minor, 'USD', 'cbtxn_1')
"""
_CREDIT = """
    insert into credits (credit_id, tenant_id, amount_minor, currency, reason, reference_id, step, created_by, case_id,
        invoice_id, destination, goodwill, op_key, provider_id, created_at)
    values ('CR-' || :name, :tenant, :minor, 'USD', 'because', :name, 'r1.1', 'runbook', :case, :on, :to, false,
        :case || '/credit', 'cbtxn_1', now())
"""

METERS = (("api_calls", "API calls"), ("storage", "Storage in GB"), ("speech_seconds", "Speech"))


def total_of(lines: Iterable[tuple[Any, ...]]) -> int:
    return sum(line[3] for line in lines)
