"""Time that counts: what stops it is neither counted nor counted twice."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from billing.counted_time import Stop, after, counted, merged, running_from
from tests.billing.debtors import DAY, FAILED, HOUR, day


def stop(begins: float, ends: float | None = None) -> Stop:
    return Stop(since=day(begins), until=None if ends is None else day(ends))


@st.composite
def stops(draw: st.DrawFn, *, ending: bool = True) -> list[Stop]:
    pairs = draw(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 40)), max_size=6))
    made = [Stop(since=FAILED + begins * HOUR, until=FAILED + (begins + lasts) * HOUR) for begins, lasts in pairs]
    return made if ending or not pairs else [*made, Stop(since=FAILED + pairs[0][0] * HOUR)]


moments = st.integers(0, 300).map(lambda hours: FAILED + hours * HOUR)
spans = st.integers(0, 300).map(lambda hours: hours * HOUR)


@pytest.mark.parametrize(
    ("resting", "whole"),
    [
        ([], []),
        ([stop(3, 4), stop(1, 2)], [stop(1, 2), stop(3, 4)]),
        ([stop(1, 3), stop(2, 4)], [stop(1, 4)]),
        ([stop(1, 2), stop(2, 3)], [stop(1, 3)]),
        ([stop(1, 5), stop(2, 3)], [stop(1, 5)]),
        ([stop(1), stop(2, 3)], [stop(1)]),
        ([stop(1, 3), stop(2)], [stop(1)]),
        ([stop(1), stop(4)], [stop(1)]),
    ],
)
def test_stops_that_touch_are_one(resting: list[Stop], whole: list[Stop]) -> None:
    assert list(merged(resting)) == whole


@pytest.mark.parametrize(
    ("resting", "hours"),
    [
        ([], 240),
        ([stop(2, 3)], 216),
        ([stop(-5, 1)], 216),
        ([stop(9, 20)], 216),
        ([stop(4)], 96),
        ([stop(2, 5), stop(3, 4)], 168),
    ],
)
def test_of_ten_days_so_many_hours_count(resting: list[Stop], hours: int) -> None:
    assert counted(resting, day(0), day(10)) == hours * HOUR


def test_nothing_counts_backwards() -> None:
    assert counted([stop(1, 2)], day(5), day(0)) == timedelta(0)


@pytest.mark.parametrize(
    ("resting", "reached"),
    [
        ([], 5),
        ([stop(2, 4)], 7),
        ([stop(5, 9)], 5),
        ([stop(-3, 1)], 6),
        ([stop(6, 7)], 5),
        ([stop(4)], None),
        ([stop(5)], 5),
        ([stop(1, 2), stop(3, 4)], 7),
    ],
)
def test_five_days_of_counted_time_are_reached(resting: list[Stop], reached: float | None) -> None:
    assert after(resting, day(0), 5 * DAY) == (None if reached is None else day(reached))


@pytest.mark.parametrize(
    ("resting", "goes_on"),
    [([], 5), ([stop(5, 6)], 6), ([stop(4, 5)], 5), ([stop(4, 6), stop(6, 8)], 8), ([stop(5)], None), ([stop(6)], 5)],
)
def test_time_goes_on_when_nothing_stops_it(resting: list[Stop], goes_on: float | None) -> None:
    assert running_from(resting, day(5)) == (None if goes_on is None else day(goes_on))


def test_a_stop_ends_no_earlier_than_it_begins() -> None:
    with pytest.raises(ValidationError, match=r"cannot end \(04 Mar 10:00\) before it begins \(05 Mar 10:00\)"):
        stop(3, 2)


@given(stops(), moments, spans)
def test_an_amount_has_counted_exactly_when_it_is_reached(
    resting: list[Stop], start: datetime, amount: timedelta
) -> None:
    reached = after(resting, start, amount)

    assert reached is not None
    assert counted(resting, start, reached) == amount
    assert amount == timedelta(0) or counted(resting, start, reached - HOUR) < amount


@given(stops(ending=False), moments, moments, moments)
def test_what_counts_in_two_stretches_counts_in_both_together(
    resting: list[Stop], first: datetime, second: datetime, third: datetime
) -> None:
    start, middle, end = sorted((first, second, third))

    assert counted(resting, start, end) == counted(resting, start, middle) + counted(resting, middle, end)


@given(stops(ending=False), moments)
def test_time_counts_from_the_moment_at_which_it_goes_on(resting: list[Stop], moment: datetime) -> None:
    goes_on = running_from(resting, moment)

    assert counted(resting, moment, moment + 1000 * DAY if goes_on is None else goes_on) == timedelta(0)
    assert goes_on is None or counted(resting, goes_on, goes_on + HOUR / 60) > timedelta(0)
