"""What would repair each kind of difference between our books and the provider's, in a sentence for finance."""

from billing.invoices import InvoiceStatus

MISSING_AT_PROVIDER_REPAIR = "Push it again: run the month end of its period again, for what failed only."
MISSING_IN_BOOKS_REPAIR = "Find out who made it at the provider; void it there, or bring it into the books."
CURRENCY_REPAIR = "Void the provider's invoice, then push the document again in the currency of the books."
TOO_MUCH_REPAIR = "Give the surplus back by a credit note at the provider."
TOO_LITTLE_REPAIR = "Bill what is missing with the next invoice, or credit it in the books."
DUE_REPAIR = (
    "Compare the customer's balance at the provider with the credits in the books, and correct the one that is wrong."
)

_FINISH_THE_DRAFT = "Push it again: the draft is found by its mark and finished."
_WHO_VOIDED_IT = "Find out who voided it at the provider: void it in the books too, or push it anew."
_RECORD_THE_PAYMENT = "Record the payment in the books."
_VOID_IT_THERE = "Void it at the provider too."

# By our status, then the provider's; pairs that say the same are not here.
STATUS_REPAIRS: dict[tuple[InvoiceStatus, InvoiceStatus], str] = {
    (InvoiceStatus.OPEN, InvoiceStatus.DRAFT): _FINISH_THE_DRAFT,
    (InvoiceStatus.OPEN, InvoiceStatus.PAID): _RECORD_THE_PAYMENT,
    (InvoiceStatus.OPEN, InvoiceStatus.VOID): _WHO_VOIDED_IT,
    (InvoiceStatus.OPEN, InvoiceStatus.UNCOLLECTIBLE): "Write it off in the books, or collect it at the provider.",
    (InvoiceStatus.PAID, InvoiceStatus.DRAFT): _FINISH_THE_DRAFT,
    (InvoiceStatus.PAID, InvoiceStatus.OPEN): "Find the payment, then mark it paid out of band at the provider.",
    (
        InvoiceStatus.PAID,
        InvoiceStatus.VOID,
    ): "Find out who voided it at the provider: push it anew, or give the payment back.",
    (InvoiceStatus.PAID, InvoiceStatus.UNCOLLECTIBLE): "Mark it paid out of band at the provider.",
    (InvoiceStatus.VOID, InvoiceStatus.DRAFT): "Delete the draft at the provider.",
    (InvoiceStatus.VOID, InvoiceStatus.OPEN): _VOID_IT_THERE,
    (InvoiceStatus.VOID, InvoiceStatus.PAID): "Give the payment back: the document is void.",
    (InvoiceStatus.VOID, InvoiceStatus.UNCOLLECTIBLE): _VOID_IT_THERE,
    (InvoiceStatus.UNCOLLECTIBLE, InvoiceStatus.DRAFT): _FINISH_THE_DRAFT,
    (InvoiceStatus.UNCOLLECTIBLE, InvoiceStatus.OPEN): "Mark it uncollectible at the provider.",
    (InvoiceStatus.UNCOLLECTIBLE, InvoiceStatus.PAID): _RECORD_THE_PAYMENT,
    (InvoiceStatus.UNCOLLECTIBLE, InvoiceStatus.VOID): _WHO_VOIDED_IT,
}

# By the status of the copy; the first stays whatever it is (B2).
DUPLICATE_REPAIRS: dict[InvoiceStatus, str] = {
    InvoiceStatus.DRAFT: "Keep the first; delete this draft.",
    InvoiceStatus.OPEN: "Keep the first; void this one with a reason.",
    InvoiceStatus.UNCOLLECTIBLE: "Keep the first; void this one with a reason.",
    InvoiceStatus.PAID: "Keep the first; refund this one: what is paid cannot be voided.",
}
