"""A house of any size at the end of October: tenants under a few plans, a roll-up for each day of use, nothing billed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from sqlalchemy import Engine, insert, text

from adapters.postgres.tables import legal_entities, meters
from adapters.postgres.tenants import record_contracts
from billing.contracts import Contract, PercentDiscount, RecurringFee, Tax, Terms
from billing.prices import MeterPrice, PriceTier

PERIOD = "2026-10"
FIRST_DAY = date(2026, 10, 1)
DAYS_IN_USE = 25
NOW = datetime(2026, 11, 1, 6, tzinfo=UTC)
METERS = ("api_calls", "egress_gigabytes", "speech_seconds", "storage_gigabytes")
PLANS = 20

_TENANTS = text("""
    insert into tenants (
        tenant_id, name, tier, currency, zone, country, locale, billing_email, provider_customer_id, legal_entity_id,
        address, payment_method_id
    )
    select 'tenant-' || lpad(n::text, 6, '0'), 'Tenant ' || n, 'pro', 'USD', 'America/New_York', 'US', 'en-US',
        'billing@tenant-' || n || '.example', 'cus_' || n, 'main', n || ' Main Street, Springfield', 'pm_' || n
    from generate_series(1, :tenants) as n
""")

_CONTRACTS = text("""
    insert into contracts (contract_id, tenant_id, currency, starts, terms_id)
    select 'contract-' || tenant_id, tenant_id, 'USD', '2026-01-01',
        (select array_agg(terms_id order by terms_id) from contract_terms)[1 + substr(tenant_id, 8)::int % :plans]
    from tenants
""")

# Day by day, as a daily job writes them. A tenth of the quantities has decimals.
_ROLL_UPS = text("""
    insert into usage_daily (tenant_id, meter, day, quantity, events, window_start, window_end)
    select 'tenant-' || lpad(n::text, 6, '0'), meter, :day,
        (1 + (n * 7919 + position * 104729 + :number * 15485863) % 1000) / case when n % 10 = 0 then 8.0 else 1.0 end, 1,
        cast(:day as timestamp) at time zone 'America/New_York',
        cast(:day + 1 as timestamp) at time zone 'America/New_York'
    from generate_series(1, :tenants) as n, unnest(cast(:meters as text[])) with ordinality as used(meter, position)
""")


def plan(number: int) -> Terms:
    """A fee, an allowance and three tiers a meter, a discount and tax; no two plans charge the same."""
    prices = tuple(
        MeterPrice(
            meter=meter,
            included=Decimal(100 * (number % 4)),
            tiers=(
                PriceTier(up_to=Decimal(1_000), unit_amount=Decimal(20 + number + place) / 10),
                PriceTier(up_to=Decimal(10_000), unit_amount=Decimal(10 + number + place) / 10),
                PriceTier(unit_amount=Decimal(5 + number + place) / 100),
            ),
        )
        for place, meter in enumerate(METERS)
    )
    return Terms(
        currency="USD",
        fees=(RecurringFee(name="Platform fee", amount_minor=4_900 + 100 * number),),
        prices=prices,
        discounts=(PercentDiscount(name="Partner discount", percent=Decimal(5 + number % 3)),),
        tax=Tax(name="Sales tax", rate=Decimal("0.0825")),
    )


def plant(engine: Engine, tenants: int) -> None:
    """Fill a migrated database; `tenants` times 100 roll-ups of one event each."""
    with engine.begin() as connection:
        connection.execute(
            insert(meters),
            [{"meter": meter, "unit": "unit", "description": meter.replace("_", " ")} for meter in METERS],
        )
        connection.execute(
            insert(legal_entities).values(
                entity_id="main", name="Main Inc", address="1 Main Street", country="US", email="billing@main.example",
                number_prefix="INV",
            )
        )  # fmt: skip
        connection.execute(_TENANTS, {"tenants": tenants})
        samples = [
            Contract(contract_id=f"sample-{n}", tenant_id=f"tenant-{n + 1:06d}", starts=NOW, terms=plan(n))
            for n in range(min(PLANS, tenants))
        ]
        record_contracts(connection, samples)
        connection.execute(text("delete from contracts"))
        connection.execute(_CONTRACTS, {"plans": PLANS})
    for number in range(DAYS_IN_USE):
        with engine.begin() as connection:
            day = FIRST_DAY + timedelta(days=number)
            connection.execute(_ROLL_UPS, {"tenants": tenants, "day": day, "number": number, "meters": list(METERS)})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("vacuum analyze"))
