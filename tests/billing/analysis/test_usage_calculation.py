from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.analysis.usage_calculation import findings
from billing.evidence import DayTotal, DuplicateEvents, MisdatedEvents, Misdating, MissingEvents
from billing.findings import Finding, FindingKind
from tests.billing.strategies import quantities
from tests.billing.world import METER, SOME_ROWS, facts, invoice, price, usage_line


def day_total(raw: str, rolled_up: str | None = None, windowed: str | None = None, day: int = 3) -> DayTotal:
    return DayTotal(
        day=date(2026, 10, day),
        meter=METER,
        raw_quantity=Decimal(raw),
        raw_events=int(Decimal(raw) > 0),
        windowed_quantity=Decimal(windowed if windowed is not None else raw),
        rolled_up_quantity=Decimal(rolled_up if rolled_up is not None else raw),
    )


def duplicates(quantity: str) -> DuplicateEvents:
    return DuplicateEvents(meter=METER, quantity=Decimal(quantity), rows=SOME_ROWS)


def missing(quantity: str) -> MissingEvents:
    return MissingEvents(meter=METER, quantity=Decimal(quantity), rows=SOME_ROWS)


def misdated(quantity: str, first: int = 1, last: int = 1, wrong: Misdating | None = None) -> MisdatedEvents:
    return MisdatedEvents(
        meter=METER,
        wrong=wrong or (Misdating.FOREIGN if Decimal(quantity) > 0 else Misdating.LEFT_OUT),
        quantity=Decimal(quantity),
        first_day=date(2026, 11, first),
        last_day=date(2026, 11, last),
        rows=SOME_ROWS,
    )


def outline(found: list[Finding]) -> list[tuple[FindingKind, int, bool]]:
    return [(finding.kind, int(finding.excess_quantity), finding.conclusive) for finding in found]


def test_a_bill_that_matches_its_events_has_no_findings() -> None:
    counted = facts(day_totals=[day_total("600"), day_total("400", day=4)])

    found = findings(counted, invoice(usage_line(price(), "1000")), [METER])

    assert found == []


def test_events_counted_twice_are_excess_although_every_total_agrees() -> None:
    counted = facts(day_totals=[day_total("1000")], duplicates=[duplicates("240")])

    found = findings(counted, invoice(usage_line(price(), "1000")), [METER])

    assert outline(found) == [(FindingKind.DUPLICATE_EVENTS, 240, True)]
    assert (
        found[0].statement == "12 events of api_calls were counted more than once, which added 240 units to the bill."
    )
    assert found[0].rows == SOME_ROWS


def test_duplicates_that_the_rollup_already_left_out_were_never_billed() -> None:
    counted = facts(day_totals=[day_total("1000", rolled_up="760")], duplicates=[duplicates("240")])

    found = findings(counted, invoice(usage_line(price(), "760")), [METER])

    assert outline(found) == [(FindingKind.DUPLICATE_EVENTS, 0, True)]
    assert "the daily totals count each of them only once" in found[0].statement


def test_requests_without_an_event_are_told_and_not_billed_afterwards() -> None:
    counted = facts(day_totals=[day_total("1000")], missing=[missing("40")])

    found = findings(counted, invoice(usage_line(price(), "1000")), [METER])

    assert outline(found) == [(FindingKind.MISSING_EVENTS, -40, True)]
    assert found[0].statement == (
        "12 requests of api_calls were served but never counted (40 units); this usage is not billed afterwards."
    )


def test_usage_whose_events_are_lost_stays_billed_when_the_request_log_confirms_it() -> None:
    counted = facts(day_totals=[day_total("1000", rolled_up="1040")], missing=[missing("40")])

    found = findings(counted, invoice(usage_line(price(), "1040")), [METER])

    assert outline(found) == [(FindingKind.ROLLUP_MISMATCH, 0, True)]


def test_events_of_the_next_month_booked_into_this_one_are_excess() -> None:
    counted = facts(day_totals=[day_total("1000", rolled_up="1090", windowed="1090")], misdated=[misdated("90")])

    found = findings(counted, invoice(usage_line(price(), "1090")), [METER])

    assert outline(found) == [(FindingKind.MISDATED_EVENTS, 90, True)]
    assert found[0].statement == (
        "90 units of api_calls (12 events, dated 1 November 2026) were billed in this period although they fall outside "
        "it in your time zone."
    )


def test_events_left_out_of_the_period_count_against_those_put_into_it() -> None:
    moved = [misdated("90"), misdated("-60", first=2, last=3)]
    counted = facts(day_totals=[day_total("1000", rolled_up="1030", windowed="1030")], misdated=moved)

    found = findings(counted, invoice(usage_line(price(), "1030")), [METER])

    assert outline(found) == [(FindingKind.MISDATED_EVENTS, 90, True), (FindingKind.MISDATED_EVENTS, -60, True)]
    assert (
        "60 units of api_calls (12 events, dated 2 November 2026 to 3 November 2026) were left out"
        in found[1].statement
    )


def test_events_in_two_days_totals_are_excess_and_not_said_to_fall_outside_the_period() -> None:
    twice = misdated("8", first=3, last=3, wrong=Misdating.TWICE)
    counted = facts(day_totals=[day_total("1000", rolled_up="1008", windowed="1008")], misdated=[twice])

    found = findings(counted, invoice(usage_line(price(), "1008")), [METER])

    assert outline(found) == [(FindingKind.MISDATED_EVENTS, 8, True)]
    assert found[0].statement == (
        "8 units of api_calls (12 events, dated 3 November 2026) were billed although the total of another day already "
        "holds them."
    )


@pytest.mark.parametrize(
    ("rolled_up", "excess", "direction"), [("1050", 50, "50 units more"), ("950", -50, "50 units less")]
)
def test_a_rollup_that_its_events_do_not_explain_needs_a_person(rolled_up: str, excess: int, direction: str) -> None:
    counted = facts(day_totals=[day_total("1000", rolled_up=rolled_up)])

    found = findings(counted, invoice(usage_line(price(), rolled_up)), [METER])

    assert outline(found) == [(FindingKind.ROLLUP_MISMATCH, excess, False)]
    assert f"hold {direction} than the usage events" in found[0].statement
    assert "on 3 October 2026" in found[0].statement


def test_a_window_drawn_wrong_without_events_that_show_it_needs_a_person() -> None:
    counted = facts(day_totals=[day_total("1000", rolled_up="1090", windowed="1090")], misdated=[misdated("70")])

    found = findings(counted, invoice(usage_line(price(), "1090")), [METER])

    assert outline(found) == [(FindingKind.ROLLUP_MISMATCH, 20, False), (FindingKind.MISDATED_EVENTS, 70, True)]


def test_a_bill_above_its_daily_totals_is_excess() -> None:
    counted = facts(day_totals=[day_total("1000")])

    found = findings(counted, invoice(usage_line(price(), "1050.5")), [METER])

    assert [(finding.kind, finding.excess_quantity, finding.conclusive) for finding in found] == [
        (FindingKind.BILLED_QUANTITY_MISMATCH, Decimal("50.5"), True)
    ]
    assert found[0].statement == (
        "The invoice bills 1,050.5 units of api_calls, but the daily totals of the period add up to 1,000."
    )


def test_a_bill_without_any_recorded_usage_is_a_persons_business() -> None:
    found = findings(facts(), invoice(usage_line(price(), "1000")), [METER])

    assert outline(found) == [(FindingKind.BILLED_QUANTITY_MISMATCH, 1000, False)]


def test_only_the_disputed_meters_are_looked_at() -> None:
    other = price(meter="storage_gb")
    counted = facts(day_totals=[day_total("1000")], duplicates=[duplicates("240")])

    found = findings(counted, invoice(usage_line(price(), "1000"), usage_line(other, "5")), [])

    assert found == []


signed = st.integers(min_value=-500, max_value=500)


@given(
    raw=quantities(1_000_000),
    twice=quantities(1_000),
    moved=st.lists(signed, max_size=3),
    invented=signed,
    billed_more=signed,
    unrecorded=quantities(1_000),
)
def test_removing_every_difference_leaves_exactly_the_events_as_they_count(
    raw: Decimal, twice: Decimal, moved: list[int], invented: int, billed_more: int, unrecorded: Decimal
) -> None:
    raw += twice + 10_000
    windowed = raw + sum(moved)
    rolled_up = windowed + invented
    billed = rolled_up + billed_more
    counted = facts(
        day_totals=[day_total(str(raw), str(rolled_up), str(windowed))],
        duplicates=[duplicates(str(twice))],
        missing=[missing(str(unrecorded))],
        misdated=[misdated(str(piece)) for piece in moved],
    )

    found = findings(counted, invoice(usage_line(price(), str(billed))), [METER])

    recorded = [finding for finding in found if finding.kind is not FindingKind.MISSING_EVENTS]
    confirmed = unrecorded if unrecorded and invented == unrecorded else Decimal(0)
    assert billed - sum(finding.excess_quantity for finding in recorded) == raw - twice + confirmed


@given(st.integers(min_value=1, max_value=10**9))
def test_duplicates_of_any_quantity_are_excess_in_full(twice: int) -> None:
    total = str(twice * 2)
    counted = facts(day_totals=[day_total(total)], duplicates=[duplicates(str(twice))])

    found = findings(counted, invoice(usage_line(price(), total)), [METER])

    assert outline(found) == [(FindingKind.DUPLICATE_EVENTS, twice, True)]


def test_at_most_five_days_are_named() -> None:
    first = date(2026, 10, 1)
    totals = [
        day_total("10", rolled_up="11").model_copy(update={"day": first + timedelta(days=days)}) for days in range(8)
    ]

    found = findings(facts(day_totals=totals), invoice(usage_line(price(), "88")), [METER])

    assert "4 October 2026, 5 October 2026 and 3 more; the cause is not known yet." in found[0].statement
