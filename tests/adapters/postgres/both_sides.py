"""Our documents and the provider's invoices of one period, written as rows and as the rule's own words at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, insert, text
from sqlalchemy.dialects.postgresql import insert as upsert

from activities.reconciliation_ports import InvoicePage
from adapters.postgres.reconciliation import PostgresReconciliations
from adapters.postgres.tables import invoice_lines, invoices, tenants
from billing.invoices import InvoiceStatus
from billing.month_end import invoice_op_key, over_since
from billing.policy.standard import RECONCILIATION
from billing.reconciliation import Difference, Found, Ours, Theirs
from billing.reconciliation_report import ReconciliationReport
from billing.reconciling import ReconciliationOrder

PERIOD = "2026-10"


@dataclass
class BothSides:
    """One reconciliation being prepared; `ours` and `theirs` are what the rule in Python is asked with."""

    engine: Engine
    period: str = PERIOD
    occasion: str = "test"
    ours: list[Ours] = field(default_factory=list)
    theirs: list[Theirs] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.book = PostgresReconciliations(self.engine)
        self.order = ReconciliationOrder(period=self.period, occasion=self.occasion, requested_by="finance-1")
        self.billed_at = over_since(self.period, "UTC")

    def document(self, tenant_id: str, total: int = 100_00, **changes: Any) -> Ours:
        """One of ours; `credited` is what of its total is not due, `lines` how many it has."""
        credited, lines = changes.pop("credited", 0), changes.pop("lines", 1)
        fields: dict[str, Any] = {
            "invoice_id": f"inv-{self.period}-{tenant_id}",
            "tenant_id": tenant_id,
            "op_key": invoice_op_key(self.period, tenant_id),
            "numbers": frozenset({f"INV-{self.period}-{tenant_id}"}),
            "status": InvoiceStatus.OPEN,
            "currency": "USD",
            "total_minor": total,
            "due_minor": total - credited,
            "lines": lines,
            "provider_invoice_id": f"in_{self.period}_{tenant_id}",
            "provider_customer_id": f"cus_{tenant_id}",
        }
        document = Ours(**(fields | changes))
        self.ours.append(document)
        return document

    def invoice(self, of: str, total: int = 100_00, **changes: Any) -> Theirs:
        """One of the provider's, as our push would have made it for the tenant `of` unless something is changed."""
        fields: dict[str, Any] = {
            "provider_invoice_id": f"in_{self.period}_{of}",
            "provider_customer_id": f"cus_{of}",
            "op_key": invoice_op_key(self.period, of),
            "number": f"INV-{self.period}-{of}",
            "status": InvoiceStatus.OPEN,
            "currency": "USD",
            "total_minor": total,
            "due_minor": total,
            "credited_minor": 0,
            "created_at": self.billed_at,
        }
        invoice = Theirs(**(fields | changes))
        self.theirs.append(invoice)
        return invoice

    def both(self, tenant_id: str, total: int = 100_00, **changes: Any) -> None:
        """The same on both sides; changes hold for the provider's."""
        self.document(tenant_id, total)
        self.invoice(tenant_id, total, **changes)

    def written(self) -> BothSides:
        """Put both sides into the books, the provider's as a reading would."""
        self.write_ours()
        self.book.open(self.order, datetime.now(UTC))
        page = InvoicePage(invoices=tuple(self.theirs), held=len(self.theirs), cursor="last")
        self.book.keep(self.order.reconciliation_id, page)
        self.book.keep(self.order.reconciliation_id, None)
        return self

    def write_ours(self) -> None:
        """Put our side into the books."""
        if not self.ours:
            return
        with self.engine.begin() as connection:
            connection.execute(upsert(tenants).on_conflict_do_nothing(), [_tenant(one) for one in self.ours])
            connection.execute(insert(invoices), [_document(one, self.period) for one in self.ours])
            if lines := [line for one in self.ours for line in _lines(one)]:
                connection.execute(insert(invoice_lines), lines)

    def compared(self) -> ReconciliationReport:
        return self.book.compare(self.order.reconciliation_id, RECONCILIATION)

    def recorded(self) -> list[Found]:
        """What stands in `billing_audit`."""
        asked = text("""
            select difference, tenant_id, invoice_id, provider_invoice_id, currency, internal_minor, provider_minor,
                tolerance_minor, within_tolerance, detail, repair
            from billing_audit where reconciliation_id = :reconciliation_id
        """)
        with self.engine.connect() as connection:
            rows = connection.execute(asked, {"reconciliation_id": self.order.reconciliation_id}).mappings()
            return [Found(**(dict(row) | {"difference": Difference(row["difference"])})) for row in rows]


def in_order(found: list[Found]) -> list[Found]:
    return sorted(found, key=lambda one: (one.difference, one.invoice_id or "", one.provider_invoice_id or ""))


def _tenant(document: Ours) -> dict[str, Any]:
    return {
        "tenant_id": document.tenant_id,
        "name": document.tenant_id.title(),
        "tier": "pro",
        "currency": "USD",
        "zone": "UTC",
        "country": "US",
        "locale": "en-US",
        "billing_email": f"billing@{document.tenant_id}.example",
        "provider_customer_id": document.provider_customer_id,
    }


def _document(one: Ours, period: str) -> dict[str, Any]:
    return {
        "invoice_id": one.invoice_id,
        "number": min(one.numbers),
        "tenant_id": one.tenant_id,
        "period": period,
        "status": one.status.value,
        "currency": one.currency,
        "total_minor": one.total_minor,
        "applied_credit_minor": one.total_minor - one.due_minor,
        "issued_at": datetime(2026, 11, 1, 6, tzinfo=UTC),
        "provider_invoice_id": one.provider_invoice_id,
    }


def _lines(one: Ours) -> list[dict[str, Any]]:
    plain = {"invoice_id": one.invoice_id, "description": "API calls", "quantity": 1, "amount_minor": 0}
    return [plain | {"number": number} for number in range(1, one.lines + 1)]
