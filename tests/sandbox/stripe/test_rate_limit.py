"""A rate limit that can be set: so many requests a second over all endpoints, 429 beyond, and nothing done by those."""

from __future__ import annotations

import httpx
import pytest
import stripe

from sandbox.stripe.rate_limit import RateLimit
from tests.fixtures.stripe_simulator import StripeSimulator


class Watch:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_a_bucket_lets_a_second_of_requests_through_at_once_and_then_as_many_as_come_in() -> None:
    watch = Watch()
    limit = RateLimit(25, watch)

    at_once = [limit.take() for _ in range(30)]
    watch.seconds += 0.2
    later = [limit.take() for _ in range(10)]

    assert at_once == [True] * 25 + [False] * 5
    assert later == [True] * 5 + [False] * 5
    assert limit.as_json() == {"a_second": 25, "taken": 30, "refused": 10}


def test_nothing_is_saved_up_beyond_a_second() -> None:
    watch = Watch()
    limit = RateLimit(2, watch)
    watch.seconds += 3_600

    assert [limit.take() for _ in range(4)] == [True, True, False, False]


@pytest.mark.parametrize("a_second", [0, -1.0])
def test_a_limit_that_lets_nothing_through_is_refused(stripe_simulator: StripeSimulator, a_second: float) -> None:
    with pytest.raises(ValueError, match="more than 0 requests a second"):
        stripe_simulator.control.limit_rate(a_second)


def test_requests_beyond_the_limit_are_429_and_do_nothing(
    stripe_simulator: StripeSimulator, client: stripe.StripeClient
) -> None:
    stripe_simulator.control.limit_rate(0.001)
    first = client.v1.customers.create({"name": "first"})

    with pytest.raises(stripe.RateLimitError) as refused:
        client.v1.customers.create({"name": "second"}, {"idempotency_key": "k-1"})
    stripe_simulator.control.limit_rate(None)
    made = client.v1.customers.create({"name": "second"}, {"idempotency_key": "k-1"})

    assert (refused.value.http_status, refused.value.error.code) == (429, "rate_limit")
    assert [customer.id for customer in client.v1.customers.list().data] == [made.id, first.id]


def test_a_stranger_costs_the_account_nothing(stripe_simulator: StripeSimulator) -> None:
    stripe_simulator.control.limit_rate(0.001)

    answers = [httpx.get(f"{stripe_simulator.url}/v1/customers").status_code for _ in range(3)]

    assert answers == [401, 401, 401]
    assert stripe_simulator.control.rate_limit() == {"a_second": 0.001, "taken": 0, "refused": 0}


def test_starting_over_lifts_the_limit(stripe_simulator: StripeSimulator) -> None:
    stripe_simulator.control.limit_rate(1)

    stripe_simulator.control.reset()

    assert stripe_simulator.control.rate_limit()["a_second"] is None
