"""Usage against its cap, in every cell: what is limited at which share, who is told, and when it is over."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from billing.access import Cause, LiftOrder, Limit, Restriction, RestrictionOrder
from billing.overage import (
    AlertKind,
    CapOrder,
    CappedMeter,
    RunningUsage,
    SpikingDay,
    UsageAlert,
    alert_of_lift,
    alerts_of,
    alerts_of_limit,
    change_of,
    covered_by_another,
    limit_on,
    no_longer_capped,
    spikes_of,
)
from billing.overage_letters import review, steps_of, to_customer
from billing.policy.limits import AccessPolicy, LimitsPolicy, LimitStep, SpikePolicy
from billing.policy.standard import LIMITS
from billing.tenants import Tier

PERIOD, ENDS = date(2026, 11, 1), datetime(2026, 12, 1, tzinfo=UTC)
CAP = Decimal(10_000)
LEAST = Decimal("0.000001")
NONE, HALF, BLOCKED = None, (Restriction.RATE_LIMITED, Decimal("0.5")), (Restriction.NEW_REQUESTS_BLOCKED, Decimal(0))


def usage(used: Decimal | int | str = 0, tier: Tier = Tier.PRO, **meters: Decimal | int) -> RunningUsage:
    """A tenant that used so much of 10,000 `api_calls`, and of other meters with the same cap."""
    every = {"api_calls": Decimal(used)} | {name: Decimal(one) for name, one in meters.items()}
    return RunningUsage(
        tenant_id="acme",
        tier=tier,
        period=PERIOD,
        ends_at=ENDS,
        meters=tuple(CappedMeter(meter=name, used=one, cap=CAP) for name, one in every.items()),
    )


def in_force(step: tuple[Restriction, Decimal], reason: str = "", period: date = PERIOD) -> Limit:
    return Limit(
        cause=Cause.OVERAGE,
        restriction=step[0],
        rate_share=step[1],
        reason=reason,
        since=ENDS - timedelta(days=9),
        case_id=f"usage-limits/acme/{period}",
        by="runbook",
    )


# I7, at each threshold exactly, a millionth of a unit below and above it.
TABLE = [
    *[(Tier.PRO, used, NONE) for used in (0, 9_999, CAP, 12_000 - LEAST)],
    *[(Tier.PRO, used, HALF) for used in (12_000, 12_000 + LEAST, 15_000 - LEAST)],
    *[(Tier.PRO, used, BLOCKED) for used in (15_000, 15_000 + LEAST, 10**17)],
    *[(Tier.FREE, used, NONE) for used in (0, CAP - LEAST)],
    *[(Tier.FREE, used, BLOCKED) for used in (CAP, CAP + LEAST, 12_000, 15_000)],
    *[(Tier.ENTERPRISE, used, NONE) for used in (0, CAP, 12_000, 15_000, 10**17)],
]


@pytest.mark.parametrize(("tier", "used", "left"), TABLE)
def test_service_is_limited_at_the_threshold_exactly(
    tier: Tier, used: Decimal | int, left: tuple[Restriction, Decimal] | None
) -> None:
    due = limit_on(usage(used, tier), LIMITS)

    assert (due and (due[0].restriction, due[0].rate_share)) == left


@given(st.integers(1, 10**12), st.integers(1, 10**9))
def test_thresholds_hold_for_every_cap_to_the_last_millionth(cap_micro: int, below_micro: int) -> None:
    cap = Decimal(cap_micro).scaleb(-6)
    at, below = cap * Decimal("1.5"), cap * Decimal("1.5") - Decimal(below_micro).scaleb(-7)

    reached, not_yet = (CappedMeter(meter="m", used=used, cap=cap).reaches(Decimal("1.5")) for used in (at, below))

    assert (reached, not_yet) == (True, False)


def test_the_strictest_meter_limits_and_is_named_with_its_threshold_and_not_with_the_usage_of_the_minute() -> None:
    due = limit_on(usage(12_345, tokens=15_678, gpu=19_999, storage=2), LIMITS)

    assert due is not None
    assert due[0].restriction is Restriction.NEW_REQUESTS_BLOCKED
    assert (
        due[1]
        == "gpu reached 150 % of 10,000 and tokens reached 150 % of 10,000 in the period that began on 2026-11-01"
    )


def test_a_meter_under_a_hold_limits_nothing() -> None:
    assert limit_on(usage(20_000, tokens=20_000), LIMITS, exempt={"tokens", "api_calls"}) is None
    due = limit_on(usage(20_000, tokens=20_000), LIMITS, exempt={"tokens"})
    assert due is not None
    assert due[1].startswith("api_calls reached")


WHY = "api_calls reached 120 % of 10,000 in the period that began on 2026-11-01"


@pytest.mark.parametrize(
    ("used", "before", "ordered"),
    [
        (0, None, None),
        (11_999, None, None),
        (12_000, None, "restrict rate_limited-7"),
        (12_000, in_force(HALF, WHY), None),
        (14_999, in_force(HALF, WHY), None),
        (15_000, in_force(HALF, WHY), "restrict new_requests_blocked-7"),
        (12_000, in_force(BLOCKED, "more was used before"), "restrict rate_limited-7"),
        (12_000, in_force(HALF, "tokens reached 120 % of 5"), "restrict rate_limited-7"),
        (11_999, in_force(HALF, WHY), "lift lifted-7"),
        (0, in_force(BLOCKED, period=date(2026, 10, 1)), "lift lifted-7"),
    ],
)
def test_only_what_changes_is_ordered(used: int, before: Limit | None, ordered: str | None) -> None:
    order = change_of(usage(used), before, 7, LIMITS)

    match order:
        case RestrictionOrder():
            assert f"restrict {order.step}" == ordered
            assert (order.case_id, order.cause) == ("usage-limits/acme/2026-11-01", Cause.OVERAGE)
        case LiftOrder():
            assert f"lift {order.step}" == ordered
        case None:
            assert ordered is None


def test_whoever_moves_to_a_plan_without_caps_is_released() -> None:
    order = no_longer_capped("acme", in_force(BLOCKED), 3)

    assert (order.reason, order.op_key) == (
        "nothing is capped any more",
        "usage-limits/acme/2026-11-01/access/lifted-3",
    )


@pytest.mark.parametrize(
    ("tier", "used", "marks"),
    [
        (Tier.PRO, 8_000 - LEAST, []),
        (Tier.PRO, 8_000, ["80%"]),
        (Tier.PRO, 9_000, ["80%", "90%"]),
        (Tier.PRO, 10_000 - LEAST, ["80%", "90%"]),
        (Tier.PRO, 10_000, ["80%", "90%", "100%"]),
        (Tier.PRO, 99_000, ["80%", "90%", "100%"]),
        (Tier.FREE, 10_000, ["80%", "90%", "100%"]),
        (Tier.ENTERPRISE, 9_999, ["80%", "90%"]),
        (Tier.ENTERPRISE, 10_000, ["80%", "90%", "100%", "review 100%"]),
    ],
)
def test_alerts_are_due_at_80_90_and_100_percent_and_a_review_for_enterprise(
    tier: Tier, used: Decimal | int, marks: list[str]
) -> None:
    alerts = alerts_of(usage(used, tier), LIMITS)

    told = [f"review {alert.mark}" if alert.kind is AlertKind.REVIEW else alert.mark for alert in alerts]
    assert told == marks


def test_a_limit_that_took_effect_is_told_for_the_meters_that_reached_it() -> None:
    alerts = alerts_of_limit(usage(12_000, tokens=15_000, gpu=17_000), LIMITS)

    assert [(alert.meter, alert.mark) for alert in alerts] == [("tokens", "150%"), ("gpu", "150%")]
    assert alerts_of_limit(usage(11_000), LIMITS) == []


def test_of_thresholds_reached_at_once_only_the_highest_of_a_meter_is_written_about() -> None:
    alerts = alerts_of(usage(9_500, tokens=10_000), LIMITS)

    covered = covered_by_another(alerts)

    assert [alert.name for alert in alerts if alert not in covered] == [
        "threshold/api_calls/90%",
        "threshold/tokens/100%",
    ]


@pytest.mark.parametrize(
    ("used", "before", "used_days", "spikes"),
    [
        ("500", 2_800, 28, True),
        ("499.999999", 2_800, 28, False),
        ("500", 2_800, 7, True),
        ("500", 2_800, 6, False),
        ("0", 0, 28, False),
        ("1", 0, 28, False),
    ],
)
def test_a_day_is_a_spike_from_five_times_the_usual_day_of_28_days_on(
    used: str, before: int, used_days: int, spikes: bool
) -> None:
    day = SpikingDay(
        tenant_id="acme",
        tier=Tier.PRO,
        meter="api_calls",
        day=date(2026, 11, 20),
        used=Decimal(used),
        before=Decimal(before),
        used_days=used_days,
    )

    alerts = spikes_of([day], LIMITS.spikes)

    assert [alert.name for alert in alerts] == (["spike/api_calls/spike"] if spikes else [])
    assert all((alert.period, alert.cap) == (day.day, Decimal(100)) for alert in alerts)


def test_each_alert_has_its_letter() -> None:
    (reached, *_) = alerts_of(usage(12_000, Tier.PRO), LIMITS)
    enterprise = alerts_of(usage(10_000, Tier.ENTERPRISE), LIMITS)[-1]
    (spike,) = spikes_of(
        [
            SpikingDay(
                tenant_id="a", tier=Tier.PRO, meter="m", day=PERIOD, used=Decimal(9), before=Decimal(28), used_days=9
            )
        ],
        LIMITS.spikes,
    )
    new_period = alert_of_lift("acme", in_force(HALF, period=date(2026, 10, 1)), PERIOD, 4)
    upgraded = alert_of_lift("acme", in_force(HALF), PERIOD, 4)
    uncapped = alert_of_lift("acme", in_force(HALF), None, 4)

    assert to_customer(reached, LIMITS).template == "overage_alert"
    assert to_customer(spike, LIMITS).template == "usage_spike"
    assert [getattr(to_customer(one, LIMITS), "why", "") for one in (new_period, upgraded, uncapped)] == [
        "a new billing period has begun",
        "your new plan includes more",
        "your new plan includes more",
    ]
    assert review(enterprise).template == "overage_review"
    with pytest.raises(ValueError, match="no letter to a customer"):
        to_customer(enterprise, LIMITS)


def test_letters_name_the_steps_of_the_tier() -> None:
    steps = {tier: [(step.percent, step.then.value) for step in steps_of(tier, LIMITS)] for tier in Tier}

    assert steps == {
        Tier.ENTERPRISE: [(100, "reviewed")],
        Tier.PRO: [(120, "throttled"), (150, "blocked")],
        Tier.FREE: [(100, "blocked")],
    }


def test_facts_of_an_alert_survive_being_kept() -> None:
    for alert in alerts_of(usage("10412.123456", Tier.ENTERPRISE), LIMITS):
        assert UsageAlert.model_validate_json(alert.model_dump_json()) == alert


def changed(**changes: Any) -> LimitsPolicy:
    return LimitsPolicy.model_validate(LIMITS.model_dump() | changes)


SLOW = LimitStep(at=Decimal("1.2"), restriction=Restriction.RATE_LIMITED, rate_share=Decimal("0.5"))
STOP = LimitStep(at=Decimal("1.5"), restriction=Restriction.NEW_REQUESTS_BLOCKED, rate_share=Decimal(0))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"alerts_at": ("0.9", "0.8")}, "alerts_at must climb"),
        ({"alerts_at": ()}, "at least 1"),
        ({"alerts_at": ("0.805",)}, "decimal places"),
        ({"steps": {Tier.PRO: (SLOW,), Tier.FREE: (STOP,)}}, "enterprise"),
        ({"steps": LIMITS.steps | {Tier.PRO: ()}}, "limited by steps or reviewed"),
        ({"reviewed_at": {Tier.ENTERPRISE: 1, Tier.PRO: 1}}, "limited by steps or reviewed"),
        ({"steps": LIMITS.steps | {Tier.PRO: (STOP, SLOW)}}, "must climb"),
        ({"steps": LIMITS.steps | {Tier.PRO: (SLOW, SLOW.model_copy(update={"at": Decimal(2)}))}}, "must climb"),
    ],
)
def test_a_policy_that_contradicts_itself_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        changed(**changes)


@pytest.mark.parametrize(
    ("restriction", "share"), [("none", 1), ("rate_limited", 0), ("rate_limited", 1), ("suspended", "0.5")]
)
def test_a_step_limits_something_and_only_a_rate_limit_has_a_share(restriction: str, share: Any) -> None:
    with pytest.raises(ValidationError):
        LimitStep(at=Decimal(1), restriction=Restriction(restriction), rate_share=share)


def test_spans_and_days_of_the_policies_fit_together() -> None:
    second = timedelta(seconds=1)

    with pytest.raises(ValidationError, match="do not fit"):
        SpikePolicy(baseline_days=28, factor=Decimal(5), used_days=29)
    with pytest.raises(ValidationError, match="longer than fresh"):
        AccessPolicy(fresh_for=second, asked_within=second, repeated_for=second)
    with pytest.raises(ValidationError, match="asked_within"):
        AccessPolicy(fresh_for=second, asked_within=timedelta(0), repeated_for=2 * second)


@pytest.mark.parametrize(
    ("cap", "as_contracted", "words"),
    [
        ("20000", False, "api_calls is capped at 20,000"),
        (None, False, "api_calls has no cap"),
        (None, True, "api_calls is capped at what the contract includes"),
    ],
)
def test_a_cap_is_said_in_words(cap: str | None, as_contracted: bool, words: str) -> None:
    order = CapOrder.model_validate(
        {"tenant_id": "acme", "meter": "api_calls", "cap": cap, "as_contracted": as_contracted}
        | {"reason": "agreed", "by": "lead-1"}
    )

    assert order.in_words() == words


@pytest.mark.parametrize("cap", ["0", "-1", "0.0000001", "NaN", "many"])
def test_a_cap_is_more_than_nothing(cap: str) -> None:
    with pytest.raises(ValidationError, match="cap"):
        CapOrder.model_validate({"tenant_id": "acme", "meter": "m", "cap": cap, "reason": "x", "by": "lead-1"})
