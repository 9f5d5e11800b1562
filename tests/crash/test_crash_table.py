"""A worker that dies at any moment of any step leaves exactly one of each effect behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any, cast

import pytest
from temporalio.activity import _Definition

from activities.binding import Ports, activities
from activities.correction_letters import CorrectionLetters
from activities.documents import Documents
from activities.invoice_correction import InvoiceCorrections
from activities.invoice_push import InvoicePushing
from activities.month_end import MonthEnds
from activities.reconciliation import Reconciliations
from activities.usage import UsageChecks
from tests.crash.company import Ground
from tests.crash.plan import EVERY_KILL, ISSUE_CREDIT, STEPS, Moment
from tests.crash.recovery_plan import RECOVERY
from tests.crash.runs import side_by_side
from tests.crash.table import as_markdown

pytestmark = [pytest.mark.crash, pytest.mark.timeout(1_800)]

# The short form: the credit at every moment, every other step at one of them, in turn.
TURNS = (Moment.UNREAD, Moment.RETURNED, Moment.READ, Moment.BEFORE)
SHORT = tuple(
    kill
    for kill in EVERY_KILL
    if kill.step is ISSUE_CREDIT or kill.moment is TURNS[STEPS.index(kill.step) % len(TURNS)]
)

# Month ends have a chaos of their own; the daily checks begin again where they were; corrections die between any two calls
# in tests/adapters/postgres/test_correction_crashes.py. What recovers debts has a table of its own beside this one.
ELSEWHERE = (
    MonthEnds, Documents, InvoicePushing, Reconciliations, UsageChecks, InvoiceCorrections, CorrectionLetters, *RECOVERY
)  # fmt: skip


async def test_a_killed_worker_leaves_exactly_one_of_each_effect(
    ground: Ground, long_form: bool, publish: Callable[[str, str], None]
) -> None:
    kills = EVERY_KILL if long_form else SHORT

    reports = await side_by_side(ground, kills)

    publish("every kill", as_markdown(reports))
    failed = [str(report) for report in reports if not report.passed]
    assert not failed, "\n\n".join(failed)


def test_every_activity_of_the_dispute_is_killed() -> None:
    nothing = Ports(**{field.name: cast(Any, None) for field in fields(Ports)})

    by_lane = activities(nothing)
    of_disputes = {
        _Definition.must_from_callable(offer).name
        for lane in by_lane.values()
        for offer in lane
        if not isinstance(getattr(offer, "__self__", None), ELSEWHERE)
    }

    assert of_disputes - {"write_notice"} == {step.activity for step in STEPS}
