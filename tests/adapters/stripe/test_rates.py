"""Stripe's rate is shared so that no side can use up the other's part."""

from __future__ import annotations

import pytest

from adapters.stripe.rates import REQUESTS_A_CREDIT, REQUESTS_A_DOCUMENT, StripeRates


@pytest.mark.parametrize("allowed", [1.0, 25.0, 100.0, 1_000.0])
def test_the_shares_never_come_to_more_than_stripe_allows(allowed: float) -> None:
    rates = StripeRates(allowed)

    for_credits = rates.payments_a_second * REQUESTS_A_CREDIT

    assert for_credits + rates.invoice_requests_a_second == pytest.approx(allowed)
    assert min(for_credits, rates.invoice_requests_a_second) > 0


@pytest.mark.parametrize("allowed", [1.0, 25.0, 100.0, 1_000.0])
def test_the_fence_around_the_batches_never_holds_the_pace_back(allowed: float) -> None:
    rates = StripeRates(allowed)

    begun = rates.batches_a_second(25) * 25 * REQUESTS_A_DOCUMENT

    assert begun >= 2 * rates.invoice_requests_a_second
