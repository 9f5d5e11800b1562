"""A house of any size whose month is to be billed: raw usage that nobody has rolled up, customers at Stripe, nothing issued."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import httpx
from sqlalchemy import Engine, insert, text

from adapters.postgres.billing_runs import PostgresBillingRuns
from adapters.postgres.partitions import make_months
from adapters.postgres.rollups import PostgresRollUps
from adapters.postgres.tables import legal_entities, meters
from adapters.postgres.tenants import record_contracts
from billing.contracts import Contract, PercentDiscount, RecurringFee, Tax, Terms
from billing.month_end import RunOrder
from billing.policy.month_end import MonthEndPolicy
from billing.policy.standard import MONTH_END
from billing.prices import MeterPrice, PriceTier

PERIOD = "2025-10"
MORNING_AFTER = datetime(2025, 11, 1, 6, tzinfo=UTC)
PLANS = 7
USED = ("api_calls", "storage_gigabytes")
# Small ranges, so that a kill finds many of them begun and many to come.
POLICY = MONTH_END.model_copy(
    update={"shard_size": 50, "shards_at_once": 4, "documents_a_batch": 10, "batches_at_once": 4}
)

_TENANTS = text("""
    insert into tenants (
        tenant_id, name, tier, currency, zone, country, locale, billing_email, provider_customer_id, legal_entity_id,
        address, payment_method_id
    )
    select 'tenant-' || lpad(n::text, 5, '0'), 'Tenant ' || n, 'pro', 'USD',
        (array['UTC', 'Europe/Berlin', 'America/New_York'])[1 + n % 3], 'US', 'en-US',
        'billing-' || n || '@tenants.example', customer, 'main', case when n % 50 = 0 then null else n || ' Main Street' end,
        'pm_' || n
    from unnest(cast(:customers as text[])) with ordinality as known(customer, n)
""")

_CONTRACTS = text("""
    insert into contracts (contract_id, tenant_id, currency, starts, terms_id)
    select 'contract-' || tenant_id, tenant_id, 'USD', '2025-01-01',
        (select array_agg(terms_id order by terms_id) from contract_terms)[1 + substr(tenant_id, 8)::int % :plans]
    from tenants
""")

# Five events a meter, some of them near midnight, so that the tenant's zone decides about their day.
_EVENTS = text("""
    insert into usage_events (event_id, tenant_id, event_time, meter, quantity, route, trace_id, api_key_id)
    select md5(n || meter || k)::uuid, 'tenant-' || lpad(n::text, 5, '0'),
        timestamptz '2025-10-02 22:40+00' + k * interval '5 days 3 hours' + (n % 90) * interval '1 minute', meter,
        (1 + (n * 7919 + k * 104729) % 5000) / case when n % 10 = 0 then 8.0 else 1.0 end,
        '/v1/calls', md5(k || meter || n)::uuid, 'key-' || n
    from generate_series(1, :tenants) as n, unnest(cast(:meters as text[])) as used(meter), generate_series(0, 4) as k
""")

_TOUCHED = text("""
    insert into rollup_dirty (tenant_id, meter, day)
    select distinct event.tenant_id, event.meter, (event.event_time at time zone tenant.zone)::date
    from usage_events as event join tenants as tenant using (tenant_id)
""")

_BOOKS = text("""
    select invoice.tenant_id, invoice.currency, invoice.total_minor, invoice.status, string_agg(
        concat_ws('|', line.kind, line.description, line.quantity, line.amount_minor), E'\n' order by line.number
    ) as lines
    from invoices as invoice join invoice_lines as line using (invoice_id)
    where invoice.period = :period group by invoice.invoice_id order by invoice.tenant_id
""")


def plan(number: int) -> Terms:
    """No two plans charge the same."""
    prices = tuple(
        MeterPrice(
            meter=meter,
            included=Decimal(200 * number),
            tiers=(
                PriceTier(up_to=Decimal(1_000), unit_amount=Decimal(17 + number) / 10),
                PriceTier(unit_amount=Decimal(7 + number) / 10),
            ),
        )
        for meter in USED
    )
    return Terms(
        currency="USD",
        fees=(RecurringFee(name="Platform fee", amount_minor=1_900 + 100 * number),),
        prices=prices,
        discounts=(PercentDiscount(name="Partner discount", percent=Decimal(5 + number)),),
        tax=Tax(name="Sales tax", rate=Decimal("0.0825")),
    )


def plant(engine: Engine, customers: Sequence[str]) -> None:
    """One tenant for each customer at Stripe; every fiftieth has no address, so that it is parked."""
    with engine.begin() as connection:
        make_months(connection, date(2025, 9, 1), date(2025, 12, 1))
        connection.execute(insert(meters), [{"meter": one, "unit": "unit", "description": one} for one in USED])
        entity = {"entity_id": "main", "name": "Main Inc", "address": "1 Main Street", "country": "US"}
        connection.execute(insert(legal_entities).values(entity | {"email": "b@main.example", "number_prefix": "INV"}))
        connection.execute(_TENANTS, {"customers": list(customers)})
        samples = [
            Contract(
                contract_id=f"sample-{number}",
                tenant_id=f"tenant-{number + 1:05}",
                starts=MORNING_AFTER,
                terms=plan(number),
            )
            for number in range(PLANS)
        ]
        record_contracts(connection, samples)
        connection.execute(text("delete from contracts"))
        connection.execute(_CONTRACTS, {"plans": PLANS})
        connection.execute(_EVENTS, {"tenants": len(customers), "meters": list(USED)})
        connection.execute(_TOUCHED)


async def customers_at(stripe: str, api_key: str, number: int) -> list[str]:
    """So many new customers at the simulator, by id."""
    async with httpx.AsyncClient(base_url=stripe, headers={"Authorization": f"Bearer {api_key}"}, timeout=60) as client:
        return [
            (await client.post("/v1/customers", data={"name": f"Tenant {n}"})).raise_for_status().json()["id"]
            for n in range(number)
        ]


def bill_undisturbed(engine: Engine, policy: MonthEndPolicy = POLICY) -> None:
    """The same month, billed by one hand from beginning to end, without workers, Temporal or kills."""

    def still(_: str) -> None:
        """Nobody listens."""

    PostgresRollUps(engine, lambda: MORNING_AFTER).bring_up_to_date(still)
    runs = PostgresBillingRuns(engine)
    run = runs.open(RunOrder(period=PERIOD, requested_by="finance-1"), "undisturbed", policy, MORNING_AFTER)
    runs.close_usage(run.run_id, MORNING_AFTER)
    for shard in (shards := runs.shards(run.run_id, "", 10_000)):
        runs.rate(run.run_id, shard, still)
    report = runs.check(run.run_id)
    for shard in shards:
        runs.finalise(run.run_id, shard, MORNING_AFTER, still)
    runs.close(run.run_id, report, MORNING_AFTER)


def books_of(engine: Engine) -> list[dict[str, Any]]:
    """Every document of the month with its lines, by tenant; numbers left out, since ranges are issued in any order."""
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(_BOOKS, {"period": PERIOD}).mappings()]


def gaps(numbers: Sequence[str]) -> list[str]:
    """What is missing or double in a series of numbers that begins with 1."""
    counted = Counter(numbers)
    series = numbers[0].rpartition("-")[0] if numbers else ""
    wanted = [f"{series}-{number:06}" for number in range(1, len(numbers) + 1)]
    return [number for number in wanted if counted[number] != 1]
