"""Who may give money back: roles, their limits, and the approvals a credit needs (C8, D11)."""

from collections.abc import Collection
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from billing.money import Money
from billing.policy.credits import CreditPolicy


class Role(StrEnum):
    """What an operator is on a case (C8); a role not on `LADDER` never raises a limit."""

    AGENT = "agent"
    LEAD = "lead"
    ENGINEERING = "engineering"
    FINANCE = "finance"
    VP = "vp"
    ACCOUNT_MANAGER = "account_manager"


# The ladder a credit climbs. Roles outside it join a decision (engineering) or read it; they do not raise a limit.
LADDER = (Role.AGENT, Role.LEAD, Role.VP)

# Who may start, pause, resume and cancel a month end, and take a draft out of it.
MAY_RUN_MONTH_END = (Role.FINANCE, Role.LEAD, Role.ENGINEERING, Role.VP)

# Who may have an invoice at the provider voided that stands there twice (B2).
MAY_VOID_INVOICES = (Role.FINANCE, Role.VP)

# Who may order the correction of an issued invoice; another person approves it.
MAY_CORRECT_INVOICES = (Role.AGENT, Role.LEAD, Role.FINANCE, Role.VP)

# Who may confirm what is to be deleted for good; another person approves it (P9). And who lets a purge try again.
MAY_CONFIRM_PURGES = (Role.FINANCE, Role.LEAD, Role.VP)
MAY_REPAIR_PURGES = (Role.LEAD, Role.ENGINEERING, Role.VP)

# Who asks when the runbook itself proposes; never an operator, so it can never be the approver.
RUNBOOK = "runbook"


class CreditQuestion(BaseModel):
    """What decides a credit's path: its amount, the tenant's other credits in the window, and the circumstances.

    `recently_credited` is in the amount's currency; None when earlier credits cannot be brought into it.
    """

    model_config = ConfigDict(frozen=True)

    amount: Money
    recently_credited: Money | None
    systematic: bool = False
    executive_escalation: bool = False
    escalated: bool = False
    conclusive: bool = True


def cumulative(question: CreditQuestion) -> Money | None:
    """The sum that is measured against the limits: this credit and the tenant's credits of the window (C8); None when
    nobody can say how much that is."""
    return None if question.recently_credited is None else question.amount + question.recently_credited


def level_for(total: Money | None, policy: CreditPolicy) -> Role:
    """The lowest role on the ladder whose limit covers `total`, boundaries inclusive; without a rate, the top."""
    limit_of = {Role.AGENT: policy.agent_limit, Role.LEAD: policy.lead_limit}
    for role in LADDER[:-1]:
        if total is not None and policy.within(total, limit_of[role]):
            return role
    return LADDER[-1]


def sum_in_words(total: Money | None) -> str:
    """What the tenant's credits come to, to be followed by the role they need."""
    return "cannot be added up, as some have no planning rate" if total is None else f"add up to {total}"


def approval_path(question: CreditQuestion, policy: CreditPolicy) -> tuple[Role, ...]:
    """The roles that must approve, in order, each by a different person; empty: the runbook may act by itself.

    By itself only when the findings are conclusive, nothing is escalated and the sum is within an agent's authority. A
    systematic cause adds engineering and, like an executive escalation, is reviewed by the VP (D11).
    """
    level = level_for(cumulative(question), policy)
    review = Role.VP if question.systematic or question.executive_escalation else level
    highest = max(level, review, key=LADDER.index)
    unattended = question.conclusive and not question.escalated and highest is Role.AGENT
    if unattended or not question.amount:
        return ()
    if question.escalated and highest is Role.AGENT:
        highest = Role.LEAD
    return (Role.ENGINEERING, highest) if question.systematic else (highest,)


def may_decide(role: Role, required: Role) -> bool:
    """Whether a role may answer a request for `required`: that role itself, or one above it on the ladder."""
    if role is required:
        return True
    return role in LADDER and required in LADDER and LADDER.index(role) > LADDER.index(required)


def next_role(required: Role) -> Role | None:
    """The role an unanswered request climbs to, or None at the top; engineering hands over to the VP."""
    if required is Role.VP:
        return None
    if required not in LADDER:
        return Role.VP
    return LADDER[LADDER.index(required) + 1]


def objection(
    *, operator_id: str, role: Role, required: Role, requested_by: str, earlier_deciders: Collection[str], active: bool
) -> str | None:
    """Why this operator may not decide this request, as a sentence for the person; None when nothing is against it."""
    if not active:
        return f"{operator_id} is no longer an active operator"
    if operator_id == requested_by:
        return f"{operator_id} asked for this; another person must decide it"
    if operator_id in earlier_deciders:
        return f"{operator_id} has already decided a part of this request; another person must decide the rest"
    if not may_decide(role, required):
        return f"a decision by {required} is needed; {operator_id} is {role}"
    return None
