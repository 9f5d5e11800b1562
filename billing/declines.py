"""What a bank's decline means for the debt: try again later, ask for another way to pay, or stop and let a person look.

Every decline code that Stripe documents has its place in one table. A code that is not in it is of a time after this
table: it stops the retries, and a person sees it.
"""

from enum import StrEnum

from billing.policy.payments import PaymentPolicy


class Advice(StrEnum):
    """What to do after a decline. `stop`: nothing is charged by itself any more, and a person looks."""

    RETRY = "retry"
    ASK_FOR_NEW_METHOD = "ask_for_new_method"
    STOP = "stop"


# Declined by nobody: there is no payment method on record that could be charged.
NO_PAYMENT_METHOD = "no_payment_method"

# The bank says no without a reason; see `PaymentPolicy.do_not_honor_retries`.
DO_NOT_HONOR = "do_not_honor"

_RETRY = """
    approve_with_id call_issuer card_velocity_exceeded generic_decline insufficient_funds issuer_not_available
    no_action_taken processing_error reenter_transaction try_again_later withdrawal_count_limit_exceeded
"""

_ASK_FOR_NEW_METHOD = """
    authentication_not_handled authentication_required card_not_supported currency_not_supported do_not_honor
    expired_card incorrect_address incorrect_cvc incorrect_number incorrect_pin incorrect_zip invalid_account
    invalid_cvc invalid_expiry_month invalid_expiry_year invalid_number invalid_pin lost_card
    mobile_device_authentication_required new_account_information_available not_permitted offline_pin_required
    online_or_offline_pin_required pickup_card pin_try_exceeded restricted_card revocation_of_all_authorizations
    revocation_of_authorization service_not_allowed stolen_card stop_payment_order transaction_not_allowed
    no_payment_method
"""

_STOP = """
    do_not_try_again duplicate_transaction elevated_risk_level fraudulent highest_risk_level invalid_amount
    live_mode_test_card merchant_blacklist rule security_violation test_mode_live_card testmode_decline
"""

ADVICE: dict[str, Advice] = {
    code: advice
    for advice, codes in (
        (Advice.RETRY, _RETRY),
        (Advice.ASK_FOR_NEW_METHOD, _ASK_FOR_NEW_METHOD),
        (Advice.STOP, _STOP),
    )
    for code in codes.split()
}


def is_known(decline_code: str) -> bool:
    """Whether the code has a place in the table; one that has none is for a person."""
    return decline_code in ADVICE


def advice_for(decline_code: str, policy: PaymentPolicy, times: int = 1) -> Advice:
    """What to do after this code was answered for the `times`-th time for one debt; unknown codes stop.

    `do_not_honor` is retried as often as the policy says, later than others, and then asks for a new method.
    """
    if decline_code == DO_NOT_HONOR and times <= policy.do_not_honor_retries:
        return Advice.RETRY
    return ADVICE.get(decline_code, Advice.STOP)
