"""Correct an issued invoice: credit a part of it, declare it void, or write off what nobody will pay.

    open ─ propose ─ approve ─ carry out ─ tell the customer ─ record
      │     │   ▲       │          │
      │     │   └───────┼──────────┘ outdated, or refused and repaired
      │     │           ├─► rejected · nobody decided in time
      ├─────┴─► not accepted
      └─► until it is carried out: withdrawn

The endings are `billing.invoice_corrections.Ending`. The document itself is never edited.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.correction_letters import CorrectionLetters, CorrectionToTell
from activities.invoice_correction import CorrectionStep, InvoiceCorrections, ProposalOfCorrection
from activities.invoice_correction_ports import ClosingCorrection
from activities.letters import Notice
from billing import correction_letters as letters
from billing.authority import RUNBOOK, Role
from billing.cases import PendingApproval
from billing.emails import Payload
from billing.invoice_corrections import DONE, CorrectionOrder, CorrectionReceipt, Deed, Ending, Stage
from workflows.blocks.approval import approved
from workflows.blocks.carrying import OutdatedError, carried_out
from workflows.blocks.steps import LETTER, MONEY, RECORD, step, words_of
from workflows.blocks.waiting import wait_for
from workflows.invoice_correction_desk import InvoiceCorrectionDesk

Done = TypeVar("Done")


class EndedError(Exception):
    """The correction ends here, with why in words and who said so."""

    def __init__(self, ending: Ending, why: str, by: str = RUNBOOK) -> None:
        super().__init__(why)
        self.ending, self.why, self.by = ending, why, by


@workflow.defn(name="invoice-correction")
class InvoiceCorrection(InvoiceCorrectionDesk):
    """One correction of one invoice: workflow id `correction/<invoice>/<occasion>`."""

    @workflow.init
    def __init__(self, order: CorrectionOrder) -> None:
        super().__init__(order)

    @workflow.run
    async def run(self, order: CorrectionOrder) -> Ending:
        """The procedure from the order to the record; whatever ends it early is recorded too."""
        self.labels.show(runbook="invoice-correction")
        try:
            await self._open()
            while self.receipt is None:
                proposal = await self._propose()
                await self._agree(proposal)
                self.receipt = await self._carry_out(proposal)
        except EndedError as early:
            return await self._record(early.ending, early.by, early.why)
        await self._tell(self.receipt)
        return await self._record(DONE[order.deed], self.approved_by)

    async def _open(self) -> None:
        self.opened = await self.with_help(
            lambda: step(InvoiceCorrections.open, self.order, allowance=RECORD, summary="look at the invoice")
        )
        self.labels.show(tenant=self.opened.tenant_id)
        self.note(letters.ordered(self.order, self.opened.number))
        if self.opened.refused:
            raise EndedError(Ending.NOT_ACCEPTED, self.opened.refused)

    async def _propose(self) -> ProposalOfCorrection:
        """Freeze what is to be done. What cannot be done is not accepted; once people approved it, finance looks."""
        self.end_if_withdrawn()
        self.enter(Stage.PROPOSE, "work out what it comes to")
        try:
            self.proposal = await (self.with_help(self._work_out) if self.revision else self._work_out())
        except ActivityError as error:
            raise EndedError(Ending.NOT_ACCEPTED, words_of(error)) from error
        self.note(f"proposed: {' '.join(self.proposal.statements)}")
        return self.proposal

    async def _work_out(self) -> ProposalOfCorrection:
        """One attempt at a proposal; each has a number of its own."""
        self.proposal = None
        self.revision += 1
        attempt = CorrectionStep(opened=self.case, revision=self.revision)
        return await step(InvoiceCorrections.propose, attempt, allowance=RECORD, summary=f"proposal {self.revision}")

    async def _agree(self, proposal: ProposalOfCorrection) -> None:
        """Return once another person approved it; raises EndedError when somebody said no, nobody anything, or it was
        withdrawn."""
        self.enter(Stage.APPROVE, f"{proposal.path[0]} decides about {proposal.amount}", needs_human=True)
        words, policy = letters.question_for(self.order, self.case.number, proposal.amount), self.case.policy.approvals
        decision = await self.with_help(
            lambda: self.gate.walk(proposal.op_key, proposal.path, words, policy, self._remind, self.is_withdrawn)
        )
        self.end_if_withdrawn()
        if decision is None:
            raise EndedError(Ending.UNANSWERED, "silence is a no")
        if not approved(decision):
            raise EndedError(Ending.REJECTED, decision.reason, decision.operator_id)
        self.approved_by = decision.operator_id

    async def _carry_out(self, proposal: ProposalOfCorrection) -> CorrectionReceipt | None:
        """Do it exactly once. None when what was approved cannot be done as it stands: it is proposed again."""
        self.committed = True
        self.enter(Stage.CARRY_OUT, letters.next_step(self.order, proposal.amount))
        try:
            receipt = await carried_out(
                self,
                self.order.deed.replace("_", "-"),
                lambda: step(
                    InvoiceCorrections.carry_out,
                    proposal.op_key,
                    allowance=MONEY,
                    summary=f"{self.order.deed} {proposal.amount}",
                ),
                self.case.policy.provider.look_up_after,
            )
        except OutdatedError as outdated:
            await self._propose_anew(outdated)
            return None
        if receipt:
            self.note(letters.carried_out(receipt))
        return receipt

    async def _propose_anew(self, outdated: OutdatedError) -> None:
        self.committed = False
        self.note(f"what was approved is outdated: {outdated.why}")
        if outdated.refused:
            await self.hand_over("carry out", outdated.why)
        await self.taken_back(outdated.why)

    async def _tell(self, receipt: CorrectionReceipt) -> None:
        """Let the letter leave beside the record: one that cannot leave holds nothing up."""
        self.enter(Stage.TELL, "tell whom it concerns")
        await self.post_patiently(self._told(receipt))

    async def _told(self, receipt: CorrectionReceipt) -> None:
        done = CorrectionToTell(opened=self.case, receipt=receipt)
        reader = "finance" if receipt.deed is Deed.WRITE_OFF else "the customer"
        sending = step(CorrectionLetters.tell, done, allowance=LETTER, summary=f"tell {reader}")
        if await self._write(sending, receipt.deed.value, reader):
            self.note(f"told {reader}")

    async def _record(self, ending: Ending, by: str, why: str = "") -> Ending:
        """Put the ending and the story on record; a proposal that was not carried out is taken back."""
        self.committed = True
        self.enter(Stage.RECORD, "put it on record")
        if self.receipt is None:
            await self.with_help(lambda: self.taken_back(ending.value))
        self.note(f"ended: {ending}{f', {why}' if why else ''}")
        story = self.story().model_copy(update={"stage": Stage.CLOSED, "next_step": "nothing", "ending": ending})
        closing = ClosingCorrection(
            case_id=self.order.case_id, ending=ending, receipt=self.receipt, story=story, resolved_by=by
        )
        await self.with_help(
            lambda: step(InvoiceCorrections.close, closing, allowance=RECORD, summary="put it on record")
        )
        self.ending, self.over = ending, True
        self.enter(Stage.CLOSED, "nothing")
        await self.letters_have_left()
        return ending

    async def with_help(self, attempt: Callable[[], Awaitable[Done]]) -> Done:
        """Do a step; when it fails for good, hand it over and do it again once it is repaired: no correction is lost."""
        while True:
            try:
                return await attempt()
            except ActivityError as error:
                await self.hand_over(self.stage.value, words_of(error))

    async def hand_over(self, step_name: str, what_happened: str) -> None:
        """Ask finance to repair something and wait until somebody says it is done; while nothing is committed, a withdrawal
        ends the wait too, and the correction with it."""
        self.repaired, self.needs_human = False, True
        self.next_step = f"a person repairs: {what_happened}"
        self.hand_overs += 1
        self.note(f"handed over to a person: {what_happened}")
        notice = letters.handed_over(self.order, step_name, what_happened)
        self._send(Role.FINANCE, f"handed-over-{self.hand_overs}", notice)
        await wait_for(lambda: self.repaired or self.is_withdrawn())
        self.repaired, self.needs_human = True, False
        self.end_if_withdrawn()

    def is_withdrawn(self) -> bool:
        """Whether it was given up, in time."""
        return self.withdrawn is not None and not self.committed

    def end_if_withdrawn(self) -> None:
        """Raises EndedError when it was given up."""
        if self.withdrawn and self.is_withdrawn():
            raise EndedError(Ending.WITHDRAWN, self.withdrawn.reason, self.withdrawn.by)

    def _remind(self, pending: PendingApproval, reminder: int) -> None:
        assert self.proposal is not None  # noqa: S101 - asked only about a proposal
        self.next_step = f"{pending.role} decides about {pending.worth}"
        letter = letters.approval_requested(
            pending, self.proposal.amount, self.proposal.statements, self.proposal.recently_credited, reminder
        )
        number = pending.approval_id.rpartition("/")[2]
        self._send(pending.role, f"approval-{self.revision}-{number}-{reminder}", letter)
        self.note(f"{'reminded' if reminder else 'asked'} {pending.role} to decide about {pending.worth}")

    def _send(self, role: Role, name: str, payload: Payload) -> None:
        self.post(self.notify(Notice(case_id=self.order.case_id, name=name, role=role, payload=payload)))
