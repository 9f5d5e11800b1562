"""Invoice items: what is to be charged, waiting for an invoice or standing on one."""

from __future__ import annotations

from sandbox.stripe.currencies import checked
from sandbox.stripe.errors import InvalidParameter, Refused, missing
from sandbox.stripe.forms import Params
from sandbox.stripe.lists import narrowed, page
from sandbox.stripe.nouns import invoice_entries, invoice_status
from sandbox.stripe.nouns.invoice_entries import PRICED
from sandbox.stripe.routing import PAGING, route
from sandbox.stripe.state.account import Account
from sandbox.stripe.state.store import Obj

URL = "/v1/invoiceitems"


@route("POST", URL, f"{PRICED} customer invoice currency description metadata period discountable")
def create(account: Account, params: Params) -> Obj:
    """A new item, on a draft invoice or waiting for the customer's next one."""
    invoice = None
    if "invoice" in params:
        invoice = account.find("invoice", params["invoice"], "invoice")
        invoice_status.after(invoice, "edit")
        params = {"customer": invoice["customer"], "currency": invoice["currency"], **params}
    if "customer" not in params:
        raise missing("customer")
    customer = account.customer(params["customer"], "customer")
    currency = params.get("currency") or params.get("price_data", {}).get("currency") or customer["currency"]
    if currency is None:
        raise missing("currency")
    item = invoice_entries.made(account, params, customer["id"], checked(currency))
    if invoice is None:
        return item
    if item["currency"] != invoice["currency"]:
        message = f"The invoice is in {invoice['currency']}, so an item in {item['currency']} cannot stand on it."
        raise InvalidParameter(message, param="currency")
    return invoice_entries.place(account, invoice, item)


@route("GET", URL, f"{PAGING} created customer invoice pending")
def list_all(account: Account, params: Params) -> Obj:
    """Items, newest first."""
    found = narrowed(account, "invoiceitem", params, "customer", "invoice")
    if "pending" in params:
        found = [item for item in found if (item["invoice"] is None) == params["pending"]]
    return page(found, params, URL, "invoiceitem")


@route("GET", URL + "/{invoiceitem}")
def retrieve(account: Account, params: Params, invoiceitem: str) -> Obj:
    """One item."""
    return account.find("invoiceitem", invoiceitem)


@route("POST", URL + "/{invoiceitem}", f"{PRICED} description metadata period discountable")
def update(account: Account, params: Params, invoiceitem: str) -> Obj:
    """Change an item that is not on a finalised invoice."""
    before = _editable(account, invoiceitem)
    return invoice_entries.repriced(account, before, params)


@route("DELETE", URL + "/{invoiceitem}")
def delete(account: Account, params: Params, invoiceitem: str) -> Obj:
    """Remove an item that is not on a finalised invoice."""
    item = _editable(account, invoiceitem)
    invoice_entries.withdraw(account, item)
    account.store.delete("invoiceitem", invoiceitem)
    account.emit("invoiceitem.deleted", item)
    return {"id": invoiceitem, "object": "invoiceitem", "deleted": True}


def _editable(account: Account, identifier: str) -> Obj:
    item = account.find("invoiceitem", identifier)
    if item["invoice"] is not None:
        invoice = account.find("invoice", item["invoice"])
        if invoice["status"] != "draft":
            raise Refused("This invoice item stands on a finalized invoice and cannot be changed any more.")
    return item
