"""Bill a month: from raw usage to delivered, reconciled invoices, once for every tenant, whoever starts it how often.

    preflight ─ close usage, roll up ─ rate ─ check ─┬─ review ─┬─ finalise ─ print ─ push ─ deliver ─ reconcile ─ close
        │               │               │            │          │
        │               │               │            │          └─► rejected by finance
        │               │               │            └─► dry run · nothing to bill
        └───────────────┴───────────────┴─► before anything is issued: cancelled · at the door: not accepted

The endings are `billing.month_end.Ending`. Tenants that cannot be billed are parked and hold nobody up. A run can be
paused between any two ranges of tenants, waits while a hold stops invoicing or delivery, and hands over what it cannot
do; beyond some hundreds of ranges it continues as a new run of the same chain.
"""

import asyncio
from collections.abc import Awaitable, Callable

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

from activities.month_end import Abandonment, DaysToRollUp, MonthEnds, RolledUp, RunStart
from billing import run_letters
from billing.authority import RUNBOOK, Role
from billing.failures import FailureCode
from billing.holds import HeldEffect
from billing.month_end import Ending, Outcome, RunOrder, ShardOrder, ShardResult, Stage
from billing.wording import counted, listed, written
from workflows.blocks.steps import BULK, RECORD, code_of, step, words_of
from workflows.blocks.waiting import wait_until
from workflows.month_end_desk import Carried
from workflows.month_end_errands import MonthEndErrands
from workflows.month_end_work import EndedError, words_of_range

_TURNED_AWAY = {FailureCode.INVALID, FailureCode.CONFLICT, FailureCode.NOT_FOUND}
# What was done so far stays done; drafts of these runs are removed.
_GIVEN_UP = {Ending.CANCELLED, Ending.REJECTED}


@workflow.defn(name="month-end")
class MonthEnd(MonthEndErrands):
    """One period, one run at a time: workflow id `month-end/<period>`, a dry run `month-end/<period>/dry-run`."""

    @workflow.init
    def __init__(self, order: RunOrder, carried: Carried | None = None) -> None:
        super().__init__(order, carried)

    @workflow.run
    async def run(self, order: RunOrder, carried: Carried | None = None) -> Ending:
        """The procedure of one period; with `carried` it goes on behind what the last run of the chain did."""
        try:
            if carried:
                self.send_again(carried.unsent)
            else:
                await self._open()
            for stage, work in self._procedure():
                if not self._is_behind(stage, carried):
                    await work()
            ending, why = self._ending(), ""
        except EndedError as early:
            ending, why = early.ending, early.why
        except (asyncio.CancelledError, ActivityError) as error:
            if self.committed or not is_cancelled_exception(error):
                raise
            ending, why = Ending.CANCELLED, "cancelled in Temporal"
        await self._end(ending, why)
        return ending

    def _procedure(self) -> list[tuple[Stage, Callable[[], Awaitable[None]]]]:
        return [
            (Stage.PREFLIGHT, self._preflight),
            (Stage.ROLL_UP, self._roll_up),
            (Stage.RATE, self._rate),
            (Stage.CHECK, self._check),
            (Stage.REVIEW, self.agreed),
            (Stage.FINALISE, self._finalise),
            (Stage.PRINT, self.print_documents),
            (Stage.PUSH, self.push_documents),
            (Stage.DELIVER, self.deliver_documents),
            (Stage.RECONCILE, self.reconcile),
        ]

    def _is_behind(self, stage: Stage, carried: Carried | None) -> bool:
        """Whether an earlier run of the chain has done this stage."""
        order = [known for known, _ in self._procedure()]
        return carried is not None and order.index(stage) < order.index(carried.stage)

    async def _open(self) -> None:
        start = RunStart(order=self.order, workflow_run_id=workflow.info().first_execution_run_id)
        try:
            self.opened = await step(MonthEnds.open, start, allowance=RECORD, summary="open the run")
        except ActivityError as error:
            if code_of(error) in _TURNED_AWAY:
                raise EndedError(Ending.NOT_ACCEPTED, words_of(error)) from error
            raise
        kind = "a dry run" if self.order.dry_run else "for whom the last run left out" if self.order.only_parked else ""
        self.note(
            f"run {self.run_id}{f', {kind}' if kind else ''}, asked for by {self.order.requested_by}: "
            f"{counted(self.opened.tenants, 'tenant')} (policy {self.opened.policy.version})"
        )

    async def _preflight(self) -> None:
        """Look until nothing stops the run; a dry run goes on and says what would."""
        self.enter(Stage.PREFLIGHT, "look at everything the run depends on")
        while True:
            await self.may_go_on()
            if not self.order.dry_run:
                await self.no_hold(HeldEffect.INVOICING)
            seen = await self.with_help(
                lambda: step(MonthEnds.preflight, self.run_id, allowance=BULK, summary="preflight")
            )
            for finding in seen.findings:
                self.note(f"preflight, {finding.severity}: {finding.sentence}")
            if self.order.dry_run or not seen.blocking:
                return
            await self.hand_over(Role.FINANCE, listed([finding.sentence for finding in seen.blocking], at_most=3))

    async def _roll_up(self) -> None:
        """Close the period for usage once it is over for every tenant, and make its roll-ups agree with the events."""
        self.enter(Stage.ROLL_UP, "close the period for usage and roll it up")
        over = self.billing_run.over_at
        if not await wait_until(
            over, lambda: self.cancelled is not None, name=f"until the period is over everywhere {over:%d %b %H:%M} UTC"
        ):
            await self.may_go_on()
        cutoff = await self.with_help(
            lambda: step(MonthEnds.close_usage, self.run_id, allowance=BULK, summary="close the period for usage")
        )
        self.note(f"usage that arrives after {cutoff:%Y-%m-%d %H:%M:%S} UTC is late")
        while (rolled := await self._rolled_up()).disagreeing and not self.order.dry_run:
            places = [f"{one.tenant_id} {one.meter} {one.day}" for one in rolled.examples]
            await self.hand_over(
                Role.ENGINEERING,
                f"roll-ups and raw events differ in {counted(rolled.disagreeing, 'place')}, such as {listed(places)}: find "
                f"out why, make those days anew ({rolled.made_anew}), then let the run try again",
            )
        self.note(f"{counted(rolled.made, 'roll-up')} brought up to date")

    async def _rolled_up(self) -> RolledUp:
        await self.may_go_on()
        days = DaysToRollUp(first=self.billing_run.first, end=self.billing_run.end)
        return await self.with_help(lambda: step(MonthEnds.roll_up, days, allowance=BULK, summary="roll up the usage"))

    async def _rate(self) -> None:
        self.enter(Stage.RATE, "make every tenant's draft", total=self.billing_run.tenants)
        await self.through_all(self._rate_shard, self.billing_run.policy.shards_at_once)
        self.note(f"rated: {_in_words(self.rated)}")

    async def _rate_shard(self, work: ShardOrder) -> int:
        rated = await self.with_help(
            lambda: step(MonthEnds.rate, work, allowance=BULK, summary=f"rate {words_of_range(work)}")
        )
        self.rated += rated
        return rated.tenants

    async def _check(self) -> None:
        """Sum the drafts up; here a dry run ends, and so does one with nothing to issue and nothing left to send."""
        self.enter(Stage.CHECK, "hold the drafts against the safety bounds")
        report = await self.checked()
        self.note(f"checked: {counted(report.invoices, 'draft')}, {listed([str(one.total) for one in report.totals])}")
        if self.order.dry_run:
            raise EndedError(Ending.DRY_RUN, "nothing was issued")
        if not report.invoices and not await self._anything_waits():
            raise EndedError(Ending.NOTHING_TO_BILL, "nothing is left to bill or to send")

    async def _anything_waits(self) -> bool:
        for errand in self.billing_run.policy.errands:
            if await self.waiting(errand):
                return True
        return False

    async def _finalise(self) -> None:
        """Issue every draft. Since the release nothing is cancelled any more."""
        drafts = self.report.invoices if self.report else 0
        self.enter(Stage.FINALISE, "number and issue the drafts", total=drafts)
        await self.through_all(self._finalise_shard, self.billing_run.policy.shards_at_once)
        self.note(f"issued: {counted(self.done, 'invoice')}")
        # Whom a hold covered by then was parked instead.
        await self.checked()

    async def _finalise_shard(self, work: ShardOrder) -> int:
        issued = await self.with_help(
            lambda: step(MonthEnds.finalise, work, allowance=BULK, summary=f"issue {words_of_range(work)}")
        )
        return issued.outcomes.get(Outcome.RATED, 0)

    def _ending(self) -> Ending:
        outcomes = self.report.outcomes if self.report else {}
        stopped = outcomes.get(Outcome.PARKED, 0) + outcomes.get(Outcome.HELD, 0)
        return Ending.CLOSED_WITH_LEFTOVERS if stopped or self.left_count else Ending.CLOSED

    async def _end(self, ending: Ending, why: str) -> None:
        """Put the ending on record and tell finance; a run that was turned away never began and leaves no record."""
        if self.opened is not None:
            self.enter(Stage.CLOSE, "put the run on record")
            await self.with_help(lambda: self._put_on_record(ending, why))
            self.send(Role.FINANCE, "closed", run_letters.run_closed(self.story(), self.report, ending, why))
        elif self.order.requested_by == RUNBOOK:
            self.send(Role.FINANCE, "not-accepted", run_letters.run_closed(self.story(), None, ending, why))
        self.ending, self.over = ending, True
        self.note(f"ended: {ending}{f', {why}' if why else ''}")
        self.enter(Stage.CLOSED, "nothing")
        await self.letters_have_left()

    async def _put_on_record(self, ending: Ending, why: str) -> None:
        if ending in _GIVEN_UP or self.report is None:
            order = Abandonment(run_id=self.run_id, why=why)
            return await step(MonthEnds.abandon, order, allowance=BULK, summary="remove the drafts")
        return await step(MonthEnds.close, self.report, allowance=RECORD, summary="put the report on record")


def _in_words(result: ShardResult) -> str:
    counts = [
        f"{written(count)} {outcome.value.replace('_', ' ')}" for outcome, count in result.outcomes.items() if count
    ]
    return listed(counts) or "nobody"
