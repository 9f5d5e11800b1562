"""Usage files go in whole, once, whatever their format, and go on where they were interrupted."""

from __future__ import annotations

from decimal import Decimal
from threading import Thread

import pytest
from sqlalchemy import event as sqlalchemy_event

from adapters.usage_files import UsageFormat, blocks, lines, open_usage_file
from billing.failures import BillingFailure, FailureCode
from billing.usage import LoadReport
from tests.adapters.postgres.usage_intake.collector import BY, Collector, csv_of, event, events

EVERY_FORMAT = pytest.mark.parametrize("written_as", UsageFormat)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of some rows, so that a small file has several."""
    monkeypatch.setattr(lines, "BLOCK_BYTES", 1_000)
    monkeypatch.setattr(blocks, "BLOCK_ROWS", 10)
    monkeypatch.setattr("adapters.usage_files.parquet.BLOCK_ROWS", 10)


@EVERY_FORMAT
def test_every_format_stores_the_same_events(collector: Collector, written_as: UsageFormat) -> None:
    rows = [
        event(1, quantity="123456789012345678.123456"),
        event(2, quantity="0.000001", event_time="2026-11-10T12:00:00.123456+02:00", model='m, "1"'),
        event(3, quantity="0", tool=None, meter="tokens"),
    ]

    report = collector.loads(rows, written_as)

    found = collector.rows("select * from usage_events order by event_id")
    assert (report.stored, report.rows, report.done) == (3, 3, True)
    assert [row["quantity"] for row in found] == [Decimal(row["quantity"]) for row in rows]
    assert [str(row["event_id"]) for row in found] == [row["event_id"] for row in rows]
    assert [str(row["trace_id"]) for row in found] == [row["trace_id"] for row in rows]
    assert [(row["tool"], row["model"]) for row in found] == [("sdk", None), ("sdk", 'm, "1"'), (None, None)]
    assert f"{found[1]['event_time']:%Y-%m-%dT%H:%M:%S.%f%z}" == "2026-11-10T10:00:00.123456+0000"
    assert {(row["tenant_id"], row["route"], row["api_key_id"]) for row in found} == {("acme", "/v1/calls", "key-1")}


@EVERY_FORMAT
def test_the_same_file_again_is_the_same_load(collector: Collector, written_as: UsageFormat) -> None:
    first = collector.loads(events(50), written_as)

    again = collector.loads(events(50), written_as)

    assert again == first
    assert collector.stored() == 50
    assert collector.one("select count(*) from usage_loads") == 1


def test_events_of_an_earlier_file_are_known_and_counted(collector: Collector) -> None:
    collector.loads(events(50))

    report = collector.loads(events(80))

    assert (report.stored, report.known, report.quarantined) == (30, 50, 0)
    assert collector.stored() == 80


def test_an_event_that_stands_in_a_file_twice_is_stored_once(collector: Collector) -> None:
    report = collector.loads([event(1), event(2), event(1)])

    assert (report.stored, report.known, report.quarantined) == (2, 1, 0)


@pytest.mark.usefixtures("small_blocks")
@EVERY_FORMAT
def test_an_interrupted_load_goes_on_where_it_stood(collector: Collector, written_as: UsageFormat) -> None:
    path = collector.file(events(60), written_as)

    def interrupt(report: LoadReport) -> None:
        if report.position >= 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        collector.intake.load(open_usage_file(path), BY, interrupt)
    stored_before = collector.stored()
    report = collector.loads(path)

    assert 20 <= stored_before < 60
    assert (report.stored, report.known, report.position, report.done) == (60, 0, 60, True)
    assert collector.stored() == 60


@pytest.mark.usefixtures("small_blocks")
def test_a_block_is_stored_whole_or_not_at_all(collector: Collector) -> None:
    path = collector.file(events(60))
    broken = iter(range(3))

    def break_the_third(*arguments: object) -> None:
        if "update usage_loads" in str(arguments[2]).lower() and next(broken, None) == 2:
            raise RuntimeError("the process is gone")

    sqlalchemy_event.listen(collector.engine, "before_cursor_execute", break_the_third)
    with pytest.raises(RuntimeError):
        collector.loads(path)
    sqlalchemy_event.remove(collector.engine, "before_cursor_execute", break_the_third)
    load = collector.rows("select stored, position, state from usage_loads")[0]

    assert load == {"stored": collector.stored(), "position": collector.stored(), "state": "loading"}
    assert collector.loads(path).stored == 60


@pytest.mark.usefixtures("small_blocks")
def test_progress_is_told_after_every_block(collector: Collector) -> None:
    told: list[LoadReport] = []

    collector.intake.load(open_usage_file(collector.file(events(60))), BY, told.append)

    assert [report.position for report in told] == sorted({report.position for report in told})
    assert len(told) > 5
    assert (told[0].position, told[-1].position, told[-1].rows) == (0, 60, 60)


def test_two_processes_do_not_load_one_file_at_a_time(collector: Collector) -> None:
    path = collector.file(events(5))
    refusals: list[FailureCode] = []

    def load_again(report: LoadReport) -> None:
        try:
            collector.loads(path)
        except BillingFailure as failure:
            refusals.append(failure.code)

    collector.intake.load(open_usage_file(path), BY, load_again)

    assert set(refusals) == {FailureCode.CONFLICT}
    assert collector.stored() == 5


def test_months_without_a_partition_get_one(collector: Collector) -> None:
    rows = [event(1, event_time="2026-02-03T00:00:00Z"), event(2, event_time="2026-04-30T23:59:59.999999Z")]

    report = collector.loads(rows)

    assert report.stored == 2
    assert collector.one("select to_regclass('usage_events_y2026m04') is not null")


def test_columns_may_come_in_any_order_and_optional_ones_may_be_left_out(collector: Collector) -> None:
    path = collector.folder / "turned.csv"
    kept = [name for name in reversed(event()) if name not in {"tool", "model"}]
    path.write_bytes(
        b"\xef\xbb\xbf" + (",".join(kept) + "\r\n" + ",".join(event()[name] for name in kept) + "\r\n").encode()
    )

    report = collector.loads(path)

    assert report.stored == 1
    assert collector.rows("select tenant_id, tool, model from usage_events") == [
        {"tenant_id": "acme", "tool": None, "model": None}
    ]


def test_what_was_touched_is_marked_in_the_tenants_own_days(collector: Collector) -> None:
    rows = [event(1, event_time="2026-11-10T04:59:59Z"), event(2, event_time="2026-11-10T05:00:00Z", meter="tokens")]

    collector.loads(rows)

    marked = collector.rows("select meter, day::text from rollup_dirty order by meter")
    assert marked == [{"meter": "api_calls", "day": "2026-11-09"}, {"meter": "tokens", "day": "2026-11-10"}]


def test_a_load_that_stores_nothing_new_marks_nothing(collector: Collector) -> None:
    collector.loads([event(1)])
    with collector.engine.begin() as connection:
        connection.exec_driver_sql("delete from rollup_dirty")

    collector.loads([event(1), event(1)])

    assert collector.one("select count(*) from rollup_dirty") == 0


def test_a_file_of_a_header_alone_is_loaded_and_empty(collector: Collector) -> None:
    path = collector.folder / "empty.csv"
    path.write_text(csv_of([]))

    report = collector.loads(path)

    assert (report.rows, report.stored, report.done) == (0, 0, True)


@pytest.mark.usefixtures("small_blocks")
def test_repeats_are_known_across_blocks_however_far_apart(collector: Collector) -> None:
    rows = events(60)

    report = collector.loads([*rows, *rows[50:], *rows[:10]])

    assert (report.stored, report.known, report.quarantined) == (60, 20, 0)
    assert collector.stored() == 60


@pytest.mark.usefixtures("small_blocks")
def test_an_id_that_comes_with_another_time_in_the_next_block_is_set_aside(collector: Collector) -> None:
    rows = events(10)

    report = collector.loads([*rows, rows[8] | {"event_time": "2026-11-05T00:00:00Z"}, *events(40)[10:]])

    assert (report.stored, report.quarantined) == (40, 1)
    assert [(line, field) for line, field, _ in collector.set_aside()] == [(12, "event_time")]


def test_loads_of_the_same_events_at_the_same_time_store_each_once(collector: Collector) -> None:
    rows = events(2_000)
    files = [
        collector.file(rows[start:] + rows[:start], UsageFormat.JSON_LINES, name=f"part-{start}")
        for start in (0, 500, 1_000)
    ]
    reports: list[LoadReport] = []

    loads = [Thread(target=lambda path=path: reports.append(collector.loads(path))) for path in files]
    for load in loads:
        load.start()
    for load in loads:
        load.join()

    assert collector.stored() == 2_000
    assert sum(report.stored for report in reports) == 2_000
    assert sum(report.known for report in reports) == 4_000
