"""Collecting, asked of Stripe's adapter on the simulator and of the fake: what is charged, what never twice, what is owed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from billing.declines import NO_PAYMENT_METHOD, Advice
from billing.failures import BillingFailure, FailureCode
from billing.invoices import InvoiceStatus
from billing.payments import Origin, Outcome
from tests.adapters.stripe.tills import INVOICE, TOTAL, FakeTill, StripeTill, Till
from tests.fixtures.stripe_simulator import StripeSimulator

Opens = Callable[..., Till]


@pytest.fixture(params=["stripe", "fake"])
def opens(request: pytest.FixtureRequest) -> Opens:
    if request.param == "fake":
        return FakeTill
    simulator = request.getfixturevalue("stripe_simulator")
    return lambda *about, **more: StripeTill(simulator, *about, **more)


@pytest.fixture
def till(opens: Opens) -> Till:
    return opens()


def until_known(till: Till, number: int = 1) -> Outcome:
    """Try as the runbook does, until there is an outcome."""
    for _ in range(6):
        try:
            outcome = till.tries(number).outcome
        except BillingFailure as failure:
            assert not failure.final, failure.for_us
            continue
        if outcome is not Outcome.UNKNOWN:
            return outcome
    return Outcome.UNKNOWN


def test_what_is_due_is_charged_once(till: Till) -> None:
    first = till.tries(1)
    again, next_one = till.tries(1), till.tries(2)

    assert (first.outcome, first.amount and first.amount.minor) == (Outcome.PAID, TOTAL)
    assert (again, next_one.outcome) == (first, Outcome.NOTHING_DUE)
    assert till.taken() == [TOTAL]
    assert till.receivable().status is InvoiceStatus.PAID


def test_a_decline_is_an_answer_with_its_code_and_begins_the_debt(till: Till) -> None:
    before = till.receivable()
    till.answers("insufficient_funds")

    result = till.tries()

    after = till.receivable()
    assert (result.outcome, result.decline_code, result.advice) == (
        Outcome.DECLINED,
        "insufficient_funds",
        Advice.RETRY,
    )
    assert (before.overdue_since, before.is_debt) == (None, False)
    assert (after.overdue_since is not None, after.is_debt, after.remaining.minor) == (True, True, TOTAL)
    assert till.taken() == []


@pytest.mark.parametrize("fault", ["lost", "lost-before", "stored-500", "stored-500-before", "busy"])
@pytest.mark.parametrize("reopened", [False, True], ids=["open invoice", "re-opened debt"])
def test_whatever_happens_to_the_answer_it_is_charged_once(till: Till, fault: str, reopened: bool) -> None:
    number = 1
    if reopened:
        till.tries(1)
        till.refunds(30_00)
        number = 2
    till.answers(fault)

    outcome = until_known(till, number)

    assert outcome is Outcome.PAID
    assert till.taken() == ([TOTAL, 30_00] if reopened else [TOTAL])
    assert till.remaining() == 0


@pytest.mark.parametrize("fault", ["lost", "lost-before"])
def test_a_day_later_it_is_still_charged_once(till: Till, fault: str) -> None:
    till.answers(fault)
    till.tries()

    till.hours_pass(25)

    assert until_known(till) is Outcome.PAID
    assert till.taken() == [TOTAL]


def test_a_decline_whose_answer_was_lost_is_found_as_a_decline(till: Till) -> None:
    till.answers("do_not_honor")
    first = till.tries()
    till.effects.doubt(f"payment/{INVOICE}/scheduled-1", "as if the answer had never arrived")
    till.book.rows.clear()

    assert till.tries().decline_code == first.decline_code
    assert till.taken() == []


def test_while_the_bank_has_not_answered_nothing_else_is_charged(till: Till) -> None:
    till.answers("processing")

    waiting, by_hand, still = till.tries(), till.tries(1, Origin.MANUAL), till.tries()
    till.hours_pass(1.1)

    assert [waiting.outcome, by_hand.outcome, still.outcome] == [Outcome.UNKNOWN, Outcome.HELD, Outcome.UNKNOWN]
    assert till.tries().outcome is Outcome.PAID
    assert till.taken() == [TOTAL]


def test_what_never_arrived_bars_nobody_for_ever(till: Till) -> None:
    till.answers("lost-before")
    till.tries()
    at_once = till.tries(1, Origin.MANUAL)

    till.hours_pass(25)

    assert at_once.outcome is Outcome.HELD
    assert till.tries(1, Origin.MANUAL).outcome is Outcome.PAID
    assert till.tries().outcome is Outcome.NOTHING_DUE
    assert till.taken() == [TOTAL]


def test_always_the_net_due_is_charged(till: Till) -> None:
    till.answers("insufficient_funds")
    till.tries(1)
    till.credits(30_00)
    till.pays_elsewhere(20_00)

    owed = till.remaining()
    result = till.tries(2)

    assert (owed, result.amount and result.amount.minor) == (50_00, 50_00)
    assert till.remaining() == 0


def test_what_was_paid_elsewhere_is_not_charged(till: Till) -> None:
    till.pays_elsewhere()

    assert till.tries().outcome is Outcome.NOTHING_DUE
    assert (till.taken(), till.remaining()) == ([], 0)


@pytest.mark.parametrize("status", [InvoiceStatus.VOID, InvoiceStatus.UNCOLLECTIBLE])
def test_what_is_void_or_written_off_is_owed_by_nobody(till: Till, status: InvoiceStatus) -> None:
    till.becomes(status)

    assert till.tries().outcome is Outcome.NOTHING_DUE
    assert (till.receivable().status, till.remaining()) == (status, 0)


def test_a_refund_is_owed_again_and_so_is_one_of_its_second_charge(till: Till) -> None:
    till.tries(1)
    till.refunds(40_00)
    owed = till.receivable()
    till.tries(2)
    settled = till.remaining()
    till.refunds(10_00)

    assert (owed.remaining.minor, owed.is_debt, settled) == (40_00, True, 0)
    assert till.remaining() == 10_00
    assert till.taken() == [TOTAL, 40_00]


@pytest.mark.parametrize("won", [True, False])
def test_nothing_is_charged_while_a_chargeback_is_undecided(till: Till, won: bool) -> None:
    till.tries(1)
    till.charges_back()

    undecided, held = till.receivable(), till.tries(2)
    till.decides(won=won)
    decided = till.tries(2)

    assert (undecided.charged_back, undecided.disputed, undecided.remaining.minor) == (True, True, TOTAL)
    assert held.outcome is Outcome.HELD
    assert decided.outcome is (Outcome.NOTHING_DUE if won else Outcome.PAID)
    assert till.taken() == ([TOTAL] if won else [TOTAL, TOTAL])


def test_a_debt_that_comes_back_counts_from_then_and_not_from_one_that_was_settled(till: Till) -> None:
    till.tries(1)
    till.gives_back_by_a_note(20_00)
    till.hours_pass(100)
    till.refunds(40_00)
    once = till.receivable().overdue_since
    first = till.now()
    till.tries(2)
    till.hours_pass(100)
    till.refunds(10_00)

    again = till.receivable().overdue_since

    assert once is not None and again is not None
    assert first - once < timedelta(hours=1)
    assert till.now() - again < timedelta(hours=1)


def test_less_than_the_provider_charges_is_left_alone(opens: Opens) -> None:
    till = opens(30)

    result = till.tries()

    assert result.outcome is Outcome.BELOW_MINIMUM
    assert (till.receivable().too_small, till.receivable().is_debt, till.taken()) == (True, False, [])


def test_a_zero_invoice_is_paid_by_being_issued(opens: Opens) -> None:
    till = opens(0)

    assert till.tries().outcome is Outcome.NOTHING_DUE
    assert (till.receivable().status, till.taken()) == (InvoiceStatus.PAID, [])


def test_without_a_payment_method_one_is_asked_for(opens: Opens) -> None:
    till = opens(card=False)

    result = till.tries()

    assert (result.outcome, result.decline_code) == (Outcome.DECLINED, NO_PAYMENT_METHOD)
    assert result.advice is Advice.ASK_FOR_NEW_METHOD
    assert till.receivable().is_debt


def test_never_more_of_a_card_than_four_digits(till: Till) -> None:
    (invoice,) = till.book.collectible((INVOICE,))

    (method,) = till.collector.methods(invoice.provider_customer_id)

    assert (method.kind, method.last4, method.is_default) == ("card", "4242", True)


def test_a_new_card_is_charged_and_not_the_default(stripe_simulator: StripeSimulator) -> None:
    till = StripeTill(stripe_simulator)
    (invoice,) = till.book.collectible((INVOICE,))
    card = till.client.v1.payment_methods.attach("pm_card_mastercard", {"customer": invoice.provider_customer_id})

    till.tries(1, Origin.CARD_UPDATE, payment_method=card.id)

    (charge,) = till.client.v1.charges.list().data
    assert charge.payment_method == card.id


def test_a_card_that_was_taken_away_again_is_not_charged_but_the_default(till: Till) -> None:
    result = till.tries(1, Origin.CARD_UPDATE, payment_method="pm_of_somebody_else")

    assert (result.outcome, till.taken()) == (Outcome.PAID, [TOTAL])


@pytest.mark.parametrize("reopened", [False, True], ids=["open invoice", "re-opened debt"])
def test_a_card_whose_news_come_after_it_was_declined_is_not_asked_again(till: Till, reopened: bool) -> None:
    if reopened:
        till.tries(1)
        till.refunds(30_00)
    card, came_at = till.on_record(), till.now().replace(microsecond=0)
    till.answers("insufficient_funds")
    till.tries(2)

    late = till.tries(1, Origin.CARD_UPDATE, card, came_at)
    till.hours_pass(1)
    changed = till.tries(1, Origin.CARD_UPDATE, card, till.now())

    assert (late.outcome, late.was_tried) == (Outcome.DECLINED_BEFORE, False)
    assert f"{card} was declined already" in late.words
    assert (changed.outcome, till.remaining()) == (Outcome.PAID, 0)


def test_a_card_that_came_before_another_was_declined_is_asked(till: Till) -> None:
    came_at = till.now().replace(microsecond=0)
    till.answers("insufficient_funds")
    till.tries()

    other = till.tries(1, Origin.CARD_UPDATE, "pm_of_somebody_else", came_at)

    assert other.outcome is Outcome.PAID


def test_another_card_that_comes_while_one_is_charged_is_no_conflict(till: Till) -> None:
    till.answers("busy")
    with pytest.raises(BillingFailure):
        till.tries(1, Origin.CARD_UPDATE, payment_method="pm_first")

    result = till.tries(1, Origin.CARD_UPDATE, payment_method="pm_second")

    assert (result.outcome, till.taken()) == (Outcome.PAID, [TOTAL])


def test_an_unknown_failure_keeps_its_code(till: Till) -> None:
    till.answers("busy")

    with pytest.raises(BillingFailure) as failure:
        till.tries()

    assert failure.value.code is FailureCode.PROVIDER_BUSY
