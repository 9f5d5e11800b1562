"""What late usage adds to its own period: price by price, beside what a minimum has paid already."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import pytest

from billing.contracts import Contract
from billing.documents import Party
from billing.invoices import LineKind
from billing.invoicing import Bill, UnbillableError
from billing.late_usage import BilledPart, LateUsage, TruedUp, rated_where_it_belongs
from billing.periods import service_days
from billing.prices import Scheme
from billing.printing import Edition, printed_invoice
from billing.rate_cards import MICRO
from billing.segments import segments
from tests.billing.agreements import BERLIN, amounts, billed, fee, held, issued, late_usage, percent_off, tax, terms
from tests.billing.world import METER, price, tier

LATE, MINIMUM = LineKind.LATE_USAGE, LineKind.MINIMUM
OCTOBER = service_days("2026-10")
CHEAP, DEAR = price(tier(None, "1")), price(tier(None, "5"))
VOLUME = price(tier("100", "2"), tier(None, "1")).model_copy(update={"scheme": Scheme.VOLUME})


def on_days(contracts: Sequence[Contract], arrived: dict[int, int], made: Sequence[Bill] = ()) -> list[LateUsage]:
    """Late usage in whole units by day of October, beside what the bills have billed of that month."""
    late = {(METER, date(2026, 10, day)): units * MICRO for day, units in arrived.items()}
    covered = segments(contracts, OCTOBER, BERLIN)
    return rated_where_it_belongs("2026-10", OCTOBER, late, covered, [part for one in made for part in parts(one)])


def parts(made: Bill) -> list[BilledPart]:
    """The lines of a bill as the books hold them."""
    return [
        BilledPart(line.meter, line.price, line.quantity, line.days, line.active_days, line.period_days, made.currency)
        for line in made.lines
        if line.meter and line.price and line.days and line.active_days is not None and line.period_days
    ]


def told(late: Sequence[LateUsage]) -> list[tuple[object, int, int]]:
    return [(item.price, item.quantity // MICRO, item.billed_quantity // MICRO) for item in late]


def test_a_day_goes_with_the_price_that_held_on_it() -> None:
    changed = [held(terms(prices=(CHEAP,)), ends="2026-10-16"), held(terms(prices=(DEAR,)), "2026-10-16")]
    october = billed(changed, "2026-10", used=[{METER: 100}, {METER: 200}])

    late = on_days(changed, {1: 1, 15: 2, 16: 4, 31: 8}, [october])

    assert told(late) == [(CHEAP, 3, 100), (DEAR, 12, 200)]
    assert [(item.active_days, item.period_days) for item in late] == [(15, 31), (16, 31)]


def test_a_price_that_came_back_is_one_price_with_the_days_of_the_other_left_out() -> None:
    for_a_while = [
        held(terms(prices=(CHEAP,)), ends="2026-10-11"),
        held(terms(prices=(DEAR,)), "2026-10-11", "2026-10-21"),
        held(terms(prices=(CHEAP,)), "2026-10-21"),
    ]
    october = billed(for_a_while, "2026-10", used=[{METER: 1}, {}, {METER: 2}])

    late = on_days(for_a_while, {5: 10, 15: 20, 25: 30}, [october])

    assert told(late) == [(CHEAP, 40, 3), (DEAR, 20, 0)]
    assert [item.active_days for item in late] == [21, 10]


def test_what_was_issued_holds_when_the_contract_is_changed_afterwards() -> None:
    october = billed(held(terms(prices=(CHEAP,))), "2026-10", used={METER: 100})

    late = on_days([held(terms(prices=(DEAR,)))], {5: 10}, [october])

    assert told(late) == [(CHEAP, 10, 100)]


def test_a_stretch_without_usage_on_its_own_document_is_rated_as_it_was_agreed() -> None:
    metered = price(tier(None, "2"), included="310")
    changed = [held(terms(prices=(CHEAP,)), ends="2026-10-16"), held(terms(prices=(metered,)), "2026-10-16")]
    october = billed(changed, "2026-10", used=[{METER: 100}, {}])

    (late,) = on_days(changed, {20: 165}, [october])

    assert (late.billed_quantity, late.active_days, late.amount_minor) == (0, 16, 10)


def test_late_usage_may_bring_a_volume_price_down() -> None:
    made = billed(held(terms(fee(1_000))), late=[late_usage(20, 90, VOLUME)])

    assert amounts(made)[1] == (LATE, 110 - 180)


def trued_up(minor: int) -> TruedUp:
    return TruedUp("2026-10", OCTOBER, minor)


@pytest.mark.parametrize(("left", "taken_off"), [(600, -500), (500, -500), (499, -499), (1, -1)])
def test_only_what_exceeds_the_minimum_is_due(left: int, taken_off: int) -> None:
    made = billed(held(terms()), late=[late_usage(300, 0, CHEAP), late_usage(200, 0, CHEAP)], trued_up=[trued_up(left)])

    assert amounts(made) == [(LATE, 300), (LATE, 200), (MINIMUM, taken_off)]
    assert made.lines[-1].description == "Minimum commitment of 2026-10, paid already"


def test_what_a_volume_price_gives_back_stays_with_the_minimum() -> None:
    made = billed(held(terms(fee(1_000))), late=[late_usage(20, 90, VOLUME)], trued_up=[trued_up(800)])

    assert made.total_minor == 1_000


def test_discounts_and_tax_are_on_what_is_left_of_late_usage() -> None:
    agreed = terms(discounts=(percent_off("10"),), tax=tax("0.19"))

    made = billed(held(agreed), late=[late_usage(300, 0, CHEAP)], trued_up=[trued_up(100)])

    assert (made.subtotal_minor, made.discount_minor, made.tax_minor) == (200, -20, 34)


def test_late_usage_is_never_added_up_over_currencies() -> None:
    with pytest.raises(
        UnbillableError, match="late usage of api_calls in 2026-10 is billed in EUR and this period in USD"
    ):
        billed(held(terms()), late=[late_usage(1, 0, CHEAP, currency="EUR")])


def test_who_has_left_is_billed_under_the_terms_of_the_late_day() -> None:
    last = terms(prices=(CHEAP,), tax=tax("0.19"))

    made = billed([], late=[late_usage(100, 0, CHEAP, terms=last)])

    assert made.total_minor == 119


def test_who_has_left_and_goes_on_using_is_not_billed() -> None:
    with pytest.raises(UnbillableError, match="no contract covers the period"):
        billed([], used=[{METER: 1}], late=[late_usage(100, 0, CHEAP, terms=terms(prices=(CHEAP,)))])


def test_a_day_that_no_contract_covers_has_no_price() -> None:
    (late,) = on_days([held(terms(prices=(CHEAP,)), "2026-10-10")], {5: 10})

    assert late.price is None
    with pytest.raises(UnbillableError, match="has no price on 2026-10-05: put a contract on record"):
        billed(held(terms()), late=[late])
    assert Decimal(late.quantity) == 10 * MICRO


def test_a_printed_late_line_says_how_many_days_its_price_held() -> None:
    changed = [held(terms(prices=(CHEAP,)), ends="2026-10-16"), held(terms(prices=(DEAR,)), "2026-10-16")]
    late = on_days(changed, {20: 40})
    somebody = Party(name="Somebody", address="1 Main Street")

    document = printed_invoice(
        issued(billed(held(terms()), late=late)),
        Edition(seller=somebody, buyer=somebody, locale="en-US", issued_on=date(2026, 12, 1)),
    )

    assert [(line.detail, line.amount_minor) for line in document.lines] == [
        ("40 more, at the price of that period, 16 of 31 days", 200)
    ]
