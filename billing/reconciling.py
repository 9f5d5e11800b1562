"""The words of a reconciliation: what starts one, its stages and endings, what people may say to it, and its story."""

from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from billing.cases import OperatorId, Reason, StoryLine
from billing.money import Money
from billing.periods import BillingMonth
from billing.reconciliation_report import ReconciliationReport

CASE = "reconciliation"

# Distinguishes the reconciliations of a period; part of a workflow id.
Occasion = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]


class Stage(StrEnum):
    """Where a reconciliation stands, in the order of the runbook; also the `Stage` search attribute."""

    READ = "read the provider's invoices"
    COMPARE = "compare"
    DECIDE = "waiting for a decision about duplicates"
    VOID = "void duplicates"
    CLOSED = "closed"


class Ending(StrEnum):
    """How a reconciliation ends; each has a kept history that is replayed."""

    AGREED = "both agree"
    WITHIN_TOLERANCE = "differences within tolerance"
    DIFFERENCES = "differences reported"
    DUPLICATES_VOIDED = "duplicates voided"
    NOT_YET = "month end under way"
    NOT_FINISHED = "not finished"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ReconciliationOrder(_Message):
    """What starts one: a period, and the occasion that tells it from the period's others, such as `2026-11-21`.

    With `unless_working` a period is left alone while a run bills it. Without `asks` nobody is asked about duplicates:
    a month end reports them, and the daily one asks.
    """

    period: BillingMonth
    occasion: Occasion
    requested_by: Annotated[str, Field(min_length=1, max_length=127)]
    unless_working: bool = False
    asks: bool = True

    @property
    def reconciliation_id(self) -> str:
        """Period and occasion, such as `2026-10/2026-11-21`: the same order again is the same comparison."""
        return f"{self.period}/{self.occasion}"

    @property
    def case_id(self) -> str:
        """What its letters are filed under; also the workflow's id."""
        return case_id(self.reconciliation_id)


class DuplicatesDecision(_Message):
    """A person has looked at the duplicates: they are to be voided, or to be left as they are."""

    by: OperatorId
    reason: Reason


class ReconciliationStory(_Record):
    """Everything a person needs to see of one; the same source feeds the Temporal UI, the command and the API."""

    case_id: str
    period: str
    stage: Stage
    next_step: str
    needs_human: bool
    read: int = 0
    report: ReconciliationReport | None = None
    decide_by: AwareDatetime | None = None
    ending: Ending | None = None
    timeline: tuple[StoryLine, ...] = ()


class DuplicateInvoice(_Record):
    """An invoice at the provider beside the one that counts; `amount` is what it bills."""

    provider_invoice_id: str
    invoice_id: str
    tenant_id: str
    amount: Money


class VoidOrder(_Record):
    """Void what a reconciliation found to be duplicates, because a person said so."""

    reconciliation_id: str
    decision: DuplicatesDecision


class VoidResult(_Record):
    """How many are void now, and why some are not."""

    voided: int = 0
    left: tuple[str, ...] = ()


def case_id(reconciliation_id: str) -> str:
    """`reconciliation/2026-10/2026-11-21`."""
    return f"{CASE}/{reconciliation_id}"


def void_op_key(provider_invoice_id: str) -> str:
    """A fact about the invoice and not about who found it: whoever finds it again voids it no second time."""
    return f"{CASE}/{provider_invoice_id}/void"
