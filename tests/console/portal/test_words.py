"""What the customer is told at each stage, from the same story that operators read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing.cases import CaseStory, ClockView, Ending, Stage, StoryLine
from billing.disputes import Category
from billing.money import Money
from console.portal.words import CATEGORIES, CONTESTED, ENDINGS, STAGES, STEPS, standing

NOW = datetime(2026, 11, 4, 9, tzinfo=UTC)
INTERNAL = "lead-1 judged: they are probably wrong"


def story(**changes: Any) -> CaseStory:
    """A running dispute with a promise for three days later."""
    promise = ClockView(name="resolution", state="running", due=NOW + timedelta(days=3), share_used=Decimal("0.1"))
    known: dict[str, Any] = {
        "case_id": "dispute/T-1",
        "tenant_id": "meridian",
        "tier": "pro",
        "category": Category.PRICING,
        "severity": "high",
        "stage": Stage.COLLECT,
        "next_step": "export the raw usage",
        "needs_human": False,
        "waiting_for_customer": False,
        "escalated": False,
        "disputed": Money(minor=48_00, currency="EUR"),
        "clocks": (promise,),
        "timeline": (StoryLine(at=NOW, text=INTERNAL),),
    }
    return CaseStory.model_validate(known | changes)


@pytest.mark.parametrize(
    ("kind", "told"), [(Stage, STAGES), (Ending, ENDINGS), (Category, CATEGORIES), (Category, CONTESTED)]
)
def test_every_stage_ending_and_category_has_words_for_the_customer(kind: Any, told: Mapping[Any, Any]) -> None:
    missing = [one for one in kind if one not in told]

    assert not missing


@pytest.mark.parametrize("stage", Stage)
def test_the_way_never_leads_back_and_ends_closed(stage: Stage) -> None:
    earlier = [STAGES[one][0] for one in list(Stage)[: list(Stage).index(stage) + 1]]

    assert earlier == sorted(earlier)
    assert STAGES[stage][0] < len(STEPS)


def test_the_promise_is_told_while_it_runs_and_stands_still_while_we_wait() -> None:
    running, waiting = standing(story()), standing(story(waiting_for_customer=True))
    closed = standing(story(stage=Stage.CLOSED, ending=Ending.CREDITED))

    assert running.due == NOW + timedelta(days=3)
    assert (waiting.due, waiting.waiting, waiting.headline) == (None, True, "We need an answer from you")
    assert (closed.due, closed.closed, closed.step) == (None, True, len(STEPS) - 1)


def test_being_late_is_admitted() -> None:
    late = ClockView(name="resolution", state="breached", due=NOW, share_used=Decimal("1.2"))

    assert standing(story(clocks=(late,))).late
    assert not standing(story(clocks=(late,), stage=Stage.CLOSED, ending=Ending.CREDITED)).late


@pytest.mark.parametrize("stage", Stage)
def test_a_dispute_can_be_withdrawn_until_its_outcome_is_carried_out(stage: Stage) -> None:
    may = standing(story(stage=stage)).may_withdraw

    assert may == (stage not in {Stage.CREDIT, Stage.NOTIFY, Stage.RECORD, Stage.CLOSED})
