"""A batch of a month's documents on its way to Stripe, in real books: all arrive once, or are left with why."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from activities.clock import wall_clock
from activities.effects import send_once
from activities.invoice_push import AWAY_AFTER, PushedByEffects
from activities.ports import ProviderAnswer
from billing.failures import BillingFailure, FailureCode
from billing.month_end import BatchResult, Shard
from sandbox.stripe.faults import FaultKind
from tests.adapters.postgres.month import EVERYBODY, PERIOD, RUN, Month
from tests.adapters.stripe.documents import AtStripe
from tests.fixtures.stripe_simulator import StripeSimulator

FINALISE = "/v1/invoices/*/finalize"
Push = Callable[..., BatchResult]


@pytest.fixture
def account(stripe_simulator: StripeSimulator) -> AtStripe:
    return AtStripe(stripe_simulator)


@pytest.fixture
def month(engine: Engine) -> Month:
    return Month(engine)


@pytest.fixture
def push(month: Month, account: AtStripe) -> Push:
    pushing = PushedByEffects(month.pushes, month.effects, account.invoices, wall_clock)

    def pushed(batch: Shard = EVERYBODY) -> BatchResult:
        return pushing.push(RUN, batch, lambda note: None)

    return pushed


def billed(month: Month, account: AtStripe, *tenants: str) -> None:
    """Each tenant is a customer there and was issued a document of 5.07."""
    for tenant in tenants:
        customer = account.client.v1.customers.create({"name": tenant}).id
        month.issue(month.tenant(tenant, provider_customer_id=customer), 5_00, 7)


def totals(account: AtStripe) -> list[tuple[str, int]]:
    return sorted((str(one.status), one.total) for one in account.client.v1.invoices.list({"limit": 100}).data)


def test_every_document_of_the_batch_arrives_and_is_linked(month: Month, account: AtStripe, push: Push) -> None:
    billed(month, account, "acme", "bolt", "crow")

    result = push()

    at_stripe = {str(one.number): one.id for one in account.client.v1.invoices.list().data}
    assert result == BatchResult(done=3)
    assert month.links() == {tenant: at_stripe[f"INV-2026-{tenant}"] for tenant in ("acme", "bolt", "crow")}
    assert set(month.states().values()) == {"confirmed"}


def test_a_batch_holds_the_tenants_between_its_ends_and_no_others(month: Month, account: AtStripe, push: Push) -> None:
    billed(month, account, "acme", "bolt", "crow")

    result = push(Shard(first="b", last="bolt"))

    assert result == BatchResult(done=1)
    assert month.states() == {"acme": "intended", "bolt": "confirmed", "crow": "intended"}


def test_pushing_twice_changes_nothing(month: Month, account: AtStripe, push: Push) -> None:
    billed(month, account, "acme", "bolt")
    push()
    before = len(account.control.requests())

    again = push()

    assert again == BatchResult(done=2)
    assert len(account.control.requests()) == before


def test_one_that_is_refused_keeps_no_other_waiting_and_says_why(month: Month, account: AtStripe, push: Push) -> None:
    billed(month, account, "acme", "bolt", "crow")
    month.change("bolt", provider_customer_id=None)

    result = push()

    assert result.done == 2
    assert [(left.tenant_id, left.number) for left in result.left] == [("bolt", "INV-2026-bolt")]
    assert "bolt has no provider_customer_id: link it" in result.left[0].why
    assert month.pushes.left(PERIOD, 10) == result.left


def test_what_was_refused_is_tried_once_more_when_it_is_pushed_again(
    month: Month, account: AtStripe, push: Push
) -> None:
    billed(month, account, "acme", "bolt")
    account.control.fault(FaultKind.DECLINE, FINALISE, attempts=(1,))
    first = push()

    second = push()

    assert (first.done, [left.tenant_id for left in first.left]) == (1, ["acme"])
    assert second == BatchResult(done=2)
    assert totals(account) == [("open", 5_07)] * 2


@pytest.mark.parametrize("kind", [FaultKind.RATE_LIMIT, FaultKind.LOST_ANSWER, FaultKind.ERROR_AFTER_COMMIT])
def test_a_document_that_met_trouble_has_its_turn_again_after_the_others(
    month: Month, account: AtStripe, push: Push, kind: FaultKind
) -> None:
    billed(month, account, "acme", "bolt", "crow")
    account.control.fault(kind, FINALISE, attempts=(1,))

    result = push()

    assert result == BatchResult(done=3)
    assert totals(account) == [("open", 5_07)] * 3


def test_a_provider_that_is_away_leaves_the_rest_of_the_batch_untouched(
    month: Month, account: AtStripe, push: Push
) -> None:
    billed(month, account, "acme", "bolt", "crow", "dove", "elk")
    account.control.fault(FaultKind.LOST_ANSWER, "/v1/invoices")

    with pytest.raises(BillingFailure, match="3 documents in a row") as failure:
        push()

    assert failure.value.code is FailureCode.UNAVAILABLE
    assert list(month.states().values()).count("intended") == 5 - AWAY_AFTER
    account.control.clear_faults()
    assert push() == BatchResult(done=5)
    assert totals(account) == [("open", 5_07)] * 5


def test_a_link_and_its_confirmation_are_one_thing(month: Month, account: AtStripe) -> None:
    billed(month, account, "acme")
    [document] = month.pushes.unsettled(RUN, EVERYBODY)
    answer = send_once(month.effects, document.op_key, account.sender(document), lambda given: given, wall_clock())
    with month.engine.begin() as connection:
        connection.exec_driver_sql("update invoices set provider_invoice_id = 'in_somebody_elses'")

    with pytest.raises(BillingFailure, match="linked to another invoice") as failure:
        month.effects.confirm(document.op_key, answer)

    assert failure.value.code is FailureCode.CONFLICT
    assert month.states() == {"acme": "sent"}


def test_confirming_twice_is_nothing(month: Month, account: AtStripe, push: Push) -> None:
    billed(month, account, "acme")
    push()

    month.effects.confirm(f"month-end/{PERIOD}/invoice/acme", ProviderAnswer(provider_id=str(month.links()["acme"])))

    assert month.states() == {"acme": "confirmed"}


def test_credits_applied_here_are_not_due_there(month: Month, account: AtStripe, push: Push) -> None:
    customer = account.client.v1.customers.create({"name": "acme"}).id
    account.client.v1.customers.balance_transactions.create(customer, {"amount": -2_00, "currency": "usd"})
    month.issue(month.tenant("acme", provider_customer_id=customer), 5_00, applied_credit_minor=2_00)

    result = push()

    [invoice] = account.client.v1.invoices.list().data
    assert (result.done, invoice.total, invoice.amount_due) == (1, 5_00, 3_00)
