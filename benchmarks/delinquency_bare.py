"""Workflows that do as much as a recovery and decide nothing: the floor under the runbook."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.workflow import ParentClosePolicy

# A server at its limits answers late: an attempt that was given up would be work that nobody counts.
_ALLOWED = timedelta(minutes=1)


@activity.defn
def nothing(words: str) -> str:
    """What the bare workflows do."""
    return words


@dataclass(frozen=True)
class Work:
    """How much one workflow does: events of its history by what it asked for. `child` is what its child does."""

    activities: int = 0
    noted: int = 0
    timers: int = 0
    signals: int = 0
    child: Work | None = None


@workflow.defn(name="bare-recovery")
class BareRecovery:
    """As many activities, timers and signals as a case, one after the other, with a child that tells it as often."""

    def __init__(self) -> None:
        self.told = 0

    @workflow.run
    async def run(self, work: Work) -> None:
        if work.child:
            await workflow.start_child_workflow(
                BareRetries.run,
                args=[work.child, work.signals],
                id=f"{workflow.info().workflow_id}/child",
                parent_close_policy=ParentClosePolicy.ABANDON,
            )
        await _do(work)
        await workflow.wait_condition(lambda: self.told >= work.signals)

    @workflow.signal
    def tell(self) -> None:
        self.told += 1


@workflow.defn(name="bare-retries")
class BareRetries:
    """The child."""

    @workflow.run
    async def run(self, work: Work, signals: int) -> None:
        parent = workflow.info().parent
        assert parent is not None
        handle = workflow.get_external_workflow_handle(parent.workflow_id)
        await _do(work)
        for _ in range(signals):
            await handle.signal("tell")


@workflow.defn(name="bare-sleeper", sandboxed=False)
class BareSleeper:
    """Sleeps, and when it is told something does as many local activities as a case that looks, then sleeps again."""

    def __init__(self) -> None:
        self.woken = False

    @workflow.run
    async def run(self, noted: int) -> None:
        while True:
            try:
                await workflow.wait_condition(lambda: self.woken, timeout=timedelta(days=1))
            except TimeoutError:
                continue
            self.woken = False
            for _ in range(noted):
                await workflow.execute_local_activity(nothing, "x", start_to_close_timeout=_ALLOWED)

    @workflow.signal
    def holds_changed(self) -> None:
        self.woken = True


async def _do(work: Work) -> None:
    for _ in range(work.noted):
        await workflow.execute_local_activity(nothing, "x", start_to_close_timeout=_ALLOWED)
    for _ in range(work.activities):
        await workflow.execute_activity(nothing, "x", start_to_close_timeout=_ALLOWED)
    for _ in range(work.timers):
        await workflow.sleep(timedelta(milliseconds=1))
