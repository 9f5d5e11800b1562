"""Drafts that a hold covers by the time they would be issued: taken out of the run, and parked with the reason."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, text

from adapters.postgres.billing_runs.drafts import drop_drafts
from adapters.postgres.billing_runs.register import OF_SHARD, Run
from billing.failures import BillingFailure, FailureCode
from billing.month_end import Shard

_HELD = text(f"""
    select invoice.invoice_id, invoice.tenant_id, min(hold.reason) as reason
    from invoices as invoice
    join holds as hold on hold.effect = 'invoicing' and hold.released_at is null and (
        hold.tenant_id = invoice.tenant_id or exists (
            select from invoice_lines as line where line.invoice_id = invoice.invoice_id and line.meter = hold.meter
        )
    )
    where {OF_SHARD} and invoice.run_id = :run_id and invoice.status = 'draft'
    group by invoice.invoice_id
""")  # noqa: S608 - words of ours

_HOLDS = text("""
    select reason, placed_by, tenant_id is null and meter is null as for_everybody from holds
    where effect = 'invoicing' and released_at is null
        and (tenant_id is null or tenant_id between :first and :last)
""")

_PARK = text("""
    insert into run_parkings (run_id, tenant_id, reason, parked_by, parked_at)
    select :run_id, tenant_id, reason, 'runbook', :now from unnest(cast(:tenants as text[]), cast(:reasons as text[]))
        as held(tenant_id, reason)
    on conflict do nothing
""")


def put_held_aside(connection: Connection, run: Run, shard: Shard, now: datetime) -> None:
    """Take drafts out that a hold covers by now. Raises UNAVAILABLE while a hold covers everybody."""
    holds = connection.execute(_HOLDS, shard.model_dump()).all()
    for hold in holds:
        if hold.for_everybody:
            raise BillingFailure(
                FailureCode.UNAVAILABLE, f"invoicing is held for everybody by {hold.placed_by}: {hold.reason}"
            )
    if not holds:
        return
    held = connection.execute(_HELD, run.parameters | shard.model_dump()).all()
    drop_drafts(connection, [draft.invoice_id for draft in held])
    reasons = [f"invoicing is held: {draft.reason}; release the hold, then run again" for draft in held]
    connection.execute(
        _PARK,
        {"run_id": run.run_id, "now": now, "tenants": [draft.tenant_id for draft in held], "reasons": reasons},
    )
