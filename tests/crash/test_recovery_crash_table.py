"""A worker that dies at any moment of any step of a recovery, a purge, a batch of events or a check leaves things done once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
from temporalio.activity import _Definition

from activities.binding import Ports, activities
from tests.crash.company import Ground
from tests.crash.recovery_plan import NEVER_ASKED_FOR, RECOVERY, STEPS, every_chain, short_chains
from tests.crash.recovery_runs import side_by_side
from tests.crash.table import as_markdown

pytestmark = [pytest.mark.crash, pytest.mark.timeout(1_800)]


async def test_workers_killed_one_after_the_other_leave_one_of_each_effect(
    ground: Ground, long_form: bool, publish: Callable[[str, str], None]
) -> None:
    chains = every_chain() if long_form else short_chains()

    reports = await side_by_side(ground, chains)

    publish("every kill of a recovery", as_markdown(reports))
    failed = {f"{'; '.join(one.flaws)}\n{one.last_words}": one.kill for one in reports if not one.passed}
    assert not failed, "\n\n".join(f"{kill.step.tale}, {kill}: {flaws}" for flaws, kill in failed.items())


def test_every_activity_of_recovery_is_killed() -> None:
    nothing = Ports(**{name: cast(Any, None) for name in Ports.__dataclass_fields__})

    of_recovery = {
        _Definition.must_from_callable(offer).name
        for lane in activities(nothing).values()
        for offer in lane
        if isinstance(getattr(offer, "__self__", None), RECOVERY)
    }

    assert of_recovery - NEVER_ASKED_FOR == {step.activity for step in STEPS} - {"write_notice"}
