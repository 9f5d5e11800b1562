"""A finalised month in the books, as a run leaves it: issued documents with their lines, each with its effect to push."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, insert, select, update

from adapters.policies import Policies
from adapters.postgres.effects import Effects
from adapters.postgres.invoice_pushes import InvoicePushes
from adapters.postgres.tables import billing_runs, effects, invoice_lines, invoices, tenants
from billing.corrections import sha256_of
from billing.month_end import Shard, case_id, invoice_op_key

PERIOD = "2026-10"
RUN = f"{PERIOD}#1"
EVERYBODY = Shard(first="a", last="zzzz")


@dataclass
class Month:
    """Builds rows in one database; amounts in minor units."""

    engine: Engine

    def __post_init__(self) -> None:
        self.issued_at = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
        self.effects = Effects(self.engine, Policies(self.engine))
        self.pushes = InvoicePushes(self.engine)
        with self.engine.begin() as connection:
            connection.execute(
                insert(billing_runs).values(
                    run_id=RUN,
                    period=PERIOD,
                    sequence=1,
                    dry_run=False,
                    only_parked=False,
                    state="working",
                    policy={},
                    requested_by="schedule",
                    workflow_run_id="workflow-run-1",
                    started_at=self.issued_at,
                )
            )

    def tenant(self, tenant_id: str, *, currency: str = "USD", **changes: Any) -> str:
        with self.engine.begin() as connection:
            connection.execute(
                insert(tenants).values(
                    {
                        "tenant_id": tenant_id,
                        "name": tenant_id.title(),
                        "tier": "pro",
                        "currency": currency,
                        "zone": "UTC",
                        "country": "US",
                        "locale": "en-US",
                        "billing_email": f"billing@{tenant_id}.example",
                        "provider_customer_id": f"cus_{tenant_id}",
                    }
                    | changes
                )
            )
        return tenant_id

    def issue(self, tenant_id: str, *amounts: int, effect: bool = True, **changes: Any) -> str:
        """A document of the tenant with a line for each amount, and the effect that finalising records; its id."""
        document = {
            "invoice_id": f"inv-{PERIOD}-{tenant_id}",
            "number": f"INV-2026-{tenant_id}",
            "tenant_id": tenant_id,
            "period": PERIOD,
            "status": "open" if sum(amounts) else "paid",
            "currency": "USD",
            "total_minor": sum(amounts),
            "issued_at": self.issued_at,
        } | changes
        lines = [
            {
                "invoice_id": document["invoice_id"],
                "number": number,
                "description": f"API calls, part {number}",
                "meter": "api_calls",
                "quantity": 1,
                "amount_minor": amount,
                "service_start": date(2026, 10, 1),
                "service_end": date(2026, 11, 1),
            }
            for number, amount in enumerate(amounts, 1)
        ]
        with self.engine.begin() as connection:
            connection.execute(insert(invoices).values(document))
            if lines:
                connection.execute(insert(invoice_lines), lines)
            if effect:
                connection.execute(insert(effects).values(_effect(document)))
        return str(document["invoice_id"])

    def change(self, tenant_id: str, **changes: Any) -> None:
        """Change what may change about a tenant."""
        with self.engine.begin() as connection:
            connection.execute(update(tenants).where(tenants.c.tenant_id == tenant_id).values(changes))

    def states(self) -> dict[str, str]:
        """The state of each document's effect by tenant."""
        with self.engine.connect() as connection:
            rows = connection.execute(select(effects.c.tenant_id, effects.c.state).order_by(effects.c.tenant_id))
            return {row.tenant_id: row.state for row in rows}

    def links(self) -> dict[str, str | None]:
        """The provider's id of each document by tenant."""
        with self.engine.connect() as connection:
            found = select(invoices.c.tenant_id, invoices.c.provider_invoice_id).where(invoices.c.revision == 1)
            return {row.tenant_id: row.provider_invoice_id for row in connection.execute(found)}


def _effect(document: dict[str, Any]) -> dict[str, Any]:
    request = {
        "invoice_id": document["invoice_id"],
        "number": document["number"],
        "total_minor": document["total_minor"],
        "due_minor": document["total_minor"] - document.get("applied_credit_minor", 0),
        "currency": document["currency"],
    }
    return {
        "op_key": invoice_op_key(document["period"], document["tenant_id"]),
        "kind": "invoice",
        "case_id": case_id(document["period"]),
        "tenant_id": document["tenant_id"],
        "state": "intended",
        "request": request,
        "request_sha256": sha256_of(request),
    }
