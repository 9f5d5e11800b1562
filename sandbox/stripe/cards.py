"""Stripe's published test cards: what each does when it is attached and charged.

They are named by token (`tok_visa`, `pm_card_visa`); a raw card number is refused, as it is for any account that has not
proved to Stripe that it may see one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.stripe.errors import CardError, InvalidParameter

DECLINES: dict[str, tuple[str, str]] = {
    # decline code -> (error code, message)
    "generic_decline": ("card_declined", "Your card was declined."),
    "insufficient_funds": ("card_declined", "Your card has insufficient funds."),
    "lost_card": ("card_declined", "Your card was declined."),
    "stolen_card": ("card_declined", "Your card was declined."),
    "card_velocity_exceeded": (
        "card_declined",
        "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
    ),
    "expired_card": ("expired_card", "Your card has expired."),
    "incorrect_cvc": ("incorrect_cvc", "Your card's security code is incorrect."),
    "processing_error": (
        "processing_error",
        "An error occurred while processing your card. Try again in a little bit.",
    ),
    "authentication_required": (
        "authentication_required",
        "Your card was declined. This transaction requires authentication.",
    ),
}
HARD_DECLINES = frozenset({"lost_card", "stolen_card", "expired_card", "authentication_required"})


@dataclass(frozen=True)
class TestCard:
    """One test card."""

    last4: str
    brand: str = "visa"
    decline: str | None = None
    """Decline code of every charge."""
    attaches: bool = True
    """Whether a customer can keep it: Stripe checks a card when it is attached."""
    dispute: str | None = None
    """Reason of the dispute that follows every charge."""
    inquiry: bool = False
    """Whether that dispute is only an inquiry."""
    refund: str = "succeeds"
    """`succeeds`, `pends` or `fails`."""


def _declining(last4: str, code: str) -> TestCard:
    return TestCard(last4, decline=code, attaches=False)


CARDS: dict[str, TestCard] = {
    "visa": TestCard("4242"),
    "mastercard": TestCard("4444", "mastercard"),
    "amex": TestCard("8431", "amex"),
    "discover": TestCard("9424", "discover"),
    "jcb": TestCard("0505", "jcb"),
    "visa_chargeDeclined": _declining("0002", "generic_decline"),
    "visa_chargeDeclinedInsufficientFunds": _declining("9995", "insufficient_funds"),
    "visa_chargeDeclinedLostCard": _declining("9987", "lost_card"),
    "visa_chargeDeclinedStolenCard": _declining("9979", "stolen_card"),
    "visa_chargeDeclinedVelocityLimitExceeded": _declining("6975", "card_velocity_exceeded"),
    "chargeDeclinedExpiredCard": _declining("0069", "expired_card"),
    "chargeDeclinedIncorrectCvc": _declining("0127", "incorrect_cvc"),
    "chargeDeclinedProcessingError": _declining("0119", "processing_error"),
    "chargeCustomerFail": TestCard("0341", decline="generic_decline"),
    "authenticationRequired": TestCard("3220", decline="authentication_required"),
    "authenticationRequiredOnSetup": TestCard("3155", decline="authentication_required"),
    "createDispute": TestCard("0259", dispute="fraudulent"),
    "createDisputeProductNotReceived": TestCard("2685", dispute="product_not_received"),
    "createDisputeInquiry": TestCard("1976", dispute="fraudulent", inquiry=True),
    "pendingRefund": TestCard("7726", refund="pends"),
    "refundFail": TestCard("5126", refund="fails"),
}


def named(token: str, param: str) -> str | None:
    """The name of the test card behind `tok_...` or `pm_card_...`; None when the token is none of them.

    Raises `InvalidParameter` for anything that looks like a card number, without repeating it.
    """
    if token.replace(" ", "").replace("-", "").isdigit():
        raise raw_number(param)
    for prefix in ("pm_card_", "tok_"):
        name = token.removeprefix(prefix)
        if name != token and name in CARDS:
            return name
    return None


def raw_number(param: str) -> InvalidParameter:
    """The refusal of a card number."""
    return InvalidParameter(
        "Sending credit card numbers directly to the Stripe API is generally unsafe. "
        "Use a test token such as tok_visa, or a test payment method such as pm_card_visa.",
        param=param,
    )


def declined(code: str, **about: Any) -> CardError:
    """The refusal of the bank; an unlisted decline code reads as a plain decline."""
    error_code, message = DECLINES.get(code, DECLINES["generic_decline"])
    reason = code if error_code == "card_declined" else None
    advice = "do_not_try_again" if code in HARD_DECLINES else "try_again_later"
    return CardError(message, code=error_code, decline_code=reason or code, advice_code=advice, **about)
