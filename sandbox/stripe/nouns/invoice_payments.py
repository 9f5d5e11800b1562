"""Invoice payments: which payment intent is to settle, or settled, which invoice."""

from __future__ import annotations

from sandbox.stripe.errors import not_imitated
from sandbox.stripe.forms import Params
from sandbox.stripe.lists import narrowed, page
from sandbox.stripe.nouns import invoice_ledger, payment_intents
from sandbox.stripe.nouns.invoice_ledger import PURPOSE
from sandbox.stripe.routing import PAGING, route
from sandbox.stripe.state.account import Account, new_id
from sandbox.stripe.state.store import Obj

URL = "/v1/invoice_payments"


@route("GET", URL, f"{PAGING} created invoice status payment")
def list_all(account: Account, params: Params) -> Obj:
    """Invoice payments, newest first, of one invoice or one payment intent if asked."""
    payment = params.get("payment", {})
    if "payment_record" in payment:
        raise not_imitated("payment[payment_record]")
    found = narrowed(account, "invoice_payment", params, "invoice", "status")
    if "payment_intent" in payment:
        found = [item for item in found if item["payment"].get("payment_intent") == payment["payment_intent"]]
    return page(found, params, URL, "invoice_payment")


@route("GET", URL + "/{invoice_payment}")
def retrieve(account: Account, params: Params, invoice_payment: str) -> Obj:
    """One invoice payment."""
    return account.find("invoice_payment", invoice_payment)


def awaited(account: Account, invoice: Obj) -> Obj:
    """Open the payment of a finalised invoice: an intent over what is due, and its link to the invoice."""
    intent = payment_intents.opened(account, invoice["amount_due"], invoice["currency"], invoice["customer"])
    intent = account.save(intent, description=invoice["description"])
    account.emit("payment_intent.created", intent)
    return _opened(account, invoice, intent, invoice["amount_due"], is_default=True)


def attached(account: Account, invoice: Obj, intent: Obj) -> Obj:
    """Count an intent that has succeeded towards an invoice, and return the invoice as it is then."""
    _opened(account, invoice, intent, intent["amount_received"], is_default=False)
    paid = invoice_ledger.collected(account, intent) or invoice
    if paid["status"] == "paid":
        give_up(account, paid, "abandoned")
    return paid


def _opened(account: Account, invoice: Obj, intent: Obj, requested: int, *, is_default: bool) -> Obj:
    payment = account.store.put(
        {
            "id": new_id("inpay"),
            "object": "invoice_payment",
            "amount_paid": None,
            "amount_requested": requested,
            "created": account.now(),
            "currency": invoice["currency"],
            "invoice": invoice["id"],
            "is_default": is_default,
            "livemode": False,
            "payment": {"payment_intent": intent["id"], "type": "payment_intent"},
            "status": "open",
            "status_transitions": {"canceled_at": None, "paid_at": None},
        }
    )
    account.store.put({"id": intent["id"], "object": PURPOSE, "invoice_payment": payment["id"]})
    return payment


def open_intent(account: Account, invoice: Obj) -> Obj | None:
    """The intent that still waits to settle an invoice, over what remains to be paid."""
    for payment in account.store.related("invoice_payment", "invoice", invoice["id"]):
        if payment["status"] == "open":
            intent = account.find("payment_intent", payment["payment"]["payment_intent"])
            return account.save(intent, amount=invoice["amount_remaining"])
    return None


def give_up(account: Account, invoice: Obj, reason: str) -> None:
    """Cancel whatever still waits to settle an invoice."""
    for payment in account.store.related("invoice_payment", "invoice", invoice["id"]):
        if payment["status"] == "open":
            moments = {**payment["status_transitions"], "canceled_at": account.now()}
            account.save(payment, status="canceled", status_transitions=moments)
            intent = account.find("payment_intent", payment["payment"]["payment_intent"])
            canceled = account.save(intent, status="canceled", canceled_at=account.now(), cancellation_reason=reason)
            account.emit("payment_intent.canceled", canceled)
