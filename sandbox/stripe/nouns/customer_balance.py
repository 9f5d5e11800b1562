"""Customer balances: what a customer has to its credit (negative) or owes on its next invoice (positive)."""

from __future__ import annotations

from typing import Any

from sandbox.stripe.currencies import checked
from sandbox.stripe.errors import InvalidParameter
from sandbox.stripe.forms import Params
from sandbox.stripe.lists import narrowed, page
from sandbox.stripe.routing import PAGING, route
from sandbox.stripe.state.account import Account, changed, merged_metadata, new_id
from sandbox.stripe.state.store import Obj

URL = "/v1/customers/{customer}/balance_transactions"
KIND = "customer_balance_transaction"


@route("POST", URL, "amount currency description metadata")
def create(account: Account, params: Params, customer: str) -> Obj:
    """Adjust a balance by hand: a negative amount is a credit to the customer."""
    account.customer(customer)
    if params["amount"] == 0:
        raise InvalidParameter("The amount of a balance transaction cannot be zero.", param="amount")
    return book(
        account,
        customer,
        params["amount"],
        checked(params["currency"]),
        "adjustment",
        description=params.get("description"),
        metadata=merged_metadata({}, params),
    )


@route("GET", URL, f"{PAGING} created invoice")
def list_all(account: Account, params: Params, customer: str) -> Obj:
    """Transactions of one customer, newest first."""
    account.customer(customer)
    found = narrowed(account, KIND, {**params, "customer": customer}, "customer", "invoice")
    return page(found, params, URL.format(customer=customer), KIND)


@route("GET", URL + "/{transaction}")
def retrieve(account: Account, params: Params, customer: str, transaction: str) -> Obj:
    """One transaction."""
    return account.find(KIND, transaction)


@route("POST", URL + "/{transaction}", "description metadata")
def update(account: Account, params: Params, customer: str, transaction: str) -> Obj:
    """Change the description and metadata; amounts are for ever."""
    before = account.find(KIND, transaction)
    described = params.get("description", before["description"])
    return account.save(before, description=described, metadata=merged_metadata(before["metadata"], params))


def in_currency(customer: Obj, currency: str) -> int:
    """The balance in a currency, negative for a credit."""
    return -int(customer["invoice_credit_balance"].get(currency, 0))


def book(account: Account, customer: str, amount: int, currency: str, kind: str, **about: Any) -> Obj:
    """Write one transaction and move the balance; `about` sets its invoice, credit note, description or metadata.

    `balance` of the customer is the one in the customer's own currency, which the first money it sees decides.
    """
    before = account.find("customer", customer)
    own = before["currency"] or currency
    ending = in_currency(before, currency) + amount
    after = account.save(
        before,
        currency=own,
        balance=ending if currency == own else before["balance"],
        # Stripe gives these the opposite sign of `balance`: positive is a credit to the customer.
        invoice_credit_balance={**before["invoice_credit_balance"], currency: -ending},
    )
    transaction = account.store.put(
        {
            "id": new_id("cbtxn"),
            "object": KIND,
            "amount": amount,
            "created": account.now(),
            "credit_note": None,
            "currency": currency,
            "customer": customer,
            "customer_account": None,
            "description": None,
            "ending_balance": ending,
            "invoice": None,
            "livemode": False,
            "metadata": {},
            "type": kind,
            **about,
        }
    )
    account.emit("customer.updated", after, changed(before, after))
    return transaction
