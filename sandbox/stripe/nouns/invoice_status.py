"""The life of an invoice: which action leads from which status to which, and what Stripe says to the others."""

from __future__ import annotations

from sandbox.stripe.errors import Refused
from sandbox.stripe.state.store import Obj

GONE = "deleted"

TRANSITIONS: dict[tuple[str, str], str] = {
    ("draft", "edit"): "draft",
    ("draft", "delete"): GONE,
    ("draft", "finalize"): "open",
    ("open", "send"): "open",
    ("open", "pay"): "paid",
    ("open", "void"): "void",
    ("open", "mark_uncollectible"): "uncollectible",
    ("open", "credit"): "open",
    ("uncollectible", "pay"): "paid",
    ("uncollectible", "void"): "void",
    ("uncollectible", "credit"): "uncollectible",
    ("paid", "credit"): "paid",
    ("open", "revise"): "void",
    ("uncollectible", "revise"): "void",
}
ONLY_OPEN = "You can only pass in open invoices. This invoice isn't open."
REFUSALS: dict[str, tuple[str, str | None]] = {
    "edit": ("Finalized invoices can't be updated in this way", "invoice_not_editable"),
    "delete": ("You can only delete draft invoices.", None),
    "finalize": ("This invoice is already finalized, you can't re-finalize a non-draft invoice.", None),
    "send": (ONLY_OPEN, None),
    "pay": ("You can only pay open or uncollectible invoices.", "invoice_not_editable"),
    "void": (ONLY_OPEN, None),
    "mark_uncollectible": (ONLY_OPEN, None),
    "credit": ("You can only create a credit note for an invoice that is finalized and not void.", None),
    "revise": ("You can only revise invoices that are open or uncollectible.", None),
}
# More telling words for some pairs.
EXCEPTIONS: dict[tuple[str, str], str] = {
    ("paid", "pay"): "Invoice is already paid",
    ("paid", "void"): "Invoices with `paid` payments cannot be voided.",
}


def after(invoice: Obj, action: str) -> str:
    """The status to which `action` leads; raises `Refused` when the invoice's status does not allow it."""
    status = invoice["status"]
    reached = TRANSITIONS.get((status, action))
    if reached is None:
        message, code = REFUSALS[action]
        raise Refused(EXCEPTIONS.get((status, action), message), code=code)
    return reached
