"""Whoever runs at once and wherever it dies: one document a tenant, numbers without gaps, and the books as if undisturbed."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, Engine, event

from adapters.postgres.billing_runs import PostgresBillingRuns, copying
from adapters.postgres.engine import driver_of, open_engine
from billing.failures import BillingFailure, FailureCode
from billing.month_end import BillingRun, Outcome, Parking, Shard
from tests.adapters.postgres.billing_runs.crowds import at_once, workers
from tests.adapters.postgres.billing_runs.world import EVERYBODY, FINANCE, NOW, House, still

BOOKS = (
    "select invoice_id, number, status, total_minor, run_id from invoices order by 1",
    "select invoice_id, number, description, amount_minor from invoice_lines order by 1, 2",
    "select tenant_id, outcome, total_minor, digest from run_entries order by 1",
    "select op_key, request, state from effects order by 1",
)


def a_full_house(house: House, tenants: int = 12) -> None:
    for n in range(tenants):
        tenant_id = house.tenant(f"tenant-{n:02}", address=None if n == 5 else "Some Street 1")
        house.used(tenant_id, 100 + n)
    house.credit("tenant-03", 10_00, "T-1")


def books(house: House) -> list[Any]:
    return [[tuple(map(str, row.values())) for row in house.rows(asked)] for asked in BOOKS]


def test_two_workers_on_one_shard_bill_it_once_between_them(house: House, database_url: str) -> None:
    a_full_house(house)
    run = house.open()

    with workers(database_url, 2) as clerks:
        rated = at_once([lambda clerk=clerk: clerk.rate(run.run_id, EVERYBODY, still) for clerk in clerks])
        issued = at_once([lambda clerk=clerk: _patiently(clerk, run, EVERYBODY) for clerk in clerks])

    assert [answer.outcomes for answer in rated] == [{Outcome.PARKED: 1, Outcome.RATED: 11}] * 2
    assert [answer.outcomes for answer in issued] == [{Outcome.RATED: 11}] * 2
    assert house.numbers() == [f"INV-2026-{n:06}" for n in range(1, 12)]


def test_overlapping_shards_and_two_runs_of_a_confused_operator_bill_nobody_twice(
    house: House, database_url: str
) -> None:
    a_full_house(house)
    run = house.open()
    shards = [Shard(first=f"tenant-{n:02}", last=f"tenant-{n + 5:02}") for n in range(0, 8, 2)] * 2

    with workers(database_url, len(shards)) as clerks:
        pairs = list(zip(clerks, shards, strict=True))
        at_once(
            [lambda c=clerk, s=shard: _persistently(lambda: c.rate(run.run_id, s, still)) for clerk, shard in pairs]
        )
        at_once([lambda c=clerk, s=shard: _patiently(c, run, s) for clerk, shard in pairs])

    assert len(house.totals()) == 11
    assert house.numbers() == [f"INV-2026-{n:06}" for n in range(1, 12)]


def test_numbers_have_no_gap_when_a_worker_dies_between_two_shards_of_another(
    house: House, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_full_house(house, 40)
    run = house.open()
    house.rate(run)
    shards = [Shard(first=f"tenant-{n:02}", last=f"tenant-{n + 3:02}") for n in range(0, 40, 4)]

    with workers(database_url, 2) as (steady, mortal):
        killed = _kill_at(mortal, 9, monkeypatch)
        at_once(
            [
                lambda: [_patiently(steady, run, shard) for shard in shards[::2]],
                lambda: [_patiently(mortal, run, shard) for shard in shards[1::2]],
            ]
        )

    assert killed == [9]
    assert house.numbers() == [f"INV-2026-{n:06}" for n in range(1, 40)]


def test_a_person_who_parks_a_draft_while_it_is_issued_wins_or_loses_and_leaves_no_gap(
    house: House, database_url: str
) -> None:
    a_full_house(house)
    run = house.open()
    house.rate(run)
    parking = Parking(tenant_id="tenant-07", reason="wait", by=FINANCE)

    with workers(database_url, 2) as (clerk, person):
        at_once(
            [
                lambda: _patiently(clerk, run, EVERYBODY),
                lambda: _unless_refused(lambda: person.park(run.run_id, parking)),
            ]
        )

    numbers = house.numbers()
    assert numbers == [f"INV-2026-{n:06}" for n in range(1, len(numbers) + 1)]
    assert len(numbers) + len(house.rows("select * from run_parkings")) == 11
    assert len(house.column("select distinct invoice_id from invoice_lines join invoices using (invoice_id) "
                            "where run_id is not null")) == len(numbers)  # fmt: skip


def test_the_books_are_the_same_wherever_a_worker_was_killed(
    fresh_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before every statement, COPY and commit of rating and of issuing the connection is cut, and the work begun again."""
    urls = [fresh_database(), fresh_database()]
    undisturbed, disturbed = (House(open_engine(url)) for url in urls)
    for house in (undisturbed, disturbed):
        a_full_house(house)
        run = house.open()
    undisturbed.rate(run)
    undisturbed.finalise(run)

    with workers(urls[1], 1) as (mortal,):
        works = (
            lambda: mortal.rate(run.run_id, EVERYBODY, still),
            lambda: mortal.finalise(run.run_id, EVERYBODY, NOW, still),
        )
        deaths = [_killed_everywhere(disturbed, mortal, monkeypatch, work) for work in works]

    assert min(deaths) > 10
    assert books(disturbed) == books(undisturbed)
    for house in (undisturbed, disturbed):
        house.engine.dispose()


def test_an_attempt_that_wakes_up_after_the_run_was_cancelled_writes_nothing(house: House) -> None:
    a_full_house(house)
    run = house.open()
    house.rate(run, Shard(first="tenant-00", last="tenant-03"))
    house.runs.abandon(run.run_id, "the wrong month", NOW)

    for late in (house.rate, house.finalise):
        with pytest.raises(BillingFailure, match="is abandoned and bills nobody any more") as refused:
            late(run)
        assert refused.value.code is FailureCode.CONFLICT

    assert house.rows("select * from invoices where run_id is not null") == []
    assert len(house.rows("select * from run_entries")) == 4


def _killed_everywhere(
    house: House, mortal: PostgresBillingRuns, monkeypatch: pytest.MonkeyPatch, work: Callable[[], Any]
) -> int:
    """Try the work with the connection cut at one point after the other until it comes to its end; answers the deaths."""
    for point in count():
        before = books(house)
        with monkeypatch.context() as patched:
            reached = _kill_at(mortal, point, patched)
            try:
                work()
            except BillingFailure as failure:
                assert failure.code is FailureCode.UNAVAILABLE
                assert books(house) == before
        if not reached:
            return point
    raise AssertionError("counting never ends")


def _patiently(runs: PostgresBillingRuns, run: BillingRun, shard: Shard) -> Any:
    return _persistently(lambda: runs.finalise(run.run_id, shard, NOW, still))


def _persistently(task: Callable[[], Any]) -> Any:
    """As Temporal does: what may be repeated is repeated."""
    while True:
        try:
            return task()
        except BillingFailure as failure:
            if failure.final:
                raise


def _unless_refused(task: Callable[[], Any]) -> None:
    try:
        _persistently(task)
    except BillingFailure as failure:
        assert failure.code is FailureCode.CONFLICT


def _kill_at(runs: PostgresBillingRuns, point: int, patched: pytest.MonkeyPatch) -> list[int]:
    """Cut the connection right before the statement, COPY or commit number `point`, once; the list holds it once reached."""
    engine: Engine = runs._engine
    seen, reached = [0], list[int]()
    admin = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)

    def counted(connection: Connection) -> Any:
        driver = driver_of(connection)
        if seen[0] == point and not reached:
            reached.append(point)
            with psycopg.connect(admin, autocommit=True) as other:
                other.execute("select pg_terminate_backend(%s, 5000)", [driver.info.backend_pid])
        seen[0] += 1
        return driver

    event.listen(engine, "before_cursor_execute", lambda connection, *_: counted(connection) and None)
    event.listen(engine, "commit", counted)
    patched.setattr(copying, "driver_of", counted)
    return reached
