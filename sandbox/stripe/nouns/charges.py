"""Charges: what the bank said to each attempt to collect."""

from __future__ import annotations

from typing import Any

from sandbox.stripe.cards import DECLINES, TestCard, declined
from sandbox.stripe.errors import CardError
from sandbox.stripe.forms import Params
from sandbox.stripe.lists import narrowed, page, search
from sandbox.stripe.nouns import disputes, settlement
from sandbox.stripe.nouns.payment_methods import card_behind
from sandbox.stripe.routing import PAGING, route
from sandbox.stripe.state.account import Account, changed, merged_metadata, new_id
from sandbox.stripe.state.store import Obj

URL = "/v1/charges"
# What a bank that takes its time will say about a charge.
_ANSWER = "_bank_answer"


@route("GET", URL, f"{PAGING} created customer payment_intent")
def list_all(account: Account, params: Params) -> Obj:
    """Charges, newest first."""
    return page(narrowed(account, "charge", params, "customer", "payment_intent"), params, URL, "charge")


@route("GET", f"{URL}/search", "query limit page")
def find(account: Account, params: Params) -> Obj:
    """Charges by a search query, with its lag."""
    return search(account, "charge", params, f"{URL}/search")


@route("GET", URL + "/{charge}")
def retrieve(account: Account, params: Params, charge: str) -> Obj:
    """One charge."""
    return account.find("charge", charge)


@route("POST", URL + "/{charge}", "description metadata receipt_email")
def update(account: Account, params: Params, charge: str) -> Obj:
    """Change what is written on a charge."""
    before = account.find("charge", charge)
    words = {name: params[name] for name in ("description", "receipt_email") if name in params}
    after = account.save(before, **words, metadata=merged_metadata(before["metadata"], params))
    account.emit("charge.updated", after, changed(before, after))
    return after


def attempt(account: Account, intent: Obj, method: Obj, capture: bool) -> tuple[Obj, CardError | None]:
    """Charge the card for the whole intent; returns the charge with the bank's refusal, if it refused."""
    card = card_behind(account, method)
    decline = account.forced_decline or card.decline
    charge = _unsettled(account, intent, method)
    if account.slow_bank is not None:
        account.store.put({"id": charge["id"], "object": _ANSWER, "decline": account.slow_bank.decline})
        account.emit("charge.pending", charge)
        return charge, None
    if decline is not None:
        account.forced_decline = None
        return _failed(account, charge, decline)
    return _paid(account, charge, card, capture)


def answered(account: Account, charge: Obj) -> tuple[Obj, CardError | None]:
    """What a bank says that took its time."""
    decline = account.store.get(_ANSWER, charge["id"])
    if decline is not None and decline["decline"] is not None:
        return _failed(account, charge, decline["decline"])
    return _paid(account, charge, card_behind(account, account.find("payment_method", charge["payment_method"])), True)


def _failed(account: Account, charge: Obj, decline: str) -> tuple[Obj, CardError]:
    _, message = DECLINES.get(decline, DECLINES["generic_decline"])
    refusal = declined(decline, charge=charge["id"])
    outcome = _outcome(decline, str(refusal.fields["advice_code"]))
    code = refusal.fields["code"]
    failed = account.save(charge, status="failed", failure_code=code, failure_message=message, outcome=outcome)
    account.emit("charge.failed", failed)
    return failed, refusal


def _paid(account: Account, charge: Obj, card: TestCard, capture: bool) -> tuple[Obj, None]:
    charge = account.save(charge, status="succeeded", paid=True, outcome=_outcome(None, None))
    if capture:
        charge = captured(account, charge, charge["amount"])
    account.emit("charge.succeeded", charge)
    if card.dispute is not None:
        charge = disputes.opened(account, charge, card.dispute, card.inquiry)
    return charge, None


def captured(account: Account, charge: Obj, amount: int) -> Obj:
    """Collect `amount` of an authorised charge, in minor units."""
    fee = settlement.processing_fee(amount, charge["currency"])
    movement = settlement.moved(account, charge, amount, "charge", fee)
    return account.save(charge, captured=True, amount_captured=amount, balance_transaction=movement["id"])


def _unsettled(account: Account, intent: Obj, method: Obj) -> Obj:
    identifier = new_id("ch")
    return account.store.put(
        {
            "id": identifier,
            "object": "charge",
            "amount": intent["amount"],
            "amount_captured": 0,
            "amount_refunded": 0,
            "application": None,
            "application_fee": None,
            "application_fee_amount": None,
            "balance_transaction": None,
            "billing_details": method["billing_details"],
            "calculated_statement_descriptor": "SIMULATED",
            "captured": False,
            "created": account.now(),
            "currency": intent["currency"],
            "customer": intent["customer"],
            "description": intent["description"],
            "disputed": False,
            "failure_balance_transaction": None,
            "failure_code": None,
            "failure_message": None,
            "fraud_details": {},
            "livemode": False,
            "metadata": intent["metadata"],
            "on_behalf_of": None,
            "outcome": None,
            "paid": False,
            "payment_intent": intent["id"],
            "payment_method": method["id"],
            "payment_method_details": _details(method["card"], intent["amount"]),
            "radar_options": {},
            "receipt_email": intent["receipt_email"],
            "receipt_number": None,
            "receipt_url": account.page_of(identifier),
            "refunded": False,
            "review": None,
            "shipping": None,
            "source": None,
            "source_transfer": None,
            "statement_descriptor": None,
            "statement_descriptor_suffix": None,
            "status": "pending",
            "transfer_data": None,
            "transfer_group": None,
        }
    )


def _outcome(decline: str | None, advice: str | None) -> dict[str, Any]:
    return {
        "advice_code": advice,
        "network_advice_code": None,
        "network_decline_code": None if decline is None else "05",
        "network_status": "approved_by_network" if decline is None else "declined_by_network",
        "reason": decline,
        "risk_level": "normal",
        "risk_score": 12,
        "seller_message": "Payment complete." if decline is None else "The bank did not approve the charge.",
        "type": "authorized" if decline is None else "issuer_declined",
    }


def _details(card: dict[str, Any], amount: int) -> dict[str, Any]:
    shared = ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4", "wallet")
    return {
        "card": {
            **{name: card[name] for name in shared},
            "amount_authorized": amount,
            "authorization_code": None,
            "installments": None,
            "mandate": None,
            "network": card["brand"],
            "network_token": {"used": False},
            "network_transaction_id": None,
            "regulated_status": "unregulated",
            "three_d_secure": None,
        },
        "type": "card",
    }
