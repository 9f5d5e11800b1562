"""From an assessment or a person's judgement to what is proposed: how much, where to, on whose authority, and whether
the runbook may go on by itself."""

from collections.abc import Callable

from pydantic import BaseModel, ConfigDict

from billing.authority import RUNBOOK, CreditQuestion, Role, approval_path
from billing.cases import Judgement
from billing.disputes import Resolution
from billing.findings import Assessment
from billing.money import Money
from billing.policy.credits import CreditPolicy


class Circumstances(BaseModel):
    """What surrounds a decision: the contested amount, the tenant's credits of the window, and what raised eyebrows."""

    model_config = ConfigDict(frozen=True)

    disputed: Money
    recently_credited: Money | None
    escalated: bool
    executive_escalation: bool
    systematic: bool


class Outcome(BaseModel):
    """What is proposed. `credit` may be zero; `path` are the approvals it needs; `needs_person` says in a sentence why
    somebody must judge first, None when nothing stands in the way. `escalated`: whether the case was when this was
    worked out; `hinges_on_escalation`: it would be another if that changed."""

    model_config = ConfigDict(frozen=True)

    resolution: Resolution
    credit: Money
    goodwill: bool
    requested_by: str
    reason: str
    path: tuple[Role, ...]
    needs_person: str | None
    escalated: bool = False
    hinges_on_escalation: bool = False

    def stands(self, *, escalated: bool) -> bool:
        """Whether the same would be proposed for the case as it is now: `escalated` or not."""
        return escalated is self.escalated or not self.hinges_on_escalation


def computed(assessment: Assessment, around: Circumstances, policy: CreditPolicy) -> Outcome:
    """What the evidence suggests. It stands without a person only when it is conclusive, nothing is escalated, and what
    it gives and what it denies are both within an agent's authority (D6, C8)."""
    return _weighed(around, lambda given: _computed(assessment, given, policy))


def judged(judgement: Judgement, around: Circumstances, policy: CreditPolicy) -> Outcome:
    """What a person decided in place of the evidence; a credit always needs another person's approval (C8)."""
    return _weighed(around, lambda given: _judged(judgement, given, policy))


def _weighed(around: Circumstances, work_out: Callable[[Circumstances], Outcome]) -> Outcome:
    """The outcome, and whether it would be another if the case were escalated, or were not."""
    outcome, otherwise = (
        work_out(around.model_copy(update={"escalated": escalated}))
        for escalated in (around.escalated, not around.escalated)
    )
    same = outcome.path == otherwise.path and (outcome.needs_person is None) is (otherwise.needs_person is None)
    return outcome.model_copy(update={"escalated": around.escalated, "hinges_on_escalation": not same})


def _computed(assessment: Assessment, around: Circumstances, policy: CreditPolicy) -> Outcome:
    path = approval_path(_question(assessment.credit, around, conclusive=assessment.conclusive), policy)
    return Outcome(
        resolution=assessment.resolution,
        credit=assessment.credit,
        goodwill=False,
        requested_by=RUNBOOK,
        reason=_reason(assessment),
        path=path,
        needs_person=_hesitation(assessment, around, path, policy),
    )


def _judged(judgement: Judgement, around: Circumstances, policy: CreditPolicy) -> Outcome:
    path = approval_path(_question(judgement.amount, around, conclusive=False), policy)
    return Outcome(
        resolution=judgement.resolution,
        credit=judgement.amount,
        goodwill=judgement.goodwill,
        requested_by=judgement.by,
        reason=judgement.reason,
        path=path,
        needs_person=None,
    )


def judgement_problem(judgement: Judgement, disputed_line_total: Money, policy: CreditPolicy) -> str | None:
    """Why a judgement cannot be taken, as a sentence naming the field; None when it can."""
    amount, total = judgement.amount, disputed_line_total
    if amount.currency != total.currency:
        return f"amount {amount}: the invoice is in {total.currency}; give the amount in that currency"
    if amount.minor < 0:
        return f"amount {amount} must be zero or more"
    if judgement.goodwill and judgement.resolution is not Resolution.BILLING_CORRECT:
        return f"goodwill goes with resolution billing_correct, not {judgement.resolution}"
    if judgement.goodwill and policy.exceeds(amount, policy.goodwill_limit):
        return f"amount {amount}: goodwill is at most {policy.goodwill_limit}"
    if judgement.resolution is Resolution.BILLING_CORRECT and amount and not judgement.goodwill:
        return f"amount {amount}: billing_correct gives nothing back; use partial, or mark the amount as goodwill"
    if judgement.resolution is not Resolution.BILLING_CORRECT and not amount:
        return f"amount {amount}: {judgement.resolution} needs an amount above zero"
    if amount > total:
        return f"amount {amount}: more than the {total} that can still be given back on this invoice"
    return None


def _question(amount: Money, around: Circumstances, *, conclusive: bool) -> CreditQuestion:
    return CreditQuestion(
        amount=amount,
        recently_credited=around.recently_credited,
        systematic=around.systematic,
        executive_escalation=around.executive_escalation,
        escalated=around.escalated,
        conclusive=conclusive,
    )


def _hesitation(
    assessment: Assessment, around: Circumstances, path: tuple[Role, ...], policy: CreditPolicy
) -> str | None:
    if not assessment.conclusive:
        return "the findings are not conclusive"
    if path:
        return None
    if around.escalated or around.executive_escalation:
        return "the case is escalated and nothing is to be credited"
    denied = around.disputed - assessment.credit
    if denied.minor > 0 and policy.exceeds(denied, policy.agent_limit):
        return f"{denied} of the claim would be denied, more than the runbook may deny by itself ({policy.agent_limit})"
    return None


def _reason(assessment: Assessment) -> str:
    paid_for = [finding.statement for finding in assessment.findings if finding.amount and finding.amount.minor > 0]
    return " ".join(paid_for) or "The bill was checked against the raw usage and found correct."
