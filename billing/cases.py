"""The words of a dispute case: stages, endings, what people may send to it, and the story it tells."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from billing.authority import Role
from billing.calendars import BusinessCalendar
from billing.clocks import Clock
from billing.disputes import Category, Resolution, Severity, Sha256, Text, Ticket
from billing.moments import Moment
from billing.money import Money
from billing.policy.bundle import Policy
from billing.redaction import no_card_number
from billing.sharing import SHARED
from billing.spelling import KEPT, Spelled
from billing.tenants import Tenant

Reason = Annotated[str, StringConstraints(min_length=3, max_length=2_000, strip_whitespace=True), KEPT]
# A reason that may be left out.
Remark = Annotated[str, StringConstraints(max_length=2_000), KEPT]
OperatorId = Annotated[
    str, Spelled(r"[a-z0-9][a-z0-9@._-]{0,126}", "write the operator's id, such as lead-7@ops.example")
]
_OneLine = Spelled(r"[^\x00-\x1f\x7f]{1,128}", "write one line of 1 to 128 characters")
# What a person or a support desk calls a reply.
ReplyId = Annotated[str, _OneLine, AfterValidator(no_card_number)]
Answer = Annotated[Text, Spelled(r"[\s\S]*\S[\s\S]*", "write something: it is empty")]
Inquiry = Annotated[str, StringConstraints(min_length=3, max_length=4_000, strip_whitespace=True), KEPT]


class Stage(StrEnum):
    """Where a dispute stands, in the order of the runbook; also the `Stage` search attribute."""

    INTAKE = "intake"
    ACKNOWLEDGE = "acknowledge"
    TRIAGE = "triage"
    ESCALATE = "escalate"
    COLLECT = "collect evidence"
    ANALYSE = "analyse"
    PROPOSE = "propose"
    JUDGE = "waiting for an analyst"
    APPROVE = "waiting for approval"
    CREDIT = "credit and correct"
    NOTIFY = "notify"
    RECORD = "record"
    CLOSED = "closed"


class Ending(StrEnum):
    """How a dispute ends; each has a kept history that is replayed."""

    CREDITED = "credited"
    PARTIALLY_CREDITED = "partially credited"
    CONFIRMED = "billing confirmed"
    WITHDRAWN = "withdrawn by the customer"
    UNANSWERED = "closed without an answer"
    DUPLICATE = "duplicate of an open case"
    NOT_ACCEPTED = "not accepted"
    ALREADY_CLOSED = "already closed"


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Reopening(_Message):
    """Why a resolved dispute is looked at again; `opened_at` starts the clocks anew on top of what they consumed."""

    by: OperatorId
    reason: Reason
    opened_at: Moment


class Opening(_Message):
    """What starts a dispute: its ticket, and the re-opening when it has been resolved before."""

    ticket: Ticket
    reopening: Reopening | None = None


class SimilarCase(BaseModel):
    """Another case about the same meters and category within the policy's window (D10)."""

    model_config = ConfigDict(frozen=True)

    case_id: str
    tenant_id: str
    escalated: bool
    ending: Ending | None

    @property
    def calm(self) -> bool:
        """Whether it is open and was not escalated when it opened, so that nobody may have looked at it yet."""
        return self.ending is None and not self.escalated


class Pattern(_Message):
    """What an earlier case of a pattern is told: `shown_by` is the case with which there were enough of them."""

    shown_by: str


class OpenedCase(BaseModel):
    """What opening a case read once and for all: the tenant, the policy and calendar in force, and what was there before.

    `problems` not empty: the ticket is not accepted. `duplicate_of`: an open case about the same thing. `closed_as`: this
    ticket was resolved before and nobody re-opened it. `clocks` carries consumed time over a re-opening. `pattern` are
    the other cases of the pattern that this one shows, those that nobody has looked at yet first.
    """

    model_config = ConfigDict(frozen=True)

    case_id: str
    round: int
    ticket: Ticket
    tenant: Tenant | None
    invoice_id: str | None
    invoice_number: str | None
    severity: Severity
    escalation_reasons: tuple[str, ...]
    pattern: tuple[SimilarCase, ...] = ()
    policy: Annotated[Policy, SHARED]
    calendar: Annotated[BusinessCalendar, SHARED]
    clocks: tuple[Clock, ...] = ()
    problems: tuple[str, ...] = ()
    duplicate_of: str | None = None
    closed_as: Ending | None = None


class CustomerReply(_Message):
    """What the customer answered; the same `reply_id` counts once.

    Any number that a machine counted up will do as an id: now and then one of them looks like a card's.
    """

    reply_id: Annotated[str, _OneLine]
    text: Answer
    received_at: Moment


class SentReply(CustomerReply):
    """The same with an id that somebody chose, which holds no card number."""

    reply_id: ReplyId


class Question(_Message):
    """What an operator asks the customer; the SLA clocks stop until the answer."""

    by: OperatorId
    text: Inquiry


class Withdrawal(_Message):
    """The customer no longer contests the bill; `by` is the operator or the requester's address."""

    by: Annotated[str, StringConstraints(min_length=1, max_length=254), KEPT]
    reason: Remark = ""


class Judgement(_Message):
    """An analyst's or manager's own resolution in place of the computed one (D6); `amount` zero for billing correct.

    `goodwill` marks a gesture although the bill was right.
    """

    by: OperatorId
    resolution: Resolution
    amount: Money
    reason: Reason
    goodwill: bool = False


class DeEscalation(_Message):
    """Takes an escalation back: the case goes the ordinary way again."""

    by: OperatorId
    reason: Reason


class TryAgain(_Message):
    """The cause of a step that was handed over is repaired; the case goes on where it stood."""

    by: OperatorId
    reason: Reason


class Verdict(StrEnum):
    """An operator's answer to an approval request."""

    APPROVE = "approve"
    REJECT = "reject"


class SignedDecision(_Message):
    """An operator's answer to one approval request, bound to the SHA-256 of the frozen request by an Ed25519 signature."""

    approval_id: str
    request_sha256: Sha256
    verdict: Verdict
    operator_id: OperatorId
    reason: Remark = ""
    decided_at: Moment
    signature: Annotated[str, StringConstraints(max_length=200)] = ""

    def signed_bytes(self) -> bytes:
        """What the signature covers: every field but itself, one `name=value` a line."""
        fields = self.model_dump(mode="json", exclude={"signature"})
        return "\n".join(f"{name}={fields[name]!r}" for name in sorted(fields)).encode()


class DecisionReceipt(BaseModel):
    """What became of a decision: counted, or refused with the reason in words."""

    model_config = ConfigDict(frozen=True)

    accepted: bool
    approval_id: str
    verdict: Verdict
    operator_id: str
    message: str


class PendingApproval(BaseModel):
    """A question that waits for a person, as lists and the case page show it. A credit has a tenant and an amount, a month
    end the `totals` of its currencies."""

    model_config = ConfigDict(frozen=True)

    approval_id: str
    case_id: str
    tenant_id: str | None
    role: Role
    amount: Money | None = None
    totals: tuple[Money, ...] = ()
    question: str
    request_sha256: str
    requested_by: str
    asked_at: AwareDatetime
    expires_at: AwareDatetime

    @property
    def worth(self) -> str:
        """What it is about in money: `USD 28.00`, or `EUR 300.00, USD 1200.00`."""
        return ", ".join(str(one) for one in ((self.amount,) if self.amount else self.totals))


class StoryLine(BaseModel):
    """One dated sentence of the timeline; `at` is the workflow's time, UTC."""

    model_config = ConfigDict(frozen=True)

    at: AwareDatetime
    text: str


class ClockView(BaseModel):
    """A clock as people read it: its state in one word and the moment it is due (None while paused or met)."""

    model_config = ConfigDict(frozen=True)

    name: str
    state: str
    due: AwareDatetime | None
    share_used: Decimal


class CaseStory(BaseModel):
    """Everything a person needs to see of a case; the same source feeds the Temporal UI, the CLI and the API.

    Clocks tell when they are due, never "remaining": a query answers as of the workflow's last step.
    """

    model_config = ConfigDict(frozen=True)

    case_id: str
    tenant_id: str
    tier: str
    category: Category
    severity: Severity | None
    stage: Stage
    next_step: str
    needs_human: bool
    waiting_for_customer: bool
    escalated: bool
    disputed: Money
    proposed: Money | None = None
    credited: Money | None = None
    ending: Ending | None = None
    approval: PendingApproval | None = None
    clocks: tuple[ClockView, ...] = ()
    timeline: tuple[StoryLine, ...] = Field(default=())
