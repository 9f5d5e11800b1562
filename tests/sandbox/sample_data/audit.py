"""The sample data recomputed from its rows alone, by other statements than those that planted it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg

from billing.invoices import InvoiceLine
from billing.periods import service_span
from billing.prices import MeterPrice
from billing.rating import rate
from sandbox.sample_data.roster import TENANTS

# What a load writes and that is the same in every load, and how a row of it is hashed. Operators' keys and the provider's
# ids are new each time.
WHOLE = "hash_record_extended(row, 0)"
SAME_IN_EVERY_LOAD = {
    **dict.fromkeys(("meters", "contracts", "api_keys", "outages", "invoice_lines"), WHOLE),
    **dict.fromkeys(("usage_events", "request_logs", "usage_daily"), WHOLE),
    "tenants": "jsonb_hash_extended(to_jsonb(row) - '{provider_customer_id,payment_method_id}'::text[], 0)",
    "invoices": "jsonb_hash_extended(to_jsonb(row) - 'provider_invoice_id', 0)",
    "authentication_logs": "jsonb_hash_extended(to_jsonb(row) - 'entry_id', 0)",
}


@dataclass(frozen=True)
class Audit:
    """Questions to a loaded database."""

    books: psycopg.Connection[tuple[Any, ...]]

    def rows(self, question: str, *values: object) -> list[tuple[Any, ...]]:
        return self.books.execute(question, values).fetchall()

    def one(self, question: str, *values: object) -> Any:
        return self.rows(question, *values)[0][0]

    def line(self, tenant_id: str, meter: str, month: str = "2026-10") -> InvoiceLine:
        """The line of a meter on the tenant's invoice."""
        found = self.rows(
            "select line.number, description, meter, quantity, amount_minor, price "
            "from invoice_lines as line join invoices using (invoice_id) left join prices using (price_id) "
            "where tenant_id = %s and meter = %s and period = %s",
            tenant_id,
            meter,
            month,
        )
        number, description, of_meter, quantity, amount, price = found[0]
        return InvoiceLine(
            number=number,
            description=description,
            meter=of_meter,
            quantity=quantity,
            amount_minor=amount,
            applied_price=price,
        )

    def agreed_price(self, tenant_id: str, meter: str) -> MeterPrice:
        prices = self.one(
            "select terms -> 'prices' from contracts join contract_terms using (terms_id) "
            "where tenant_id = %s order by starts limit 1",
            tenant_id,
        )
        return MeterPrice.model_validate(next(price for price in prices if price["meter"] == meter))

    def worth(self, tenant_id: str, meter: str, excess: Decimal) -> int:
        """What the October line costs less, in minor units, when it is rated again without `excess` units."""
        line = self.line(tenant_id, meter)
        return line.amount_minor - rate(self.agreed_price(tenant_id, meter), line.quantity - excess)

    def raw(self, tenant_id: str, meter: str, month: str = "2026-10") -> Decimal:
        """The sum of the events in the tenant's own month."""
        total: Decimal = self.one(
            "select coalesce(sum(quantity), 0) from usage_events "
            "where tenant_id = %s and meter = %s and event_time >= %s and event_time < %s",
            tenant_id,
            meter,
            *period(tenant_id, month),
        )
        return total

    def repeated(self, tenant_id: str, meter: str) -> Decimal:
        """The quantity of October's events beyond the first with the same trace, quantity and time."""
        total: Decimal = self.one(
            "select coalesce(sum((copies - 1) * quantity), 0) from ("
            "  select quantity, count(*) as copies from usage_events"
            "  where tenant_id = %s and meter = %s and event_time >= %s and event_time < %s"
            "  group by trace_id, quantity, event_time) as alike",
            tenant_id,
            meter,
            *period(tenant_id),
        )
        return total

    def fingerprint(self) -> dict[str, tuple[int, Decimal]]:
        """For each table its number of rows and a sum of their hashes, whatever their order."""
        return {
            table: self.rows(f"select count(*), sum({hashed}) from {table} as row")[0]  # noqa: S608 - our own words
            for table, hashed in SAME_IN_EVERY_LOAD.items()
        }


def period(tenant_id: str, month: str = "2026-10") -> tuple[datetime, datetime]:
    """The half-open month of the tenant's zone."""
    span = service_span(month, TENANTS[tenant_id].zone)
    return span.start, span.end
