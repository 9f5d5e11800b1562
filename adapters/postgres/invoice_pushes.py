"""Issued documents on their way to the payment provider, read for a whole batch of tenants at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, text, update

from activities.push_ports import DocumentToPush, LineToPush
from adapters.postgres.engine import transaction
from adapters.postgres.tables import invoices
from billing.effects import Effect, EffectState
from billing.failures import BillingFailure, FailureCode
from billing.month_end import BatchResult, LeftDocument, Shard, case_id

# The documents of a run's period whose tenants are in a range, each with the effect that brings it to the provider.
_BATCH = """
    with batch as (
        select document.*, effect.op_key, effect.state, effect.why
        from billing_runs run
        join invoices document on document.period = run.period
        join effects effect on effect.op_key = 'month-end/' || document.period || '/invoice/'
            || substr(document.invoice_id, 13)
        where run.run_id = :run_id and document.revision = 1 and document.status <> 'draft'
            and document.tenant_id between :first and :last
    )
"""

_UNSETTLED = """
    select batch.op_key, batch.invoice_id, batch.number, batch.period, batch.tenant_id, batch.currency, batch.total_minor,
        batch.total_minor - batch.applied_credit_minor as due_minor, batch.issued_at,
        tenant.provider_customer_id, tenant.collection = 'charge_automatically' as charged_automatically
    from batch join tenants tenant using (tenant_id)
    where batch.state not in ('confirmed', 'refused')
    order by batch.tenant_id
"""

_STANDING = """
    select tenant_id, number, state, why from batch order by tenant_id
"""

_TAKE_UP_AGAIN = """
    update effects set state = 'intended', generation = generation + 1, wire = null, first_sent_at = null, why = null
    where op_key in (select op_key from batch where state = 'refused')
"""

_LINES = """
    select invoice_id, number, description, meter, amount_minor, service_start as first, service_end as "end"
    from invoice_lines where invoice_id = any(:invoice_ids) order by invoice_id, number
"""

_LEFT = """
    select document.tenant_id, document.number, effect.state, effect.why
    from effects effect join invoices document on document.invoice_id = effect.request ->> 'invoice_id'
    where effect.case_id = :case_id and effect.kind = 'invoice' and effect.state <> 'confirmed'
    order by document.tenant_id limit :limit
"""


class InvoicePushes:
    """Satisfies `PushBook`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def take_up_again(self, run_id: str, batch: Shard) -> int:
        with transaction(self._engine) as connection:
            return connection.execute(text(_BATCH + _TAKE_UP_AGAIN), _range(run_id, batch)).rowcount

    def unsettled(self, run_id: str, batch: Shard) -> tuple[DocumentToPush, ...]:
        with transaction(self._engine) as connection:
            documents = connection.execute(text(_BATCH + _UNSETTLED), _range(run_id, batch)).mappings().all()
            lines = _lines_of(connection, [document["invoice_id"] for document in documents])
        return tuple(
            DocumentToPush(**document, lines=tuple(lines.get(document["invoice_id"], ()))) for document in documents
        )

    def standing(self, run_id: str, batch: Shard) -> BatchResult:
        with transaction(self._engine) as connection:
            documents = connection.execute(text(_BATCH + _STANDING), _range(run_id, batch)).mappings().all()
        left = tuple(_left(document) for document in documents if document["state"] != EffectState.CONFIRMED)
        return BatchResult(done=len(documents) - len(left), left=left)

    def left(self, period: str, limit: int) -> tuple[LeftDocument, ...]:
        """The first `limit` documents of a period that are not at the provider yet, by tenant, each with why."""
        with transaction(self._engine) as connection:
            rows = connection.execute(text(_LEFT), {"case_id": case_id(period), "limit": limit}).mappings()
            return tuple(_left(row) for row in rows)


def link(connection: Connection, effect: Effect, provider_invoice_id: str) -> None:
    """Note on the document which invoice at the provider it is; part of confirming its effect. Raises CONFLICT when it
    is linked to another one."""
    invoice_id = str(effect.request["invoice_id"])
    linked = connection.execute(
        update(invoices)
        .where(invoices.c.invoice_id == bindparam("document"))
        .where(invoices.c.provider_invoice_id.is_(None) | (invoices.c.provider_invoice_id == bindparam("at_provider")))
        .values(provider_invoice_id=bindparam("at_provider")),
        {"document": invoice_id, "at_provider": provider_invoice_id},
    )
    if linked.rowcount != 1:
        raise BillingFailure(
            FailureCode.CONFLICT,
            f"{invoice_id} is no document that {provider_invoice_id} can be: it is unknown, or linked to another invoice",
        )


def _range(run_id: str, batch: Shard) -> Mapping[str, Any]:
    return {"run_id": run_id, "first": batch.first, "last": batch.last}


def _lines_of(connection: Connection, invoice_ids: Sequence[str]) -> dict[str, list[LineToPush]]:
    lines: dict[str, list[LineToPush]] = {}
    for row in connection.execute(text(_LINES), {"invoice_ids": list(invoice_ids)}).mappings():
        lines.setdefault(row["invoice_id"], []).append(
            LineToPush.model_validate({name: row[name] for name in LineToPush.model_fields})
        )
    return lines


def _left(row: Mapping[Any, Any]) -> LeftDocument:
    why = row["why"] or ("its outcome is not known" if row["state"] == EffectState.UNKNOWN else "it was not sent yet")
    return LeftDocument(tenant_id=row["tenant_id"], number=row["number"], why=why)
