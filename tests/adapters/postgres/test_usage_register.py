"""Who is told of usage: each alert once, the highest of several thresholds, and until its letter has left."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from activities.access_ports import UsageRegister
from adapters.postgres.usage_register import PostgresUsageRegister
from billing.failures import BillingFailure, FailureCode
from billing.overage import CapOrder, CappedMeter, RunningUsage, UsageAlert, alerts_of
from billing.policy.standard import LIMITS
from billing.tenants import Tier
from tests.adapters.postgres.company import Company
from tests.fakes.usage_register import FakeUsageRegister

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)


@pytest.fixture(params=["postgres", "fake"])
def register(request: pytest.FixtureRequest) -> UsageRegister:
    """The port's contract runs on both."""
    if request.param == "fake":
        return FakeUsageRegister()
    company: Company = request.getfixturevalue("company")
    return PostgresUsageRegister(company.engine)


def reached(used: int, *meters: str, month: int = 11, tier: Tier = Tier.PRO) -> list[UsageAlert]:
    """Every alert that is due at so much of 100."""
    usage = RunningUsage(
        tenant_id="acme",
        tier=tier,
        period=date(2026, month, 1),
        ends_at=datetime(2026, month + 1, 1, tzinfo=UTC),
        meters=tuple(
            CappedMeter(meter=meter, used=Decimal(used), cap=Decimal(100)) for meter in meters or ("api_calls",)
        ),
    )
    return alerts_of(usage, LIMITS)


def names(register: UsageRegister, count: int = 100) -> list[str]:
    return [f"{alert.period:%m} {alert.name}" for alert in register.untold(count)]


def test_each_threshold_is_told_once_a_period(register: UsageRegister) -> None:
    counts = [register.record(reached(used), NOON) for used in (79, 80, 85, 91, 91, 100, 130)]
    december = register.record(reached(80, month=10), LATER)

    assert (counts, december) == ([0, 1, 0, 1, 0, 1, 0], 1)
    assert names(register) == [
        "11 threshold/api_calls/80%",
        "11 threshold/api_calls/90%",
        "11 threshold/api_calls/100%",
        "10 threshold/api_calls/80%",
    ]


def test_thresholds_passed_at_once_are_one_letter_for_each_meter(register: UsageRegister) -> None:
    count = register.record(reached(95, "api_calls", "tokens"), NOON)

    assert count == 2
    assert sorted(names(register)) == ["11 threshold/api_calls/90%", "11 threshold/tokens/90%"]
    assert register.record(reached(95, "api_calls", "tokens"), LATER) == 0


def test_a_review_is_beside_the_letters(register: UsageRegister) -> None:
    assert register.record(reached(100, tier=Tier.ENTERPRISE), NOON) == 2
    assert sorted(names(register)) == ["11 review/api_calls/100%", "11 threshold/api_calls/100%"]


def test_an_alert_waits_until_it_is_told_and_keeps_what_was_found(register: UsageRegister) -> None:
    register.record(reached(80), NOON)
    register.record(reached(99), LATER)
    first, second = register.untold(5)

    register.told(first, LATER)
    register.told(first, LATER)

    assert register.untold(5) == (second,)
    assert (first.used, second.used, first.tier, first.ends_at) == (80, 99, Tier.PRO, datetime(2026, 12, 1, tzinfo=UTC))
    assert register.untold(0) == ()


def test_two_checks_at_once_tell_once(company: Company) -> None:
    register = PostgresUsageRegister(company.engine)

    with ThreadPoolExecutor(4) as checks:
        counts = list(checks.map(lambda _: register.record(reached(100, "a", "b", "c"), NOON), range(8)))

    assert sum(counts) == len(register.untold(100)) == 3


def test_nothing_to_record_records_nothing(register: UsageRegister) -> None:
    assert register.record([], NOON) == 0


@pytest.mark.parametrize(("tenant_id", "meter"), [("nobody", "api_calls"), ("acme", "steps")])
def test_nobody_caps_what_is_not_there(register: UsageRegister, tenant_id: str, meter: str) -> None:
    order = CapOrder(tenant_id=tenant_id, meter=meter, cap=Decimal(1), reason="agreed", by="lead-1")

    with pytest.raises(BillingFailure, match=r"there is no (tenant nobody|meter steps)") as refused:
        register.cap(order, NOON)

    assert refused.value.code is FailureCode.NOT_FOUND


def test_the_newest_cap_of_a_meter_counts(register: UsageRegister) -> None:
    for units in (1, 2, None):
        order = CapOrder(
            tenant_id="acme", meter="api_calls", cap=units and Decimal(units), reason="agreed", by="lead-1"
        )
        register.cap(order, NOON)

    assert register.caps("acme") == (order,)
    assert register.caps("bolt") == ()
