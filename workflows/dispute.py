"""Resolve a usage dispute: from the ticket to a recorded decision, with the SLA clocks running beside it.

    intake ─ acknowledge ─ triage ─┬───────────┬─ collect ─ analyse ─ propose ─┬─ approve ─┬─ credit ─ notify ─ record
      │                            └─ escalate ┘                        ▲      └───────────┤
      │                                                                 └───── judge ◄─────┘ no, silence, not conclusive
      ├─► not accepted · duplicate · already closed
      └─► from any stage before the credit: withdrawn · closed without an answer

The endings are `billing.cases.Ending`. At every stage the case can wait for the customer; the clocks then stand still.
"""

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.approvals import ApprovalQuestion
from activities.closing import ClosingDesk, TicketNote
from activities.credits import Credits, Proposed, Retraction
from activities.intake import Intake
from activities.investigation import AssessmentSummary, Evidence, Investigation
from activities.ports import Closing
from billing import letters
from billing.authority import RUNBOOK, Role
from billing.cases import Ending, OpenedCase, Opening, PendingApproval, Stage
from billing.closings import ending_of, turned_away
from billing.corrections import CreditReceipt, Proposal
from billing.decisions import DisputeDecision
from billing.disputes import in_words
from billing.evidence import EvidencePack
from billing.failures import FailureCode
from billing.money import Money
from billing.policy.raci import RACI
from billing.wording import counted
from workflows.blocks.approval import approved
from workflows.blocks.steps import EVIDENCE, LETTER, MONEY, RECORD, code_of, step, words_of
from workflows.blocks.waiting import wait_for, wait_until
from workflows.dispute_watch import DisputeWatch, EndedEarlyError

# The decision no longer fits the world: propose again instead of acting on it.
_OUTDATED = {FailureCode.STALE_DECISION, FailureCode.NOT_APPROVED, FailureCode.PROVIDER_REFUSED}
# Endings that decide nothing about money; the decision log has no line for them.
_UNDECIDED = {Ending.WITHDRAWN, Ending.UNANSWERED}
# Trying again by itself cannot help: a person has to repair something first.
_BROKEN = {FailureCode.INVALID, FailureCode.NOT_FOUND, FailureCode.CONFLICT}


@workflow.defn(name="dispute")
class Dispute(DisputeWatch):
    """One ticket, one case: workflow id `dispute/<ticket id>`."""

    @workflow.init
    def __init__(self, opening: Opening) -> None:
        super().__init__(opening)

    @workflow.run
    async def run(self, opening: Opening) -> Ending:
        self.case = self.opened = await self._open(opening)
        if ending := turned_away(self.case):
            return await self._turn_away(ending)
        self.begin(opening)
        async with self.beside(*self.watchers()):
            try:
                ending = await self._procedure()
            except EndedEarlyError as early:
                ending = await self._stop_early(early.ending)
            await self._record(ending)
        return ending

    async def _procedure(self) -> Ending:
        await self._acknowledge()
        await self._triage()
        evidence = await self._collect()
        self.assessment = await self._analyse(evidence)
        while True:
            self.proposed = await self._propose()
            if not await self._agreed(self.proposed):
                await self._judged()
            elif self.proposed.proposal is None or await self._credited(self.proposed.proposal):
                break
        await self._notify(self.proposed, self.receipt)
        return ending_of(self.proposed.outcome)

    async def _open(self, opening: Opening) -> OpenedCase:
        """Read what the case keeps for life. What cannot be read (say, a broken policy) waits for a repair."""
        while True:
            try:
                return await step(Intake.open_case, opening, allowance=RECORD, summary="open the case")
            except ActivityError as error:
                self.needs_human, self.repaired = True, False
                self.next_step = f"a person repairs: {words_of(error)}"
                self.note(f"the case cannot be opened: {words_of(error)}")
                await wait_for(lambda: self.repaired)
                self.needs_human = False

    async def _acknowledge(self) -> None:
        await self.enter(Stage.ACKNOWLEDGE, "tell the customer that we are on it")
        if await self.write_to_customer("acknowledged", letters.acknowledged(self.case)):
            self.clocks.meet("initial response")
            self.note("acknowledged to the customer")

    async def _triage(self) -> None:
        await self.enter(Stage.TRIAGE, "judge how grave it is")
        self.clocks.meet("triage")
        self.note(f"severity {self.case.severity}, {self.ticket.disputed} disputed")
        if not self.case.escalation_reasons:
            return
        await self.enter(Stage.ESCALATE, "tell the leads at once")
        self.escalated = True
        self.note(f"escalated at once: {' '.join(self.case.escalation_reasons)}")
        await self.write_to_operators("escalated", Role.LEAD, letters.escalated(self.case))

    async def _collect(self) -> EvidencePack:
        await self.enter(Stage.COLLECT, "export the raw usage and recreate the roll-up")
        pack = await self.with_help(
            "collect evidence",
            lambda: step(Investigation.collect, self.case, allowance=EVIDENCE, summary="collect the evidence"),
        )
        self.clocks.meet("data collection")
        self.note(f"evidence of {counted(pack.events, 'event')} in {counted(len(pack.files), 'file')}")
        return pack

    async def _analyse(self, evidence: EvidencePack) -> AssessmentSummary:
        await self.enter(Stage.ANALYSE, "compare usage, prices and service with the bill")
        subject = Evidence(case=self.case, evidence_id=evidence.evidence_id)
        assessment = await self.with_help(
            "analyse", lambda: step(Investigation.analyse, subject, allowance=RECORD, summary="analyse the evidence")
        )
        self.clocks.meet("root cause")
        self.clocks.meet("investigation")
        certainty = "conclusive" if assessment.conclusive else "not conclusive"
        self.note(
            f"{counted(len(assessment.statements), 'finding')}, {certainty}; {assessment.credit} too much was billed"
        )
        return assessment

    async def _propose(self) -> Proposed:
        await self.enter(Stage.PROPOSE, "work out what is to be given back")
        self.judgement_is_new = False
        order = self.order(self.judgement)
        proposed = await self.with_help(
            "propose", lambda: step(Credits.propose, order, allowance=RECORD, summary=f"proposal {self.revision}")
        )
        outcome = proposed.outcome
        self.note(f"proposed {in_words(outcome.resolution)} with {outcome.credit}, by {outcome.requested_by}")
        return proposed

    async def _agreed(self, proposed: Proposed) -> bool:
        """Whether the proposal may be carried out: by itself, or because everyone on its path said yes."""
        self.revision += 1
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
        question = ApprovalQuestion(
            op_key=proposal.request.op_key,
            position=position,
            role=role,
            question=letters.question_for(self.case, self._proposed.outcome),
            asked_at=workflow.now(),
            expires_at=workflow.now() + self.case.policy.approvals.expire_after,
        )
        decision = await self.gate.answer(question, self.case.policy.approvals, self._remind, unless=self._overtaken)
        if self._overtaken():
            await self._withdraw(proposal, "overtaken by events")
        elif decision is None:
            self.note("nobody decided in time: silence is a no")
        return approved(decision) and not self._overtaken()

    async def _judged(self) -> None:
        """Wait until a person has judged; remind the leads for as long as it takes."""
        reminder = 0
        while not self.judgement_is_new:
            await self.enter(Stage.JUDGE, "an analyst judges the case", needs_human=True)
            notice = letters.judgement_needed(self.case, self._why_judge(), self._proposed.statements, reminder)
            await self.write_to_operators(f"judgement-{self.revision}-{reminder}", Role.LEAD, notice)
            reminder += 1
            again = workflow.now() + self.case.policy.approvals.escalate_after
            await wait_until(again, self._overtaken, name=f"remind the leads to judge (reminder {reminder})")
            await self.customer_has_answered()

    async def _credited(self, proposal: Proposal) -> CreditReceipt | None:
        """Credit exactly once. None when the decision is outdated: the case proposes again."""
        await self.enter(Stage.CREDIT, f"give {proposal.request.amount} back and correct the invoice")
        self.committed = True
        pauses = iter(self.case.policy.provider.look_up_after)
        while self.receipt is None:
            try:
                self.receipt = await step(
                    Credits.issue, proposal.request.op_key, allowance=MONEY, summary=f"credit {proposal.request.amount}"
                )
            except ActivityError as error:
                code = code_of(error)
                if code in _OUTDATED:
                    await self._propose_anew(proposal, words_of(error), refused=code is FailureCode.PROVIDER_REFUSED)
                    return None
                await self._wait_out(error, None if code in _BROKEN else next(pauses, None))
        self.note(f"credited {self.receipt.amount} ({self.receipt.destination.value}, {self.receipt.provider_id})")
        return self.receipt

    async def _notify(self, proposed: Proposed, receipt: CreditReceipt | None) -> None:
        await self.enter(Stage.NOTIFY, "tell the customer the outcome")
        self.committed = True
        outcome = letters.resolved(self.case, proposed.outcome, proposed.statements, receipt)
        await self.write_to_customer("resolved", outcome)
        self.clocks.meet("resolution")
        self.note("the customer knows the outcome")

    async def _record(self, ending: Ending) -> None:
        self.committed = True
        self.move(Stage.RECORD, "write the decision log and the ticket")
        self.note(f"ended: {ending}")
        decided = None if ending in _UNDECIDED else self.proposed
        await step(ClosingDesk.record, self._closing(ending, decided), allowance=RECORD, summary="record the decision")
        if decided:
            await self._note_on_ticket(decided)
        self.ending = ending
        self.move(Stage.CLOSED, "nothing")

    async def _note_on_ticket(self, decided: Proposed) -> None:
        """Tell the support desk; a ticket that takes no note any more is told in the story and ends nothing."""
        note = TicketNote(
            ticket_id=self.ticket.ticket_id,
            op_key=f"{self.case.case_id}/note/r{self.case.round}",
            text=letters.ticket_note(decided.outcome, self.receipt),
        )
        try:
            await step(ClosingDesk.note, note, allowance=LETTER, summary="note the outcome on the ticket")
        except ActivityError as error:
            self.note(f"the outcome could not be noted on the ticket: {words_of(error)}")

    async def _turn_away(self, ending: Ending) -> Ending:
        """A ticket that never becomes a case: say why, to the customer and, when it is unusable, to the leads."""
        self.ending = ending
        self.labels.show(runbook="dispute", tenant=self.ticket.tenant_id, category=self.ticket.category)
        self.note(f"{ending}{f': {why}' if (why := ' '.join(self.case.problems) or self.case.duplicate_of) else ''}")
        if ending is not Ending.ALREADY_CLOSED:
            await self.write_to_customer("turned-away", letters.closed(self.case, ending))
        if ending is Ending.NOT_ACCEPTED:
            notice = letters.handed_over(self.case, "intake", " ".join(self.case.problems))
            await self.write_to_operators("not-accepted", Role.LEAD, notice)
        self.move(Stage.CLOSED, "nothing")
        await wait_for(workflow.all_handlers_finished)
        return ending

    async def _stop_early(self, ending: Ending) -> Ending:
        if self.proposed and self.proposed.proposal:
            await self._withdraw(self.proposed.proposal, ending.value)
        await self.write_to_customer("closed", letters.closed(self.case, ending))
        return ending

    async def _withdraw(self, proposal: Proposal, why: str) -> None:
        retraction = Retraction(op_key=proposal.request.op_key, why=why)
        await step(Credits.withdraw, retraction, allowance=RECORD, summary="take the proposal back")

    async def _propose_anew(self, proposal: Proposal, why: str, *, refused: bool) -> None:
        """The approved credit cannot be given as it stands: take it back and let the procedure propose again."""
        self.note(f"the credit is outdated: {why}")
        if refused:
            await self.hand_over("credit", why)
        await self._withdraw(proposal, why)
        self.committed = False

    async def _wait_out(self, error: ActivityError, pause: timedelta | None) -> None:
        """After an outcome nobody knows: look again later, and in the end let a person look (never charge on a guess)."""
        if pause is None:
            return await self.hand_over("credit", words_of(error))
        again = workflow.now() + pause
        self.note(
            f"the outcome of the credit is unknown: {words_of(error)}; looked up again {again:%a %d %b %H:%M} UTC"
        )
        await wait_until(again, lambda: self.repaired, name=f"look the credit up again {again:%a %d %b %H:%M} UTC")
        return None

    async def _remind(self, pending: PendingApproval, reminder: int) -> None:
        proposal = self._proposed.proposal
        if proposal is None or (reminder and self.customer.waiting):
            return
        self.next_step = f"{pending.role} decides about {pending.amount}"
        request = letters.approval_requested(self.case, proposal, self._proposed.statements, pending, reminder)
        await self.write_to_operators(
            f"approval-{proposal.request.step}-{pending.approval_id.rsplit('/', 1)[-1]}-{reminder}",
            pending.role,
            request,
        )
        self.note(f"{'reminded' if reminder else 'asked'} {pending.role} to decide about {pending.amount}")

    def _overtaken(self) -> bool:
        """Whether events have answered the question: a new judgement, a withdrawal, a customer who stayed silent."""
        return self.judgement_is_new or self.ended_early()

    def _why_judge(self) -> str:
        return self._proposed.outcome.needs_person or "the proposal was not approved"

    @property
    def _proposed(self) -> Proposed:
        assert self.proposed is not None  # noqa: S101 - asked only after the procedure has proposed
        return self.proposed

    def _closing(self, ending: Ending, decided: Proposed | None) -> Closing:
        credited = self.receipt.amount if self.receipt else Money.zero(self.ticket.currency)
        resolver = decided.outcome.requested_by if decided else RUNBOOK
        decision = DisputeDecision(
            resolver=resolver,
            tenant_id=self.ticket.tenant_id,
            period=self.ticket.period,
            disputed=self.ticket.disputed,
            credited=credited,
            category=self.ticket.category,
            team=RACI["dispute"].responsible,
        )
        return Closing(
            case_id=self.case.case_id,
            round=self.case.round,
            ending=ending,
            resolution=decided.outcome.resolution if decided else None,
            credited=credited,
            resolved_by=resolver,
            root_cause=decided.outcome.reason if decided else ending.value,
            clocks=self.clocks.snapshot(),
            story=self.timeline.words(),
            decision=decision if decided else None,
        )
