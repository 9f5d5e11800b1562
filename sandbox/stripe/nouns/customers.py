"""Customers."""

from __future__ import annotations

import secrets

from sandbox.stripe.forms import Params
from sandbox.stripe.lists import narrowed, page, search
from sandbox.stripe.nouns import customer_balance, payment_methods
from sandbox.stripe.routing import PAGING, route
from sandbox.stripe.state.account import Account, changed, merged_metadata, new_id
from sandbox.stripe.state.store import Obj

URL = "/v1/customers"
PLAIN = (
    "address description email name phone preferred_locales shipping tax_exempt invoice_prefix next_invoice_sequence"
)
TAKES = f"{PLAIN} metadata balance invoice_settings"
_ADDRESS = ("city", "country", "line1", "line2", "postal_code", "state")


@route("POST", URL, f"{TAKES} payment_method")
def create(account: Account, params: Params) -> Obj:
    """A new customer, perhaps with a card and an opening balance."""
    customer: Obj = {
        "id": new_id("cus"),
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": account.now(),
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_credit_balance": {},
        "invoice_prefix": secrets.token_hex(4).upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }
    customer = account.save({**customer, **_plain(params)}, metadata=merged_metadata({}, params))
    account.emit("customer.created", customer)
    if token := params.get("payment_method"):
        method = payment_methods.attach_to(account, token, customer["id"])
        settings = params.get("invoice_settings", {})
        if settings.get("default_payment_method") == token:  # one card, though its test name would make two
            params = {**params, "invoice_settings": {**settings, "default_payment_method": method["id"]}}
    return _with_settings(account, customer, params)


@route("GET", URL, f"{PAGING} created email")
def list_all(account: Account, params: Params) -> Obj:
    """Customers, newest first."""
    living = (item for item in narrowed(account, "customer", params, "email") if "deleted" not in item)
    return page(living, params, URL, "customer")


@route("GET", f"{URL}/search", "query limit page")
def find(account: Account, params: Params) -> Obj:
    """Customers by a search query, with its lag."""
    return search(account, "customer", params, f"{URL}/search")


@route("GET", URL + "/{customer}")
def retrieve(account: Account, params: Params, customer: str) -> Obj:
    """One customer; a deleted one answers with its tombstone."""
    return account.find("customer", customer)


@route("POST", URL + "/{customer}", TAKES)
def update(account: Account, params: Params, customer: str) -> Obj:
    """Change a customer; `balance` writes an adjustment of the difference."""
    before = account.customer(customer)
    after = account.save(before, **_plain(params), metadata=merged_metadata(before["metadata"], params))
    after = _with_settings(account, after, params)
    if previous := changed(before, after):
        account.emit("customer.updated", after, previous)
    return after


@route("DELETE", URL + "/{customer}")
def delete(account: Account, params: Params, customer: str) -> Obj:
    """Delete a customer; what was issued to it stays."""
    before = account.customer(customer)
    account.emit("customer.deleted", before)
    return account.store.put({"id": customer, "object": "customer", "deleted": True})


def _plain(params: Params) -> Obj:
    values = {name: params[name] for name in PLAIN.split() if name in params}
    if values.get("address"):
        values["address"] = {part: values["address"].get(part) for part in _ADDRESS}
    if values.get("shipping"):
        address = values["shipping"].get("address") or {}
        values["shipping"] = {**values["shipping"], "address": {part: address.get(part) for part in _ADDRESS}}
    if "preferred_locales" in values:
        values["preferred_locales"] = values["preferred_locales"] or []
    if "tax_exempt" in values:
        values["tax_exempt"] = values["tax_exempt"] or "none"
    return values


def _with_settings(account: Account, customer: Obj, params: Params) -> Obj:
    settings = params.get("invoice_settings") or {}
    if method := settings.get("default_payment_method"):
        default = payment_methods.attached(account, method, customer["id"], "invoice_settings[default_payment_method]")
        settings = {**settings, "default_payment_method": default["id"]}
    if settings:
        customer = account.save(customer, invoice_settings={**customer["invoice_settings"], **settings})
    if (wanted := params.get("balance")) is not None and wanted != customer["balance"]:
        currency = customer["currency"] or "usd"
        customer_balance.book(account, customer["id"], wanted - customer["balance"], currency, "adjustment")
    return account.find("customer", customer["id"])
