"""Invoices: drafts are written, finalised ones are paid, sent, voided or given up."""

from __future__ import annotations

from sandbox.stripe.currencies import checked
from sandbox.stripe.errors import CardError, InvalidParameter, Refused, missing
from sandbox.stripe.forms import Params
from sandbox.stripe.lists import narrowed, page, search
from sandbox.stripe.nouns import (
    invoice_drafts,
    invoice_ledger,
    invoice_payments,
    invoice_status,
    payment_intents,
    payment_methods,
)
from sandbox.stripe.routing import PAGING, route
from sandbox.stripe.state.account import Account, changed, merged_metadata
from sandbox.stripe.state.store import Obj

URL = "/v1/invoices"
WRITTEN = (
    "auto_advance collection_method custom_fields days_until_due due_date default_payment_method description "
    "effective_at footer metadata number statement_descriptor"
)


@route("POST", URL, f"{WRITTEN} customer currency from_invoice pending_invoice_items_behavior")
def create(account: Account, params: Params) -> Obj:
    """A new draft: empty, of pending items, or a revision of another invoice."""
    if "from_invoice" in params:
        return invoice_drafts.revision(account, params["from_invoice"]["invoice"], params)
    if "customer" not in params:
        raise missing("customer")
    customer = account.customer(params["customer"], "customer")
    currency = checked(params.get("currency") or customer["currency"] or "usd")
    with_pending = params.get("pending_invoice_items_behavior") == "include"
    return invoice_drafts.drafted(account, customer, currency, params, with_pending)


@route("GET", URL, f"{PAGING} created customer status collection_method")
def list_all(account: Account, params: Params) -> Obj:
    """Invoices, newest first."""
    found = narrowed(account, "invoice", params, "customer", "status", "collection_method")
    return page(found, params, URL, "invoice")


@route("GET", f"{URL}/search", "query limit page")
def find(account: Account, params: Params) -> Obj:
    """Invoices by a search query, with its lag."""
    return search(account, "invoice", params, f"{URL}/search")


@route("GET", URL + "/{invoice}")
def retrieve(account: Account, params: Params, invoice: str) -> Obj:
    """One invoice; a draft shows the customer's balance of today."""
    found = account.find("invoice", invoice)
    return invoice_ledger.recounted(account, found) if found["status"] == "draft" else found


@route("POST", URL + "/{invoice}", WRITTEN)
def update(account: Account, params: Params, invoice: str) -> Obj:
    """Change a draft; of a finalised invoice only what does not stand on the document."""
    before = account.find("invoice", invoice)
    if set(params) - {"metadata", "expand", "auto_advance", "default_payment_method"}:
        invoice_status.after(before, "edit")
    written = invoice_drafts.written(account, before["customer"], params)
    after = account.save(before, **written, metadata=merged_metadata(before["metadata"], params))
    account.emit("invoice.updated", after, changed(before, after))
    return after


@route("DELETE", URL + "/{invoice}")
def delete(account: Account, params: Params, invoice: str) -> Obj:
    """Delete a draft with what stands on it."""
    found = account.find("invoice", invoice)
    invoice_status.after(found, "delete")
    for line in account.store.related("line_item", "invoice", invoice):
        account.store.delete("line_item", line["id"])
        account.store.delete("invoiceitem", line["parent"]["invoice_item_details"]["invoice_item"])
    account.store.delete("invoice", invoice)
    account.emit("invoice.deleted", found)
    return {"id": invoice, "object": "invoice", "deleted": True}


@route("POST", URL + "/{invoice}/finalize", "auto_advance")
def finalize(account: Account, params: Params, invoice: str) -> Obj:
    """Issue a draft: it gets its number, uses the customer's balance, and waits for its payment."""
    draft = invoice_ledger.recounted(account, account.find("invoice", invoice))
    status = invoice_status.after(draft, "finalize")
    number = draft["number"] or invoice_drafts.next_number(account, draft["customer"])
    moments = {**draft["status_transitions"], "finalized_at": account.now()}
    issued = account.save(
        draft,
        status=status,
        number=number,
        status_transitions=moments,
        effective_at=draft["effective_at"] or account.now(),
        auto_advance=params.get("auto_advance", draft["auto_advance"]),
        hosted_invoice_url=account.page_of(invoice),
        invoice_pdf=account.page_of(invoice),
    )
    issued = invoice_ledger.apply_balance(account, issued)
    if original := issued["from_invoice"]:
        invoice_drafts.replaced(account, original["invoice"], issued)
    account.emit("invoice.finalized", issued, changed(draft, issued))
    if issued["amount_due"] == 0:
        return invoice_ledger.paid(account, issued)
    invoice_payments.awaited(account, issued)
    return issued


@route("POST", URL + "/{invoice}/pay", "payment_method paid_out_of_band off_session")
def pay(account: Account, params: Params, invoice: str) -> Obj:
    """Collect what remains: from the given card, the invoice's or the customer's default, or outside of Stripe."""
    found = account.find("invoice", invoice)
    invoice_status.after(found, "pay")
    if params.get("paid_out_of_band"):
        invoice_payments.give_up(account, found, "abandoned")
        paid = {"amount_paid": found["amount_remaining"], "amount_paid_off_stripe": found["amount_remaining"]}
        return invoice_ledger.paid(account, found, **paid)
    method = _method(account, found, params.get("payment_method"))
    intent = invoice_payments.open_intent(account, found)
    if intent is None:
        raise Refused("Nothing is left to be paid on this invoice.")
    if intent["status"] == "processing":
        message = f"This invoice's payment {intent['id']} is being processed, and nothing else can pay it meanwhile."
        raise Refused(message, code="payment_intent_unexpected_state")
    try:
        settled = payment_intents.collect(account, intent, method)
    except CardError:
        invoice_ledger.attempt_failed(account, intent)
        raise
    if settled["status"] == "processing":
        return account.save(found, attempted=True, attempt_count=max(1, found["attempt_count"]))
    return invoice_ledger.collected(account, settled) or found


@route("POST", URL + "/{invoice}/attach_payment", "payment_intent")
def attach_payment(account: Account, params: Params, invoice: str) -> Obj:
    """Count a payment that succeeded beside the invoice towards it; it may pay a part."""
    found = account.find("invoice", invoice)
    invoice_status.after(found, "pay")
    if "payment_intent" not in params:
        raise missing("payment_intent")
    intent = account.find("payment_intent", params["payment_intent"], "payment_intent")
    if intent["status"] != "succeeded" or intent["currency"] != found["currency"]:
        message = f"The payment {intent['id']} has not succeeded, or is in another currency than the invoice."
        raise InvalidParameter(message, param="payment_intent")
    if intent["amount_received"] > found["amount_remaining"]:
        raise InvalidParameter("The payment is larger than what remains of the invoice.", param="payment_intent")
    return invoice_payments.attached(account, found, intent)


@route("POST", URL + "/{invoice}/send")
def send(account: Account, params: Params, invoice: str) -> Obj:
    """Mail an open invoice to the customer; the simulator only records that it was sent."""
    found = account.find("invoice", invoice)
    invoice_status.after(found, "send")
    if found["collection_method"] != "send_invoice":
        message = "You can only manually send an invoice if its collection method is 'send_invoice'."
        raise Refused(message)
    account.emit("invoice.sent", found)
    return found


@route("POST", URL + "/{invoice}/void")
def void(account: Account, params: Params, invoice: str) -> Obj:
    """Declare an issued invoice void; the customer gets back what it took from the balance."""
    found = account.find("invoice", invoice)
    invoice_status.after(found, "void")
    return invoice_drafts.voided(account, found)


@route("POST", URL + "/{invoice}/mark_uncollectible")
def mark_uncollectible(account: Account, params: Params, invoice: str) -> Obj:
    """Write an open invoice off; it can still be paid or voided."""
    found = account.find("invoice", invoice)
    status = invoice_status.after(found, "mark_uncollectible")
    moments = {**found["status_transitions"], "marked_uncollectible_at": account.now()}
    marked = account.save(found, status=status, status_transitions=moments)
    account.emit("invoice.marked_uncollectible", marked, changed(found, marked))
    return marked


def _method(account: Account, invoice: Obj, token: str | None) -> Obj:
    if token is not None:
        method = payment_methods.resolved(account, token, "payment_method")
        if method["customer"] not in (None, invoice["customer"]):
            message = f"The payment method {token} belongs to another customer than the invoice."
            raise InvalidParameter(message, param="payment_method")
        return method
    customer = account.find("customer", invoice["customer"])
    settings = customer.get("invoice_settings") or {}
    default = invoice["default_payment_method"] or settings.get("default_payment_method")
    if default is None:
        message = "There is no `default_payment_method` set on this invoice or its customer. Set one or pass one."
        raise Refused(message, code="missing")
    return account.find("payment_method", default)
