"""Refunds: money back to the card it came from."""

from __future__ import annotations

from sandbox.stripe import appointments
from sandbox.stripe.cards import CARDS
from sandbox.stripe.currencies import in_words
from sandbox.stripe.errors import InvalidParameter, Refused, missing
from sandbox.stripe.forms import Params
from sandbox.stripe.lists import narrowed, page
from sandbox.stripe.nouns import settlement
from sandbox.stripe.nouns.payment_methods import CARD_OF_METHOD
from sandbox.stripe.routing import PAGING, route
from sandbox.stripe.state.account import Account, merged_metadata, new_id
from sandbox.stripe.state.store import Obj

URL = "/v1/refunds"
SETTLES_AFTER_SECONDS = 3600
# How the refund test cards behave: status at first, and what happens to it later.
COURSES = {
    "succeeds": ("succeeded", None),
    "pends": ("pending", "settle_refund"),
    "fails": ("succeeded", "fail_refund"),
}


@route("POST", URL, "charge payment_intent amount reason metadata")
def create(account: Account, params: Params) -> Obj:
    """Give back a charge, or the part `amount` of it in minor units."""
    if "charge" in params:
        charge = account.find("charge", params["charge"], "charge")
    elif "payment_intent" in params:
        intent = account.find("payment_intent", params["payment_intent"], "payment_intent")
        if intent["latest_charge"] is None:
            message = f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund."
            raise Refused(message, param="payment_intent")
        charge = account.find("charge", intent["latest_charge"])
    else:
        raise missing("charge")
    return made(account, charge, params.get("amount"), params.get("reason"), merged_metadata({}, params))


@route("GET", URL, f"{PAGING} created charge payment_intent")
def list_all(account: Account, params: Params) -> Obj:
    """Refunds, newest first."""
    return page(narrowed(account, "refund", params, "charge", "payment_intent"), params, URL, "refund")


@route("GET", URL + "/{refund}")
def retrieve(account: Account, params: Params, refund: str) -> Obj:
    """One refund."""
    return account.find("refund", refund)


@route("POST", URL + "/{refund}", "metadata")
def update(account: Account, params: Params, refund: str) -> Obj:
    """Change the metadata."""
    before = account.find("refund", refund)
    after = account.save(before, metadata=merged_metadata(before["metadata"], params))
    account.emit("refund.updated", after, {"metadata": before["metadata"]})
    return after


@route("POST", URL + "/{refund}/cancel")
def cancel(account: Account, params: Params, refund: str) -> Obj:
    """Call back a refund that waits for the customer, which refunds to cards never do."""
    found = account.find("refund", refund)
    raise Refused(f"A refund with status {found['status']} cannot be canceled.")


def made(account: Account, charge: Obj, amount: int | None, reason: str | None, metadata: dict[str, str]) -> Obj:
    """Refund a charge; None for the whole rest. Raises `InvalidParameter` beyond it."""
    rest = charge["amount_captured"] - charge["amount_refunded"]
    if charge["status"] != "succeeded":
        raise Refused(f"Charge {charge['id']} was not paid, so it cannot be refunded.", param="charge")
    if charge["disputed"]:
        raise Refused(f"Charge {charge['id']} has been charged back; cannot issue a refund.", code="charge_disputed")
    if rest == 0:
        message = f"Charge {charge['id']} has already been refunded."
        raise Refused(message, code="charge_already_refunded")
    amount = rest if amount is None else amount
    if amount <= 0:
        raise InvalidParameter("Invalid positive integer", code="parameter_invalid_integer", param="amount")
    if amount > rest:
        left, asked = in_words(rest, charge["currency"]), in_words(amount, charge["currency"])
        raise Refused(f"Refund amount ({asked}) is greater than unrefunded amount on charge ({left})", param="amount")
    refunded = charge["amount_refunded"] + amount
    whole = refunded == charge["amount_captured"]
    charge = account.save(charge, amount_refunded=refunded, refunded=whole)
    status, later = COURSES[_course(account, charge)]
    refund = _written(account, charge, amount, status, reason, metadata)
    movement = settlement.moved(account, refund, -amount, "refund")
    refund = account.save(refund, balance_transaction=movement["id"])
    account.emit("refund.created", refund)
    account.emit("charge.refunded", charge, {"amount_refunded": refunded - amount})
    if later:
        appointments.make(account, later, refund["id"], SETTLES_AFTER_SECONDS)
    return refund


@appointments.keeps("settle_refund")
def settle(account: Account, refund: str) -> None:
    """A pending refund arrives."""
    after = account.save(account.find("refund", refund), status="succeeded", pending_reason=None)
    account.emit("refund.updated", after, {"status": "pending"})


@appointments.keeps("fail_refund")
def fail(account: Account, refund: str) -> None:
    """The bank sends a refund back: the money returns to the account and the charge counts as unrefunded again."""
    before = account.find("refund", refund)
    charge = account.find("charge", before["charge"])
    account.save(charge, amount_refunded=charge["amount_refunded"] - before["amount"], refunded=False)
    movement = settlement.moved(account, before, before["amount"], "refund_failure")
    failure = {"failure_balance_transaction": movement["id"], "failure_reason": "expired_or_canceled_card"}
    after = account.save(before, status="failed", **failure)
    account.emit("refund.failed", after)
    account.emit("refund.updated", after, {"status": before["status"]})


def _course(account: Account, charge: Obj) -> str:
    card = account.store.get(CARD_OF_METHOD, charge["payment_method"])
    return "succeeds" if card is None else CARDS[card["name"]].refund


def _written(
    account: Account, charge: Obj, amount: int, status: str, reason: str | None, metadata: dict[str, str]
) -> Obj:
    return account.store.put(
        {
            "id": new_id("re"),
            "object": "refund",
            "amount": amount,
            "balance_transaction": None,
            "charge": charge["id"],
            "created": account.now(),
            "currency": charge["currency"],
            "customer": charge["customer"],
            "destination_details": {
                "card": {
                    "reference": None,
                    "reference_status": "pending",
                    "reference_type": "acquirer_reference_number",
                    "type": "refund",
                },
                "type": "card",
            },
            "metadata": metadata,
            "payment_intent": charge["payment_intent"],
            "payment_method": charge["payment_method"],
            "pending_reason": "processing" if status == "pending" else None,
            "reason": reason,
            "receipt_number": None,
            "source_transfer_reversal": None,
            "status": status,
            "transfer_reversal": None,
        }
    )
