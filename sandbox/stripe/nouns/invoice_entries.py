"""What stands on an invoice: items, which say what is charged, and lines, which are their copies on one invoice."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sandbox.stripe.currencies import checked, rounded
from sandbox.stripe.errors import InvalidParameter, Refused, missing, not_imitated
from sandbox.stripe.forms import Params
from sandbox.stripe.nouns import invoice_ledger
from sandbox.stripe.state.account import Account, merged_metadata, new_id
from sandbox.stripe.state.store import Obj

# Stripe refuses the item after these.
ITEMS_MAX = 250
PRICED = "amount unit_amount_decimal quantity price_data"
PRICE_DATA = ("currency", "product", "product_data", "unit_amount", "unit_amount_decimal")


def made(account: Account, params: Params, customer: str, currency: str) -> Obj:
    """A new item that stands on no invoice yet."""
    moment = account.now()
    item: Obj = {
        "id": new_id("ii"),
        "object": "invoiceitem",
        "currency": currency,
        "customer": customer,
        "customer_account": None,
        "date": moment,
        "description": params.get("description"),
        "discountable": params.get("discountable", False),
        "discounts": [],
        "invoice": None,
        "livemode": False,
        "metadata": merged_metadata({}, params),
        "parent": None,
        "period": params.get("period") or {"start": moment, "end": moment},
        "proration": False,
        "proration_details": None,
        "tax_rates": [],
        "test_clock": None,
        **_priced(params, currency),
    }
    item = account.store.put({**item, "net_amount": item["amount"]})
    account.emit("invoiceitem.created", item)
    return item


def repriced(account: Account, before: Obj, params: Params) -> Obj:
    """An item with changed words or price, and the line made of it along with it."""
    words: dict[str, Any] = {name: params[name] for name in ("description", "period", "discountable") if name in params}
    if set(PRICED.split()) & set(params):
        given = params if {"amount", "unit_amount_decimal", "price_data"} & set(params) else _as_before(before, params)
        words |= _priced(given, before["currency"])
        words["net_amount"] = words["amount"]
    after = account.save(before, **words, metadata=merged_metadata(before["metadata"], params))
    follow(account, after)
    return after


def place(account: Account, invoice: Obj, item: Obj) -> Obj:
    """Put an item on a draft invoice, as its last line; returns the item. Raises `Refused` when the invoice is full."""
    if len(account.store.related("line_item", "invoice", invoice["id"])) >= ITEMS_MAX:
        raise Refused(f"An invoice holds at most {ITEMS_MAX} invoice items; {invoice['id']} has as many already.")
    item = account.save(item, invoice=invoice["id"])
    account.store.put(_line(new_id("il"), item))
    invoice_ledger.recounted(account, account.find("invoice", invoice["id"]))
    return item


def follow(account: Account, item: Obj) -> None:
    """Make the line of an item say what the item says."""
    if item["invoice"] is not None:
        line = _line_of(account, item)
        account.store.put(_line(line["id"], item))
        invoice_ledger.recounted(account, account.find("invoice", item["invoice"]))


def withdraw(account: Account, item: Obj) -> Obj:
    """Take an item off its draft, if it stands on one; returns the item."""
    if item["invoice"] is None:
        return item
    account.store.delete("line_item", _line_of(account, item)["id"])
    invoice_ledger.recounted(account, account.find("invoice", item["invoice"]))
    return account.save(item, invoice=None)


def _as_before(item: Obj, params: Params) -> Params:
    return {"unit_amount_decimal": item["pricing"]["unit_amount_decimal"], **params}


def _priced(params: Params, currency: str) -> dict[str, Any]:
    """Amount, quantity and unit price from either an amount or a unit price; one rounding, half up."""
    quantity = params.get("quantity", 1)
    data = params.get("price_data", {})
    if data and checked(data.get("currency", currency)) != currency:
        message = f"The currency {data['currency']} is not the invoice's, {currency}."
        raise InvalidParameter(message, param="price_data[currency]")
    for name in data:
        if name not in PRICE_DATA:
            raise not_imitated(f"price_data[{name}]")
    unit = params.get("unit_amount_decimal") or data.get("unit_amount_decimal") or data.get("unit_amount")
    if "amount" in params:
        if unit is not None or quantity != 1:
            raise InvalidParameter("Pass either an amount, or a unit price with a quantity.", param="amount")
        unit, amount = params["amount"], params["amount"]
    elif unit is None:
        raise missing("amount")
    else:
        amount = rounded(Decimal(unit) * quantity)
    pricing = {"price_details": None, "type": "price_details", "unit_amount_decimal": str(unit)}
    return {"amount": amount, "quantity": quantity, "quantity_decimal": str(quantity), "pricing": pricing}


def _line(identifier: str, item: Obj) -> Obj:
    details = {"invoice_item": item["id"], "proration": False, "proration_details": None, "subscription": None}
    copied = ("amount", "currency", "description", "discountable", "invoice", "metadata", "period", "quantity")
    return {
        "id": identifier,
        "object": "line_item",
        **{name: item[name] for name in copied},
        "discount_amounts": [],
        "discounts": [],
        "livemode": False,
        "parent": {
            "invoice_item_details": details,
            "subscription_item_details": None,
            "type": "invoice_item_details",
        },
        "pretax_credit_amounts": [],
        "pricing": item["pricing"],
        "quantity_decimal": item["quantity_decimal"],
        "subtotal": item["amount"],
        "taxes": [],
    }


def _line_of(account: Account, item: Obj) -> Obj:
    lines = account.store.related("line_item", "invoice", item["invoice"])
    return next(line for line in lines if line["parent"]["invoice_item_details"]["invoice_item"] == item["id"])
