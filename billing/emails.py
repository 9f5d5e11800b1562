"""Every letter as a typed payload: what its template may say, who gets it, and how often it may leave twice.

A payload holds plain words, numbers and `Money`; formatting for a locale happens when the template is rendered.
"""

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from billing.authority import Role
from billing.correction_emails import InvoiceCorrected, InvoiceVoided, InvoiceWrittenOff
from billing.disputes import Category, Email, Line, Resolution, Severity
from billing.money import Money
from billing.overage_emails import OveragePayload
from billing.recovery_emails import RecoveryPayload
from billing.retention_emails import RetentionNotice
from billing.run_emails import RunPayload


class Delivery(StrEnum):
    """What to do when nobody knows whether a letter left: SMTP itself can promise neither.

    `AT_MOST_ONCE` leaves it to a person, `AT_LEAST_ONCE` sends it again under the same Message-ID.
    """

    AT_MOST_ONCE = "at_most_once"
    AT_LEAST_ONCE = "at_least_once"


class Recipient(BaseModel):
    """Where a letter goes; `locale` (BCP 47) formats its amounts, `zone` (IANA) its times."""

    model_config = ConfigDict(frozen=True)

    name: Line = ""
    email: Email
    locale: str = "en-US"
    zone: str = "UTC"


class _Payload(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DisputeAcknowledged(_Payload):
    """Within the initial response (D9). `expected_resolution` in words, such as "5 business days"."""

    template: Literal["dispute_acknowledged"] = "dispute_acknowledged"
    ticket_id: str
    invoice_number: str
    expected_resolution: str
    update_every_hours: int


class DisputeUpdate(_Payload):
    """Every 48 hours until resolved (D9)."""

    template: Literal["dispute_update"] = "dispute_update"
    ticket_id: str
    invoice_number: str
    stage: str
    next_step: str
    due: AwareDatetime | None


class CustomerAsked(_Payload):
    """We cannot go on without an answer; the clocks stand still. `reminder` counts from 0, the first letter."""

    template: Literal["customer_asked"] = "customer_asked"
    ticket_id: str
    question: str
    reminder: int = 0
    closes_at: AwareDatetime


class DisputeResolved(_Payload):
    """The outcome (D6, D9): credited, partly credited or confirmed accurate, with the findings in sentences."""

    template: Literal["dispute_resolved"] = "dispute_resolved"
    ticket_id: str
    invoice_number: str
    resolution: Resolution
    credit: Money | None
    goodwill: bool = False
    issue: str
    summary: str
    findings: tuple[str, ...]
    credit_note_number: str | None = None
    corrected_invoice_number: str | None = None


class DisputeClosed(_Payload):
    """Ended without a decision: withdrawn, unanswered, duplicate or not accepted, with the reason in a sentence."""

    template: Literal["dispute_closed"] = "dispute_closed"
    ticket_id: str
    ending: str
    explanation: str
    other_ticket_id: str | None = None


class CaseEscalated(_Payload):
    """To operators: a case that must not wait in the queue (D10)."""

    template: Literal["case_escalated"] = "case_escalated"
    case_id: str
    tenant_id: str
    severity: Severity
    category: Category
    disputed: Money
    reasons: tuple[str, ...]


class ApprovalRequested(_Payload):
    """To operators of one role: a question with its amount; `reminder` counts from 0. `recently_credited` None: earlier
    credits are in a currency that cannot be added up with this one."""

    template: Literal["approval_requested"] = "approval_requested"
    approval_id: str
    case_id: str
    tenant_id: str
    role: Role
    amount: Money
    recently_credited: Money | None
    question: str
    findings: tuple[str, ...]
    requested_by: str
    expires_at: AwareDatetime
    reminder: int = 0


class JudgementNeeded(_Payload):
    """To operators: the evidence does not settle the case, or an approval was refused; a person must resolve it."""

    template: Literal["judgement_needed"] = "judgement_needed"
    case_id: str
    tenant_id: str
    disputed: Money
    why: str
    findings: tuple[str, ...]
    reminder: int = 0


class SlaAlert(_Payload):
    """To operators: a clock reached its warning or its end (D12); `also` names others that did at the same moment."""

    template: Literal["sla_alert"] = "sla_alert"
    case_id: str
    tenant_id: str
    clock: str
    breached: bool
    due: AwareDatetime
    also: tuple[str, ...] = ()
    stage: str
    next_step: str


class HandedOver(_Payload):
    """To operators: a step could not be finished by itself; what happened and what a person should do."""

    template: Literal["handed_over"] = "handed_over"
    case_id: str
    step: str
    what_happened: str
    what_to_do: str


class InvoiceIssued(_Payload):
    """With the document attached: what is to be paid for a service period, and how; `due_on` in the reader's words comes
    from the day. `charged_automatically`: from the payment method on record."""

    template: Literal["invoice_issued"] = "invoice_issued"
    number: str
    first_day: date
    last_day: date
    total: Money
    due: Money
    due_on: date
    charged_automatically: bool


class UsageToLookAt(_Payload):
    """To operators: what the daily validation of usage found (D14), or why it could not look (`failed`); lists hold the
    first of each, in sentences. `first` and `last` are the days it is about, as commands take them."""

    template: Literal["usage_to_look_at"] = "usage_to_look_at"
    case_id: str
    first: str
    last: str
    summary: str
    failed: bool = False
    disagreeing: int = 0
    findings: tuple[str, ...] = ()
    repeated: int = 0
    repeated_events: tuple[str, ...] = ()
    waiting: int = 0


class ReconciliationDiffers(_Payload):
    """To finance and engineering: our books and the provider's are further apart than they may be (P5); `outcome`, `totals`
    and `worst` are sentences, the last the first of `beyond` differences."""

    template: Literal["reconciliation_differs"] = "reconciliation_differs"
    case_id: str
    reconciliation_id: str
    period: str
    outcome: str
    beyond: int
    totals: tuple[str, ...]
    worst: tuple[str, ...]


class DuplicatesFound(_Payload):
    """To finance: invoices at the provider beside the ones that count wait for a decision; `reminder` counts from 0."""

    template: Literal["duplicates_found"] = "duplicates_found"
    case_id: str
    reconciliation_id: str
    period: str
    count: int
    duplicates: tuple[str, ...]
    decide_by: AwareDatetime
    reminder: int = 0


class ReconciliationNotFinished(_Payload):
    """To engineering: both sides could not be compared; the next day's reconciliation tries again."""

    template: Literal["reconciliation_not_finished"] = "reconciliation_not_finished"
    case_id: str
    period: str
    step: str
    what_happened: str


Payload = Annotated[
    DisputeAcknowledged
    | DisputeUpdate
    | CustomerAsked
    | DisputeResolved
    | DisputeClosed
    | CaseEscalated
    | ApprovalRequested
    | JudgementNeeded
    | SlaAlert
    | HandedOver
    | InvoiceIssued
    | InvoiceCorrected
    | InvoiceVoided
    | InvoiceWrittenOff
    | RunPayload
    | UsageToLookAt
    | ReconciliationDiffers
    | DuplicatesFound
    | ReconciliationNotFinished
    | RecoveryPayload
    | OveragePayload
    | RetentionNotice,
    Field(discriminator="template"),
]

# A second copy of the question would mislead, since a person may act on each, and one of the reminder or the hint would
# be a letter too many, while a lost one is followed by others. The rest may arrive twice under one Message-ID.
AT_MOST_ONCE = frozenset({"customer_asked", "payment_reminder", "usage_spike"})


class Attachment(BaseModel):
    """A document that goes along, by the number it is printed under and the SHA-256 of the bytes that must arrive."""

    model_config = ConfigDict(frozen=True)

    number: str
    sha256: str

    @property
    def file_name(self) -> str:
        """The name under which the reader's mail program shows it."""
        return f"{self.number}.pdf"


class Letter(BaseModel):
    """One letter to one recipient; `op_key` is its identity: the same key is the same letter and the same Message-ID."""

    model_config = ConfigDict(frozen=True)

    op_key: str
    case_id: str
    tenant_id: str | None
    to: Recipient
    payload: Payload
    attachments: tuple[Attachment, ...] = ()

    @property
    def delivery(self) -> Delivery:
        """Whether it may arrive twice or rather not at all, when nobody knows whether it arrived."""
        return Delivery.AT_MOST_ONCE if self.payload.template in AT_MOST_ONCE else Delivery.AT_LEAST_ONCE
