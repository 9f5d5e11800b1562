"""What an error from Stripe means for the effect that was asked for: it did not happen, it may have, or not now.

Read off the HTTP status first, since the SDK's classes merge 409 and 5xx; messages of Stripe are passed on only where
they speak of our parameters, never where they could repeat a key or a whole body.
"""

from __future__ import annotations

import stripe

from billing.failures import BillingFailure, FailureCode

_CHECK_THE_KEY = (
    "set RUNBOOKS_STRIPE_API_KEY to a key that may read and write invoices, credit notes and customer balances"
)


def failure_of_sending(error: Exception) -> BillingFailure:
    """The failure behind an error of a mutating call; whatever is not known to have failed counts as unknown."""
    if not isinstance(error, stripe.StripeError):
        # The SDK stumbled over a success it could not read, such as a JSON list where an object belongs.
        return _unknown(f"its answer could not be read ({type(error).__name__})")
    match error.http_status:
        case None:
            return _unknown(f"the connection broke ({_cause(error)})")
        case 429 | 400 if isinstance(error, stripe.RateLimitError):
            return _busy("it limits our rate (429)")
        case 409:
            return _busy(f"another request is under way ({_code(error) or 409})")
        case 401 | 403:
            return _no_access(error)
        case 400 if isinstance(error, stripe.IdempotencyError):
            return BillingFailure(
                FailureCode.CONFLICT,
                "Stripe knows this idempotency key with other parameters: the frozen request was changed; "
                "look the object up by its op_key and send it under the next generation of the key",
            )
        case 400 | 402 | 404:
            return _refused(error)
        case int(status) if status >= 500:
            return _server_error(error)
        case status:
            return _unknown(f"its answer could not be read (HTTP {status})")


def failure_of_reading(error: Exception) -> BillingFailure:
    """The failure behind an error of a read: nothing happened, so it is either pointless or worth another try."""
    failure = failure_of_sending(error)
    if failure.code in (FailureCode.OUTCOME_UNKNOWN, FailureCode.KEY_SPENT):
        return _busy(failure.for_us)
    if failure.code is FailureCode.PROVIDER_REFUSED:
        return BillingFailure(
            FailureCode.INVALID, f"{failure.for_us}; check the provider ids and which account the key is of"
        )
    return failure


def _server_error(error: stripe.StripeError) -> BillingFailure:
    if _header(error, "idempotent-replayed") == "true":
        return BillingFailure(
            FailureCode.KEY_SPENT,
            f"Stripe repeats a stored {error.http_status} for this key: what was asked may have been done and must be "
            f"looked up ({_request(error)})",
        )
    return _unknown(f"it failed inside (HTTP {error.http_status}, {_request(error)})")


def _refused(error: stripe.StripeError) -> BillingFailure:
    told = error.error
    parameter = getattr(told, "param", None)
    reason = getattr(told, "message", None) or "no reason given"
    code = getattr(told, "decline_code", None) or getattr(told, "code", None) or f"HTTP {error.http_status}"
    about = f" parameter {parameter}" if parameter else ""
    return BillingFailure(FailureCode.PROVIDER_REFUSED, f"Stripe refused{about}: {reason} ({code}, {_request(error)})")


def _no_access(error: stripe.StripeError) -> BillingFailure:
    return BillingFailure(
        FailureCode.UNAVAILABLE, f"Stripe does not accept our API key (HTTP {error.http_status}): {_CHECK_THE_KEY}"
    )


def _busy(why: str) -> BillingFailure:
    return BillingFailure(FailureCode.PROVIDER_BUSY, f"Stripe did nothing: {why}")


def _unknown(why: str) -> BillingFailure:
    return BillingFailure(FailureCode.OUTCOME_UNKNOWN, f"nobody knows whether Stripe did it: {why}")


def _code(error: stripe.StripeError) -> str | None:
    """The code from the body: the SDK leaves it out of its own error for 409."""
    return getattr(error.error, "code", None)


def _header(error: stripe.StripeError, name: str) -> str | None:
    return next((value for key, value in (error.headers or {}).items() if key.lower() == name), None)


def _request(error: stripe.StripeError) -> str:
    return error.request_id or "no request id"


def _cause(error: stripe.StripeError) -> str:
    return type(error.__cause__ or error.__context__ or error).__name__
