"""Resolve a usage dispute: from the ticket to a recorded decision, with the SLA clocks running beside it.

    intake ─ acknowledge ─ triage ─┬───────────┬─ collect ─ analyse ─ propose ─┬─ approve ─┬─ credit ─ notify ─ record
      │                            └─ escalate ┘                        ▲      └───────────┤
      │                                                                 └───── judge ◄─────┘ no, silence, not conclusive
      ├─► not accepted · duplicate · already closed
      └─► from any stage before the credit: withdrawn · closed without an answer

The endings are `billing.cases.Ending`. At every stage the case can wait for the customer; the clocks then stand still.
"""

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.closing import ClosingDesk, TicketNote
from activities.credits import Credits, Proposed
from activities.intake import Intake
from activities.investigation import AssessmentSummary, Evidence, Investigation
from activities.ports import Closing
from billing import letters, notes
from billing.authority import RUNBOOK, Role
from billing.cases import Ending, OpenedCase, Opening, Stage
from billing.closings import ending_of, turned_away
from billing.corrections import CreditReceipt, Proposal
from billing.decisions import DisputeDecision
from billing.evidence import EvidencePack
from billing.money import Money
from billing.policy.raci import RACI
from billing.wording import counted
from workflows.blocks.carrying import OutdatedError, carried_out
from workflows.blocks.recovery_news import stirred_case
from workflows.blocks.steps import EVIDENCE, LETTER, MONEY, RECORD, step, words_of
from workflows.blocks.waiting import wait_for, wait_until
from workflows.dispute_agreement import DisputeAgreement
from workflows.dispute_watch import EndedEarlyError

# Endings that decide nothing about money; the decision log has no line for them.
_UNDECIDED = {Ending.WITHDRAWN, Ending.UNANSWERED}


@workflow.defn(name="dispute")
class Dispute(DisputeAgreement):
    """One ticket, one case: workflow id `dispute/<ticket id>`."""

    @workflow.init
    def __init__(self, opening: Opening) -> None:
        super().__init__(opening)

    @workflow.run
    async def run(self, opening: Opening) -> Ending:
        """The procedure from opening to record; whatever ends it early is recorded too."""
        self.case = self.opened = await self._open(opening)
        if ending := turned_away(self.case):
            return await self._turn_away(ending)
        self.begin(opening)
        async with self.beside(*self.watchers()):
            self._tell_recovery()
            try:
                ending = await self._procedure()
            except EndedEarlyError as early:
                ending = await self._stop_early(early.ending)
            await self._record(ending)
            self._tell_recovery()
        return ending

    def _tell_recovery(self) -> None:
        """A recovery of the contested invoice rests from now on, or goes on; without one nobody hears it."""
        if self.case.invoice_id and workflow.patched("tell-recovery-2026-11"):
            self.post(stirred_case(self.ticket.tenant_id))

    async def _procedure(self) -> Ending:
        await self._acknowledge()
        await self._triage()
        evidence = await self._collect()
        self.assessment = await self._analyse(evidence)
        while True:
            self.proposed = await self._propose()
            proposal = self.proposed.proposal
            if not await self._agreed(self.proposed):
                await self._judged()
            elif await self._bound(proposal) and (proposal is None or await self._credited(proposal)):
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
        await self.post_patiently(self._acknowledge_by_letter())

    async def _acknowledge_by_letter(self) -> None:
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
        self.post(self.write_to_operators("escalated", Role.LEAD, letters.escalated(self.case)))
        for earlier in self.case.pattern:
            if earlier.calm:
                self.post(self._escalate_too(earlier))

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
        findings = len(assessment.statements)
        self.note(notes.found(findings, conclusive=assessment.conclusive, credit=assessment.credit))
        return assessment

    async def _propose(self) -> Proposed:
        await self.enter(Stage.PROPOSE, "work out what is to be given back")
        proposed = await self.with_help("propose", self._work_out)
        self.note(notes.proposed(proposed.outcome))
        return proposed

    async def _work_out(self) -> Proposed:
        """One attempt at a proposal: it rests on the newest judgement and has a number of its own."""
        self.judgement_is_new = self.turned_down = False
        self.proposed = None
        self.revision += 1
        order = self.order(self.judgement)
        return await step(Credits.propose, order, allowance=RECORD, summary=f"proposal {self.revision}")

    async def _judged(self) -> None:
        """Wait until a person has judged, or it can go on without; remind the leads for as long as it takes."""
        reminder = 0
        while not self.superseded():
            await self.enter(Stage.JUDGE, "an analyst judges the case", needs_human=True)
            notice = letters.judgement_needed(self.case, self._why_judge(), self._proposed.statements, reminder)
            self.post(self.write_to_operators(f"judgement-{self.revision}-{reminder}", Role.LEAD, notice))
            reminder += 1
            again = workflow.now() + self.case.policy.approvals.escalate_after
            await wait_until(again, self.overtaken, name=f"remind the leads to judge (reminder {reminder})")
            await self.customer_has_answered()

    async def _bound(self, proposal: Proposal | None) -> bool:
        """From here on nobody changes the decision; False when it was superseded at the last moment."""
        await self.customer_has_answered()
        if not self.superseded():
            self.committed = True
        elif proposal:
            await self._withdraw(proposal, "overtaken by events")
        return self.committed

    async def _credited(self, proposal: Proposal) -> CreditReceipt | None:
        """Credit exactly once. None when the decision is outdated: the case proposes again."""
        amount, op_key = proposal.request.amount, proposal.request.op_key
        await self.enter(Stage.CREDIT, f"give {amount} back and correct the invoice")
        try:
            self.receipt = await carried_out(
                self,
                "credit",
                lambda: step(Credits.issue, op_key, allowance=MONEY, summary=f"credit {amount}"),
                self.case.policy.provider.look_up_after,
            )
        except OutdatedError as outdated:
            await self._propose_anew(proposal, outdated.why, refused=outdated.refused)
        if self.receipt:
            self.note(notes.credited(self.receipt))
        return self.receipt

    async def _notify(self, proposed: Proposed, receipt: CreditReceipt | None) -> None:
        await self.enter(Stage.NOTIFY, "tell the customer the outcome")
        outcome = letters.resolved(self.case, proposed.outcome, proposed.statements, receipt)
        if await self.write_to_customer("resolved", outcome):
            self.clocks.meet("resolution")
            self.note("the customer knows the outcome")
        else:
            why = "the outcome could not be told to the customer by letter"
            self.post(self.write_to_operators("not-told", Role.LEAD, letters.handed_over(self.case, "notify", why)))

    async def _record(self, ending: Ending) -> None:
        self.committed = True
        self.move(Stage.RECORD, "write the decision log and the ticket")
        self.note(f"ended: {ending}")
        decided = None if ending in _UNDECIDED else self.proposed
        await self.with_help(
            "record",
            lambda: step(
                ClosingDesk.record, self._closing(ending, decided), allowance=RECORD, summary="record the decision"
            ),
        )
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
        """A ticket that never becomes a case: say why, to the customer and, when it is unusable, to the leads. Corrected
        and turned away again it is told the new reason; the same reason is told once."""
        self.ending, self.over = ending, True
        self.labels.show(runbook="dispute", tenant=self.ticket.tenant_id, category=self.ticket.category)
        self.note(f"{ending}{f': {why}' if (why := ' '.join(self.case.problems) or self.case.duplicate_of) else ''}")
        if ending is not Ending.ALREADY_CLOSED:
            answer = letters.closed(self.case, ending)
            await self.write_to_customer(f"turned-away-{letters.digest(answer)}", answer)
        if ending is Ending.NOT_ACCEPTED:
            notice = letters.handed_over(self.case, "intake", " ".join(self.case.problems))
            await self.write_to_operators(f"not-accepted-{letters.digest(notice)}", Role.LEAD, notice)
        self.move(Stage.CLOSED, "nothing")
        await wait_for(workflow.all_handlers_finished)
        return ending

    async def _stop_early(self, ending: Ending) -> Ending:
        self.committed = True
        if self.proposed and self.proposed.proposal:
            await self._withdraw(self.proposed.proposal, ending.value)
        self.post(self.write_to_customer("closed", letters.closed(self.case, ending)))
        return ending

    async def _propose_anew(self, proposal: Proposal, why: str, *, refused: bool) -> None:
        """The approved credit cannot be given as it stands: take it back and let the procedure propose again."""
        self.note(f"the credit is outdated: {why}")
        self.committed = False
        if refused:
            await self.hand_over("credit", why)
        await self._withdraw(proposal, why)

    def _why_judge(self) -> str:
        return self._proposed.outcome.needs_person or "the proposal was not approved"

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
