"""Look every hour for events of the payment provider that never arrived, and have them worked through.

    read the provider's list ─┬─ some are new ─► found what never arrived
                              ├─ none is ──────► nothing had been missed
                              └─ it is away ───► not swept, and the next one looks as far back

The endings are `billing.provider_events.SweepEnding`. It also sees to it that `stripe-events` is at work.
"""

from contextlib import suppress

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import ActivityError, FailureError, WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

from activities.provider_events import ProviderEvents
from billing.provider_events import CASE_ID, POKE, SweepEnding, Totals
from billing.wording import counted
from workflows.blocks.case import Runbook
from workflows.blocks.schedule import nominal_time
from workflows.blocks.steps import EVENTS_SWEPT, step, words_of
from workflows.blocks.story import latest_lines
from workflows.provider_events import StripeEvents


@workflow.defn(name="stripe-events-sweep")
class StripeEventsSweep(Runbook):
    """One sweep: the schedule's own workflow id."""

    @workflow.run
    async def run(self) -> SweepEnding:
        self.labels.show(runbook="stripe-events-sweep")
        ending = await self._swept()
        await self._see_to_it()
        self.note(f"ended: {ending}")
        return ending

    async def _swept(self) -> SweepEnding:
        nominal = nominal_time()
        try:
            swept = await step(
                ProviderEvents.sweep, nominal, allowance=EVENTS_SWEPT, summary="read the provider's list of events"
            )
        except ActivityError as error:
            self.note(f"not swept: {words_of(error)}")
            return SweepEnding.NOT_SWEPT
        self.note(f"read {counted(swept.read, 'event')} since {swept.since:%d %b %H:%M} UTC, {swept.found:,} new")
        return SweepEnding.FOUND if swept.found else SweepEnding.NOTHING_MISSED

    async def _see_to_it(self) -> None:
        """Start the runbook that works through the events unless it is there, and have it look now if it is."""
        try:
            await workflow.start_child_workflow(
                StripeEvents.run,
                Totals(),
                id=CASE_ID,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                parent_close_policy=ParentClosePolicy.ABANDON,
                static_summary="events of the payment provider",
            )
        except WorkflowAlreadyStartedError:
            with suppress(FailureError):  # ended by somebody this very moment: the next sweep starts it
                await workflow.get_external_workflow_handle(CASE_ID).signal(POKE)

    def show(self) -> None:
        workflow.set_current_details(latest_lines(self.timeline.lines))
