"""Holding a run's drafts against earlier months: the safety bound that needs them, for all tenants in one statement."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, text

from adapters.postgres.billing_runs.register import Run
from adapters.postgres.tables.columns import Json
from billing.money import MINOR_UNIT_PLACES
from billing.periods import month_before
from billing.run_reports import Bound

# A document counts as its newest revision says; drafts and voided ones do not.
IN_FORCE = """
    invoice.kind = 'usage' and invoice.status not in ('draft', 'void')
        and not exists (select from invoices as later where later.corrects = invoice.invoice_id)
"""

# Whom the run bills now: what somebody took out of it is parked, whatever its entry says.
RATED = """
    run_entries as entry where entry.run_id = :run_id and entry.outcome = 'rated' and not exists (
        select from run_parkings as parking
        where parking.run_id = entry.run_id and parking.tenant_id = entry.tenant_id
    )
"""


def _in_words(minor: str, currency: str) -> str:
    """The expression for an amount such as `USD 1234.50`, as `billing.money.Money` writes it."""
    places = f"cast(cast(:places as jsonb) ->> {currency} as integer)"
    return f"{currency} || ' ' || round({minor} / power(cast(10 as numeric), {places}), {places})"


# Of an even number of months the median lies between the two in the middle: twice the median is a whole number.
_FLAG_SPIKES = text(f"""
    insert into run_flags (run_id, tenant_id, bound, detail)
    select :run_id, entry.tenant_id, :bound,
        'comes to ' || {_in_words("entry.total_minor", "entry.currency")} || '; the median of the months before is '
            || {_in_words("usual.twice / 2.0", "entry.currency")}
    from (select entry.tenant_id, entry.currency, entry.total_minor from {RATED}) as entry
    join (
        select invoice.tenant_id, invoice.currency,
            percentile_disc(0.5) within group (order by invoice.total_minor)
                + percentile_disc(0.5) within group (order by invoice.total_minor desc) as twice
        from invoices as invoice where invoice.period = any(:periods) and {IN_FORCE}
        group by invoice.tenant_id, invoice.currency
    ) as usual using (tenant_id, currency)
    where 2 * entry.total_minor > cast(:factor as numeric) * usual.twice
    on conflict do nothing
""").bindparams(bindparam("places", type_=Json))  # noqa: S608 - words of ours


def flag_spikes(connection: Connection, run: Run) -> None:
    """Flag drafts above `spike_factor` times the tenant's median of the last `median_months`; once for each run.

    A tenant without any earlier document has nothing to be held against.
    """
    periods, period = [], run.period
    for _ in range(run.policy.median_months):
        period = month_before(period)
        periods.append(period)
    connection.execute(
        _FLAG_SPIKES,
        {
            "run_id": run.run_id,
            "bound": Bound.SPIKE.value,
            "periods": periods,
            "factor": run.policy.spike_factor,
            "places": MINOR_UNIT_PLACES,
        },
    )
