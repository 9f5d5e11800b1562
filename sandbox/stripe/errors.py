"""Stripe's error answers: the four types on the wire, their HTTP status, and what each does to the request's effects."""

from __future__ import annotations

from typing import Any

NAMES = {
    "payment_method": "PaymentMethod",
    "customer_balance_transaction": "customer balance transaction",
    "line_item": "invoice line item",
}


class StripeError(Exception):
    """A refusal on its way to the client; attributes that are None are left out of the body, as Stripe does."""

    status = 400
    kind = "invalid_request_error"
    remembered = True
    """Whether the answer is kept under the request's idempotency key: only once the endpoint began to do its work."""
    commits = False
    """Whether what the endpoint did before refusing stays done, as a failed charge does."""

    def __init__(self, message: str, *, code: str | None = None, param: str | None = None, **more: Any) -> None:
        super().__init__(message)
        self.message = message
        self.fields = {"code": code, "param": param, **more}

    def body(self) -> dict[str, Any]:
        """The answer's JSON."""
        given = {name: value for name, value in self.fields.items() if value is not None}
        return {"error": {"type": self.kind, "message": self.message, **given}}


class InvalidParameter(StripeError):  # noqa: N818 - it names the refusal, as Stripe's do
    """The request failed validation before anything was done."""

    remembered = False


class NotFound(InvalidParameter):
    """The address names nothing."""

    status = 404


class Refused(StripeError):  # noqa: N818 - same
    """The parameters are fine, but the state of the account does not allow it."""


class Unauthorized(InvalidParameter):
    """No API key, or not one of the simulator's."""

    status = 401


class CardError(StripeError):
    """The bank said no; the failed attempt stays on record."""

    status = 402
    kind = "card_error"
    commits = True


class IdempotencyMismatch(InvalidParameter):
    """A key came back with another request than its first."""

    kind = "idempotency_error"


class KeyInUse(IdempotencyMismatch):
    """Another request with the same key is still being worked on."""

    status = 409


class RateLimited(InvalidParameter):
    """Too many requests."""

    status = 429


class ServerError(StripeError):
    """Stripe's own failure."""

    status = 500
    kind = "api_error"


def missing(param: str) -> InvalidParameter:
    """A required parameter was not sent."""
    return InvalidParameter(f"Missing required param: {param}.", code="parameter_missing", param=param)


def unknown(param: str) -> InvalidParameter:
    """The contract has no such parameter."""
    return InvalidParameter(f"Received unknown parameter: {param}", code="parameter_unknown", param=param)


def not_imitated(param: str) -> InvalidParameter:
    """Stripe knows the parameter and the simulator does not: better refused than silently ignored."""
    message = f"The simulator does not imitate the parameter {param!r} here. Stripe would accept it."
    return InvalidParameter(message, code="not_imitated", param=param)


def no_such(kind: str, identifier: str, param: str | None = None) -> InvalidParameter:
    """Nothing has this id: 404 when the address named it, 400 when a parameter did."""
    error = NotFound if param is None else InvalidParameter
    words = NAMES.get(kind, kind.replace("_", " "))
    return error(f"No such {words}: '{identifier}'", code="resource_missing", param=param or "id")
