"""Asking people: open a question, take a signed answer, climb to the next role, expire."""

from dataclasses import dataclass

from pydantic import AwareDatetime, BaseModel, ConfigDict
from temporalio import activity

from activities.ports import ApprovalDesk
from billing.authority import Role
from billing.cases import DecisionReceipt, PendingApproval, SignedDecision


class ApprovalQuestion(BaseModel):
    """One position of an approval path: who is asked what about which frozen request, and for how long."""

    model_config = ConfigDict(frozen=True)

    op_key: str
    position: int
    role: Role
    question: str
    asked_at: AwareDatetime
    expires_at: AwareDatetime


class Climb(BaseModel):
    """A question that the next role must answer."""

    model_config = ConfigDict(frozen=True)

    approval_id: str
    role: Role


@dataclass(frozen=True)
class Approvals:
    """The verbs of an approval; every rule behind them is checked by the desk, in the database."""

    desk: ApprovalDesk

    @activity.defn(name="ask_for_approval", no_thread_cancel_exception=True)
    def ask(self, question: ApprovalQuestion) -> PendingApproval:
        """Open the question; asking the same position again returns the open one."""
        return self.desk.ask(
            question.op_key, question.position, question.role, question.question, question.asked_at, question.expires_at
        )

    @activity.defn(name="decide_approval", no_thread_cancel_exception=True)
    def decide(self, decision: SignedDecision) -> DecisionReceipt:
        """Check and count a decision; a forged or unauthorised one is recorded and refused in words (C8)."""
        return self.desk.decide(decision)

    @activity.defn(name="climb_approval", no_thread_cancel_exception=True)
    def climb(self, climb: Climb) -> None:
        """Let the next role answer."""
        self.desk.climb(climb.approval_id, climb.role)

    @activity.defn(name="expire_approval", no_thread_cancel_exception=True)
    def expire(self, approval_id: str) -> None:
        """Silence is a no."""
        self.desk.expire(approval_id)
