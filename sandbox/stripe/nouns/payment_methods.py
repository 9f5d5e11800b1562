"""Payment methods: test cards, kept by customers."""

from __future__ import annotations

import hashlib
from typing import Any

from sandbox.stripe.cards import CARDS, TestCard, declined, named, raw_number
from sandbox.stripe.errors import InvalidParameter, Refused, missing, no_such, not_imitated
from sandbox.stripe.forms import Params
from sandbox.stripe.lists import narrowed, page
from sandbox.stripe.routing import PAGING, route
from sandbox.stripe.state.account import Account, changed, merged_metadata, new_id
from sandbox.stripe.state.store import Obj

URL = "/v1/payment_methods"
CARD_OF_METHOD = "_test_card"
_ADDRESS = ("city", "country", "line1", "line2", "postal_code", "state")


@route("POST", URL, "type card billing_details metadata allow_redisplay")
def create(account: Account, params: Params) -> Obj:
    """A new card from a token; raw numbers are refused."""
    if params.get("type") != "card":
        raise not_imitated("type") if "type" in params else missing("type")
    card = params.get("card") or {}
    if "number" in card:
        raise raw_number("card[number]")
    if "token" not in card:
        raise missing("card[token]")
    name = named(card["token"], "card[token]")
    if name is None:
        raise no_such("token", card["token"], "card[token]")
    method = _made(account, name)
    details = params.get("billing_details") or {}
    address = details.get("address") or {}
    billing = {**method["billing_details"], **details, "address": {part: address.get(part) for part in _ADDRESS}}
    return account.save(method, billing_details=billing, metadata=merged_metadata({}, params))


@route("GET", URL, f"{PAGING} customer type")
def list_all(account: Account, params: Params) -> Obj:
    """Payment methods of one customer, newest first."""
    return page(narrowed(account, "payment_method", params, "customer", "type"), params, URL, "payment_method")


@route("GET", URL + "/{payment_method}")
def retrieve(account: Account, params: Params, payment_method: str) -> Obj:
    """One payment method."""
    return resolved(account, payment_method)


@route("GET", "/v1/customers/{customer}/payment_methods", f"{PAGING} type")
def list_of_customer(account: Account, params: Params, customer: str) -> Obj:
    """Payment methods of a customer, newest first."""
    account.customer(customer)
    found = narrowed(account, "payment_method", {**params, "customer": customer}, "customer", "type")
    return page(found, params, f"/v1/customers/{customer}/payment_methods", "payment_method")


@route("POST", URL + "/{payment_method}", "billing_details metadata")
def update(account: Account, params: Params, payment_method: str) -> Obj:
    """Change the billing details or the metadata."""
    before = account.find("payment_method", payment_method)
    details = {**before["billing_details"], **(params.get("billing_details") or {})}
    metadata = merged_metadata(before["metadata"], params)
    after = account.save(before, billing_details=details, metadata=metadata)
    account.emit("payment_method.updated", after, changed(before, after))
    return after


@route("POST", URL + "/{payment_method}/attach", "customer")
def attach(account: Account, params: Params, payment_method: str) -> Obj:
    """Give a card to a customer; a card that declines is refused here already, except the one made to fail later."""
    if "customer" not in params:
        raise missing("customer")
    return attach_to(account, payment_method, params["customer"])


@route("POST", URL + "/{payment_method}/detach")
def detach(account: Account, params: Params, payment_method: str) -> Obj:
    """Take a card from its customer for good."""
    before = account.find("payment_method", payment_method)
    if before["customer"] is None:
        raise Refused("The payment method you provided is not attached to a customer so detachment is impossible.")
    after = account.save(before, customer=None)
    account.emit("payment_method.detached", after, {"customer": before["customer"]})
    holder = account.find("customer", before["customer"])
    if "deleted" not in holder and holder["invoice_settings"]["default_payment_method"] == payment_method:
        account.save(holder, invoice_settings={**holder["invoice_settings"], "default_payment_method": None})
    return after


def resolved(account: Account, token: str, param: str | None = None) -> Obj:
    """The payment method with this id; for the name of a test card, a new one made of it."""
    name = named(token, param or "payment_method")
    return account.find("payment_method", token, param) if name is None else _made(account, name)


def attach_to(account: Account, token: str, customer: str) -> Obj:
    """Attach a payment method or test card to a customer; raises `CardError` for a card that Stripe finds bad."""
    account.customer(customer, "customer")
    method = resolved(account, token)
    if method["customer"] not in (None, customer):
        message = "The payment method you provided has already been attached to a customer."
        raise InvalidParameter(message, param="payment_method")
    card = card_behind(account, method)
    if card.decline and not card.attaches:
        raise declined(card.decline)
    attached_method = account.save(method, customer=customer)
    account.emit("payment_method.attached", attached_method)
    return attached_method


def attached(account: Account, token: str, customer: str, param: str) -> Obj:
    """A payment method of this customer; the name of a test card is attached on the way."""
    method = resolved(account, token, param)
    if named(token, param):
        return attach_to(account, method["id"], customer)
    if method["customer"] != customer:
        message = f"The payment method {token} does not belong to the customer {customer}. Attach it first."
        raise InvalidParameter(message, param=param)
    return method


def card_behind(account: Account, method: Obj) -> TestCard:
    """How the card behind a payment method behaves."""
    kept = account.find(CARD_OF_METHOD, method["id"])
    return CARDS[kept["name"]]


def _made(account: Account, name: str) -> Obj:
    card = CARDS[name]
    method = account.store.put(
        {
            "id": new_id("pm"),
            "object": "payment_method",
            "allow_redisplay": "unspecified",
            "billing_details": {
                "address": dict.fromkeys(_ADDRESS),
                "email": None,
                "name": None,
                "phone": None,
                "tax_id": None,
            },
            "card": _card(card),
            "created": account.now(),
            "customer": None,
            "customer_account": None,
            "livemode": False,
            "metadata": {},
            "type": "card",
        }
    )
    account.store.put({"id": method["id"], "object": CARD_OF_METHOD, "name": name})
    return method


def _card(card: TestCard) -> dict[str, Any]:
    return {
        "brand": card.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": "US",
        "display_brand": card.brand,
        "exp_month": 12,
        "exp_year": 2034,
        "fingerprint": hashlib.sha256(f"{card.brand}{card.last4}".encode()).hexdigest()[:16],
        "funding": "credit",
        "generated_from": None,
        "last4": card.last4,
        "networks": {"available": [card.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }
