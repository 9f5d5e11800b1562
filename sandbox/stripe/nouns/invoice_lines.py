"""The lines of an invoice, each made of an invoice item, and adding, changing and removing them while it is a draft."""

from __future__ import annotations

from sandbox.stripe.errors import Refused, no_such, not_imitated
from sandbox.stripe.forms import Params
from sandbox.stripe.lists import page
from sandbox.stripe.nouns import invoice_entries, invoice_ledger, invoice_status
from sandbox.stripe.routing import PAGING, route
from sandbox.stripe.state.account import Account, merged_metadata
from sandbox.stripe.state.store import Obj

URL = "/v1/invoices/{invoice}"
LINE = "amount description discountable metadata period price_data quantity"


@route("GET", URL + "/lines", PAGING)
def list_all(account: Account, params: Params, invoice: str) -> Obj:
    """All lines of an invoice, in their order."""
    account.find("invoice", invoice)
    lines = account.store.related("line_item", "invoice", invoice)
    return page(lines[::-1], params, f"{URL}/lines".format(invoice=invoice), "line_item")


@route("POST", URL + "/lines/{line_item}", LINE)
def update(account: Account, params: Params, invoice: str, line_item: str) -> Obj:
    """Change one line of a draft."""
    found = _draft(account, invoice)
    _change(account, found, line_item, params)
    invoice_ledger.recounted(account, found)
    return account.find("line_item", line_item)


@route("POST", URL + "/add_lines", "lines invoice_metadata")
def add(account: Account, params: Params, invoice: str) -> Obj:
    """Add lines, of pending items or new ones."""
    found = _draft(account, invoice)
    for number, line in enumerate(params["lines"]):
        _imitated(line, number, f"{LINE} invoice_item")
        if "invoice_item" in line:
            item = account.find("invoiceitem", line["invoice_item"], f"lines[{number}][invoice_item]")
            if item["invoice"] is not None:
                raise Refused(f"The invoice item {item['id']} stands on the invoice {item['invoice']} already.")
        else:
            item = invoice_entries.made(account, line, found["customer"], found["currency"])
        invoice_entries.place(account, found, item)
    return _saved(account, invoice, params)


@route("POST", URL + "/update_lines", "lines invoice_metadata")
def update_many(account: Account, params: Params, invoice: str) -> Obj:
    """Change several lines of a draft."""
    found = _draft(account, invoice)
    for number, line in enumerate(params["lines"]):
        _imitated(line, number, f"{LINE} id")
        _change(account, found, line["id"], line)
    return _saved(account, invoice, params)


@route("POST", URL + "/remove_lines", "lines invoice_metadata")
def remove(account: Account, params: Params, invoice: str) -> Obj:
    """Take lines off a draft; `unassign` keeps their items for another invoice."""
    found = _draft(account, invoice)
    for line in params["lines"]:
        item = _item_of(account, found, line["id"])
        invoice_entries.withdraw(account, item)
        if line["behavior"] == "delete":
            account.store.delete("invoiceitem", item["id"])
            account.emit("invoiceitem.deleted", item)
    return _saved(account, invoice, params)


def _draft(account: Account, invoice: str) -> Obj:
    found = account.find("invoice", invoice)
    invoice_status.after(found, "edit")
    return found


def _change(account: Account, invoice: Obj, line: str, params: Params) -> None:
    invoice_entries.repriced(account, _item_of(account, invoice, line), params)


def _item_of(account: Account, invoice: Obj, line: str) -> Obj:
    found = account.find("line_item", line, "lines")
    if found["invoice"] != invoice["id"]:
        raise no_such("line_item", line, "lines")
    return account.find("invoiceitem", found["parent"]["invoice_item_details"]["invoice_item"])


def _imitated(line: Params, number: int, known: str) -> None:
    for name in line:
        if name not in known.split():
            raise not_imitated(f"lines[{number}][{name}]")


def _saved(account: Account, invoice: str, params: Params) -> Obj:
    found = account.find("invoice", invoice)
    given = {"metadata": params["invoice_metadata"]} if "invoice_metadata" in params else {}
    metadata = merged_metadata(found["metadata"], given)
    after = invoice_ledger.recounted(account, account.save(found, metadata=metadata))
    account.emit("invoice.updated", after)
    return after
