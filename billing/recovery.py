"""The words of recovering a tenant's debts: what starts a case, what people may say to it, its endings, and its story."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from billing.access import AccessStanding
from billing.arrangements import Arrangement
from billing.authority import Role
from billing.calendars import BusinessCalendar
from billing.cases import OperatorId, PendingApproval, Reason, StoryLine
from billing.corrections import sha256_of
from billing.declines import Advice
from billing.delinquency import Standing
from billing.holds import STOP_CHARGES, HeldEffect
from billing.invoice_corrections import InvoiceName
from billing.money import Money
from billing.payments import AttemptTold, CardUpdated, Pause, RetryPhase
from billing.policy.bundle import Policy
from billing.provider_events import News
from billing.sharing import SHARED
from billing.tenants import TenantId
from billing.wording import counted, dated, timed

CASE = "delinquency"
"""The workflow type, and the beginning of each case's id: `delinquency/<tenant>`."""

# Signals of the runbook: HEARD(News), HEARD_ATTEMPT (billing.payments), HOLDS_CHANGED(). Query: STORY -> RecoveryStory.
HEARD, HOLDS_CHANGED, STORY = "heard", "holds_changed", "story"

# Who may promise, extend, exempt and restore; beyond their authority another person approves it.
MAY_ARRANGE = (Role.AGENT, Role.LEAD, Role.FINANCE, Role.VP, Role.ACCOUNT_MANAGER)

# Holds on these stop the chase and its clocks: nobody is dunned who cannot pay, or whose service may not be touched.
PAUSING = (*STOP_CHARGES, HeldEffect.SUSPENSION)


class Ending(StrEnum):
    """How a case ends; each has a kept history that is replayed."""

    RECOVERED = "recovered"
    WRITTEN_OFF = "written off"
    HANDED_TO_PURGE = "handed to the retention purge"
    NOT_DELINQUENT = "not delinquent"


class ArrangementState(StrEnum):
    """What became of an arrangement: a promise is kept or broken, the others are over when their time is up."""

    ASKED = "asked"
    IN_FORCE = "in_force"
    KEPT = "kept"
    BROKEN = "broken"
    REFUSED = "refused"
    OVER = "over"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


# Who promises in the portal; no operator can be called so.
BY_CUSTOMER: Literal["the customer"] = "the customer"


class ArrangementOrder(BaseModel):
    """What somebody wants to agree on: a promise and an exemption name their last day, an extension its days, money that
    came another way its invoice and amount; a restoration nothing of it. Customers themselves may only promise to pay."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Arrangement
    by: Literal["the customer"] | OperatorId
    reason: Reason
    until: date | None = None
    days: Annotated[int, Field(ge=1, le=366)] | None = None
    invoice: InvoiceName | None = None
    amount: Money | None = None

    @model_validator(mode="after")
    def _is_what_a_customer_may_ask_for(self) -> Self:
        if self.by == BY_CUSTOMER and self.kind is not Arrangement.PROMISE:
            raise ValueError(f"kind: customers may promise to pay, and nothing else: not {self.kind.replace('_', ' ')}")
        return self

    @model_validator(mode="after")
    def _says_what_its_kind_needs(self) -> Self:
        needed = _NEEDS[self.kind]
        for name in ("until", "days", "invoice", "amount"):
            given = getattr(self, name) is not None
            if given is not (name in needed):
                article = "an" if self.kind.value[0] in "ae" else "a"
                words = f"{article} {self.kind.replace('_', ' ')}"
                raise ValueError(f"{name}: {words} needs it" if name in needed else f"{name}: leave it out of {words}")
        return self


_NEEDS: dict[Arrangement, tuple[str, ...]] = {
    Arrangement.PROMISE: ("until",),
    Arrangement.EXTENSION: ("days",),
    Arrangement.EXEMPTION: ("until",),
    Arrangement.MANUAL_PAYMENT: ("invoice", "amount"),
    Arrangement.RESTORATION: (),
}


class ArrangementRequest(_Record):
    """An arrangement as it is approved: frozen, approvals bind its SHA-256. `amount` is what is owed at that moment, or what
    arrived another way. The key is `<case>/arrangement/<number>`."""

    op_key: str
    case_id: str
    tenant_id: str
    kind: Arrangement
    amount: Money
    until: date | None = None
    days: int | None = None
    invoice: str | None = None
    reason: str
    requested_by: str

    def sha256(self) -> str:
        """The hash an approval binds: over the canonical JSON of every field."""
        return sha256_of(self.model_dump(mode="json"))

    @property
    def words(self) -> str:
        """What is agreed on: `grace is extended by 5 days`."""
        match self.kind:
            case Arrangement.PROMISE if self.until:
                return f"promised to pay by {dated(self.until)}"
            case Arrangement.EXTENSION:
                return f"grace is extended by {counted(self.days or 0, 'day')}"
            case Arrangement.EXEMPTION if self.until:
                return f"exempted until {dated(self.until)}"
            case Arrangement.MANUAL_PAYMENT:
                return f"{self.amount} of {self.invoice} was paid another way"
            case _:
                return "service is given back"


class OpenedDelinquency(_Record):
    """What opening a case read once and for all: its episode, the policy in force, and the tenant's working days.

    `contacts` are the dunning mails of the tenant's previous case, which count for the contact budget as well.
    """

    case_id: str
    episode: int
    opened_at: AwareDatetime
    contacts: tuple[AwareDatetime, ...] = ()
    policy: Annotated[Policy, SHARED]
    calendar: Annotated[BusinessCalendar, SHARED]


class Chase(_Record):
    """How one invoice is collected, as its `payment-retry` told last; `paused` says why it rests. `reported`: it has told at
    all, or was waited for in vain; `asked`: the customer knows what the `advice` asks for."""

    invoice_id: str
    phase: RetryPhase = RetryPhase.RETRYING
    next_at: AwareDatetime | None = None
    paused: Pause | None = None
    reported: bool = False
    advice: Advice | None = None
    asked: bool = False

    def after(self, told: AttemptTold) -> Self:
        """As it stands by what it told."""
        changes = {"phase": told.phase, "next_at": told.next_at, "advice": told.advice, "reported": True}
        return self.model_copy(update={**changes, "asked": self.asked and not told.asks_anew})

    @property
    def asks_for_method(self) -> bool:
        """Whether nothing is charged by itself until the customer has given another way to pay."""
        return self.advice is Advice.ASK_FOR_NEW_METHOD and self.phase is RetryPhase.STOPPED

    @property
    def words(self) -> str:
        """For lists: `retrying, next Tue 24 Nov 09:00 UTC`."""
        if self.paused:
            return f"rests: {self.paused.why}"
        return f"{self.phase}, next {timed(self.next_at)}" if self.next_at else self.phase.value

    @property
    def tries_cards(self) -> bool:
        """Whether a new way to pay is charged at once."""
        return self.paused is None or self.paused.schedule_only


class Carried(_Record):
    """What a long case takes along into its next run."""

    opened: OpenedDelinquency
    standing: Standing
    service: AccessStanding | None
    chases: dict[str, Chase]
    told_of: frozenset[str]
    once_owed: frozenset[str]
    knew_cancelled: bool
    named: dict[str, int]
    requests: int
    promise_key: str
    cards: tuple[CardUpdated, ...]
    timeline: tuple[StoryLine, ...]


class DelinquencyOrder(_Record):
    """What starts a tenant's case: who owes, and the news by which we learned of it, if any. Only the case itself gives what
    is `carried` into its next run, and the `cards` of which an episode that was closing heard last."""

    tenant_id: TenantId
    heard: News | None = None
    cards: tuple[CardUpdated, ...] = ()
    carried: Carried | None = None

    @property
    def workflow_id(self) -> str:
        """One case a tenant at a time; its episodes are counted inside (`delinquency/<tenant>/<episode>`)."""
        return f"{CASE}/{self.tenant_id}"


class DebtLine(_Record):
    """One unpaid invoice as people read it: what is still due on it, since when, and who chases it how."""

    invoice_id: str
    number: str
    net: Money
    since: AwareDatetime
    chased: str


class RecoveryStory(_Record):
    """Everything a person needs to see of a case; the same source feeds the Temporal UI, the command, the API and the
    register. `next_at` is when `next_step` is due, None while it `waits`, with why in words. `promised_by` is the day of
    the promise in force, `may_promise_by` the last day that one is taken for, None while none is. `contacts` are the
    dunning mails that count for the contact budget, also for the tenant's next case."""

    case_id: str
    tenant_id: str
    tier: str = ""
    rung: str
    service: AccessStanding | None = None
    owed: tuple[Money, ...] = ()
    debts: tuple[DebtLine, ...] = ()
    next_step: str
    next_at: AwareDatetime | None = None
    waits: tuple[str, ...] = ()
    arranged: tuple[str, ...] = ()
    promised_by: date | None = None
    may_promise_by: date | None = None
    needs_human: bool = False
    approval: PendingApproval | None = None
    contacts: tuple[AwareDatetime, ...] = ()
    ending: Ending | None = None
    timeline: tuple[StoryLine, ...] = ()
