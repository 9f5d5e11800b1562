"""The words of recovering a tenant's debts: what starts a case, what people may say to it, its endings, and its story."""

from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict

from billing.access import AccessStanding
from billing.authority import Role
from billing.cases import PendingApproval, StoryLine
from billing.money import Money
from billing.provider_events import News
from billing.tenants import TenantId

CASE = "delinquency"
"""The workflow type, and the beginning of each case's id: `delinquency/<tenant>`."""

# Signals of the runbook: HEARD(News), HEARD_ATTEMPT (billing.payments), HOLDS_CHANGED(). Query: STORY -> RecoveryStory.
HEARD, HOLDS_CHANGED, STORY = "heard", "holds_changed", "story"

# Who may promise, extend, exempt and restore; beyond their authority another person approves it.
MAY_ARRANGE = (Role.AGENT, Role.LEAD, Role.FINANCE, Role.VP, Role.ACCOUNT_MANAGER)


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


class DelinquencyOrder(_Record):
    """What starts a tenant's case: who owes, and the news by which we learned of it, if any."""

    tenant_id: TenantId
    heard: News | None = None

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
    register. `next_at` is when `next_step` is due, None while it `waits`, with why in words."""

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
    needs_human: bool = False
    approval: PendingApproval | None = None
    ending: Ending | None = None
    timeline: tuple[StoryLine, ...] = ()
