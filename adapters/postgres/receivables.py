"""How invoices stand at the provider, as last read there: a mirror that only fresh readings write."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, select, text, true, update
from sqlalchemy.dialects.postgresql import insert

from activities.payment_ports import CollectibleInvoice
from adapters.postgres.engine import transaction
from adapters.postgres.payment_attempts import PaymentAttempts
from adapters.postgres.tables import invoices, receivables
from billing.money import Money
from billing.payment_collection import COLLECTION, DueInvoice
from billing.payments import Receivable

# A document's first revision is the one that stands at the provider; the later ones share its id there.
_COLLECTIBLE = text("""
    select document.invoice_id, document.number, document.tenant_id, document.provider_invoice_id,
        tenant.provider_customer_id, document.currency, tenant.zone,
        exists (
            select from invoice_lines line
            where line.invoice_id = document.invoice_id and line.kind in ('usage', 'late_usage')
        ) and not exists (
            select from invoice_lines line
            where line.invoice_id = document.invoice_id and line.amount_minor > 0
                and line.kind in ('fee', 'fee_in_advance', 'minimum')
        ) as usage_only,
        exists (
            select from disputes dispute
            join invoices revision on revision.invoice_id = dispute.invoice_id
            where revision.provider_invoice_id = document.provider_invoice_id
                and dispute.ending is null and dispute.duplicate_of is null
        ) as disputed,
        (
            select min(attempt.ended_at) from payment_attempts attempt
            where attempt.invoice_id = document.invoice_id and attempt.outcome = 'declined'
        ) as tried_in_vain_at
    from invoices document join tenants tenant using (tenant_id)
    where document.corrects is null and tenant.provider_customer_id is not null
        and document.provider_invoice_id in (
            select asked.provider_invoice_id from invoices asked where asked.invoice_id = any(:invoice_ids)
        )
    order by document.invoice_id
""")

_UNSETTLED = text("""
    select document.invoice_id
    from invoices document left join receivables mirror using (invoice_id)
    where document.tenant_id = :tenant_id and document.corrects is null and document.provider_invoice_id is not null
        and (mirror.invoice_id is null or mirror.remaining_minor > 0 or mirror.charged_back)
    order by document.invoice_id
""")

# Who is charged automatically owes it at once. Open first attempts of nobody's case are the collection's own.
_DUE = text("""
    select document.invoice_id, document.tenant_id, tenant.collection = 'charge_automatically' as charged,
        (
            select attempt.began_at from payment_attempts attempt
            where attempt.invoice_id = document.invoice_id and attempt.ended_at is null
        ) as unknown_since
    from invoices document
    join tenants tenant using (tenant_id)
    left join receivables mirror using (invoice_id)
    where document.invoice_id > :after and document.corrects is null and document.status = 'open'
        and document.provider_invoice_id is not null and document.issued_at <= :now
        and tenant.provider_customer_id is not null
        and (mirror.invoice_id is null or (mirror.remaining_minor > 0 and mirror.chased_by is null))
        and not coalesce(mirror.too_small, false)
        and (
            (tenant.collection <> 'charge_automatically' and mirror.overdue_since is null)
            or tenant.collection = 'charge_automatically' and not exists (
                select from payment_attempts attempt
                where attempt.invoice_id = document.invoice_id
                    and coalesce(attempt.outcome, '') not in ('held', 'nothing_due', 'below_minimum')
                    and (attempt.ended_at is not null or attempt.case_id <> :collection)
            )
        )
    order by document.invoice_id limit :limit
""")

_FACTS = (
    "number", "provider_invoice_id", "status", "currency", "due_minor", "remaining_minor", "overdue_since",
    "charged_back", "disputed", "usage_only", "charged_automatically", "too_small", "read_at",
)  # fmt: skip


class PostgresReceivables(PaymentAttempts):
    """Satisfies `ReceivablesBook`; the attempts are in the base."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)

    def collectible(self, invoice_ids: Sequence[str]) -> tuple[CollectibleInvoice, ...]:
        with transaction(self._engine) as connection:
            rows = connection.execute(_COLLECTIBLE, {"invoice_ids": list(invoice_ids)})
            return tuple(CollectibleInvoice.model_validate(row._asdict()) for row in rows)

    def named(self, name: str) -> CollectibleInvoice | None:
        with transaction(self._engine) as connection:
            invoice_id = first_revision(connection, name)
        return next(iter(self.collectible((invoice_id,))), None)

    def unsettled(self, tenant_id: str) -> tuple[str, ...]:
        with transaction(self._engine) as connection:
            return tuple(connection.execute(_UNSETTLED, {"tenant_id": tenant_id}).scalars())

    def due(self, after: str, limit: int, now: datetime) -> tuple[DueInvoice, ...]:
        asked = {"after": after, "limit": limit, "now": now, "collection": COLLECTION}
        with transaction(self._engine) as connection:
            return tuple(DueInvoice.model_validate(row._asdict()) for row in connection.execute(_DUE, asked))

    def keep(self, receivables_read: Sequence[Receivable]) -> None:
        if not receivables_read:
            return
        written = insert(receivables).values([_row_of(one) for one in receivables_read])
        newer = written.on_conflict_do_update(
            index_elements=["invoice_id"],
            set_={name: written.excluded[name] for name in _FACTS},
            where=receivables.c.read_at <= written.excluded.read_at,
        )
        with transaction(self._engine) as connection:
            connection.execute(newer)

    def of_tenant(self, tenant_id: str) -> tuple[Receivable, ...]:
        mirror = select(receivables).where(receivables.c.tenant_id == tenant_id).order_by(receivables.c.invoice_id)
        with transaction(self._engine) as connection:
            return tuple(_receivable(row) for row in connection.execute(mirror))

    def find(self, invoice_id: str) -> Receivable | None:
        with transaction(self._engine) as connection:
            row = connection.execute(
                select(receivables).where(receivables.c.invoice_id == first_revision(connection, invoice_id))
            ).one_or_none()
        return None if row is None else _receivable(row)

    def chased_by(self, invoice_id: str, workflow_id: str, *, if_nobody: bool = False) -> None:
        chaser = receivables.c.chased_by
        of_invoice = receivables.c.invoice_id == invoice_id
        free = chaser.is_(None) if if_nobody else true()
        with transaction(self._engine) as connection:
            connection.execute(update(receivables).where(of_invoice, free).values(chased_by=workflow_id))

    def chased_no_more(self, invoice_id: str, workflow_id: str) -> None:
        own = (receivables.c.invoice_id == invoice_id) & (receivables.c.chased_by == workflow_id)
        with transaction(self._engine) as connection:
            connection.execute(update(receivables).where(own).values(chased_by=None))

    def chaser_of(self, invoice_id: str) -> str | None:
        chaser = select(receivables.c.chased_by).where(receivables.c.invoice_id == invoice_id)
        with transaction(self._engine) as connection:
            found: str | None = connection.execute(chaser).scalar()
        return found


def first_revision(connection: Connection, name: str) -> str:
    """The id of the document that stands at the provider, for the id or number of any revision; else `name` itself."""
    asked, first = invoices.alias("asked"), invoices.alias("first")
    same = (
        select(first.c.invoice_id)
        .join(asked, asked.c.provider_invoice_id == first.c.provider_invoice_id)
        .where((asked.c.invoice_id == name) | (asked.c.number == name), first.c.corrects.is_(None))
        .order_by((asked.c.invoice_id == name).desc())
        .limit(1)
    )
    found: str | None = connection.execute(same).scalar()
    return found or name


def _row_of(one: Receivable) -> dict[str, Any]:
    facts = one.model_dump(exclude={"due", "remaining"})
    return facts | {"due_minor": one.due.minor, "remaining_minor": one.remaining.minor}


def _receivable(row: Row[Any]) -> Receivable:
    facts = row._asdict()
    amounts = {
        name: Money(minor=facts.pop(f"{name}_minor"), currency=facts["currency"]) for name in ("due", "remaining")
    }
    return Receivable.model_validate(facts | amounts)
