"""One cutoff for meter, invoicer and reconciler: what arrives after the closing of its period is late, and never lost."""

from __future__ import annotations

from datetime import timedelta
from threading import Event as Signal
from threading import Thread

import pytest

from adapters.postgres.closings import close_period, let_usage_in
from tests.adapters.postgres.usage_intake.collector import NOON, Collector, event

# The end of October in New York, and the moments around it.
LAST_OF_OCTOBER, FIRST_OF_NOVEMBER = "2026-11-01T03:59:59.999999Z", "2026-11-01T04:00:00Z"


def late(collector: Collector) -> list[tuple[str, str]]:
    return [
        (str(row["event_id"])[-2:], row["period"])
        for row in collector.rows("select event_id, period from late_usage order by event_id")
    ]


def test_usage_of_a_closed_period_is_stored_and_late(collector: Collector) -> None:
    collector.closes("2026-10")

    report = collector.loads([event(1, event_time=LAST_OF_OCTOBER), event(2, event_time=FIRST_OF_NOVEMBER)])

    assert (report.stored, report.late, report.quarantined) == (2, 1, 0)
    assert late(collector) == [("01", "2026-10")]


def test_usage_that_arrived_before_the_closing_is_not_late_when_it_is_sent_again(collector: Collector) -> None:
    collector.loads([event(1, event_time=LAST_OF_OCTOBER)])
    collector.closes("2026-10")

    report = collector.sends(event(1, event_time=LAST_OF_OCTOBER), event(2, event_time=LAST_OF_OCTOBER))

    assert (report.stored, report.known, report.late) == (1, 1, 1)
    assert late(collector) == [("02", "2026-10")]


def test_late_usage_that_is_sent_twice_is_late_once(collector: Collector) -> None:
    collector.closes("2026-10")
    belated = event(1, event_time=LAST_OF_OCTOBER)

    first = collector.sends(belated, belated)
    again = collector.sends(belated)

    assert (first.stored, first.known, first.late) == (1, 1, 1)
    assert (again.stored, again.known, again.late) == (0, 1, 0)
    assert late(collector) == [("01", "2026-10")]


@pytest.mark.parametrize(
    ("anchor_day", "moment", "period"),
    [
        (1, "2026-10-31T23:59:59Z", "2026-10"),
        (1, "2026-11-01T00:00:00Z", None),
        (15, "2026-10-14T23:59:59Z", "2026-10"),
        (15, "2026-10-15T00:00:00Z", None),
        (31, "2026-10-30T23:59:59Z", "2026-10"),
        (31, "2026-10-31T00:00:00Z", None),
    ],
)
def test_a_service_period_is_named_after_the_month_of_its_last_day(
    collector: Collector, anchor_day: int, moment: str, period: str | None
) -> None:
    collector.tenant("anchored", anchor_day=anchor_day)
    collector.closes("2026-10")

    report = collector.sends(event(1, tenant_id="anchored", event_time=moment))

    assert report.stored == 1
    assert late(collector) == ([("01", period)] if period else [])


@pytest.mark.parametrize(("days", "stored"), [(90, 1), (91, 0)])
def test_a_period_takes_late_usage_for_ninety_days(collector: Collector, days: int, stored: int) -> None:
    collector.closes("2026-08", at=NOON - timedelta(days=days))

    report = collector.sends(event(1, event_time="2026-08-10T12:00:00Z"), event(2))

    assert (report.stored, report.late) == (stored + 1, stored)
    assert [row.field for row in report.refused] == [] if stored else ["event_time"]


def test_a_period_is_not_closed_in_the_middle_of_a_load(collector: Collector) -> None:
    closed = Signal()

    def close() -> None:
        with collector.engine.begin() as connection:
            close_period(connection, "2026-10", "2026-10#1", NOON)
        closed.set()

    with collector.engine.begin() as load:
        let_usage_in(load)
        closing = Thread(target=close)
        closing.start()
        closed_during_the_load = closed.wait(0.3)
    closing.join()

    assert not closed_during_the_load
    assert closed.is_set()
