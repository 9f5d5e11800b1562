"""A change of the runbook is deployed while cases of the version before sleep."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine

from billing.recovery import Ending
from tests.fixtures.temporal import CaseClock
from tests.histories.changed import GuardedDelinquency, UnguardedDelinquency
from tests.histories.test_replay import replayer
from tests.workflows.recovering import CaseInHand, RecoveringDesk, a_recovering_desk, redeployed

LOOKED_UP = [f"the customer was looked up before the case is {moment}" for moment in ("opened", "closed")]


async def _ends_paid(desk: RecoveringDesk, case: CaseInHand) -> list[str]:
    """What the change added to the story of a case until the customer has paid."""
    desk.bank.is_paid_elsewhere(f"inv-{case.tenant_id}")
    await case.hears()
    assert Ending(await case.handle.result()) is Ending.RECOVERED  # no history to be kept: no release has it
    return [line.text for line in (await case.story()).timeline if line.text in LOOKED_UP]


async def test_a_sleeping_case_finishes_as_it_began_and_a_new_one_takes_the_change(
    engine: Engine, case_clock: CaseClock, tmp_path: Path
) -> None:
    async with a_recovering_desk(engine, case_clock, tmp_path) as desk:
        desk.owes()
        begun_before = await desk.takes_up()
        await begun_before.days(8)
    asleep = await begun_before.handle.fetch_history()

    async with redeployed(desk, GuardedDelinquency):
        await begun_before.days(3)
        went_on_to = begun_before.service
        of_the_old = await _ends_paid(desk, begun_before)
        desk.at = None  # another customer, with a clock of its own
        desk.owes()
        of_the_new = await _ends_paid(desk, await desk.takes_up())

    assert went_on_to == "new_requests_blocked"
    assert (of_the_old, of_the_new) == ([], LOOKED_UP)
    unguarded = await replayer(UnguardedDelinquency).replay_workflow(asleep, raise_on_replay_failure=False)
    assert unguarded.replay_failure is not None
