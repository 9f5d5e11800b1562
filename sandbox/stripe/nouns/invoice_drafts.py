"""Making and replacing invoices: drafts, revisions, numbers, voiding."""

from __future__ import annotations

from typing import Any

from sandbox.stripe.errors import InvalidParameter
from sandbox.stripe.forms import Params
from sandbox.stripe.nouns import invoice_entries, invoice_ledger, invoice_payments, invoice_status, payment_methods
from sandbox.stripe.state.account import Account, changed, merged_metadata, new_id
from sandbox.stripe.state.store import Obj

DAY_SECONDS = 24 * 3600
PLAIN = "auto_advance collection_method custom_fields description effective_at footer number statement_descriptor"
# What a new invoice has none of yet.
ZEROS = (
    "amount_due amount_overpaid amount_paid amount_paid_off_stripe amount_remaining amount_shipping attempt_count "
    "post_payment_credit_notes_amount pre_payment_credit_notes_amount starting_balance subtotal "
    "subtotal_excluding_tax total total_excluding_tax"
)
NOTHINGS = (
    "account_tax_ids application automatically_finalizes_at custom_fields customer_account default_payment_method "
    "default_source description due_date effective_at ending_balance footer from_invoice hosted_invoice_url "
    "invoice_pdf last_finalization_error latest_revision next_payment_attempt number on_behalf_of parent "
    "receipt_number rendering shipping_cost shipping_details statement_descriptor test_clock webhooks_delivered_at"
)


def drafted(account: Account, customer: Obj, currency: str, params: Params, with_pending: bool) -> Obj:
    """A new draft for a customer, with the pending items in its currency if asked."""
    values = {"auto_advance": False, "collection_method": "charge_automatically"}
    values |= written(account, customer["id"], params)
    if values["collection_method"] == "send_invoice" and values.get("due_date") is None:
        message = "If invoices are sent to be paid, `days_until_due` or `due_date` must be given."
        raise InvalidParameter(message, code="parameter_missing", param="days_until_due")
    draft = account.store.put({**_empty(account, customer, currency), **values})
    draft = account.save(draft, metadata=merged_metadata({}, params))
    if customer["currency"] is None:
        account.save(customer, currency=currency)
    if with_pending:
        for item in account.store.related("invoiceitem", "customer", customer["id"]):
            if item["invoice"] is None and item["currency"] == currency:
                invoice_entries.place(account, draft, item)
    draft = invoice_ledger.recounted(account, account.find("invoice", draft["id"]))
    account.emit("invoice.created", draft)
    return draft


def revision(account: Account, original: str, params: Params) -> Obj:
    """A draft like `original`, which it will replace when it is finalised."""
    revised = account.find("invoice", original, "from_invoice[invoice]")
    invoice_status.after(revised, "revise")
    customer = account.customer(revised["customer"])
    copied = {name: revised[name] for name in ("collection_method", "description", "due_date", "footer")}
    draft = drafted(account, customer, revised["currency"], {**copied, **params}, with_pending=False)
    account.save(draft, from_invoice={"action": "revision", "invoice": original})
    for line in account.store.related("line_item", "invoice", original):
        words = {name: line[name] for name in ("amount", "description", "metadata", "period")}
        item = invoice_entries.made(account, words, customer["id"], revised["currency"])
        invoice_entries.place(account, account.find("invoice", draft["id"]), item)
    return account.find("invoice", draft["id"])


def replaced(account: Account, original: str, by: Obj) -> None:
    """Void an invoice that a finalised revision takes the place of."""
    found = account.find("invoice", original)
    invoice_status.after(found, "revise")
    voided(account, account.save(found, latest_revision=by["id"]))


def voided(account: Account, invoice: Obj) -> Obj:
    """Void an issued invoice with everything that waits for it."""
    invoice_payments.give_up(account, invoice, "void_invoice")
    invoice_ledger.unapply_balance(account, invoice)
    moments = {**invoice["status_transitions"], "voided_at": account.now()}
    after = account.save(invoice, status="void", status_transitions=moments)
    account.emit("invoice.voided", after, changed(invoice, after))
    return after


def written(account: Account, customer: str, params: Params) -> dict[str, Any]:
    """What a caller may write on an invoice, checked and in the form in which invoices carry it."""
    values: dict[str, Any] = {name: params[name] for name in PLAIN.split() if name in params}
    if "days_until_due" in params and "due_date" in params:
        raise InvalidParameter("Pass either `days_until_due` or `due_date`, not both.", param="due_date")
    if "days_until_due" in params:
        values["due_date"] = account.now() + params["days_until_due"] * DAY_SECONDS
    if "due_date" in params:
        values["due_date"] = params["due_date"]
    if method := params.get("default_payment_method"):
        found = payment_methods.attached(account, method, customer, "default_payment_method")
        values["default_payment_method"] = found["id"]
    return values


def next_number(account: Account, customer: str) -> str:
    """The customer's next invoice number, such as `A1B2C3D4-0007`."""
    holder = account.customer(customer)
    number = holder["next_invoice_sequence"]
    account.save(holder, next_invoice_sequence=number + 1)
    return f"{holder['invoice_prefix']}-{number:04d}"


def _empty(account: Account, customer: Obj, currency: str) -> Obj:
    identifier = new_id("in")
    return {
        "id": identifier,
        "object": "invoice",
        **dict.fromkeys(ZEROS.split(), 0),
        **dict.fromkeys(NOTHINGS.split()),
        "account_country": "US",
        "account_name": "Simulated account",
        "attempted": False,
        "automatic_tax": {
            "disabled_reason": None,
            "enabled": False,
            "liability": None,
            "provider": None,
            "status": None,
        },
        "billing_reason": "manual",
        "created": account.now(),
        "currency": currency,
        "customer": customer["id"],
        **{f"customer_{name}": customer[name] for name in ("address", "email", "name", "phone", "shipping")},
        "customer_tax_exempt": customer["tax_exempt"],
        "customer_tax_ids": [],
        "default_tax_rates": [],
        "discounts": [],
        "issuer": {"type": "self"},
        "livemode": False,
        "payment_settings": {
            "default_mandate": None,
            "payment_method_options": None,
            "payment_method_types": None,
        },
        "period_end": account.now(),
        "period_start": account.now(),
        "status": "draft",
        "status_transitions": {
            "finalized_at": None,
            "marked_uncollectible_at": None,
            "paid_at": None,
            "voided_at": None,
        },
        "total_discount_amounts": [],
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
        "metadata": {},
    }
