"""The billing discrepancies that customers reported, each by its name and with its figures (B1 to B6).

The invoice that 50 requests at once must make only once (B2) is a promise of the books:
`tests/adapters/postgres/billing_runs/test_discrepancies.py::test_fifty_concurrent_requests_make_one_invoice`.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from billing.allocation import allocate
from billing.invoices import LineKind
from tests.billing.agreements import amounts, billed, credit_of, fee, held, issued, percent_off, terms
from tests.billing.world import price, tier, usd

TERABYTE = 1_000


def test_proration_of_fifteen_of_thirty_days_of_a_thousand_dollars_is_five_hundred() -> None:
    """B1."""
    joined = held(terms(fee(100_000)), "2026-11-16")

    made = billed(joined, "2026-11")

    assert made.lines[0].active_days == 15
    assert issued(made).total == usd("500.00")


def test_ten_percent_then_a_credit_of_fifty_leaves_eight_hundred_and_fifty() -> None:
    """B3: percentages first. The 805 that the customer expected takes the fixed credit off before the percentage."""
    agreed = terms(fee(100_000), discounts=(percent_off("10"),), fixed_discounts=(credit_of(5_000),))

    made = billed(held(agreed))

    assert issued(made).total == usd("850.00")
    assert [line.amount_minor for line in made.lines] == [100_000, -10_000, -5_000]


def test_a_credit_lands_in_the_period_it_is_given_in_and_leaves_the_invoice_before_as_it_is() -> None:
    """B4: no document's lines or total change; what is due of the next one does."""
    last, this = (issued(billed(held(terms(fee(100_000))), month)) for month in ("2026-10", "2026-11"))

    with_credit = this.model_copy(update={"applied_credit_minor": 5_000})

    assert (last.total_minor, last.due_minor) == (100_000, 100_000)
    assert (with_credit.total_minor, with_credit.due_minor) == (100_000, 95_000)
    assert with_credit.lines == this.lines


@pytest.mark.parametrize(("gigabytes", "overage"), [(999, 0), (TERABYTE, 0), (TERABYTE + 1, 10), (1_500, 5_000)])
def test_exactly_one_terabyte_of_one_terabyte_costs_no_overage(gigabytes: int, overage: int) -> None:
    """B5."""
    transfer = price(tier(None, "10"), included=str(TERABYTE), meter="transfer_gb")

    made = billed(held(terms(fee(100_000), prices=(transfer,))), used={"transfer_gb": gigabytes})

    assert amounts(made)[1:] == [(LineKind.USAGE, overage)]


def test_three_departments_share_a_thousand_dollars_to_the_cent() -> None:
    """B6: 333.30, 333.30 and 333.40 instead of a cent that nobody pays."""
    shares = allocate(usd("1000.00"), {"a": Decimal("33.33"), "b": Decimal("33.33"), "c": Decimal("33.34")})

    assert [one.amount for one in shares] == [usd("333.30"), usd("333.30"), usd("333.40")]
    assert sum((one.amount for one in shares), usd("0.00")) == usd("1000.00")
