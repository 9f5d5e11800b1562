"""Compare a period's invoices with the payment provider's, say what differs, and void duplicates once a person says so.

    open ─ read the provider's list ─ compare ─┬─ alert ─┬─ close
      │            │                           │         └─ duplicates? ─ a person decides ─┬─ void ─ close
      │            └─► not finished            │                                            └─ leave, silence ─ close
      └─► month end under way                  └─► both agree · differences within tolerance

The endings are `billing.reconciling.Ending`. Nothing is repaired by itself: each difference names its repair.
"""

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.letters import Notice
from activities.reconciliation import ClosingReconciliation, Comparison, OpenedReconciliation, Reconciliations
from billing import reconciliation_letters as letters
from billing.authority import Role
from billing.emails import Payload
from billing.reconciliation_report import ReconciliationReport
from billing.reconciling import DuplicatesDecision, Ending, ReconciliationOrder, Stage, VoidOrder
from billing.wording import counted
from workflows.blocks.steps import BULK, DOCUMENTS_OUT, RECORD, step, words_of
from workflows.blocks.waiting import wait_until
from workflows.reconciliation_desk import ReconciliationDesk

# Who hears of differences (P5).
TOLD = (Role.FINANCE, Role.ENGINEERING)


@workflow.defn(name="reconciliation")
class Reconciliation(ReconciliationDesk):
    """One comparison of one period: workflow id `reconciliation/<period>/<occasion>`."""

    @workflow.init
    def __init__(self, order: ReconciliationOrder) -> None:
        super().__init__(order)

    @workflow.run
    async def run(self, order: ReconciliationOrder) -> Ending:
        self.labels.show(runbook="reconciliation")
        opened = await self._open()
        if opened.not_yet:
            return await self._end(Ending.NOT_YET, opened.not_yet)
        try:
            await self._read()
            self.report = await self._compare(opened)
        except ActivityError as error:
            return await self._give_up(words_of(error))
        if self.report.beyond:
            self._alert()
        decision = await self._decided(opened) if self.report.duplicates and order.asks else None
        if decision and await self._voided(decision):
            return await self._end(Ending.DUPLICATES_VOIDED)
        return await self._end(_ending_of(self.report))

    async def _open(self) -> OpenedReconciliation:
        return await step(Reconciliations.open, self.order, allowance=RECORD, summary="open the reconciliation")

    async def _read(self) -> None:
        self.enter(Stage.READ, "read every invoice that the provider may hold of the period")
        self.read = await step(
            Reconciliations.read, self.order, allowance=BULK, summary=f"read the invoices of {self.order.period}"
        )
        self.note(f"read {counted(self.read, 'invoice')} at the provider")

    async def _compare(self, opened: OpenedReconciliation) -> ReconciliationReport:
        self.enter(Stage.COMPARE, "compare them with our documents")
        comparison = Comparison(reconciliation_id=self.order.reconciliation_id, policy=opened.policy)
        report = await step(Reconciliations.compare, comparison, allowance=BULK, summary="compare both sides")
        self.note(report.in_words())
        return report

    def _alert(self) -> None:
        """Tell finance and engineering, and wait for neither letter."""
        assert self.report is not None  # noqa: S101 - compared just now
        for role in TOLD:
            self._send(role, "differences", letters.differences(self.order, self.report))

    async def _decided(self, opened: OpenedReconciliation) -> DuplicatesDecision | None:
        """Wait until a person has said what is to become of the duplicates; None when nobody did, or they stay."""
        assert self.report is not None  # noqa: S101 - compared before
        asked_at = workflow.now()
        self.decide_by = asked_at + opened.policy.decide_within
        self.enter(Stage.DECIDE, "finance looks at the duplicates", needs_human=True)
        reminder = 0
        while self.decision is None and workflow.now() < self.decide_by:
            asked = letters.duplicates_found(self.order, self.report, self.decide_by, reminder)
            self._send(Role.FINANCE, f"duplicates-{reminder}", asked)
            reminder += 1
            again = min(asked_at + reminder * opened.policy.remind_every, self.decide_by)
            await wait_until(
                again, lambda: self.decision is not None, name=f"remind finance of the duplicates (reminder {reminder})"
            )
        self.needs_human, self.decide_by = False, None
        if self.decision is None:
            self.note("nobody said anything about the duplicates in time: they stay")
        return self.decision if self.to_be_voided else None

    async def _voided(self, decision: DuplicatesDecision) -> bool:
        """Void them; False when none of them could be."""
        self.enter(Stage.VOID, "void the duplicates at the provider")
        order = VoidOrder(reconciliation_id=self.order.reconciliation_id, decision=decision)
        try:
            result = await step(Reconciliations.void, order, allowance=DOCUMENTS_OUT, summary="void the duplicates")
        except ActivityError as error:
            self.note(f"the duplicates could not be voided: {words_of(error)}")
            return False
        self.note(f"voided {counted(result.voided, 'duplicate')}")
        for one in result.left:
            self.note(f"not voided: {one}")
        return result.voided > 0

    async def _give_up(self, why: str) -> Ending:
        """What cannot be finished now is done again by the next one; people hear why."""
        self.note(f"not finished: {why}")
        self._send(Role.ENGINEERING, "not-finished", letters.not_finished(self.order, self.stage, why))
        return await self._end(Ending.NOT_FINISHED)

    async def _end(self, ending: Ending, why: str = "") -> Ending:
        if ending is not Ending.NOT_YET:
            closing = ClosingReconciliation(reconciliation_id=self.order.reconciliation_id, report=self.report)
            await step(Reconciliations.close, closing, allowance=RECORD, summary="put the report on record")
        self.ending, self.over = ending, True
        self.note(f"ended: {ending}{f', {why}' if why else ''}")
        self.enter(Stage.CLOSED, "nothing")
        await self.letters_have_left()
        return ending

    def _send(self, role: Role, name: str, payload: Payload) -> None:
        letter = Notice(case_id=self.order.case_id, name=f"{name}-{role}", role=role, payload=payload)
        self.post(self.notify(letter))


def _ending_of(report: ReconciliationReport) -> Ending:
    if report.beyond:
        return Ending.DIFFERENCES
    return Ending.WITHIN_TOLERANCE if report.within else Ending.AGREED
