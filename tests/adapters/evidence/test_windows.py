"""Which spans the roll-up's windows count wrongly, as pure arithmetic on a month of three days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from adapters.postgres.evidence.inquiry import LocalDay
from adapters.postgres.evidence.windows import Misdated, Window, misdated
from billing.evidence import Misdating
from billing.periods import Span

MIDNIGHT = datetime(2026, 10, 1, tzinfo=UTC)


def hours(start: float, end: float) -> Span:
    return Span(start=MIDNIGHT + timedelta(hours=start), end=MIDNIGHT + timedelta(hours=end))


DAYS = tuple(LocalDay(date(2026, 10, n + 1), hours(24 * n, 24 * n + 24)) for n in range(3))


def windows(*spans: tuple[float, float] | None) -> list[Window]:
    return [Window(day.day, hours(*span)) for day, span in zip(DAYS, spans, strict=True) if span]


@pytest.mark.parametrize(
    ("read", "wrong"),
    [
        pytest.param([(0, 24), (24, 48), (48, 72)], [], id="windows on the days miss nothing"),
        pytest.param([(0, 25), (25, 47), (47, 72)], [], id="on another day of the period is still in the period"),
        pytest.param(
            [(1, 25), (25, 49), (49, 73)],
            [((0, 1), -1, Misdating.LEFT_OUT), ((72, 73), 1, Misdating.FOREIGN)],
            id="an hour late loses the first hour and takes the next period's",
        ),
        pytest.param(
            [(-1, 23), (23, 47), (47, 71)],
            [((-1, 0), 1, Misdating.FOREIGN), ((71, 72), -1, Misdating.LEFT_OUT)],
            id="an hour early takes the last period's and loses the last hour",
        ),
        pytest.param([(0, 24), (25, 48), (48, 72)], [((24, 25), -1, Misdating.LEFT_OUT)], id="a gap is left out"),
        pytest.param([(0, 25), (24, 48), (48, 72)], [((24, 25), 1, Misdating.TWICE)], id="an overlap counts twice"),
        pytest.param([(0, 24), None, (48, 72)], [], id="a day never rolled up is no matter of dates"),
        pytest.param([(0, 26), None, (48, 72)], [], id="what another day's window took of it is counted once"),
        pytest.param(
            [(-24, 72), (24, 48), (47, 73)],
            [
                ((-24, 0), 1, Misdating.FOREIGN),
                ((24, 47), 1, Misdating.TWICE),
                ((47, 48), 2, Misdating.TWICE),
                ((48, 72), 1, Misdating.TWICE),
                ((72, 73), 1, Misdating.FOREIGN),
            ],
            id="everything at once",
        ),
    ],
)
def test_windows_miss_the_period_where_they_differ_from_it(
    read: list[tuple[float, float] | None], wrong: list[tuple[tuple[float, float], int, Misdating]]
) -> None:
    found = misdated(windows(*read), DAYS)

    assert found == [Misdated(hours(*span), times, why) for span, times, why in wrong]
