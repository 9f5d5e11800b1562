"""Issuing a shard's drafts in one transaction: numbers without gaps, credits applied, and an effect for each document.

The series of numbers is taken as late as can be, since whoever issues for the same legal entity waits from there to the
commit: parties and effects are written before it, so that only the documents' own rows are left to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, text

from adapters.postgres.billing_runs import parties
from adapters.postgres.billing_runs.credit_use import apply_credits, tenants_in_credit
from adapters.postgres.billing_runs.held_drafts import put_held_aside
from adapters.postgres.billing_runs.register import BILL, OF_SHARD, Run, still_works
from adapters.postgres.number_series import number_in_sql
from billing.effects import EffectKind, EffectState
from billing.failures import BillingFailure, FailureCode
from billing.invoices import InvoiceStatus
from billing.month_end import Outcome, Shard, ShardResult, case_id

_DRAFTS = "invoices as invoice join tenants as tenant on tenant.tenant_id = invoice.tenant_id"
_THE_SHARDS = f"""
    {OF_SHARD} and invoice.run_id = :run_id and invoice.status = 'draft' and tenant.tenant_id between :first and :last
"""

_DRAFTS_OF = text(f"""
    select invoice.invoice_id, invoice.tenant_id, invoice.currency, invoice.total_minor
    from {_DRAFTS} where {_THE_SHARDS} and tenant.tenant_id = any(:tenants)
""")  # noqa: S608 - words of ours

# As `billing.corrections.sha256_of` writes it before hashing: sorted, without spaces. No value can hold a character that
# JSON escapes. The document's number is not among it: effects are written before there is one, and it never changes then.
_REQUEST = """
    '{"currency":"' || currency || '","due_minor":' || (total_minor - applied_minor) || ',"invoice_id":"' || invoice_id
    || '","total_minor":' || total_minor || '}'
"""

_NUMBER = number_in_sql(
    "series", "taken.last - wanted.count + row_number() over (partition by series order by known.tenant_id)"
)

# Everything at once: who is named on the documents, the effects, which numbers they get, and what makes them so. A document
# finds its row by `ctid`, the quickest way there is. A draft that somebody changed meanwhile has moved: it is left out, and
# missed by the counts. So is an effect that another worker writes for the same draft, and a party that another shard adds.
# The series is taken only after parties and effects are counted, so that they are written before others have to wait.
_ISSUE = text(f"""
    with draft as materialized (
        select invoice.ctid as place, invoice.invoice_id, invoice.tenant_id, invoice.legal_entity_id, invoice.currency,
            invoice.total_minor, coalesce(used.minor, 0) as applied_minor, {BILL} as bill,
            {parties.sha256_in_sql(parties.OF_TENANT)} as sha256
        from {_DRAFTS}
        left join unnest(cast(:credited as text[]), cast(:applied as bigint[])) as used(invoice_id, minor) using (invoice_id)
        where {_THE_SHARDS}
    ), known as materialized (
        select draft.*, (select party_id from parties as kept where kept.sha256 = draft.sha256) as party_id from draft
    ), added as (
        insert into parties (sha256, party)
        select distinct on (sha256) sha256, {parties.OF_TENANT}
        from known join tenants as tenant using (tenant_id) where known.party_id is null
        order by sha256
        on conflict (sha256) do nothing
        returning sha256, party_id
    ), asked as materialized (
        select tenant_id, :case_id || '/invoice/' || bill as op_key, {_REQUEST} as request from draft
    ), intended as (
        insert into effects (op_key, kind, case_id, tenant_id, state, request, request_sha256, intended_at)
        select op_key, :kind, :case_id, tenant_id, :state, cast(request as jsonb),
            encode(sha256(convert_to(request, 'UTF8')), 'hex'), :now
        from asked
        on conflict (op_key) do nothing
        returning 1
    ), issuer as materialized (
        select entity_id, number_prefix || '-' || :year as series, {parties.id_in_sql(parties.OF_ENTITY)} as party_id
        from legal_entities as entity
    ), wanted as materialized (
        select series, count(*) as count from known join issuer on entity_id = legal_entity_id group by series
    ), taken as (
        insert into number_series as series (series, last)
        select series, count from wanted
        where (select count(*) from added) + (select count(*) from intended) > 0
        order by series
        on conflict (series) do update set last = series.last + excluded.last
        returning series, last
    ), document as (
        select known.place, issuer.party_id as billed_by, coalesce(known.party_id, added.party_id) as billed_to,
            known.applied_minor, case when known.total_minor > known.applied_minor then :open else :paid end as status,
            {_NUMBER} as number
        from known join issuer on issuer.entity_id = known.legal_entity_id
        join wanted using (series) join taken using (series)
        left join added using (sha256)
    ), issued as (
        update invoices as invoice
        set number = document.number, status = document.status, issued_at = :now, billed_by = document.billed_by,
            billed_to = document.billed_to, applied_credit_minor = document.applied_minor
        from document
        where invoice.ctid = document.place and invoice.status = 'draft' and document.billed_to is not null
        returning 1
    )
    select (select count(*) from draft) as drafts,
        least((select count(*) from intended), (select count(*) from issued)) as issued
""")  # noqa: S608 - words of ours

_ISSUED = text(f"""
    select count(*) as issued, (
        select count(*) from run_parkings as parking
        where parking.run_id = :run_id and parking.tenant_id between :first and :last
    ) as parked
    from invoices as invoice where {OF_SHARD} and invoice.run_id = :run_id and invoice.status <> 'draft'
""")  # noqa: S608 - words of ours


def finalise(connection: Connection, run: Run, shard: Shard, now: datetime) -> None:
    """Issue what the run drafted for the shard; what nothing is due on is paid by being issued.

    Raises UNAVAILABLE when somebody else changed a draft meanwhile.
    """
    still_works(connection, run.run_id)
    put_held_aside(connection, run, shard, now)
    of_shard = run.parameters | shard.model_dump()
    applied = _apply_credits(connection, shard, of_shard, now)
    parties.add_entities(connection)
    _issue(connection, of_shard | _words(run.period, now), applied)


def issued(connection: Connection, run: Run, shard: Shard) -> ShardResult:
    """What became of the shard's drafts."""
    row = connection.execute(_ISSUED, run.parameters | shard.model_dump()).one()
    outcomes = {Outcome.RATED: row.issued, Outcome.PARKED: row.parked}
    return ShardResult(outcomes={outcome: count for outcome, count in outcomes.items() if count})


def _apply_credits(
    connection: Connection, shard: Shard, of_shard: Mapping[str, object], now: datetime
) -> Mapping[str, int]:
    """Minor units by invoice id; nearly always nothing."""
    tenants = tenants_in_credit(connection, shard)
    if not tenants:
        return {}
    drafts = connection.execute(_DRAFTS_OF, {**of_shard, "tenants": tenants}).all()
    return apply_credits(connection, shard, drafts, now)


def _words(period: str, now: datetime) -> dict[str, object]:
    """What every document and effect of the run says alike."""
    return {
        "now": now,
        "year": str(now.year),
        "open": InvoiceStatus.OPEN.value,
        "paid": InvoiceStatus.PAID.value,
        "case_id": case_id(period),
        "kind": EffectKind.INVOICE.value,
        "state": EffectState.INTENDED.value,
    }


def _issue(connection: Connection, wanted: Mapping[str, object], applied: Mapping[str, int]) -> None:
    of_credits = {"credited": list(applied), "applied": list(applied.values())}
    done = connection.execute(_ISSUE, {**wanted, **of_credits}).one()
    if done.issued != done.drafts:
        raise BillingFailure(
            FailureCode.UNAVAILABLE,
            f"{done.drafts - done.issued} drafts were issued or parked by somebody else meanwhile: try again",
        )
