"""Credit notes: corrections of issued invoices, before and after payment."""

from __future__ import annotations

from sandbox.stripe.errors import Refused, no_such
from sandbox.stripe.forms import Params
from sandbox.stripe.lists import narrowed, page
from sandbox.stripe.nouns import credit_note_ledger, invoice_status
from sandbox.stripe.routing import PAGING, route
from sandbox.stripe.state.account import Account, changed, merged_metadata
from sandbox.stripe.state.store import Obj

URL = "/v1/credit_notes"
MONEY = "amount lines credit_amount refund_amount out_of_band_amount refunds"
TAKES = f"{MONEY} invoice reason memo metadata effective_at email_type"


@route("POST", URL, TAKES)
def create(account: Account, params: Params) -> Obj:
    """Issue a credit note: it lowers what remains to be paid, and beyond that gives money back as asked."""
    note = credit_note_ledger.issued(account, _invoice(account, params), params)
    account.emit("credit_note.created", note)
    return note


@route("GET", f"{URL}/preview", TAKES)
def preview(account: Account, params: Params) -> Obj:
    """What `create` would issue; nothing is kept."""
    previewed: list[Obj] = []
    try:
        with account.store.transaction():
            previewed.append(credit_note_ledger.issued(account, _invoice(account, params), params))
            raise _OnlyAPreview
    except _OnlyAPreview:
        return previewed[0]


@route("GET", URL, f"{PAGING} created customer invoice")
def list_all(account: Account, params: Params) -> Obj:
    """Credit notes, newest first."""
    return page(narrowed(account, "credit_note", params, "customer", "invoice"), params, URL, "credit_note")


@route("GET", URL + "/{id}")
def retrieve(account: Account, params: Params, id: str) -> Obj:
    """One credit note."""
    return account.find("credit_note", id)


@route("POST", URL + "/{id}", "memo metadata")
def update(account: Account, params: Params, id: str) -> Obj:
    """Change the memo and the metadata; money on an issued document never changes."""
    before = account.find("credit_note", id)
    memo = params.get("memo", before["memo"])
    after = account.save(before, memo=memo, metadata=merged_metadata(before["metadata"], params))
    account.emit("credit_note.updated", after, changed(before, after))
    return after


@route("GET", URL + "/{credit_note}/lines", PAGING)
def lines(account: Account, params: Params, credit_note: str) -> Obj:
    """The lines of a credit note."""
    found = account.find("credit_note", credit_note)["lines"]
    return page(found["data"][::-1], params, found["url"], "credit_note_line_item")


@route("POST", URL + "/{id}/void")
def void(account: Account, params: Params, id: str) -> Obj:
    """Take back a credit note whose invoice is still open; money that has moved does not come back this way."""
    found = account.find("credit_note", id)
    if found["status"] == "void":
        raise Refused("This credit note is already void.")
    voided = credit_note_ledger.taken_back(account, found)
    account.emit("credit_note.voided", voided, changed(found, voided))
    return voided


class _OnlyAPreview(Exception):  # noqa: N818 - nothing went wrong
    """Undoes the transaction in which a preview was made."""


def _invoice(account: Account, params: Params) -> Obj:
    invoice = account.store.get("invoice", params["invoice"])
    if invoice is None:
        raise no_such("invoice", params["invoice"], "invoice")
    invoice_status.after(invoice, "credit")
    return invoice
