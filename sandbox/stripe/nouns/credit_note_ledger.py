"""The money of a credit note: its split before and after payment, its ways back to the customer, its limits."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sandbox.stripe.currencies import in_words, rounded
from sandbox.stripe.errors import InvalidParameter, Refused, missing, no_such, not_imitated
from sandbox.stripe.forms import Params
from sandbox.stripe.lists import as_list
from sandbox.stripe.nouns import customer_balance, invoice_ledger, invoice_payments, refunds
from sandbox.stripe.state.account import Account, merged_metadata, new_id
from sandbox.stripe.state.store import Obj

LINE = (
    "type",
    "invoice_line_item",
    "amount",
    "description",
    "quantity",
    "unit_amount",
    "unit_amount_decimal",
    "metadata",
)


@dataclass(frozen=True)
class Split:
    """How the amount of a credit note reaches the customer, in minor units."""

    pre_payment: int
    """Lowers what remains to be paid."""
    post_payment: int
    """Was paid already, and goes back in the ways below, which must add up to it."""
    credit: int
    refund: int
    linked: int
    """Refunds made before and linked to this note."""
    out_of_band: int

    @property
    def kind(self) -> str:
        """Stripe's word for the split."""
        if self.pre_payment and self.post_payment:
            return "mixed"
        return "post_payment" if self.post_payment else "pre_payment"


def issued(account: Account, invoice: Obj, params: Params) -> Obj:
    """Issue a credit note on a finalised invoice, moving the money; raises `StripeError` when it does not add up."""
    note_id = new_id("cn")
    lines = _lines(account, invoice, params)
    amount = sum(line["amount"] for line in lines) if lines else params["amount"]
    split = _split(account, invoice, amount, params)
    ordinal = len(account.store.related("credit_note", "invoice", invoice["id"])) + 1
    note = account.store.put(
        _note(account, invoice, note_id, f"{invoice['number']}-CN-{ordinal:02d}", amount, split, lines, params)
    )
    if split.credit:
        about: dict[str, Any] = {"invoice": invoice["id"], "credit_note": note_id}
        currency = invoice["currency"]
        moved = customer_balance.book(account, invoice["customer"], -split.credit, currency, "credit_note", **about)
        note = account.save(note, customer_balance_transaction=moved["id"])
    note = account.save(note, refunds=_refunded(account, invoice, split, params))
    _deducted(account, invoice, split)
    return note


def taken_back(account: Account, note: Obj) -> Obj:
    """Void a note and put what it deducted back on its invoice; raises `Refused` when money has moved already."""
    invoice = account.find("invoice", note["invoice"])
    if note["post_payment_amount"] or invoice["status"] != "open":
        raise Refused("You can only void a credit note that lowered the amount of an invoice that is still open.")
    back = {"pre_payment_credit_notes_amount": invoice["pre_payment_credit_notes_amount"] - note["pre_payment_amount"]}
    invoice_ledger.recounted(account, account.save(invoice, **back))
    return account.save(note, status="void", voided_at=account.now())


def _split(account: Account, invoice: Obj, amount: int, params: Params) -> Split:
    currency = invoice["currency"]
    if amount <= 0:
        raise InvalidParameter("The amount of a credit note must be positive.", param="amount")
    creditable = _creditable(account, invoice, params)
    if amount > creditable:
        asked, most = in_words(amount, currency), in_words(creditable, currency)
        message = (
            f"The credit note amount ({asked}) is greater than what can still be credited on the invoice ({most})."
        )
        raise Refused(message, param="amount")
    for way in ("credit_amount", "refund_amount", "out_of_band_amount"):
        if params.get(way, 0) < 0:
            raise InvalidParameter(f"Invalid positive integer: {params[way]}", param=way)
    pre_payment = min(amount, invoice["amount_remaining"])
    linked = _linked(account, invoice, params)
    split = Split(
        pre_payment=pre_payment,
        post_payment=amount - pre_payment,
        credit=params.get("credit_amount", 0),
        refund=params.get("refund_amount", 0),
        linked=sum(part for _, part in linked),
        out_of_band=params.get("out_of_band_amount", 0),
    )
    given = split.credit + split.refund + split.linked + split.out_of_band
    if given != split.post_payment:
        raise Refused(
            f"The sum of credit amount, refund amount and out of band amount ({in_words(given, currency)}) "
            f"must equal the post payment amount of the credit note ({in_words(split.post_payment, currency)})."
        )
    return split


def _creditable(account: Account, invoice: Obj, params: Params) -> int:
    """The invoice's total less what its notes credited and what was refunded beside them."""
    notes = [
        note for note in account.store.related("credit_note", "invoice", invoice["id"]) if note["status"] == "issued"
    ]
    through_notes = {refund["refund"] for note in notes for refund in note["refunds"]}
    linked = {refund for refund, _ in _linked(account, invoice, params)}
    beside: int = sum(
        refund["amount"]
        for charge in _charges(account, invoice)
        for refund in account.store.related("refund", "charge", charge["id"])
        if refund["id"] not in through_notes | linked and refund["status"] != "failed"
    )
    total: int = invoice["total"] - sum(note["amount"] for note in notes)
    return total - beside


def _linked(account: Account, invoice: Obj, params: Params) -> list[tuple[str, int]]:
    charges = {charge["id"] for charge in _charges(account, invoice)}
    found = []
    for number, given in enumerate(params.get("refunds", [])):
        if "refund" not in given:
            raise missing(f"refunds[{number}][refund]")
        refund = account.find("refund", given["refund"], f"refunds[{number}][refund]")
        part = given.get("amount_refunded", refund["amount"])
        if refund["charge"] not in charges or not 0 < part <= refund["amount"]:
            message = f"The refund {refund['id']} did not give back {part} of a payment of this invoice."
            raise InvalidParameter(message, param=f"refunds[{number}]")
        found.append((refund["id"], part))
    return found


def _charges(account: Account, invoice: Obj) -> list[Obj]:
    """The successful charges that paid an invoice."""
    payments = account.store.related("invoice_payment", "invoice", invoice["id"])
    intents = [payment["payment"]["payment_intent"] for payment in payments if payment["status"] == "paid"]
    made = [charge for intent in intents for charge in account.store.related("charge", "payment_intent", intent)]
    return [charge for charge in made if charge["status"] == "succeeded"]


def _refunded(account: Account, invoice: Obj, split: Split, params: Params) -> list[dict[str, Any]]:
    parts = [
        {"amount_refunded": part, "refund": refund, "type": "refund"}
        for refund, part in _linked(account, invoice, params)
    ]
    if not split.refund:
        return parts
    charges = _charges(account, invoice)
    if not charges:
        message = "The invoice was not paid by a charge, so there is nothing to refund. Use `credit_amount` instead."
        raise Refused(message, param="refund_amount")
    refund = refunds.made(account, charges[0], split.refund, None, {})
    return [*parts, {"amount_refunded": split.refund, "refund": refund["id"], "type": "refund"}]


def _deducted(account: Account, invoice: Obj, split: Split) -> None:
    before = account.find("invoice", invoice["id"])
    after = invoice_ledger.recounted(
        account,
        account.save(
            before,
            pre_payment_credit_notes_amount=before["pre_payment_credit_notes_amount"] + split.pre_payment,
            post_payment_credit_notes_amount=before["post_payment_credit_notes_amount"] + split.post_payment,
        ),
    )
    account.emit("invoice.updated", after)
    if after["amount_remaining"] == 0 and after["status"] != "paid":
        invoice_payments.give_up(account, after, "abandoned")
        invoice_ledger.paid(account, after)


def _lines(account: Account, invoice: Obj, params: Params) -> list[Obj]:
    if ("lines" in params) == ("amount" in params):
        message = "You must pass exactly one of `amount` and `lines`."
        raise InvalidParameter(message, code="parameter_missing", param="amount")
    return [_line(account, invoice, given, number) for number, given in enumerate(params.get("lines", []))]


def _line(account: Account, invoice: Obj, given: Params, number: int) -> Obj:
    for name in given:
        if name not in LINE:
            raise not_imitated(f"lines[{number}][{name}]")
    credited: Obj | None = None
    if given["type"] == "invoice_line_item":
        if "invoice_line_item" not in given:
            raise missing(f"lines[{number}][invoice_line_item]")
        param = f"lines[{number}][invoice_line_item]"
        credited = account.find("line_item", given["invoice_line_item"], param)
        if credited["invoice"] != invoice["id"]:
            raise no_such("line_item", credited["id"], param)
    quantity = given.get("quantity")
    unit = given.get("unit_amount_decimal") or given.get("unit_amount")
    if unit is None and credited is not None and quantity is not None:
        unit = Decimal(credited["amount"]) / Decimal(credited["quantity"])
    if "amount" in given:
        amount = given["amount"]
    elif unit is not None:
        amount = rounded(Decimal(unit) * (quantity or 1))
    elif credited is not None:
        amount = credited["amount"]
    else:
        raise missing(f"lines[{number}][unit_amount]")
    return {
        "id": new_id("cnli"),
        "object": "credit_note_line_item",
        "amount": amount,
        "description": given.get("description", credited["description"] if credited else None),
        "discount_amount": 0,
        "discount_amounts": [],
        "invoice_line_item": credited["id"] if credited else None,
        "livemode": False,
        "metadata": merged_metadata({}, given),
        "pretax_credit_amounts": [],
        "quantity": quantity,
        "tax_rates": [],
        "taxes": [],
        "type": given["type"],
        "unit_amount": given.get("unit_amount"),
        "unit_amount_decimal": None if unit is None else format(Decimal(unit), "f"),
    }


def _note(
    account: Account,
    invoice: Obj,
    note_id: str,
    number: str,
    amount: int,
    split: Split,
    lines: list[Obj],
    params: Params,
) -> Obj:
    return {
        "id": note_id,
        "object": "credit_note",
        "amount": amount,
        "amount_shipping": 0,
        "created": account.now(),
        "currency": invoice["currency"],
        "customer": invoice["customer"],
        "customer_account": None,
        "customer_balance_transaction": None,
        "discount_amount": 0,
        "discount_amounts": [],
        "effective_at": params.get("effective_at", account.now()),
        "invoice": invoice["id"],
        "lines": as_list(lines, f"/v1/credit_notes/{note_id}/lines"),
        "livemode": False,
        "memo": params.get("memo"),
        "metadata": merged_metadata({}, params),
        "number": number,
        "out_of_band_amount": split.out_of_band or None,
        "pdf": account.page_of(note_id),
        "post_payment_amount": split.post_payment,
        "pre_payment_amount": split.pre_payment,
        "pretax_credit_amounts": [],
        "reason": params.get("reason"),
        "refunds": [],
        "shipping_cost": None,
        "status": "issued",
        "subtotal": amount,
        "subtotal_excluding_tax": amount,
        "total": amount,
        "total_excluding_tax": amount,
        "total_taxes": [],
        "type": split.kind,
        "voided_at": None,
    }
