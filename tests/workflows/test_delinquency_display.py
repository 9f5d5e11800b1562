"""What people see of a waiting recovery in the Temporal UI: its rung, what comes next and when, what is due, why it waits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from billing.arrangements import Arrangement
from billing.holds import HeldEffect
from billing.wording import dated
from tests.fixtures.temporal import CaseClock
from tests.workflows.recovering import CaseInHand, RecoveringDesk, a_recovering_desk

# The day on which a rung is looked at, what it is called in lists, and the heading of the details.
RUNGS = [
    (0.1, "retrying", "## retrying · full service"),
    (3, "grace", "## grace · full service"),
    (8, "rate_limited", "## rate limited · limited to 10 % of the usual rate (delinquency)"),
    (11, "blocked", "## blocked · new requests blocked (delinquency)"),
    (15, "suspended", "## suspended · suspended (delinquency)"),
    (106, "awaiting_deletion", "## awaiting deletion · suspended (delinquency)"),
]
SAYS = ("**Next:**", "**Net due:**", "- waits:", "- agreed:")


@pytest.fixture
async def desk(engine: Engine, case_clock: CaseClock, tmp_path: Path) -> AsyncIterator[RecoveringDesk]:
    async with a_recovering_desk(engine, case_clock, tmp_path) as opened:
        yield opened


async def says(case: CaseInHand) -> list[str]:
    """The lines of the details that say what comes next, what is due, why it waits and what is agreed."""
    return [line for line in (await case.details()).splitlines() if line.startswith(SAYS)]


def following(step: str, at: datetime | None) -> str:
    return f"**Next:** {step}, {at:%a %d %b %H:%M} UTC" if at else f"**Next:** {step}"


async def test_every_rung_is_shown_with_what_comes_next_and_when_and_what_is_due(desk: RecoveringDesk) -> None:
    desk.owes()
    case = await desk.takes_up()
    began = await case.clock.now(case.handle)
    plain = {"Runbook": "delinquency", "Tenant": desk.tenant_id, "Tier": "pro", "NeedsHuman": False}

    for day, stage, heading in RUNGS:
        await case.clock.advance_to(case.handle, began + timedelta(days=day))
        story, labels = await case.story(), await case.labels()
        ahead = {"NextActionAt": story.next_at} if story.next_at else {}

        assert (await case.details()).splitlines()[0] == heading
        assert await says(case) == [following(story.next_step, story.next_at), "**Net due:** USD 310.00"]
        assert labels == plain | ahead | {"Stage": stage}
    assert story.next_at is None


async def test_why_it_waits_is_shown_under_a_hold_and_in_a_dispute(desk: RecoveringDesk) -> None:
    desk.owes()
    case = await desk.takes_up()
    await case.days(1)

    hold = await case.is_held(HeldEffect.CHARGING)
    held, held_labels = await says(case), await case.labels()
    await case.is_released(hold)
    await case.is_contested()
    await case.looks()
    contested, contested_labels = await says(case), await case.labels()

    due = "**Net due:** USD 310.00"
    assert held[:2] == contested[:2] == [following("look again", None), due]
    assert held[2].startswith(f"- waits: charging is held for tenant {desk.tenant_id} by lead-1")
    assert contested[2:] == [f"- waits: INV-2026-10-{desk.tenant_id} is disputed"]
    assert [labels.get("NextActionAt") for labels in (held_labels, contested_labels)] == [None, None]


async def test_a_promise_is_shown_with_the_moment_at_which_it_is_due(desk: RecoveringDesk) -> None:
    desk.owes()
    case = await desk.takes_up()
    await case.days(3)
    day = await case.day_in(5)

    await case.is_arranged(Arrangement.PROMISE, until=day)

    story, labels = await case.story(), await case.labels()
    assert await says(case) == [
        following("the promise is due", story.next_at),
        "**Net due:** USD 310.00",
        f"- agreed: paid by {dated(day)}, says the customer",
    ]
    assert (labels["Stage"], labels["NextActionAt"]) == ("grace", story.next_at)


async def test_an_open_question_is_shown_with_its_command_and_calls_for_a_person(desk: RecoveringDesk) -> None:
    desk.owes()
    case = await desk.takes_up()

    await case.is_arranged(Arrangement.EXTENSION, "agent-1", days=7)

    pending = await case.question()
    assert f"`runbooks approve {pending.approval_id}`" in await case.details()
    asked = await case.labels()
    await case.is_decided_by("lead-1")
    assert (asked["NeedsHuman"], (await case.labels())["NeedsHuman"]) == (True, False)
