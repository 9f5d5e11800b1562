"""The words of a retention purge: the plan with its hash, the person's confirmation, and the certificate in the end (P9)."""

import hashlib
import json
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from billing.authority import Role
from billing.cases import OperatorId, PendingApproval, StoryLine
from billing.corrections import sha256_of
from billing.disputes import Sha256
from billing.policy.retention import Fate, RetentionPolicy
from billing.wording import counted

CASE = "retention"
# What a person types, so that nobody deletes by repeating the last command.
WORD = "CONFIRM"
# Instead of a customer's name and address.
NAME_OF_THE_DELETED, ADDRESS_OF_THE_DELETED = "Deleted customer", "deleted@customer.invalid"

# The day of the plan, and what tells several of a day apart; part of a workflow id.
PlanId = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(-[a-z0-9]{1,20})?$")]


class Stage(StrEnum):
    """Where a purge stands, in the order of the runbook; also the `Stage` search attribute."""

    PLAN = "count what would go"
    CONFIRM = "waiting for a confirmation"
    APPROVE = "waiting for approval"
    DELETE = "delete"
    VERIFY = "count again"
    CLOSED = "closed"


class Ending(StrEnum):
    """How a purge ends; each has a kept history that is replayed."""

    NOTHING = "nothing to delete"
    NOT_CONFIRMED = "not confirmed"
    REJECTED = "rejected"
    DRIFTED = "the plan drifted"
    DELETED = "deleted"
    IN_PART = "deleted in part"


class PlanState(StrEnum):
    """How far a plan is in the books; only people's approval moves one on."""

    PLANNED = "planned"
    EXECUTING = "executing"
    DONE = "done"


class WorkState(StrEnum):
    """Rows of a plan while it is carried out; `held`: a hold on deletion came in between."""

    WAITING = "waiting"
    DONE = "done"
    HELD = "held"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PlanRow(_Record):
    """Rows of one table that would go: a customer's, or (without one) a whole month of raw usage, a table by itself."""

    tenant_id: str | None
    table: str
    fate: Fate
    rows: int

    @property
    def subject(self) -> str:
        """The customer, or the month."""
        return self.tenant_id or self.table

    def in_words(self) -> str:
        """`1,204 rows of usage_events of acme`."""
        whose = f" of {self.tenant_id}" if self.tenant_id else ", a whole month"
        return f"{counted(self.rows, 'row')} of {self.table}{whose}"


class Spared(_Record):
    """A customer or a month that could go by its age and stays, and why."""

    subject: str
    why: str


class PurgePlan(_Record):
    """What would be deleted as of a moment. Raw usage before `usage_before` goes by its age; a customer counts when the
    time of retention was over by `as_of`."""

    as_of: AwareDatetime
    usage_before: AwareDatetime
    policy: str
    rows: tuple[PlanRow, ...]
    spared: tuple[Spared, ...]

    def canonical(self) -> str:
        """What is hashed and kept: JSON with sorted keys and no spaces."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    def sha256(self) -> str:
        """The hash a person confirms: over the canonical JSON of every field."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()

    @property
    def total(self) -> int:
        """How many rows would go."""
        return sum(row.rows for row in self.rows)

    @property
    def tenants(self) -> tuple[str, ...]:
        """Whose data would go."""
        return tuple(sorted({row.tenant_id for row in self.rows if row.tenant_id}))

    @property
    def months(self) -> tuple[str, ...]:
        """The months of raw usage that would go, by the names of their tables."""
        return tuple(row.table for row in self.rows if row.tenant_id is None)

    def summary(self) -> "PlanSummary":
        """In short."""
        return PlanSummary(sha256=self.sha256(), total=self.total, in_words=self.in_words(), spared=len(self.spared))

    def in_words(self) -> str:
        """How much it is, in one sentence."""
        parts = [
            *([counted(len(self.tenants), "customer")] if self.tenants else []),
            *([f"{counted(len(self.months), 'month')} of raw data"] if self.months else []),
        ]
        return f"{counted(self.total, 'row')} of {' and '.join(parts)}" if parts else "nothing to delete"


def drift(planned: PurgePlan, now: PurgePlan) -> tuple[str, ...]:
    """What would be deleted otherwise than people confirmed, in sentences; empty when nothing would. Customers and months
    that are no part of the plan change nothing: it deletes nothing of them, and they have their turn in the next one."""
    subjects = {*planned.tenants, *planned.months}
    before, after = _by_place(planned.rows), _by_place(row for row in now.rows if row.subject in subjects)
    rows = [
        f"{before[place].in_words() if place in before else 'nothing'} planned, "
        f"{after[place].in_words() if place in after else 'nothing'} now"
        for place in sorted({*before, *after})
        if before.get(place) != after.get(place)
    ]
    why = [f"{one.subject} stays now: {one.why}" for one in _sorted(now.spared) if one.subject in subjects]
    settings = [
        f"{name.replace('_', ' ')} was {getattr(planned, name)}, is {getattr(now, name)}"
        for name in ("as_of", "usage_before", "policy")
        if getattr(planned, name) != getattr(now, name)
    ]
    return (*settings, *rows, *why)


def _by_place(rows: Iterable[PlanRow]) -> dict[tuple[str, str], PlanRow]:
    return {(row.tenant_id or "", row.table): row for row in rows}


def _sorted(spared: Iterable[Spared]) -> list[Spared]:
    return sorted(spared, key=lambda one: (one.subject, one.why))


class PurgeOrder(_Message):
    """What starts a purge; nothing is deleted before people confirmed and approved its plan."""

    plan_id: PlanId
    requested_by: Annotated[str, Field(min_length=1, max_length=127)]

    @property
    def case_id(self) -> str:
        """What its letters are filed under; also the workflow's id."""
        return case_id(self.plan_id)


class PlanSummary(_Record):
    """What a purge itself needs to know of its plan, which may name thousands of customers and stays in the books."""

    sha256: str
    total: int
    in_words: str
    spared: int


class OpenedPurge(_Record):
    """The plan in short, and the policy in force when it was made."""

    plan: PlanSummary
    policy: RetentionPolicy


class Certified(_Record):
    """The certificate in short: the hash of its PDF, and how much a count afterwards still found."""

    in_words: str
    left: int
    sha256: str


class Confirmation(_Message):
    """A person has looked at a plan: its hash, and the word `CONFIRM`."""

    by: OperatorId
    plan_sha256: Sha256
    word: Annotated[str, StringConstraints(max_length=40)]


class Purge(_Record):
    """What is approved: exactly the plan of this hash, confirmed by `requested_by`. Frozen before anybody sees it."""

    plan_id: str
    plan_sha256: str
    total: int
    requested_by: str
    path: tuple[Role, ...]

    @property
    def op_key(self) -> str:
        """`retention/2026-11-23/purge`."""
        return f"{case_id(self.plan_id)}/purge"

    def sha256(self) -> str:
        """The hash an approval binds: over the canonical JSON of every field."""
        return sha256_of(self.model_dump(mode="json"))

    def question(self, plan: PlanSummary) -> str:
        """What the second person is asked."""
        return (
            f"May {plan.in_words} be deleted for good? {self.requested_by} confirmed plan {self.plan_id} "
            f"with the hash {self.plan_sha256}."
        )


class Progress(_Record):
    """How far the carrying out is, in rows; `held` are the customers and months at which a hold stopped it."""

    gone: int
    total: int
    over: bool
    held: tuple[str, ...] = ()


class CertifiedRow(_Record):
    """One line of the certificate; `left` was counted again afterwards."""

    tenant_id: str | None
    table: str
    fate: Fate
    planned: int
    gone: int
    left: int
    held: bool = False


class DeletionCertificate(_Record):
    """What was deleted, on whose word, and what a count afterwards found."""

    plan_id: str
    plan_sha256: str
    as_of: AwareDatetime
    confirmed_by: str
    approved_by: tuple[str, ...]
    begun_at: AwareDatetime
    finished_at: AwareDatetime
    rows: tuple[CertifiedRow, ...]
    spared: tuple[Spared, ...]

    @property
    def gone(self) -> int:
        """How many rows went, redacted ones included."""
        return sum(row.gone for row in self.rows)

    @property
    def left(self) -> int:
        """How many rows are still there: held, or arrived after the plan was made."""
        return sum(row.left for row in self.rows)

    def in_words(self) -> str:
        """One sentence: how much went, and what is left."""
        left = f"{counted(self.left, 'row')} left" if self.left else "nothing left"
        return f"{counted(self.gone, 'row')} deleted or redacted, {left}"


class PlanOnRecord(_Record):
    """A plan as it stands in the books, its certificate included once there is one."""

    plan_id: str
    plan: PurgePlan
    sha256: str
    state: PlanState
    requested_by: str
    planned_at: AwareDatetime
    ending: Ending | None = None
    begun_at: AwareDatetime | None = None
    finished_at: AwareDatetime | None = None
    certificate: DeletionCertificate | None = None
    certificate_sha256: str | None = None


class PurgeStory(_Record):
    """Everything a person needs to see of a purge; the same source feeds the Temporal UI, the command and the tests."""

    case_id: str
    stage: Stage
    next_step: str
    needs_human: bool
    plan: PlanSummary | None = None
    confirm_by: AwareDatetime | None = None
    approval: PendingApproval | None = None
    progress: Progress | None = None
    ending: Ending | None = None
    timeline: tuple[StoryLine, ...] = ()


def case_id(plan_id: str) -> str:
    """`retention/2026-11-23`."""
    return f"{CASE}/{plan_id}"


def objection_to(confirmation: Confirmation, sha256: str) -> str | None:
    """Why a confirmation does not count, as a sentence; None when it does."""
    if confirmation.word != WORD:
        return f"type {WORD}, in capitals, to have this deleted; you typed {confirmation.word[:40]!r}"
    if confirmation.plan_sha256 != sha256:
        return (
            f"the plan's hash is {sha256}, and you confirmed {confirmation.plan_sha256}: look at this plan before you "
            "confirm it"
        )
    return None
