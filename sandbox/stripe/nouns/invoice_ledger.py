"""The money of an invoice: totals from lines, the customer's balance applied, payments received, credit notes deducted."""

from __future__ import annotations

from typing import Any

from sandbox.stripe.lists import as_list
from sandbox.stripe.nouns import customer_balance, invoice_status
from sandbox.stripe.state.account import Account
from sandbox.stripe.state.store import Obj

LINES_SHOWN = 10
PURPOSE = "_purpose_of_intent"


def recounted(account: Account, invoice: Obj) -> Obj:
    """Save an invoice with its sums and its embedded lines as they follow from its lines and its other amounts."""
    lines = account.store.related("line_item", "invoice", invoice["id"])
    total = sum(line["amount"] for line in lines)
    balance = invoice["starting_balance"]
    if invoice["status"] == "draft":
        balance = customer_balance.in_currency(account.find("customer", invoice["customer"]), invoice["currency"])
    due = max(0, total + balance) - invoice["pre_payment_credit_notes_amount"]
    url = f"/v1/invoices/{invoice['id']}/lines"
    return account.save(
        invoice,
        lines={**as_list(lines[:LINES_SHOWN], url, len(lines) > LINES_SHOWN), "total_count": len(lines)},
        subtotal=total,
        subtotal_excluding_tax=total,
        total=total,
        total_excluding_tax=total,
        starting_balance=balance,
        amount_due=due,
        amount_remaining=max(0, due - invoice["amount_paid"]),
    )


def apply_balance(account: Account, invoice: Obj) -> Obj:
    """On finalisation: use the customer's credit, collect its debt, and credit it with a negative total."""
    start = invoice["starting_balance"]
    moved: int = invoice["total"] - invoice["amount_due"]
    if moved:
        about = {"invoice": invoice["id"]}
        customer_balance.book(account, invoice["customer"], moved, invoice["currency"], "applied_to_invoice", **about)
    return account.save(invoice, ending_balance=start + moved)


def unapply_balance(account: Account, invoice: Obj) -> None:
    """On voiding: give back what finalisation took from the customer's balance."""
    moved: int = invoice["ending_balance"] - invoice["starting_balance"]
    if moved:
        about = {"invoice": invoice["id"]}
        kind = "unapplied_from_invoice"
        customer_balance.book(account, invoice["customer"], -moved, invoice["currency"], kind, **about)


def collected(account: Account, intent: Obj) -> Obj | None:
    """Book a successful payment intent on the invoice it was made for, if it was made for one."""
    payment = payment_of(account, intent)
    if payment is None:
        return None
    invoice = account.find("invoice", payment["invoice"])
    moments = {**payment["status_transitions"], "paid_at": account.now()}
    payment = account.save(payment, status="paid", amount_paid=intent["amount_received"], status_transitions=moments)
    account.emit("invoice_payment.paid", payment)
    left = max(0, invoice["amount_remaining"] - intent["amount_received"])
    received = {"amount_paid": invoice["amount_paid"] + intent["amount_received"], "amount_remaining": left}
    tried = {"attempted": True, "attempt_count": invoice["attempt_count"] + 1}
    after = account.save(invoice, **received, **tried)
    if left:
        account.emit("invoice.updated", after)
        return after
    return paid(account, after)


def attempt_failed(account: Account, intent: Obj) -> Obj | None:
    """Count a failed attempt on the invoice the intent was made for, if it was made for one."""
    payment = payment_of(account, intent)
    if payment is None:
        return None
    invoice = account.find("invoice", payment["invoice"])
    # Stripe sets the count to 1 on the first attempt, and later counts only the attempts that it makes by itself.
    failed = account.save(invoice, attempted=True, attempt_count=max(1, invoice["attempt_count"]))
    account.emit("invoice.payment_failed", failed)
    account.save(account.find("customer", invoice["customer"]), delinquent=True)
    return failed


def paid(account: Account, invoice: Obj, **changes: Any) -> Obj:
    """The invoice is settled, by whatever means."""
    moments = {**invoice["status_transitions"], "paid_at": account.now()}
    status = invoice_status.after(invoice, "pay")
    settled = account.save(
        invoice, status=status, attempted=True, status_transitions=moments, amount_remaining=0, **changes
    )
    account.emit("invoice.paid", settled)
    account.emit("invoice.payment_succeeded", settled)
    holder = account.find("customer", invoice["customer"])
    if holder.get("delinquent"):
        account.save(holder, delinquent=False)
    return settled


def payment_of(account: Account, intent: Obj) -> Obj | None:
    """The invoice payment that an intent was made for."""
    purpose = account.store.get(PURPOSE, intent["id"])
    return None if purpose is None else account.find("invoice_payment", purpose["invoice_payment"])
