"""What holds of every bill: sums, currencies, splits, the order of usage, and discounts that stop at zero."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.contracts import Contract, FixedDiscount, PercentDiscount, RecurringFee, Terms, Timing
from billing.discounts import reductions
from billing.invoices import LineKind
from billing.invoicing import Bill, UnbillableError, bill
from billing.periods import local_midnight, service_days
from billing.rate_cards import MICRO, shared
from billing.segments import segments
from tests.billing.agreements import BERLIN, billed, credit_of, fee, held, percent_off, tax, terms
from tests.billing.strategies import CURRENCIES, any_prices
from tests.billing.world import METER

# Whole agreements are slow to make up; these many find what more would.
FEW = settings(max_examples=40)
NOVEMBER = service_days("2026-11")
AMOUNTS = st.integers(min_value=0, max_value=10**9)
PERCENTAGES = st.decimals(min_value="0.0001", max_value=100, places=4).map(lambda one: percent_off(str(one)))
ON_A_METER = st.decimals(min_value="0.01", max_value=100, places=2).map(lambda one: percent_off(str(one), METER))
DISCOUNTS = st.lists(PERCENTAGES | ON_A_METER, max_size=4).map(tuple)
CREDITS = st.lists(st.integers(min_value=1, max_value=10**7).map(credit_of), max_size=3).map(tuple)
USED = st.fixed_dictionaries({METER: st.integers(min_value=0, max_value=10**12), "storage_gb": AMOUNTS})


@st.composite
def agreements(draw: st.DrawFn, currency: str | None = None) -> Terms:
    """Terms with any of everything, in any currency."""
    names = draw(st.lists(st.sampled_from(["Platform", "Support", "Seats"]), unique=True, max_size=3))
    fees = [RecurringFee(name=name, amount_minor=draw(AMOUNTS), timing=draw(st.sampled_from(Timing))) for name in names]
    return terms(
        *fees,
        currency=currency or draw(st.sampled_from(CURRENCIES)),
        prices=(draw(any_prices()), draw(any_prices("storage_gb"))),
        discounts=draw(DISCOUNTS),
        fixed_discounts=draw(CREDITS),
        minimum_minor=draw(st.none() | AMOUNTS),
        tax=draw(st.none() | st.sampled_from([tax("0.19"), tax("0.0775"), tax("0")])),
    )


def made(contracts: list[Contract], usage: list[Mapping[str, int]]) -> Bill:
    covered = segments(contracts, NOVEMBER, BERLIN)
    return bill(covered, NOVEMBER, usage, following=(), following_days=None)


@FEW
@given(agreements(), USED)
def test_lines_sum_to_the_total_and_the_total_is_its_parts(agreed: Terms, used: dict[str, int]) -> None:
    bill_made = made([held(agreed)], [used])

    assert sum(line.amount_minor for line in bill_made.lines) == bill_made.total_minor
    by_part = Counter[str]()
    for line in bill_made.lines:
        by_part[line.kind] += line.amount_minor
    assert bill_made.discount_minor == by_part[LineKind.DISCOUNT] + by_part[LineKind.FIXED_DISCOUNT]
    assert bill_made.tax_minor == by_part[LineKind.TAX]
    assert bill_made.currency == agreed.currency


@FEW
@given(agreements(), USED)
def test_discounts_never_bring_a_bill_below_zero(agreed: Terms, used: dict[str, int]) -> None:
    bill_made = made([held(agreed)], [used])

    assert bill_made.subtotal_minor >= 0
    assert 0 <= -bill_made.discount_minor <= bill_made.subtotal_minor
    assert bill_made.total_minor >= 0


@given(st.lists(st.integers(min_value=-(10**7), max_value=10**7), max_size=6), DISCOUNTS, CREDITS)
def test_no_discount_takes_more_than_there_is_even_beside_money_given_back(
    charges: list[int], discounts: tuple[PercentDiscount, ...], credits: tuple[FixedDiscount, ...]
) -> None:
    given_back = [(METER if place % 2 else None, amount) for place, amount in enumerate(charges)]

    taken = reductions(given_back, discounts, credits)

    assert all(one.amount_minor <= 0 for one in taken)
    assert all(-one.amount_minor <= max(one.base_minor, 0) for one in taken)


@FEW
@given(agreements(), USED, st.lists(st.integers(min_value=1, max_value=29), unique=True, max_size=4), st.randoms())
def test_a_period_split_under_equal_terms_is_billed_like_a_whole_one(
    agreed: Terms, used: dict[str, int], cuts: list[int], chance: object
) -> None:
    edges = [NOVEMBER.first + timedelta(days=cut) for cut in sorted(cuts)]
    pieces = [
        held(agreed, contract_id=f"K-{place}").model_copy(
            update={
                "starts": local_midnight(start, BERLIN),
                "ends": local_midnight(end, BERLIN) if end else None,
            }
        )
        for place, (start, end) in enumerate(zip([date(2020, 1, 1), *edges], [*edges, None], strict=True))
    ]
    chance.shuffle(pieces)  # type: ignore[attr-defined]

    assert made(pieces, [used]) == made([held(agreed)], [used])


@given(
    any_prices(),
    st.integers(min_value=1, max_value=29),
    st.integers(min_value=0, max_value=10**9),
    st.integers(min_value=0, max_value=10**9),
)
def test_usage_of_two_stretches_at_one_price_is_rated_together(
    metered: object, cut: int, before: int, after: int
) -> None:
    day = f"2026-11-{cut + 1:02d}"
    two = [
        held(terms(fee(1), prices=(metered,)), ends=day),
        held(terms(fee(2), prices=(metered,)), day, contract_id="K-2"),
    ]
    one = [held(terms(prices=(metered,)))]

    apart = made(two, [{METER: before}, {METER: after}])

    usage = [line for line in apart.lines if line.kind is LineKind.USAGE]
    assert usage == [line for line in made(one, [{METER: before + after}]).lines if line.kind is LineKind.USAGE]


@FEW
@given(agreements(), st.lists(st.tuples(st.sampled_from([METER, "storage_gb"]), AMOUNTS), max_size=12), st.randoms())
def test_the_order_in_which_usage_arrived_changes_no_line(
    agreed: Terms, events: list[tuple[str, int]], chance: object
) -> None:
    shuffled = list(events)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]

    assert made([held(agreed)], [counted(shuffled)]) == made([held(agreed)], [counted(events)])


@given(AMOUNTS, st.lists(st.integers(min_value=1, max_value=29), unique=True, min_size=1, max_size=6))
def test_a_fee_cut_into_days_is_at_most_a_rounding_a_part_off_the_whole(minor: int, cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), 30]
    lengths = [end - start for start, end in pairwise(edges)]

    parts = [shared(minor, length, 30) for length in lengths]

    assert all(
        abs(part - Fraction(minor * length, 30)) <= Fraction(1, 2) for part, length in zip(parts, lengths, strict=True)
    )
    assert abs(sum(parts) - minor) <= len(parts) // 2


@given(AMOUNTS, st.integers(min_value=0, max_value=30))
def test_a_fee_billed_in_advance_and_its_adjustment_make_what_the_days_cost(minor: int, days: int) -> None:
    starts = "2020-01-01"
    ends = (NOVEMBER.first + timedelta(days=days)).isoformat()
    contracts = [held(terms(fee(minor, advance=True)), starts, ends), held(terms(), "2026-11-30", contract_id="K-2")]

    adjusted = billed(contracts, advance_billed={"Platform": minor} if minor else {})

    assert minor + adjusted.total_minor == shared(minor, min(days, 29), 30)


@given(st.lists(st.sampled_from(CURRENCIES), unique=True, min_size=2, max_size=2), AMOUNTS)
def test_currencies_never_mix(two: list[str], minor: int) -> None:
    contracts = [
        held(terms(fee(minor), currency=two[0]), ends="2026-11-16"),
        held(terms(fee(minor), currency=two[1]), "2026-11-16", contract_id="K-2"),
    ]

    with pytest.raises(UnbillableError, match="contracts of the period are in"):
        billed(contracts)


def counted(events: list[tuple[str, int]]) -> dict[str, int]:
    usage: dict[str, int] = {}
    for meter, units in events:
        usage[meter] = usage.get(meter, 0) + units * MICRO
    return usage
