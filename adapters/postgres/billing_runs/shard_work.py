"""One shard in one transaction: read what its bills are made from, make them, and write them down."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, select, text

from adapters.postgres.billing_runs.calendar import calendar_of
from adapters.postgres.billing_runs.drafts import PriceIds, write_drafts
from adapters.postgres.billing_runs.irregular import read_billed_in_advance, read_by_day, read_contracts
from adapters.postgres.billing_runs.late import read_late_usage
from adapters.postgres.billing_runs.rating import Material
from adapters.postgres.billing_runs.reading import (
    Account,
    read_accounts,
    read_stops,
    read_unsettled,
    read_usage,
)
from adapters.postgres.billing_runs.register import Run, still_works
from adapters.postgres.billing_runs.terms import TermsShelf, ids_of
from adapters.postgres.tables import meters
from billing.month_end import Outcome, Shard, ShardResult

_OUTCOMES = text("""
    select outcome, count(*) as tenants from run_entries
    where run_id = :run_id and tenant_id between :first and :last group by outcome
""")


def rate_shard(connection: Connection, run: Run, shard: Shard, shelf: TermsShelf) -> int:
    """Bill the tenants of the shard that are not done yet; answers how many lines were written.

    The connection reads one snapshot: usage, its corrections and what was billed before belong together.
    """
    still_works(connection, run.run_id)
    accounts = read_accounts(connection, run, shard, calendar_of(run.period))
    if not accounts:
        return 0
    material = _material(connection, run, shard, accounts, shelf)
    with collecting_later():
        judged = [material.judge(account) for account in accounts]
        return write_drafts(connection, run, judged, _price_ids(connection, material), material.late)


@contextmanager
def collecting_later() -> Iterator[None]:
    """Keep Python from looking for garbage in cycles: bills make none, and the looking takes a quarter of their time.

    With several shards at work the last switch may come early, which costs a little time and nothing else.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def rated(connection: Connection, run: Run, shard: Shard, lines: int) -> ShardResult:
    """What the run made of the shard's tenants, whichever attempt did it."""
    outcomes = connection.execute(_OUTCOMES, run.parameters | shard.model_dump()).all()
    return ShardResult(outcomes={Outcome(row.outcome): row.tenants for row in outcomes}, lines=lines)


def _material(connection: Connection, run: Run, shard: Shard, accounts: list[Account], shelf: TermsShelf) -> Material:
    calendar = calendar_of(run.period)
    by_id = {account.tenant_id: account for account in accounts}
    irregular = [account.tenant_id for account in accounts if not account.is_plain]
    unsettled = read_unsettled(connection, shard, calendar) & by_id.keys()
    by_day = unsettled.union(irregular)
    contracts, their_terms = read_contracts(connection, irregular, calendar.with_following, shelf)
    return Material(
        calendar=calendar,
        terms=shelf.read(connection, _terms_of(accounts)) | their_terms,
        labels=_labels(connection),
        usage=read_usage(connection, run, shard, [one for one in accounts if one.tenant_id not in by_day], calendar),
        stops=read_stops(connection, shard, calendar),
        by_day=read_by_day(connection, sorted(by_day), calendar),
        contracts=contracts,
        in_advance=read_billed_in_advance(connection, shard, calendar),
        late=read_late_usage(connection, shard, by_id, calendar, shelf),
    )


def _terms_of(accounts: Iterable[Account]) -> set[int]:
    plain = (account for account in accounts if account.is_plain)
    return {ids for account in plain for ids in (account.terms_id, account.next_terms_id) if ids is not None}


def _labels(connection: Connection) -> dict[str, str]:
    return {row.meter: row.description for row in connection.execute(select(meters.c.meter, meters.c.description))}


def _price_ids(connection: Connection, material: Material) -> PriceIds:
    of_terms = [
        (price, known.price_ids[price.meter]) for known in material.terms.values() for price in known.terms.prices
    ]
    late = [item.price for one in material.late.values() for item in one.usage if item.price is not None]
    ids = ids_of(connection, late) if late else {}
    return PriceIds([*of_terms, *((price, ids[price]) for price in late)])
