"""What every payment provider promises, asked of Stripe's adapter and of the fake, for both ways of giving back."""

from __future__ import annotations

import pytest

from activities.ports import ProviderAnswer, Wire
from billing.corrections import Destination
from billing.failures import BillingFailure, FailureCode
from tests.adapters.stripe.books import Books, FakeBooks, RealBooks
from tests.adapters.stripe.samples import a_request
from tests.fixtures.stripe_simulator import StripeSimulator

KEY = "acme/2026-11-21/dispute/T-4711/credit/r1.1/g1"
OP_KEY = "dispute/T-4711/credit/r1.1"


@pytest.fixture(params=["real", "fake"])
def books(request: pytest.FixtureRequest) -> Books:
    if request.param == "fake":
        return FakeBooks()
    return RealBooks(request.getfixturevalue("stripe_simulator"))


@pytest.fixture(params=list(Destination))
def wire(request: pytest.FixtureRequest, books: Books) -> Wire:
    return books.plan(a_request(25_00, request.param))


def failing(books: Books, wire: Wire, key: str = KEY) -> FailureCode:
    """The code with which the request fails."""
    with pytest.raises(BillingFailure) as failure:
        books.provider.send(wire, key)
    return failure.value.code


def test_a_credit_that_was_sent_is_found_by_its_op_key(books: Books, wire: Wire) -> None:
    answer = books.provider.send(wire, KEY)

    found = books.provider.find(wire, OP_KEY)
    assert found is not None
    assert found.provider_id == answer.provider_id
    assert books.credited() == [(OP_KEY, 25_00)]


def test_a_credit_that_was_not_sent_is_not_found(books: Books, wire: Wire) -> None:
    other = books.plan(a_request(5_00, ticket="T-1"))
    books.provider.send(other, "another key")

    found = books.provider.find(wire, OP_KEY)

    assert found is None


def test_the_same_key_gives_the_same_answer_and_no_second_credit(books: Books, wire: Wire) -> None:
    answers: list[ProviderAnswer] = [books.provider.send(wire, KEY) for _ in range(3)]

    assert answers[0] == answers[1] == answers[2]
    assert len(books.credited()) == 1


def test_another_key_would_credit_twice_which_is_why_it_is_looked_up_first(books: Books, wire: Wire) -> None:
    books.provider.send(wire, KEY)
    books.provider.send(wire, KEY.replace("/g1", "/g2"))

    assert len(books.credited()) == 2


def test_the_same_key_with_another_request_is_a_conflict(books: Books, wire: Wire) -> None:
    books.provider.send(wire, KEY)
    changed = wire.model_copy(update={"params": wire.params | {"metadata": {"op_key": "another"}}})

    code = failing(books, changed)

    assert code is FailureCode.CONFLICT
    assert len(books.credited()) == 1


def test_a_busy_provider_did_nothing(books: Books, wire: Wire) -> None:
    books.fail_next(FailureCode.PROVIDER_BUSY)

    code = failing(books, wire)

    assert code is FailureCode.PROVIDER_BUSY
    assert books.credited() == []
    books.provider.send(wire, KEY)
    assert len(books.credited()) == 1


def test_a_refused_credit_does_not_exist(books: Books, wire: Wire) -> None:
    books.fail_next(FailureCode.PROVIDER_REFUSED)

    code = failing(books, wire)

    assert code is FailureCode.PROVIDER_REFUSED
    assert books.provider.find(wire, OP_KEY) is None


@pytest.mark.parametrize("happened", [True, False])
def test_after_a_lost_answer_the_same_key_tells_what_happened(books: Books, wire: Wire, happened: bool) -> None:
    books.fail_next(FailureCode.OUTCOME_UNKNOWN, commits=happened)

    code = failing(books, wire)
    found = books.provider.find(wire, OP_KEY)
    answer = books.provider.send(wire, KEY)

    assert code is FailureCode.OUTCOME_UNKNOWN
    assert (found is not None) is happened
    assert found is None or found.provider_id == answer.provider_id
    assert len(books.credited()) == 1


@pytest.mark.parametrize("happened", [True, False])
def test_a_spent_key_never_says_more_and_a_look_up_does(books: Books, wire: Wire, happened: bool) -> None:
    books.fail_next(FailureCode.KEY_SPENT, commits=happened)

    first, *later = (failing(books, wire) for _ in range(3))

    assert first in (FailureCode.OUTCOME_UNKNOWN, FailureCode.KEY_SPENT)
    assert later == [FailureCode.KEY_SPENT, FailureCode.KEY_SPENT]
    assert (books.provider.find(wire, OP_KEY) is not None) is happened
    assert len(books.credited()) == happened


def test_a_forgotten_key_would_credit_again_which_is_why_it_is_looked_up_first(books: Books, wire: Wire) -> None:
    books.provider.send(wire, KEY)

    books.forget_keys()
    found = books.provider.find(wire, OP_KEY)
    books.provider.send(wire, KEY)

    assert found is not None
    assert len(books.credited()) == 2


@pytest.mark.parametrize("destination", list(Destination))
def test_the_fake_plans_as_the_real_one_does(stripe_simulator: StripeSimulator, destination: Destination) -> None:
    real, fake = RealBooks(stripe_simulator), FakeBooks()
    request = a_request(25_00, destination)

    plans = [books.plan(request) for books in (real, fake)]

    theirs, ours = ({**plan.params, "customer": "", "invoice": ""} for plan in plans)
    assert theirs == ours
    assert plans[0].call == plans[1].call
