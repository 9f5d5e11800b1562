"""The account's own money at Stripe: what each charge, refund and dispute moved, and its fee."""

from __future__ import annotations

from sandbox.stripe.currencies import digits
from sandbox.stripe.forms import Params
from sandbox.stripe.lists import narrowed, page
from sandbox.stripe.routing import PAGING, route
from sandbox.stripe.state.account import Account, new_id
from sandbox.stripe.state.store import Obj

URL = "/v1/balance_transactions"
AVAILABLE_AFTER_SECONDS = 2 * 24 * 3600


@route("GET", URL, f"{PAGING} created currency source type")
def list_all(account: Account, params: Params) -> Obj:
    """Movements, newest first."""
    found = narrowed(account, "balance_transaction", params, "currency", "source", "type")
    return page(found, params, URL, "balance_transaction")


@route("GET", URL + "/{transaction}")
def retrieve(account: Account, params: Params, transaction: str) -> Obj:
    """One movement."""
    return account.find("balance_transaction", transaction)


def moved(account: Account, source: Obj, amount: int, kind: str, fee: int = 0) -> Obj:
    """Book a movement caused by `source`; a negative amount leaves the account."""
    currency = source["currency"]
    detail = {"amount": fee, "application": None, "currency": currency, "type": "stripe_fee"}
    return account.store.put(
        {
            "id": new_id("txn"),
            "object": "balance_transaction",
            "amount": amount,
            "available_on": account.now() + AVAILABLE_AFTER_SECONDS,
            "balance_type": "payments",
            "created": account.now(),
            "currency": currency,
            "description": source.get("description"),
            "exchange_rate": None,
            "fee": fee,
            "fee_details": [{**detail, "description": "Stripe processing fees"}] if fee else [],
            "net": amount - fee,
            "reporting_category": "dispute" if kind == "adjustment" else kind,
            "source": source["id"],
            "status": "pending",
            "type": kind,
        }
    )


def processing_fee(amount: int, currency: str) -> int:
    """2.9 % and thirty hundredths of a unit, in minor units, rounded up."""
    fixed: int = 3 * 10 ** digits(currency) // 10
    return -(-amount * 29 // 1000) + fixed
