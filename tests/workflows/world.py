"""A small company for the stories: tenants with a month of usage, an issued invoice, and defects where a story wants one.

Every tenant pays ten cents (or one yen) for each of `api_calls` and uses 100 a day in October 2026, so that a story's
sums can be done in the head; a duplicated event of `n` units is worth `n` times ten cents.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid5

from sqlalchemy import Connection, Engine, Table, func, insert, literal, select

from adapters.operator_keys import new_token
from adapters.postgres.invoices import Invoices
from adapters.postgres.operators import Operator, Operators
from adapters.postgres.partitions import make_months
from adapters.postgres.tables import meters, tenants, usage_daily, usage_events
from adapters.postgres.tenants import Tenants
from billing.authority import Role
from billing.contracts import Contract, Terms
from billing.invoices import Invoice, InvoiceLine, InvoiceStatus
from billing.periods import local_midnight, service_span
from billing.prices import MeterPrice, PriceTier
from billing.rating import rate
from billing.tenants import Tenant, Tier

PERIOD, METER = "2026-10", "api_calls"
DAYS = [date(2026, 10, day) for day in range(1, 32)]
PER_DAY = Decimal(100)
NAMES = UUID("6b7f2f60-6f6b-4c0e-9a52-0d3c8a6c1d11")
STAFF = {
    "agent-1": Role.AGENT,
    "agent-2": Role.AGENT,
    "lead-1": Role.LEAD,
    "lead-2": Role.LEAD,
    "engineering-1": Role.ENGINEERING,
    "finance-1": Role.FINANCE,
    "vp-1": Role.VP,
}


class World:
    """Builds rows in one database; `tokens` lets the staff sign."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.tokens: dict[str, str] = {}

    def found(self) -> None:
        """What every story needs: the meter, partitions for the months around, and the staff."""
        with self.engine.begin() as connection:
            make_months(connection, date(2026, 8, 1), date(2026, 12, 1))
            _add(connection, meters, meter=METER, unit="call", description="API calls")
        for operator_id, role in STAFF.items():
            self.tokens[operator_id], public_key = new_token(operator_id)
            Operators(self.engine).add(
                Operator(
                    operator_id=operator_id,
                    name=operator_id,
                    email=f"{operator_id}@ops.example",
                    role=role,
                    public_key=public_key,
                    active=True,
                )
            )

    def tenant(
        self,
        tenant_id: str,
        *,
        tier: Tier = Tier.PRO,
        currency: str = "USD",
        zone: str = "America/New_York",
        duplicated: Decimal | int = 0,
        rate_minor: Decimal | None = None,
    ) -> Tenant:
        """A tenant with a contract, October's usage and its invoice; `duplicated` units were counted twice.

        `rate_minor` is the price the invoice was rated with when it differs from the contract's.
        """
        tenant = Tenant(
            tenant_id=tenant_id,
            name=f"{tenant_id.title()} Works",
            tier=tier,
            currency=currency,
            zone=zone,
            country="US",
            billing_email=f"billing@{tenant_id}.example",
            provider_customer_id=f"cus_{tenant_id}",
        )
        contract = _contract(tenant)
        with self.engine.begin() as connection:
            _add(connection, tenants, **tenant.model_dump(mode="json"))
            self._usage(connection, tenant, Decimal(duplicated))
        Tenants(self.engine).agree(contract)
        applied = (
            MeterPrice(meter=METER, tiers=(PriceTier(unit_amount=rate_minor),))
            if rate_minor
            else contract.terms.prices[0]
        )
        Invoices(self.engine).issue(self._invoice(tenant, applied))
        return tenant

    def _usage(self, connection: Connection, tenant: Tenant, duplicated: Decimal) -> None:
        rows = [_event(tenant, day, PER_DAY, "regular") for day in DAYS]
        if duplicated:
            rows += [_event(tenant, DAYS[9], duplicated, "batch", copy) for copy in ("first", "second")]
        connection.execute(insert(usage_events), rows)
        for day in DAYS:
            window = (local_midnight(day, tenant.zone), local_midnight(day + timedelta(days=1), tenant.zone))
            connection.execute(_rolled_up(tenant, day, window))

    def _invoice(self, tenant: Tenant, price: MeterPrice) -> Invoice:
        with self.engine.connect() as connection:
            total = select(func.sum(usage_daily.c.quantity)).where(usage_daily.c.tenant_id == tenant.tenant_id)
            quantity = Decimal(connection.execute(total).scalar_one())
        amount = rate(price, quantity)
        return Invoice(
            invoice_id=f"inv-{tenant.tenant_id}",
            number=f"INV-{PERIOD}-{tenant.tenant_id}",
            tenant_id=tenant.tenant_id,
            period=PERIOD,
            status=InvoiceStatus.PAID,
            currency=tenant.currency,
            lines=(
                InvoiceLine(
                    number=1,
                    description="API calls",
                    meter=METER,
                    quantity=quantity,
                    amount_minor=amount,
                    applied_price=price,
                ),
            ),
            total_minor=amount,
            issued_at=datetime(2026, 11, 1, 6, tzinfo=UTC),
            provider_invoice_id=f"in_{tenant.tenant_id}",
        )


def _contract(tenant: Tenant) -> Contract:
    unit = Decimal(1) if tenant.currency == "JPY" else Decimal(10)
    return Contract(
        contract_id=f"contract-{tenant.tenant_id}",
        tenant_id=tenant.tenant_id,
        starts=datetime(2026, 1, 1, tzinfo=UTC),
        terms=Terms(currency=tenant.currency, prices=(MeterPrice(meter=METER, tiers=(PriceTier(unit_amount=unit),)),)),
    )


def _event(tenant: Tenant, day: date, quantity: Decimal, kind: str, copy: str = "only") -> dict[str, object]:
    noon = local_midnight(day, tenant.zone) + timedelta(hours=12)
    return {
        "event_id": uuid5(NAMES, f"{tenant.tenant_id}/{day}/{kind}/{copy}"),
        "tenant_id": tenant.tenant_id,
        "event_time": noon,
        "meter": METER,
        "quantity": quantity,
        "route": "/v1/calls",
        "trace_id": uuid5(NAMES, f"{tenant.tenant_id}/{day}/{kind}"),
        "api_key_id": f"key-{tenant.tenant_id}",
    }


def _rolled_up(tenant: Tenant, day: date, window: tuple[datetime, datetime]) -> object:
    events = usage_events.c
    columns = ["tenant_id", "meter", "day", "quantity", "events", "window_start", "window_end"]
    totals = (
        select(
            events.tenant_id,
            events.meter,
            literal(day).label("day"),
            func.sum(events.quantity),
            func.count(),
            literal(window[0]),
            literal(window[1]),
        )
        .where(events.tenant_id == tenant.tenant_id, events.event_time >= window[0], events.event_time < window[1])
        .group_by(events.tenant_id, events.meter)
    )
    return insert(usage_daily).from_select(columns, totals)


def _add(connection: Connection, table: Table, **values: object) -> None:
    connection.execute(insert(table).values(**values))


Prepare = Callable[[str], None]
assert service_span(PERIOD, "UTC").length == timedelta(days=31)
