"""Every decline code has its place, and one that nobody knows stops and is seen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.declines import ADVICE, DO_NOT_HONOR, Advice, advice_for, is_known
from billing.policy.payments import PAYMENTS
from sandbox.stripe.cards import CARDS, DECLINES, HARD_DECLINES

# As Stripe documents them, with the reasons of its own blocks that stand where a decline code would.
_DOCUMENTED = """
    approve_with_id authentication_not_handled authentication_required call_issuer card_not_supported
    card_velocity_exceeded currency_not_supported do_not_honor do_not_try_again duplicate_transaction expired_card
    fraudulent generic_decline incorrect_address incorrect_cvc incorrect_number incorrect_pin incorrect_zip
    insufficient_funds invalid_account invalid_amount invalid_cvc invalid_expiry_month invalid_expiry_year invalid_number
    invalid_pin issuer_not_available lost_card merchant_blacklist mobile_device_authentication_required
    new_account_information_available no_action_taken not_permitted offline_pin_required online_or_offline_pin_required
    pickup_card pin_try_exceeded processing_error reenter_transaction restricted_card revocation_of_all_authorizations
    revocation_of_authorization security_violation service_not_allowed stolen_card stop_payment_order testmode_decline
    transaction_not_allowed try_again_later withdrawal_count_limit_exceeded
    live_mode_test_card test_mode_live_card
    elevated_risk_level highest_risk_level rule
"""
DOCUMENTED = frozenset(_DOCUMENTED.split())
# Stripe sends nothing more to the issuer for these until there is another card.
_NEVER_AGAIN = """
    incorrect_number lost_card pickup_card stolen_card revocation_of_authorization revocation_of_all_authorizations
    authentication_required highest_risk_level transaction_not_allowed
"""
NEVER_AGAIN = frozenset(_NEVER_AGAIN.split())
SIMULATED = {card.decline for card in CARDS.values() if card.decline} | set(DECLINES)


def test_the_table_is_what_stripe_documents_and_our_own_word() -> None:
    assert set(ADVICE) == DOCUMENTED | {"no_payment_method"}


@pytest.mark.parametrize("code", sorted(DOCUMENTED | SIMULATED))
def test_every_code_has_one_advice(code: str) -> None:
    assert is_known(code)
    assert advice_for(code, PAYMENTS) in Advice


@pytest.mark.parametrize("code", sorted(NEVER_AGAIN | HARD_DECLINES))
def test_what_the_issuer_will_never_take_is_not_tried_again(code: str) -> None:
    assert advice_for(code, PAYMENTS) is not Advice.RETRY


@pytest.mark.parametrize("code", ["fraudulent", "merchant_blacklist", "security_violation", "invalid_amount"])
def test_what_only_a_person_can_judge_stops(code: str) -> None:
    assert advice_for(code, PAYMENTS) is Advice.STOP


@pytest.mark.parametrize(
    ("retries", "advised"),
    [
        (0, [Advice.ASK_FOR_NEW_METHOD] * 3),
        (1, [Advice.RETRY, Advice.ASK_FOR_NEW_METHOD, Advice.ASK_FOR_NEW_METHOD]),
        (2, [Advice.RETRY, Advice.RETRY, Advice.ASK_FOR_NEW_METHOD]),
    ],
)
def test_a_no_without_a_reason_is_retried_as_often_as_the_policy_says(retries: int, advised: list[Advice]) -> None:
    policy = PAYMENTS.model_copy(update={"do_not_honor_retries": retries})

    assert [advice_for(DO_NOT_HONOR, policy, times) for times in (1, 2, 3)] == advised


@given(st.text().filter(lambda code: code not in ADVICE))
def test_a_code_of_after_the_table_stops(code: str) -> None:
    assert not is_known(code)
    assert advice_for(code, PAYMENTS) is Advice.STOP
