"""The way to Stripe: its SDK without retries of its own, in step with a shared rate when asked, its errors in our words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import stripe

from billing.failures import BillingFailure

# Listing asks for as much as Stripe gives at once.
PAGE = 100
TOO_MANY_REQUESTS = 429

# The SDK would report its latencies to Stripe with every request.
stripe.enable_telemetry = False


class Pace(Protocol):
    """When the next request may leave, whoever else sends some."""

    def wait_for_turn(self) -> None:
        """Return at the moment that is ours."""

    def back_off(self) -> None:
        """Stripe had one too many: everybody waits a little."""


def open_client(
    api_key: str, base_url: str | None = None, timeout: float = 10.0, pace: Pace | None = None
) -> stripe.StripeClient:
    """`base_url` points it at a simulator; `timeout` in seconds holds for each answer; without `pace` nothing waits."""
    http = stripe.RequestsClient(timeout=timeout) if pace is None else _InStep(pace, timeout=timeout)
    return stripe.StripeClient(
        api_key,
        base_addresses={"api": base_url} if base_url else {},
        # A retry must be frozen, counted and seen by the runbook; the SDK's own would be none of these.
        max_network_retries=0,
        http_client=http,
    )


@contextmanager
def told_by(translate: Callable[[Exception], BillingFailure]) -> Iterator[None]:
    """Let only our own failures out; an error of any other kind is one while reading Stripe's answer."""
    try:
        yield
    except BillingFailure:
        raise
    except Exception as error:
        raise translate(error) from error


class _InStep(stripe.RequestsClient):
    """Every request waits for its turn, a page of a list as well as a finalisation."""

    def __init__(self, pace: Pace, *, timeout: float) -> None:
        super().__init__(timeout=timeout)
        self._pace = pace

    def request(  # type: ignore[override] # the SDK's requests client differs from its own base in the same way
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """As the SDK's own, once it is our turn."""
        self._pace.wait_for_turn()
        answer = super().request(method, url, headers, post_data)
        if answer[1] == TOO_MANY_REQUESTS:
            self._pace.back_off()
        return answer
