"""Roll-ups follow the events by the tenant's own days, miss no load that runs beside them, and are held to the events."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from threading import Thread

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from adapters.postgres.rollup_findings import open_findings
from adapters.postgres.rollups import PostgresRollUps
from adapters.postgres.stored_usage import StoredUsage
from adapters.postgres.usage_intake.batches import prepare
from adapters.postgres.usage_intake.intake import bounds
from adapters.postgres.usage_intake.storing import store
from adapters.usage_files.columns import COLUMNS
from adapters.usage_files.json_lines import add_object
from adapters.usage_files.rows import Rows
from billing.periods import local_day, local_midnight
from billing.policy.standard import USAGE_INTAKE
from tests.adapters.postgres.usage_intake.collector import NOON, Collector, Event, event, events

NOVEMBER = (date(2026, 11, 1), date(2026, 12, 1))


def quietly(note: str) -> None:
    """Nobody listens."""


@pytest.fixture
def rollups(collector: Collector) -> PostgresRollUps:
    return PostgresRollUps(collector.engine, lambda: collector.now, tenants_at_once=2)


def days(collector: Collector) -> list[tuple[str, str, str, str, int]]:
    rows = collector.rows("select * from usage_daily order by tenant_id, meter, day")
    return [
        (row["tenant_id"], row["meter"], str(row["day"]), format(row["quantity"].normalize(), "f"), row["events"])
        for row in rows
    ]


def stores(collector: Collector, connection: Connection, *rows: Event) -> None:
    """A load that has stored its rows and has not committed yet."""
    collected = Rows(COLUMNS)
    for number, row in enumerate(rows, start=1):
        add_object(collected, number, row)
    batch = prepare(collected.block(len(rows)), bounds(USAGE_INTAKE, collector.now))
    store(connection, batch, NOON - timedelta(days=90))


def test_every_touched_day_is_rolled_up_once(collector: Collector, rollups: PostgresRollUps) -> None:
    collector.tenant("berliner", zone="Europe/Berlin")
    collector.sends(
        event(1, event_time="2026-11-10T04:59:59Z"),
        event(2, event_time="2026-11-10T05:00:00Z"),
        event(3, event_time="2026-11-11T04:59:59.999999Z", quantity="0.000001"),
        event(4, event_time="2026-11-10T05:00:00Z", meter="tokens"),
        event(5, event_time="2026-11-10T23:00:00Z", tenant_id="berliner"),
    )

    made, again = rollups.bring_up_to_date(quietly), rollups.bring_up_to_date(quietly)

    assert (made, again) == (4, 0)
    assert days(collector) == [
        ("acme", "api_calls", "2026-11-09", "2.5", 1),
        ("acme", "api_calls", "2026-11-10", "2.500001", 2),
        ("acme", "tokens", "2026-11-10", "2.5", 1),
        ("berliner", "api_calls", "2026-11-11", "2.5", 1),
    ]


def test_usage_that_comes_later_is_added_to_its_day(collector: Collector, rollups: PostgresRollUps) -> None:
    collector.sends(event(1))
    rollups.bring_up_to_date(quietly)

    collector.sends(event(2))
    made = rollups.bring_up_to_date(quietly)

    assert made == 1
    assert days(collector) == [("acme", "api_calls", "2026-11-10", "5", 2)]


def test_a_roll_up_during_a_load_does_not_make_its_events_forgotten(
    collector: Collector, rollups: PostgresRollUps
) -> None:
    collector.sends(event(1))

    with collector.engine.begin() as load:
        stores(collector, load, event(2))
        rollups.bring_up_to_date(quietly)
        seen_meanwhile = days(collector)
    made = rollups.bring_up_to_date(quietly)

    assert seen_meanwhile == [("acme", "api_calls", "2026-11-10", "2.5", 1)]
    assert made == 1
    assert days(collector) == [("acme", "api_calls", "2026-11-10", "5", 2)]


def test_a_load_does_not_wait_for_a_roll_up(collector: Collector) -> None:
    collector.sends(event(1))

    with collector.engine.begin() as roll_up:
        roll_up.execute(text("delete from rollup_dirty"))
        report = collector.sends(event(2))

    assert report.stored == 1
    assert collector.one("select count(*) from rollup_dirty") == 1


def test_two_roll_ups_at_a_time_share_the_work_and_both_end_with_everything_done(
    collector: Collector, rollups: PostgresRollUps
) -> None:
    for number in range(7):
        collector.tenant(f"tenant-{number}")
    collector.sends(*(event(number + 1, tenant_id=f"tenant-{number}") for number in range(7)))
    done: list[int] = []

    runs = [Thread(target=lambda: done.append(rollups.bring_up_to_date(quietly))) for _ in range(3)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()

    assert sum(done) == 7
    assert len(days(collector)) == 7
    assert collector.one("select count(*) from rollup_dirty") == 0


def test_who_finds_a_tenant_taken_goes_on_and_waits_for_it_in_the_end(
    collector: Collector, rollups: PostgresRollUps
) -> None:
    collector.tenant("beta")
    collector.sends(event(1), event(2, tenant_id="beta"))
    order: list[str] = []

    with collector.engine.begin() as other:
        other.execute(text("select pg_advisory_xact_lock(7246114, hashtext('acme'))"))
        run = Thread(target=lambda: rollups.bring_up_to_date(quietly))
        run.start()
        while not order:
            order += [row[0] for row in days(collector)]
    run.join()

    assert order == ["beta"]
    assert [row[0] for row in days(collector)] == ["acme", "beta"]


# Zones whose clocks are changed at or around midnight: a day may begin at one o'clock, or midnight may come twice.
STRANGE = {
    "America/Havana": (date(2026, 3, 7), date(2026, 11, 2)),
    "Asia/Beirut": (date(2026, 3, 28), date(2026, 10, 26)),
    "Atlantic/Azores": (date(2026, 3, 28), date(2026, 10, 26)),
    "Africa/Cairo": (date(2026, 4, 23), date(2026, 10, 30)),
    "Pacific/Kiritimati": (date(2026, 10, 1), date(2026, 10, 2)),
}


@pytest.mark.parametrize("zone", STRANGE)
def test_days_begin_where_the_calendar_says_also_when_clocks_change_at_midnight(
    collector: Collector, rollups: PostgresRollUps, zone: str
) -> None:
    collector.tenant("local", zone=zone)
    moments = [
        local_midnight(day + timedelta(days=shift), zone) + timedelta(minutes=minutes)
        for day in STRANGE[zone]
        for shift in (0, 1, 2)
        for minutes in (-90, -31, -1, 0, 1, 31, 61, 90)
        if local_midnight(day + timedelta(days=shift), zone) < NOON - timedelta(days=1)
    ]
    rows = [event(n, tenant_id="local", event_time=f"{at:%Y-%m-%dT%H:%M:%SZ}") for n, at in enumerate(moments, start=1)]

    collector.sends(*rows)
    rollups.bring_up_to_date(quietly)
    found = rollups.validate(date(2026, 3, 1), date(2026, 12, 1), quietly)

    expected = {str(local_day(at, zone)): 0 for at in moments}
    for at in moments:
        expected[str(local_day(at, zone))] += 1
    assert {row[2]: row[4] for row in days(collector)} == expected
    assert found == ()


# An example loads and rolls up in Postgres; all of them share one database.
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["acme", "berliner", "tokyoite"]),
            st.sampled_from(["api_calls", "tokens"]),
            st.integers(0, 30 * 24 * 60),
            st.decimals("0", "1000000", places=6),
        ),
        max_size=40,
    ),
    st.integers(1, 5),
)
def test_the_order_and_the_batches_of_events_do_not_matter(
    collector: Collector, rollups: PostgresRollUps, sent: list[tuple[str, str, int, Decimal]], batches: int
) -> None:
    zones = {"acme": "America/New_York", "berliner": "Europe/Berlin", "tokyoite": "Asia/Tokyo"}
    with collector.engine.begin() as connection:
        connection.execute(text("truncate usage_events, usage_daily, rollup_dirty"))
    for tenant_id in {"berliner", "tokyoite"} - {row["tenant_id"] for row in collector.rows("select * from tenants")}:
        collector.tenant(tenant_id, zones[tenant_id])
    first = datetime(2026, 10, 20, tzinfo=UTC)
    rows = [
        event(
            number,
            tenant_id=who,
            meter=what,
            quantity=str(many),
            event_time=(first + timedelta(minutes=at)).isoformat(),
        )
        for number, (who, what, at, many) in enumerate(sent, start=1)
    ]

    for part in range(batches):
        collector.sends(*rows[part::batches])
        rollups.bring_up_to_date(quietly)

    expected: dict[tuple[str, str, str], Decimal] = {}
    for who, what, at, many in sent:
        key = who, what, str(local_day(first + timedelta(minutes=at), zones[who]))
        expected[key] = expected.get(key, Decimal(0)) + many
    assert {row[:3]: Decimal(row[3]) for row in days(collector)} == expected


def test_a_range_is_made_anew_and_nothing_beside_it(collector: Collector, rollups: PostgresRollUps) -> None:
    collector.loads(events(3_000))
    rollups.bring_up_to_date(quietly)
    right = days(collector)
    with collector.engine.begin() as connection:
        connection.execute(text("update usage_daily set quantity = 1, events = 1"))
        connection.execute(
            text("insert into usage_daily values ('acme', 'tokens', '2026-11-02', 5, 1, now(), now() + '1 d')")
        )

    made = rollups.rebuild(date(2026, 11, 2), date(2026, 11, 3), quietly)

    assert made == 2
    assert [row for row in days(collector) if row[2] == "2026-11-02"] == [
        next(row for row in right if row[2] == "2026-11-02"),
        ("acme", "tokens", "2026-11-02", "0", 0),
    ]
    assert {row[3:] for row in days(collector) if row[2] != "2026-11-02"} == {("1", 1)}


def spoil(collector: Collector, statement: str) -> None:
    with collector.engine.begin() as connection:
        connection.execute(text(statement))


DEFECTS: dict[str, tuple[str, tuple[str, str, int, int]]] = {
    "too little": ("update usage_daily set quantity = quantity - 1", ("5", "4", 2, 2)),
    "an event too many": ("update usage_daily set events = 3", ("5", "5", 2, 3)),
    "no roll-up": ("delete from usage_daily", ("5", "0", 2, 0)),
    "no events": ("delete from usage_events", ("0", "5", 0, 2)),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_roll_up_that_disagrees_with_the_events_is_a_finding(
    collector: Collector, rollups: PostgresRollUps, defect: str
) -> None:
    statement, (raw, rolled, raw_events, rolled_events) = DEFECTS[defect]
    collector.sends(event(1), event(2))
    rollups.bring_up_to_date(quietly)
    spoil(collector, statement)

    [found] = rollups.validate(*NOVEMBER, quietly)

    assert (found.tenant_id, found.meter, found.day) == ("acme", "api_calls", date(2026, 11, 10))
    assert (found.raw_quantity, found.rolled_quantity) == (Decimal(raw), Decimal(rolled))
    assert (found.raw_events, found.rolled_events) == (raw_events, rolled_events)
    assert open_findings(collector.engine, 10) == (found,)


def test_roll_ups_that_agree_are_no_finding(collector: Collector, rollups: PostgresRollUps) -> None:
    collector.loads(events(2_000))
    rollups.bring_up_to_date(quietly)

    assert rollups.validate(date(2026, 10, 1), date(2026, 12, 1), quietly) == ()


def test_a_finding_is_open_once_and_resolved_when_both_agree_again(
    collector: Collector, rollups: PostgresRollUps
) -> None:
    collector.sends(event(1))
    rollups.bring_up_to_date(quietly)
    spoil(collector, "update usage_daily set quantity = 1")
    rollups.validate(*NOVEMBER, quietly)
    spoil(collector, "update usage_daily set quantity = 2")

    [again] = rollups.validate(*NOVEMBER, quietly)
    rollups.rebuild(*NOVEMBER, quietly)
    collector.now = NOON + timedelta(hours=1)
    after = rollups.validate(*NOVEMBER, quietly)

    assert again.rolled_quantity == 2
    assert after == ()
    assert collector.rows("select found_at, resolved_at from rollup_findings") == [
        {"found_at": NOON, "resolved_at": NOON + timedelta(hours=1)}
    ]


def test_a_day_that_waits_to_be_rolled_up_is_no_finding(collector: Collector, rollups: PostgresRollUps) -> None:
    collector.sends(event(1))

    assert rollups.validate(*NOVEMBER, quietly) == ()
    assert open_findings(collector.engine, 10) == ()


def test_usage_of_a_tenant_that_nobody_knows_is_found(collector: Collector, rollups: PostgresRollUps) -> None:
    collector.sends(event(1))
    rollups.bring_up_to_date(quietly)
    spoil(collector, "update usage_events set tenant_id = 'ghost'")
    spoil(collector, "delete from usage_daily")

    [found] = rollups.validate(*NOVEMBER, quietly)

    assert (found.tenant_id, found.raw_events) == ("ghost", 1)


def test_an_id_that_is_stored_under_two_times_is_found(collector: Collector) -> None:
    collector.sends(event(1), event(2))
    collector.sends(event(1, event_time="2026-11-10T19:00:00Z"))

    count, examples = StoredUsage(collector.engine).repeated(*NOVEMBER, 10)

    assert count == 1
    assert [(one.event_id[-1], [at.hour for at in one.times]) for one in examples] == [("1", [12, 19])]
    assert StoredUsage(collector.engine).repeated(date(2026, 9, 1), date(2026, 10, 1), 10) == (0, ())
