"""Who must say yes to a dispute's credit: the path is walked question by question, and events may overtake it."""

from activities.approvals import ApprovalQuestion
from activities.credits import Credits, Proposed, Retraction
from billing import letters
from billing.authority import Role
from billing.cases import PendingApproval, SignedDecision, Stage
from billing.corrections import Proposal
from workflows.blocks.approval import approved, question_at
from workflows.blocks.steps import RECORD, step
from workflows.dispute_watch import DisputeWatch


class DisputeAgreement(DisputeWatch):
    """Asking the people on the path of a proposal; whether their answers count is the database's business."""

    async def _agreed(self, proposed: Proposed) -> bool:
        """Whether the proposal may be carried out: by itself, or because everyone on its path said yes."""
        if why := proposed.outcome.needs_person:
            self.note(f"a person must judge: {why}")
            return False
        if proposed.proposal is None:
            return True
        for position, role in enumerate(proposed.proposal.path, start=1):
            if not await self._approved_by(role, position, proposed.proposal):
                return False
        return True

    async def _approved_by(self, role: Role, position: int, proposal: Proposal) -> bool:
        await self.enter(Stage.APPROVE, f"{role} decides about {proposal.request.amount}", needs_human=True)
        words = letters.question_for(self.case, self._proposed.outcome)
        question = question_at(proposal.request.op_key, position, role, words, self.case.policy.approvals)
        if not self.overtaken():
            self.note(f"asked {role} to decide about {proposal.request.amount}")
        decision = await self.with_help("ask for approval", lambda: self._answered(question))
        if decision is not None and not approved(decision):
            self.turned_down = True
        if overtaken := self.overtaken():
            await self._withdraw(proposal, "overtaken by events")
        elif decision is None:
            self.turned_down = True
            self.note("nobody decided in time: silence is a no")
        return approved(decision) and not overtaken

    async def _answered(self, question: ApprovalQuestion) -> SignedDecision | None:
        if self.overtaken():
            return None
        return await self.gate.answer(question, self.case.policy.approvals, self._remind, unless=self.overtaken)

    async def _withdraw(self, proposal: Proposal, why: str) -> None:
        retraction = Retraction(op_key=proposal.request.op_key, why=why)
        await step(Credits.withdraw, retraction, allowance=RECORD, summary="take the proposal back")

    def _remind(self, pending: PendingApproval, reminder: int) -> None:
        proposal = self._proposed.proposal
        if proposal is None or (reminder and self.customer.waiting):
            return
        self.next_step = f"{pending.role} decides about {pending.amount}"
        request = letters.approval_requested(self.case, proposal, self._proposed.statements, pending, reminder)
        name = f"approval-{proposal.request.step}-{pending.approval_id.rsplit('/', 1)[-1]}-{reminder}"
        self.post(self.write_to_operators(name, pending.role, request))
        if reminder:
            self.note(f"reminded {pending.role} to decide about {pending.amount}")
        else:
            self.show()

    @property
    def _proposed(self) -> Proposed:
        assert self.proposed is not None  # noqa: S101 - asked only after the procedure has proposed
        return self.proposed
