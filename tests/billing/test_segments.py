"""How a service period falls into stretches of equal terms (B1): starts, ends, changes and pauses by local day."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from billing.periods import local_midnight, service_days
from billing.segments import segments
from tests.billing.agreements import BERLIN, fee, held, stretches, terms

SMALL, LARGE = terms(fee(10_000)), terms(fee(20_000))


def test_one_contract_over_the_whole_period_is_one_stretch() -> None:
    assert stretches([held(SMALL)]) == [("2026-11-01", "2026-11-30", 30)]


def test_a_contract_that_starts_and_ends_within_the_period_covers_its_own_days() -> None:
    assert stretches([held(SMALL, "2026-11-10", "2026-11-20")]) == [("2026-11-10", "2026-11-19", 10)]


def test_an_upgrade_cuts_the_period_at_the_day_of_its_start() -> None:
    upgraded = [held(SMALL, ends="2026-11-16"), held(LARGE, "2026-11-16", contract_id="K-2")]

    assert stretches(upgraded) == [("2026-11-01", "2026-11-15", 15), ("2026-11-16", "2026-11-30", 15)]


def test_the_day_of_a_change_belongs_to_the_contract_that_started_later() -> None:
    afternoon = "2026-11-16T15:00"
    upgraded = [held(SMALL, ends=afternoon), held(LARGE, afternoon, contract_id="K-2")]

    assert stretches(upgraded) == [("2026-11-01", "2026-11-15", 15), ("2026-11-16", "2026-11-30", 15)]


def test_a_contract_that_ends_in_the_course_of_a_day_holds_on_that_day() -> None:
    """Correctness case 22: the day of termination counts."""
    assert stretches([held(SMALL, ends="2026-11-10T17:00")]) == [("2026-11-01", "2026-11-10", 10)]
    assert stretches([held(SMALL, ends="2026-11-01T00:30")]) == [("2026-11-01", "2026-11-01", 1)]
    assert stretches([held(SMALL, ends="2026-11-01")]) == []


def test_of_two_contracts_that_overlap_the_one_that_started_later_holds() -> None:
    overlapping = [held(LARGE, "2026-11-11", "2026-11-21", contract_id="K-2"), held(SMALL)]

    assert stretches(overlapping) == [
        ("2026-11-01", "2026-11-10", 10),
        ("2026-11-11", "2026-11-20", 10),
        ("2026-11-21", "2026-11-30", 10),
    ]


def test_a_contract_renewed_under_equal_terms_is_not_cut() -> None:
    renewed = [held(SMALL, ends="2026-11-16"), held(terms(fee(10_000)), "2026-11-16", contract_id="K-2")]

    assert stretches(renewed) == [("2026-11-01", "2026-11-30", 30)]


def test_days_between_two_contracts_are_covered_by_none() -> None:
    interrupted = [held(SMALL, ends="2026-11-11"), held(SMALL, "2026-11-21", contract_id="K-2")]

    assert stretches(interrupted) == [("2026-11-01", "2026-11-10", 10), ("2026-11-21", "2026-11-30", 10)]


def test_a_pause_takes_its_days_out_without_cutting_the_period() -> None:
    paused = held(SMALL, "2020-01-01", None, ("2026-11-10", "2026-11-20"))

    assert stretches([paused]) == [("2026-11-01", "2026-11-30", 20)]


def test_a_pause_until_further_notice_leaves_the_days_before_it() -> None:
    assert stretches([held(SMALL, "2020-01-01", None, ("2026-11-10", None))]) == [("2026-11-01", "2026-11-30", 9)]
    assert stretches([held(SMALL, "2020-01-01", None, ("2026-10-10", None))]) == [("2026-11-01", "2026-11-30", 0)]


def test_pauses_that_overlap_are_not_counted_twice() -> None:
    paused = held(SMALL, "2020-01-01", None, ("2026-11-10", "2026-11-20"), ("2026-11-15", "2026-11-25"))

    assert stretches([paused]) == [("2026-11-01", "2026-11-30", 15)]


def test_a_start_counts_from_the_tenants_own_day() -> None:
    tokyo = held(SMALL, "2026-11-10", zone="Asia/Tokyo")

    covered = segments([tokyo], service_days("2026-11"), "Asia/Tokyo")

    assert covered[0].days.first.isoformat() == "2026-11-10"
    assert stretches([tokyo]) == [("2026-11-09", "2026-11-30", 22)]


def test_an_anchored_period_is_cut_by_its_own_edges() -> None:
    upgraded = [held(SMALL, ends="2026-11-01"), held(LARGE, "2026-11-01", contract_id="K-2")]

    assert stretches(upgraded, anchor_day=15) == [("2026-10-15", "2026-10-31", 17), ("2026-11-01", "2026-11-14", 14)]


@given(st.lists(st.integers(min_value=-3, max_value=33), max_size=6), st.integers(min_value=1, max_value=31))
def test_however_a_contract_is_cut_every_day_is_covered_once(cuts: list[int], anchor_day: int) -> None:
    days = service_days("2026-11", anchor_day)
    edges = sorted({days.first + timedelta(days=cut) for cut in cuts})
    starts = [None, *edges]
    pieces = [
        held(SMALL if place % 2 else LARGE, contract_id=f"K-{place}").model_copy(
            update={
                "starts": local_midnight(start, BERLIN) if start else held(SMALL).starts,
                "ends": local_midnight(end, BERLIN) if end else None,
            }
        )
        for place, (start, end) in enumerate(zip(starts, [*edges, None], strict=True))
    ]

    covered = segments(pieces, days, BERLIN)

    assert sum(segment.active_days for segment in covered) == days.days
    assert [segment.days.first for segment in covered[1:]] == [segment.days.end for segment in covered[:-1]]
