"""The words of collecting a debt: how an invoice stands at the provider, one attempt to charge it, and its retries.

Nothing here counts on an event's payload: how an invoice stands is always read fresh. What is charged is always the net
due of that moment, never the face value.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from billing.authority import Role
from billing.cases import OperatorId, Reason, StoryLine
from billing.declines import Advice
from billing.invoices import InvoiceStatus
from billing.money import Currency, Money
from billing.policy.payments import PaymentPolicy
from billing.sharing import SHARED

PAYMENT_RETRY = "payment-retry"

# Who may charge a customer by hand.
MAY_CHARGE = (Role.AGENT, Role.LEAD, Role.FINANCE, Role.VP)

# What `payment-retry` answers to. Signals: PAUSE(Pause), RESUME(), CARD_UPDATED(CardUpdated), LOOK(), OVER().
# Updates: ATTEMPT_NOW(ManualAttempt) -> AttemptResult. Queries: STORY -> RetryStory.
PAUSE, RESUME, CARD_UPDATED, LOOK, OVER = "pause", "resume", "card_updated", "look", "over"
ATTEMPT_NOW = "attempt_now"
STORY = "story"
# The signal that its parent is told by, with an AttemptTold; a parent without a handler for it loses nothing.
HEARD_ATTEMPT = "heard_attempt"


class Origin(StrEnum):
    """Who wanted an attempt; each origin counts its own, and only scheduled ones move the schedule on."""

    SCHEDULED = "scheduled"
    MANUAL = "manual"
    CARD_UPDATE = "card_update"


class Outcome(StrEnum):
    """What became of an attempt. `held`, `nothing_due`, `below_minimum` and `declined_before`, of a way to pay that the
    bank has declined since it came: nothing was sent to the bank."""

    PAID = "paid"
    PARTLY_PAID = "partly_paid"
    DECLINED = "declined"
    NOTHING_DUE = "nothing_due"
    BELOW_MINIMUM = "below_minimum"
    UNKNOWN = "unknown"
    HELD = "held"
    DECLINED_BEFORE = "declined_before"


class RetryPhase(StrEnum):
    """Where the retries of one invoice stand. All but `retrying` are endings, after which it still listens until its
    parent says `over`: a new card or an operator may try once more, and a debt may come back."""

    RETRYING = "retrying"
    PAID = "paid"
    EXHAUSTED = "exhausted"
    STOPPED = "stopped"
    WITHDRAWN = "withdrawn"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Receivable(_Record):
    """How one invoice stands at the provider, as it was read at `read_at`.

    `due` is its face value; `remaining` the net due now: less payments, credits and write-offs, and again what a refund
    beside a credit note or a chargeback took back. `overdue_since` is the first failed attempt, else the end of the day
    it was due, or when a paid debt was re-opened; None while it is not overdue. `charged_back`: a bank has taken the
    money back and nobody has decided yet; `disputed`: that, or the customer contests the invoice with us.
    """

    invoice_id: str
    number: str
    tenant_id: str
    provider_invoice_id: str
    status: InvoiceStatus
    currency: Currency
    due: Money
    remaining: Money
    overdue_since: AwareDatetime | None
    charged_back: bool = False
    disputed: bool = False
    usage_only: bool = False
    charged_automatically: bool = True
    too_small: bool = False
    read_at: AwareDatetime

    @property
    def is_debt(self) -> bool:
        """Whether it is owed, overdue, and large enough that anybody would charge it."""
        return self.overdue_since is not None and self.remaining.minor > 0 and not self.too_small


class RefreshOrder(_Record):
    """Read these invoices of ours fresh at the provider; those that were never pushed there are left out.

    Without `invoice_ids`: every invoice of `tenant_id` whose mirror is not settled.
    """

    invoice_ids: tuple[str, ...] = ()
    tenant_id: str | None = None


class AttemptOrder(_Record):
    """One attempt to collect one invoice; `number` counts per invoice and origin from 1, over all episodes. `request_key`
    is what whoever asked for it will repeat; `payment_method` is the one to charge instead of the customer's default, unless
    it was declined since it came or changed, `method_since` by the provider's clock.
    """

    tenant_id: str
    invoice_id: str
    origin: Origin
    number: Annotated[int, Field(ge=1)]
    case_id: str
    requested_by: str
    reason: str = ""
    request_key: str | None = None
    payment_method: str | None = None
    method_since: AwareDatetime | None = None

    @property
    def op_key(self) -> str:
        """A fact about the attempt: `payment/<invoice>/<origin>-<number>`."""
        return f"payment/{self.invoice_id}/{self.origin}-{self.number}"


class AttemptResult(_Record):
    """What became of an attempt; `amount` is what was charged, or asked for in vain. `words` are for operators.

    `for_a_person`: only a person can judge this answer, such as a suspected fraud or a decline code of after our table.
    """

    outcome: Outcome
    amount: Money | None = None
    decline_code: str | None = None
    advice: Advice | None = None
    words: str
    for_a_person: bool = False

    @property
    def was_tried(self) -> bool:
        """Whether the bank was asked, so that the attempt counts."""
        return self.outcome in (Outcome.PAID, Outcome.PARTLY_PAID, Outcome.DECLINED, Outcome.UNKNOWN)


class AttemptRow(_Record):
    """An attempt as it is kept; `outcome` None while it is under way."""

    op_key: str
    invoice_id: str
    tenant_id: str
    origin: Origin
    number: int
    case_id: str
    requested_by: str
    reason: str
    request_key: str | None = None
    began_at: AwareDatetime
    ended_at: AwareDatetime | None = None
    outcome: Outcome | None = None
    amount: Money | None = None
    decline_code: str | None = None
    advice: Advice | None = None
    for_a_person: bool = False
    words: str = ""


class Pause(_Message):
    """Stop trying until `resume`, and `why`, which people read. `schedule_only`: a new way to pay is charged all the same,
    since the customer brought it to be charged."""

    why: str
    schedule_only: bool = False


class RetryOrder(_Record):
    """Collect one invoice, as the `payment-retry` child of the case `case_id` (`delinquency/<tenant>/<episode>`).

    `alone`: nobody chases the debt; only what a person asks for is tried, and then it is over. `occasion` stands for the
    episode then. `paused`: it rests from the start, until `resume`.
    """

    tenant_id: str
    invoice_id: str
    episode: int
    case_id: str
    alone: bool = False
    occasion: str = ""
    paused: Pause | None = None

    @property
    def workflow_id(self) -> str:
        """`payment-retry/<invoice>/<episode>`."""
        return f"{PAYMENT_RETRY}/{self.invoice_id}/{self.occasion or self.episode}"


class CardUpdated(_Message):
    """The customer has a new way to pay: try at once. The same `event_id` counts once. `chosen`: it is on record already and
    became the default, so that it is left out when it was tried last. `occurred_at`: by the provider's clock; what was
    declined since is not new, however late its event came."""

    event_id: str
    payment_method: str | None = None
    chosen: bool = False
    occurred_at: AwareDatetime | None = None


class ManualAttempt(_Message):
    """An operator has it charged now; it moves no schedule. The same `request_key` again asks for nothing new."""

    by: OperatorId
    reason: Reason
    request_key: str | None = None


class AttemptTold(_Record):
    """What the parent hears first of all, after each attempt and each change of phase. `result` is None when only the phase
    or `next_at`, the next scheduled attempt, changed; `origin` and `number` are then of the attempt before, if any. `advice`
    is what the last charge was answered that no person asked for."""

    invoice_id: str
    origin: Origin | None = None
    number: int = 0
    result: AttemptResult | None = None
    phase: RetryPhase
    next_at: AwareDatetime | None = None
    advice: Advice | None = None

    @property
    def asks_anew(self) -> bool:
        """Whether a charge that no person asked for was just declined so that only another way to pay helps."""
        asks = self.result is not None and self.result.advice is Advice.ASK_FOR_NEW_METHOD
        return asks and self.origin is not Origin.MANUAL


class OpenedRetry(_Record):
    """What the retries of an invoice begin with: how it stands, what was tried before, and the policy they keep.

    `advice` and `decline_code` are what the last charge of this debt was answered that no person asked for.
    """

    receivable: Receivable
    tried: dict[Origin, int]
    scheduled_since: int
    last_tried_at: AwareDatetime | None
    policy: Annotated[PaymentPolicy, SHARED]
    advice: Advice | None = None
    decline_code: str | None = None


class RetryStory(_Record):
    """Everything a person needs to see of the retries; times are moments, never remaining time."""

    invoice_id: str
    number: str
    tenant_id: str
    phase: RetryPhase
    next_step: str
    next_at: AwareDatetime | None
    needs_human: bool
    remaining: Money | None
    paused: str | None
    tried: dict[Origin, int]
    last: AttemptResult | None = None
    timeline: tuple[StoryLine, ...] = ()
