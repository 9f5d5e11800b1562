"""Payment intents: one thing to be paid, over as many attempts as it takes."""

from __future__ import annotations

import secrets
from typing import Any

from sandbox.stripe import appointments
from sandbox.stripe.currencies import chargeable, checked
from sandbox.stripe.errors import CardError, InvalidParameter, Refused, missing
from sandbox.stripe.forms import Params
from sandbox.stripe.lists import narrowed, page, search
from sandbox.stripe.nouns import charges, invoice_ledger, payment_methods
from sandbox.stripe.routing import PAGING, route
from sandbox.stripe.state.account import Account, merged_metadata, new_id
from sandbox.stripe.state.store import Obj

URL = "/v1/payment_intents"
WORDS = "description receipt_email statement_descriptor"
TAKES = f"amount currency customer {WORDS} metadata payment_method off_session automatic_payment_methods"

# Which actions a status allows; whatever is not listed is refused with the current status in the message.
ALLOWED: dict[str, frozenset[str]] = {
    "confirm": frozenset({"requires_payment_method", "requires_confirmation", "requires_action"}),
    "capture": frozenset({"requires_capture"}),
    "cancel": frozenset({"requires_payment_method", "requires_confirmation", "requires_action", "requires_capture"}),
    "update": frozenset({"requires_payment_method", "requires_confirmation", "requires_action"}),
}


@route("POST", URL, f"{TAKES} confirm capture_method")
def create(account: Account, params: Params) -> Obj:
    """A new intent, confirmed at once when asked."""
    currency = checked(params["currency"])
    chargeable(params["amount"], currency)
    if customer := params.get("customer"):
        account.customer(customer, "customer")
    intent = opened(account, params["amount"], currency, params.get("customer"))
    written = {name: params[name] for name in [*WORDS.split(), "capture_method"] if name in params}
    if automatic := params.get("automatic_payment_methods"):
        written["automatic_payment_methods"] = {"allow_redirects": "always", **automatic}
    intent = account.save(intent, **written, metadata=merged_metadata({}, params))
    if token := params.get("payment_method"):
        method = _method(account, token, intent["customer"])
        intent = account.save(intent, payment_method=method["id"], status="requires_confirmation")
    account.emit("payment_intent.created", intent)
    return _confirmed(account, intent) if params.get("confirm") else intent


@route("GET", URL, f"{PAGING} created customer")
def list_all(account: Account, params: Params) -> Obj:
    """Intents, newest first."""
    return page(narrowed(account, "payment_intent", params, "customer"), params, URL, "payment_intent")


@route("GET", f"{URL}/search", "query limit page")
def find(account: Account, params: Params) -> Obj:
    """Intents by a search query, with its lag."""
    return search(account, "payment_intent", params, f"{URL}/search")


@route("GET", URL + "/{intent}", "client_secret")
def retrieve(account: Account, params: Params, intent: str) -> Obj:
    """One intent."""
    return account.find("payment_intent", intent)


@route("POST", URL + "/{intent}", f"{WORDS} amount metadata payment_method")
def update(account: Account, params: Params, intent: str) -> Obj:
    """Change an intent that nobody has paid yet; the words may change afterwards, too."""
    before = account.find("payment_intent", intent)
    if {"amount", "payment_method"} & set(params):
        _check(before, "update")
    if "amount" in params:
        chargeable(params["amount"], before["currency"])
    written = {name: params[name] for name in [*WORDS.split(), "amount"] if name in params}
    if token := params.get("payment_method"):
        method = _method(account, token, before["customer"])
        written |= {"payment_method": method["id"], "status": "requires_confirmation"}
    return account.save(before, **written, metadata=merged_metadata(before["metadata"], params))


@route("POST", URL + "/{intent}/confirm", "payment_method off_session receipt_email")
def confirm(account: Account, params: Params, intent: str) -> Obj:
    """Charge the payment method."""
    found = account.find("payment_intent", intent)
    _check(found, "confirm")
    if token := params.get("payment_method"):
        found = account.save(found, payment_method=_method(account, token, found["customer"])["id"])
    return _confirmed(account, found)


@route("POST", URL + "/{intent}/capture", "amount_to_capture metadata")
def capture(account: Account, params: Params, intent: str) -> Obj:
    """Collect what was only authorised, or a part of it."""
    found = account.find("payment_intent", intent)
    _check(found, "capture")
    amount: int = params["amount_to_capture"] if "amount_to_capture" in params else found["amount_capturable"]
    if not 0 < amount <= found["amount_capturable"]:
        message = f"Amount to capture must be between 1 and {found['amount_capturable']}."
        raise InvalidParameter(message, code="amount_too_large", param="amount_to_capture")
    charge = charges.captured(account, account.find("charge", found["latest_charge"]), amount)
    account.emit("charge.captured", charge)
    return _succeeded(account, found, amount)


@route("POST", URL + "/{intent}/cancel", "cancellation_reason")
def cancel(account: Account, params: Params, intent: str) -> Obj:
    """Give an intent up."""
    found = account.find("payment_intent", intent)
    _check(found, "cancel")
    reason = params.get("cancellation_reason")
    canceled = account.save(
        found, status="canceled", canceled_at=account.now(), cancellation_reason=reason, amount_capturable=0
    )
    account.emit("payment_intent.canceled", canceled)
    return canceled


def opened(account: Account, amount: int, currency: str, customer: str | None) -> Obj:
    """An intent that still needs a payment method. `amount` in minor units."""
    identifier = new_id("pi")
    return account.store.put(
        {
            "id": identifier,
            "object": "payment_intent",
            "amount": amount,
            "amount_capturable": 0,
            "amount_details": {"tip": {}},
            "amount_received": 0,
            "application": None,
            "application_fee_amount": None,
            "automatic_payment_methods": {"allow_redirects": "always", "enabled": True},
            "canceled_at": None,
            "cancellation_reason": None,
            "capture_method": "automatic_async",
            "client_secret": f"{identifier}_secret_{secrets.token_urlsafe(18)}",
            "confirmation_method": "automatic",
            "created": account.now(),
            "currency": currency,
            "customer": customer,
            "customer_account": None,
            "description": None,
            "last_payment_error": None,
            "latest_charge": None,
            "livemode": False,
            "metadata": {},
            "next_action": None,
            "on_behalf_of": None,
            "payment_method": None,
            "payment_method_options": {},
            "payment_method_types": ["card"],
            "processing": None,
            "receipt_email": None,
            "review": None,
            "setup_future_usage": None,
            "shipping": None,
            "source": None,
            "statement_descriptor": None,
            "statement_descriptor_suffix": None,
            "status": "requires_payment_method",
            "transfer_data": None,
            "transfer_group": None,
        }
    )


def collect(account: Account, intent: Obj, method: Obj) -> Obj:
    """Charge `method` for the intent; raises `CardError`, and then the failed attempt stays on record."""
    intent = account.save(intent, payment_method=method["id"])
    charge, refusal = charges.attempt(account, intent, method, capture=intent["capture_method"] != "manual")
    if refusal is not None:
        raise _declined(account, intent, method, charge, refusal)
    if charge["status"] == "pending":
        return _processing(account, intent, charge)
    if not charge["captured"]:
        held = {"amount_capturable": charge["amount"], "latest_charge": charge["id"]}
        waiting = account.save(intent, status="requires_capture", last_payment_error=None, **held)
        account.emit("payment_intent.amount_capturable_updated", waiting)
        return waiting
    return _succeeded(account, account.save(intent, latest_charge=charge["id"]), charge["amount"])


@appointments.keeps("bank_answers")
def bank_answers(account: Account, intent: str) -> None:
    """A bank that took its time says what becomes of an intent's charge."""
    found = account.find("payment_intent", intent)
    charge, refusal = charges.answered(account, account.find("charge", found["latest_charge"]))
    if refusal is None:
        invoice_ledger.collected(account, _succeeded(account, found, charge["amount"]))
        return
    _declined(account, found, account.find("payment_method", charge["payment_method"]), charge, refusal)
    invoice_ledger.attempt_failed(account, account.find("payment_intent", intent))


def _processing(account: Account, intent: Obj, charge: Obj) -> Obj:
    waiting = account.save(intent, status="processing", latest_charge=charge["id"], last_payment_error=None)
    account.emit("payment_intent.processing", waiting)
    if account.slow_bank is not None:
        appointments.make(account, "bank_answers", intent["id"], account.slow_bank.after_seconds)
    return waiting


def _confirmed(account: Account, intent: Obj) -> Obj:
    if intent["payment_method"] is None:
        raise missing("payment_method")
    try:
        paid = collect(account, intent, account.find("payment_method", intent["payment_method"]))
    except CardError:
        invoice_ledger.attempt_failed(account, intent)
        raise
    if paid["status"] == "succeeded":
        invoice_ledger.collected(account, paid)
    return paid


def _succeeded(account: Account, intent: Obj, received: int) -> Obj:
    done: dict[str, Any] = {"status": "succeeded", "amount_received": received, "amount_capturable": 0}
    succeeded = account.save(intent, **done, last_payment_error=None)
    account.emit("payment_intent.succeeded", succeeded)
    return succeeded


def _declined(account: Account, intent: Obj, method: Obj, charge: Obj, refusal: CardError) -> CardError:
    # The error names the charge, and carries the intent as it is after the attempt.
    error = {**refusal.body()["error"], "payment_method": method}
    failed = account.save(
        intent,
        status="requires_payment_method",
        payment_method=None,
        latest_charge=charge["id"],
        last_payment_error=error,
    )
    account.emit("payment_intent.payment_failed", failed)
    return CardError(refusal.message, **refusal.fields, payment_intent=failed, payment_method=method)


def _method(account: Account, token: str, customer: str | None) -> Obj:
    method = payment_methods.resolved(account, token, "payment_method")
    if method["customer"] not in (None, customer):
        message = f"The payment method {token} belongs to another customer than the one of this payment."
        raise InvalidParameter(message, param="payment_method")
    return method


def _check(intent: Obj, action: str) -> None:
    if intent["status"] not in ALLOWED[action]:
        raise Refused(
            f"You cannot {action} this PaymentIntent because it has a status of {intent['status']}.",
            code="payment_intent_unexpected_state",
            payment_intent=intent,
        )
