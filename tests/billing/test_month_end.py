"""The words of a run: how far it is, what its ranges add up to, and the numbers that it obeys."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from billing.authority import MAY_RUN_MONTH_END, Role
from billing.holds import MAY_HOLD, HeldEffect, Hold, HoldOrder, objection_to
from billing.month_end import LeftBehind, LeftDocument, Outcome, Progress, RunOrder, ShardResult, Stage, workflow_id
from billing.policy.month_end import MonthEndPolicy
from billing.policy.standard import MONTH_END

BEGAN = datetime(2026, 11, 1, 6, tzinfo=UTC)


def progress(done: int, total: int, seconds: float) -> Progress:
    return Progress(stage=Stage.RATE, done=done, total=total, began_at=BEGAN, at=BEGAN + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("done", "total", "seconds", "words"),
    [
        (0, 10_000, 0, "rate: 0 % (0 of 10,000, 0 a second)"),
        (4_500, 10_000, 3.6, "rate: 45 % (4,500 of 10,000, 1,250.0 a second)"),
        (9_999, 10_000, 10, "rate: 99 % (9,999 of 10,000, 999.9 a second)"),
        (10_000, 10_000, 10, "rate: 100 % (10,000 of 10,000, 1,000.0 a second)"),
        (12, 10, 1, "rate: 100 % (12 of 10, 12.0 a second)"),
        (0, 0, 5, "rate: 100 % (0 of 0, 0.0 a second)"),
    ],
)
def test_progress_reads_as_a_sentence(done: int, total: int, seconds: float, words: str) -> None:
    assert progress(done, total, seconds).in_words() == words


def test_ranges_add_up() -> None:
    one = ShardResult(outcomes={Outcome.RATED: 2, Outcome.PARKED: 1}, lines=9)

    both = one + ShardResult(outcomes={Outcome.RATED: 3, Outcome.HELD: 1}, lines=4)

    assert both.outcomes == {Outcome.RATED: 5, Outcome.PARKED: 1, Outcome.HELD: 1}
    assert (both.tenants, both.lines) == (7, 13)


def test_what_is_left_is_counted_wholly_and_listed_in_part() -> None:
    documents = tuple(LeftDocument(tenant_id=f"t-{n}", number=str(n), why="refused") for n in range(5))

    left = LeftBehind().and_also(documents[:2], listed_at_most=3).and_also(documents[2:], listed_at_most=3)

    assert left.count == 5
    assert [one.tenant_id for one in left.first] == ["t-0", "t-1", "t-2"]


def test_a_dry_run_has_a_name_beside_the_real_one() -> None:
    assert workflow_id("2026-10", dry_run=False) == "month-end/2026-10"
    assert workflow_id("2026-10", dry_run=True) == "month-end/2026-10/dry-run"


@pytest.mark.parametrize("period", ["2026-13", "october", "2026-1", "", "2026-10 ", "0000-10"])
def test_a_period_that_is_no_month_is_refused(period: str) -> None:
    with pytest.raises(ValidationError, match="write it as yyyy-mm"):
        RunOrder(period=period, requested_by="finance-1")


@pytest.mark.parametrize("role", list(Role))
def test_who_may_hold_and_who_may_not(role: Role) -> None:
    objection = objection_to("someone", role)

    assert (objection is None) == (role in MAY_HOLD)
    assert objection_to("someone", None) is not None
    assert role not in (Role.AGENT, Role.ACCOUNT_MANAGER) or role not in MAY_RUN_MONTH_END


def test_a_hold_covers_a_tenant_or_a_meter_and_says_whom() -> None:
    with pytest.raises(ValidationError, match="a tenant or a meter, not both"):
        HoldOrder(effect=HeldEffect.INVOICING, tenant_id="acme", meter="api_calls", reason="why", by="lead-1")

    held = [
        Hold(
            hold_id="h",
            effect=HeldEffect.INVOICING,
            reason="counts twice",
            placed_by="lead-1",
            placed_at=BEGAN,
            **cover,
        )
        for cover in ({}, {"tenant_id": "acme"}, {"meter": "api_calls"})
    ]

    assert [one.for_everybody for one in held] == [True, False, False]
    assert held[1].in_words() == "invoicing is held for tenant acme by lead-1 since 01 Nov 06:00 UTC: counts twice"


@pytest.mark.parametrize(
    "change",
    [
        {"shard_size": 0},
        {"shards_before_a_new_run": 0},
        {"spike_factor": 0},
        {"total_moves_at_most": -1},
        {"zone": "Mars/Olympus"},
        {"look_at_holds_every": timedelta(0)},
        {"push_again_after": [timedelta(seconds=-1)]},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        MonthEndPolicy.model_validate(MONTH_END.model_dump() | change)


def test_speed_divides_waits_and_leaves_bounds_and_times_of_day() -> None:
    faster = MONTH_END.accelerated(60)

    assert faster.look_at_holds_every == MONTH_END.look_at_holds_every / 60
    assert faster.push_again_after == tuple(wait / 60 for wait in MONTH_END.push_again_after)
    assert faster.approvals.expire_after == MONTH_END.approvals.expire_after / 60
    assert (faster.starts_at, faster.shard_size, faster.spike_factor) == (time(6), 1_000, 3)
    assert MONTH_END.accelerated(1) == MONTH_END
    with pytest.raises(ValueError, match="speed 0 must be 1 or more"):
        MONTH_END.accelerated(0)
