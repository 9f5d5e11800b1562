"""Issued documents on their way to the customer, read for a whole batch of tenants at once."""

from __future__ import annotations

from sqlalchemy import Engine, RowMapping, text

from activities.delivery import DocumentToDeliver
from adapters.postgres.billing_runs.register import BILL
from adapters.postgres.engine import transaction
from billing.emails import Recipient
from billing.money import Money
from billing.month_end import Shard
from billing.periods import service_days
from billing.printing import Edition

# A document leaves once the provider has it, so that what the customer is told to pay can be paid.
_UNDELIVERED = text(f"""
    select invoice.period, invoice.tenant_id, {BILL} as bill, invoice.number, printed.sha256, printed.edition, invoice.currency,
        invoice.total_minor, invoice.total_minor - invoice.applied_credit_minor as due_minor,
        invoice.service_start, invoice.service_end, tenant.anchor_day,
        tenant.name, tenant.billing_email, tenant.locale, tenant.zone,
        (
            select hold.reason from holds as hold where hold.effect = 'invoice_delivery' and hold.released_at is null
                and (hold.tenant_id = invoice.tenant_id or (hold.tenant_id is null and hold.meter is null))
            order by hold.placed_at limit 1
        ) as held
    from billing_runs as run
    join invoices as invoice on invoice.period = run.period and invoice.kind = 'usage' and invoice.revision = 1
        and invoice.status not in ('draft', 'void')
    join tenants as tenant using (tenant_id)
    join invoice_documents as printed on printed.invoice_id = invoice.invoice_id and printed.kind = 'invoice'
    join effects as pushed on pushed.op_key = 'month-end/' || invoice.period || '/invoice/' || {BILL}
        and pushed.state = 'confirmed'
    left join effects as letter on letter.op_key = 'month-end/' || invoice.period || '/delivery/' || {BILL}
    where run.run_id = :run_id and invoice.tenant_id between :first and :last
        and letter.state is distinct from 'confirmed'
    order by invoice.tenant_id
""")  # noqa: S608 - words of ours


class Deliveries:
    """Satisfies `DeliveryBook`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def undelivered(self, run_id: str, batch: Shard) -> tuple[DocumentToDeliver, ...]:
        with transaction(self._engine) as connection:
            rows = connection.execute(_UNDELIVERED, {"run_id": run_id, "first": batch.first, "last": batch.last})
            return tuple(_document(row) for row in rows.mappings())


def _document(row: RowMapping) -> DocumentToDeliver:
    edition = Edition.model_validate(row["edition"])
    days = service_days(row["period"], row["anchor_day"])
    return DocumentToDeliver(
        period=row["period"],
        tenant_id=row["tenant_id"],
        bill=row["bill"],
        number=row["number"],
        sha256=row["sha256"],
        to=Recipient(name=row["name"], email=row["billing_email"], locale=row["locale"], zone=row["zone"]),
        first_day=row["service_start"] or days.first,
        last_day=days.last,
        total=Money(minor=row["total_minor"], currency=row["currency"]),
        due=Money(minor=row["due_minor"], currency=row["currency"]),
        due_on=edition.due_on or edition.issued_on,
        charged_automatically=edition.charged_automatically,
        held=row["held"] and f"invoice delivery is held: {row['held']}",
    )
