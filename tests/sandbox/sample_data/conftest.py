"""One loaded database, mirrored to one simulator, for all tests about the sample data."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest

from sandbox.postgres import PostgresServer
from sandbox.sample_data import Loaded, load
from sandbox.stripe.control import StripeControl
from sandbox.stripe.server import Simulator, start_simulator
from tests.sandbox.sample_data.audit import Audit

KEY = "sk_test_sample"


@pytest.fixture(scope="session")
def sample_stripe() -> Iterator[Simulator]:
    """The simulator that the sample customers and invoices are mirrored to; every call is checked."""
    with start_simulator(validate=True) as simulator:
        yield simulator


@pytest.fixture(scope="session")
def sample_url(postgres_server: PostgresServer, database_maker: Callable[[str], None]) -> str:
    database_maker("sample_data")
    return postgres_server.url("sample_data")


@pytest.fixture(scope="session")
def loaded(sample_url: str, sample_stripe: Simulator) -> Loaded:
    """The outcome of the first load."""
    return load(sample_url, sample_stripe.url, KEY)


@pytest.fixture(scope="session")
def audit(sample_url: str, loaded: Loaded) -> Iterator[Audit]:
    """What an auditor with nothing but the rows computes."""
    with psycopg.connect(sample_url, autocommit=True, options="-c default_transaction_read_only=on") as books:
        yield Audit(books)


@pytest.fixture(scope="session")
def at_stripe(loaded: Loaded, sample_stripe: Simulator) -> Iterator[StripeControl]:
    """The mirrored books, as the simulator sees them."""
    with StripeControl(sample_stripe.url) as control:
        yield control
