"""Whatever is found, the money adds up."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from billing.disputes import Resolution
from billing.findings import Finding, FindingKind
from billing.money import Money
from billing.prices import MeterPrice
from billing.rating import rate
from tests.billing.strategies import meter_prices, quantities
from tests.billing.test_rerating import NOTHING, assessed, finding
from tests.billing.world import METER, fee_line, invoice, price, tier, usage_line


@st.composite
def some_findings(draw: st.DrawFn) -> list[Finding]:
    """Any mixture of findings, lawful or absurd, on two meters."""
    kinds = st.sampled_from([kind for kind in FindingKind if kind is not FindingKind.WRONG_RATE])
    one = st.builds(
        finding,
        kind=kinds,
        excess=st.decimals(min_value=-100_000, max_value=200_000, places=6),
        meter=st.sampled_from([METER, "storage_gb"]),
        share_of_charge=st.one_of(st.just(Decimal(0)), st.decimals(min_value=0, max_value=1, places=2)),
        correct_price=st.one_of(st.none(), meter_prices()),
    )
    return draw(st.lists(one, max_size=6))


@given(
    found=some_findings(),
    metered=meter_prices(),
    used=quantities(200_000),
    stored=quantities(10_000),
    off_minor=st.integers(min_value=-500, max_value=500),
    discount_minor=st.integers(min_value=0, max_value=5_000),
    already_minor=st.integers(min_value=0, max_value=50_000),
    disputed_minor=st.integers(min_value=0, max_value=1_000_000),
)
def test_whatever_is_found_amounts_sum_and_credits_stay_within_the_invoice(
    found: list[Finding],
    metered: MeterPrice,
    used: Decimal,
    stored: Decimal,
    off_minor: int,
    discount_minor: int,
    already_minor: int,
    disputed_minor: int,
) -> None:
    storage = price(tier(None, "3"), meter="storage_gb")
    miscalculated = usage_line(metered, str(used), amount_minor=max(0, rate(metered, used) + off_minor))
    billed = invoice(miscalculated, usage_line(storage, str(stored), number=2), fee_line(-discount_minor))
    already, disputed = Money(minor=already_minor, currency="USD"), Money(minor=disputed_minor, currency="USD")

    outcome = assessed(found, billed, already, disputed, prices=[metered, storage])

    worth = [finding.amount.minor for finding in outcome.findings if finding.amount]
    assert sum(worth) == outcome.overbilled.minor == sum(line.credit_minor for line in outcome.lines)
    assert all(0 <= line.credit_minor <= line.billed_minor for line in outcome.lines)
    assert outcome.credit.minor >= 0
    assert outcome.credit.minor == 0 or outcome.credit + already <= billed.total
    assert outcome.credit <= outcome.overbilled
    assert (outcome.resolution is Resolution.BILLING_CORRECT) is (outcome.credit.minor == 0)


@given(metered=meter_prices(), true_use=quantities(200_000), twice=quantities(200_000))
def test_duplicates_of_any_quantity_leave_the_customer_with_the_price_of_the_true_usage(
    metered: MeterPrice, true_use: Decimal, twice: Decimal
) -> None:
    billed = invoice(usage_line(metered, str(true_use + twice)))

    outcome = assessed([finding(excess=twice)], billed, prices=[metered])

    assert billed.total - outcome.credit == Money(minor=rate(metered, true_use), currency="USD")
    assert outcome.conclusive


@given(metered=meter_prices(), used=quantities(), disputed=st.integers(min_value=0, max_value=10**6))
def test_rating_again_without_findings_changes_nothing(metered: MeterPrice, used: Decimal, disputed: int) -> None:
    billed = invoice(usage_line(metered, str(used)))

    outcome = assessed([], billed, disputed=Money(minor=disputed, currency="USD"), prices=[metered])

    assert (outcome.overbilled, outcome.credit, outcome.conclusive) == (NOTHING, NOTHING, True)


@given(metered=meter_prices(), used=quantities(200_000), first=quantities(1_000), second=quantities(1_000))
def test_the_order_of_findings_moves_amounts_between_them_but_not_the_credit(
    metered: MeterPrice, used: Decimal, first: Decimal, second: Decimal
) -> None:
    billed = invoice(usage_line(metered, str(used + first + second)))
    both = [finding(excess=first), finding(FindingKind.MISDATED_EVENTS, second)]

    forwards, backwards = assessed(both, billed, prices=[metered]), assessed(both[::-1], billed, prices=[metered])

    assert forwards.credit == backwards.credit
