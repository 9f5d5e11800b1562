"""What tests of the simulator start from."""

from __future__ import annotations

import pytest
import stripe

from tests.fixtures.stripe_simulator import StripeSimulator
from tests.sandbox.stripe.builders import Books


@pytest.fixture
def client(stripe_simulator: StripeSimulator) -> stripe.StripeClient:
    """The SDK, talking to an empty account."""
    return stripe_simulator.client()


@pytest.fixture
def books(client: stripe.StripeClient) -> Books:
    """Customers and invoices in a few words."""
    return Books(client)
