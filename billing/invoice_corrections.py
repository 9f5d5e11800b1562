"""The words of an invoice correction: what starts one, its deeds, stages and endings, and the story it tells.

An issued invoice is never edited: it is corrected by a credit note and its next revision, declared void, or written off.
"""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from billing.cases import OperatorId, PendingApproval, Reason, StoryLine
from billing.corrections import sha256_of
from billing.disputes import Category
from billing.invoices import InvoiceStatus
from billing.money import Money
from billing.periods import BillingMonth
from billing.policy.credits import Payback
from billing.reconciling import Occasion
from billing.spelling import Spelled

CASE = "correction"

# An invoice as people name it: by the number printed on it, or by its id in the books.
InvoiceName = Annotated[
    str,
    Spelled(
        r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", "write the invoice's number as it is printed on it, such as INV-2026-000042"
    ),
]


class Deed(StrEnum):
    """What is done to an issued invoice: credited by a new document, declared void, or given up as uncollectible."""

    CREDIT = "credit"
    VOID = "void"
    WRITE_OFF = "write_off"


class Stage(StrEnum):
    """Where a correction stands, in the order of the runbook; also the `Stage` search attribute."""

    OPEN = "open"
    PROPOSE = "propose"
    APPROVE = "waiting for approval"
    CARRY_OUT = "carry out"
    TELL = "tell the customer"
    RECORD = "record"
    CLOSED = "closed"


class Ending(StrEnum):
    """How a correction ends; each has a kept history that is replayed."""

    CREDITED = "credited"
    VOIDED = "voided"
    WRITTEN_OFF = "written off"
    NOT_ACCEPTED = "not accepted"
    REJECTED = "rejected"
    UNANSWERED = "nobody decided in time"
    WITHDRAWN = "withdrawn"


# How a deed ends that was carried out.
DONE = {Deed.CREDIT: Ending.CREDITED, Deed.VOID: Ending.VOIDED, Deed.WRITE_OFF: Ending.WRITTEN_OFF}


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LineFix(_Message):
    """What a line should have said: either the correct quantity, which is rated again, or the correct amount in minor units
    before discounts and tax."""

    line: Annotated[int, Field(ge=1)]
    quantity: Annotated[Decimal, Field(ge=0, max_digits=24, decimal_places=6)] | None = None
    amount_minor: int | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.quantity is None) == (self.amount_minor is None):
            raise ValueError(f"line {self.line}: give either its correct quantity or its correct amount")
        return self


class CorrectionOrder(_Message):
    """What starts a correction. A credit gives either `lines` or an `amount` back; a void and a write-off take the whole
    invoice. `payback` None: as the policy and what was paid say. `occasion` tells the corrections of an invoice apart."""

    deed: Deed
    invoice: InvoiceName
    amount: Money | None = None
    lines: tuple[LineFix, ...] = Field(default=(), max_length=200)
    payback: Payback | None = None
    category: Category | None = None
    reason: Reason
    requested_by: OperatorId
    occasion: Occasion

    @model_validator(mode="after")
    def _fits_its_deed(self) -> Self:
        if self.deed is not Deed.CREDIT:
            given = [name for name in ("amount", "lines", "payback", "category") if getattr(self, name)]
            if given:
                raise ValueError(f"{given[0]}: a {self.deed.replace('_', '-')} takes the whole invoice; leave it out")
            return self
        if bool(self.lines) is (self.amount is not None):
            raise ValueError("lines, amount: a credit needs either the lines to correct or an amount")
        if self.amount is not None and self.amount.minor <= 0:
            raise ValueError(f"amount {self.amount}: a credit must be above zero")
        numbers = [fix.line for fix in self.lines]
        if twice := next((number for number in numbers if numbers.count(number) > 1), None):
            raise ValueError(f"line {twice} is corrected twice: give each line once")
        return self

    @property
    def case_id(self) -> str:
        """What the correction and its letters are filed under; also the workflow's id."""
        return f"{CASE}/{self.invoice}/{self.occasion}"

    @property
    def reference(self) -> str:
        """What stands on its documents and credits, where a dispute has its ticket's id."""
        return f"{self.invoice}-{self.occasion}"

    def op_key(self, revision: int) -> str:
        """The key of the one outside effect of a proposal; `revision` counts proposals from 1, never attempts."""
        return f"{self.case_id}/{self.deed}/{revision}"


class InvoiceStanding(_Record):
    """The invoice as it stands at the provider: what was billed, paid and is still to be paid, what credit notes took off,
    and what of the payments was given back, through credit notes or beside them. `creditable` is what further notes may
    take off, `refundable` what the payment method may still get."""

    status: InvoiceStatus
    total: Money
    paid: Money
    remaining: Money
    credited: Money
    refunded: Money
    creditable: Money
    refundable: Money


class StatusChange(_Record):
    """A void or a write-off as it is approved: frozen, approvals bind its SHA-256. `amount` is what is given up."""

    op_key: str
    case_id: str
    invoice_id: str
    number: str
    tenant_id: str
    period: BillingMonth
    deed: Deed
    amount: Money
    reason: str
    requested_by: str

    def sha256(self) -> str:
        """The hash an approval binds: over the canonical JSON of every field."""
        return sha256_of(self.model_dump(mode="json"))


class Preview(_Record):
    """What a proposal changes: the invoice before and after it, and what waits for the customer's next invoice."""

    before: InvoiceStanding
    after: InvoiceStanding
    to_balance: Money


class CorrectionReceipt(_Record):
    """What a correction came to. For a credit `lowered_due`, `refunded` and `to_balance` sum to `amount`; for a void and a
    write-off `lowered_due` is what need not be paid any more, `to_balance` the credits that a void hands back."""

    deed: Deed
    amount: Money
    provider_id: str
    credit_note_number: str | None = None
    corrected_invoice_number: str | None = None
    refunded: Money
    to_balance: Money
    lowered_due: Money
    booked_at: AwareDatetime


class CorrectionStory(_Record):
    """Everything a person needs to see of a correction; the same source feeds the Temporal UI, the command, the API and the
    register. `number` is the invoice's, `amount` what is given back or given up, once it is known, with what that changes in
    figures (`preview`) and in sentences (`statements`)."""

    case_id: str
    deed: Deed
    number: str
    tenant_id: str
    stage: Stage
    next_step: str
    needs_human: bool
    amount: Money | None = None
    preview: Preview | None = None
    statements: tuple[str, ...] = ()
    approval: PendingApproval | None = None
    receipt: CorrectionReceipt | None = None
    ending: Ending | None = None
    timeline: tuple[StoryLine, ...] = ()
