from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing.analysis.service_quality import findings
from billing.evidence import QualityWindow, UsageFacts
from billing.findings import Finding
from billing.periods import Span
from billing.policy.standard import STANDARD
from billing.tenants import Tier
from tests.billing.world import METER, OCTOBER, facts

THIRD = datetime(2026, 10, 3, tzinfo=UTC)


def hour(start: int, **differences: Any) -> QualityWindow:
    """An hour of good service for the pro tier, `start` hours into the third of October."""
    begins = THIRD + timedelta(hours=start)
    good = {
        "span": Span(start=begins, end=begins + timedelta(hours=1)),
        "requests": 1000,
        "errors": 0,
        "p50_ms": 100,
        "p95_ms": 400,
        "p99_ms": 900,
    }
    return QualityWindow.model_validate(good | differences)


def pro(*hours: QualityWindow, overall: QualityWindow | None = None) -> list[Finding]:
    measured: UsageFacts = facts(quality=hours, quality_overall=overall)
    return findings(measured, [METER], Tier.PRO, STANDARD.quality)


@pytest.mark.parametrize(
    ("kept", "broken"),
    [
        ({"errors": 10}, {"errors": 11}),
        ({"p95_ms": 1_500}, {"p95_ms": 1_501}),
        ({"p99_ms": 4_000}, {"p99_ms": 4_001}),
        ({"requests": 0}, {"requests": 0, "outage": True}),
    ],
)
def test_a_promise_is_broken_only_beyond_its_threshold(kept: dict[str, Any], broken: dict[str, Any]) -> None:
    within, beyond = pro(hour(0, **kept), hour(1)), pro(hour(0, **broken), hour(1))

    assert within == []
    assert [finding.share_of_charge for finding in beyond] == [Decimal("0.10")]


@pytest.mark.parametrize(
    ("tier", "errors", "breached"),
    [
        (Tier.ENTERPRISE, 5, False),
        (Tier.ENTERPRISE, 6, True),
        (Tier.PRO, 10, False),
        (Tier.PRO, 11, True),
        (Tier.FREE, 50, False),
        (Tier.FREE, 51, True),
    ],
)
def test_each_tier_has_its_own_promise(tier: Tier, errors: int, breached: bool) -> None:
    found = findings(facts(quality=[hour(0, errors=errors)]), [METER], tier, STANDARD.quality)

    assert bool(found) is breached


@pytest.mark.parametrize(
    ("hours", "share"), [(1, "0.10"), (7, "0.10"), (8, "0.25"), (37, "0.25"), (38, "0.50"), (744, "0.50")]
)
def test_the_longer_the_breach_the_larger_the_part_given_back(hours: int, share: str) -> None:
    first = OCTOBER.start - THIRD
    broken = [hour(int(first / timedelta(hours=1)) + number, outage=True) for number in range(hours)]

    found = pro(*broken)

    assert [finding.share_of_charge for finding in found] == [Decimal(share)]


def test_a_step_of_the_ladder_begins_exactly_at_its_share() -> None:
    hundred_hours = Span(start=THIRD, end=THIRD + timedelta(hours=100))
    measured = facts(period=hundred_hours, quality=[hour(0, outage=True)])

    found = findings(measured, [METER], Tier.PRO, STANDARD.quality)

    assert [finding.share_of_charge for finding in found] == [Decimal("0.25")]


def test_a_breach_too_short_for_the_ladder_is_told_without_a_credit() -> None:
    year = Span(start=OCTOBER.start, end=OCTOBER.start + timedelta(days=365))
    measured = facts(period=year, quality=[hour(0, outage=True)])

    found = findings(measured, [METER], Tier.PRO, STANDARD.quality)

    assert [(finding.share_of_charge, finding.conclusive) for finding in found] == [(Decimal(0), True)]
    assert found[0].statement.endswith("This is too short for a credit.")


def test_neighbouring_hours_are_told_as_one_window_with_the_figures_of_the_period() -> None:
    overall = hour(0, requests=200_000, errors=1_200, p95_ms=700, p99_ms=1_800)

    found = pro(
        hour(15, errors=200), hour(14, outage=True, requests=0), hour(40, p95_ms=2_000), hour(9), overall=overall
    )

    assert [finding.statement for finding in found] == [
        "The service behind api_calls fell short of what the pro tier is promised in 3 of the period's 744 hours (0.4 %): "
        "3 October 2026, 14:00 to 16:00 UTC (outage and more than 1 % errors) and "
        "4 October 2026, 16:00 to 17:00 UTC (p95 above 1,500 ms). "
        "Over the whole period 0.6 % of 200,000 requests failed; 50 % were answered within 100 ms, 95 % within 700 ms and "
        "99 % within 1,800 ms. 10 % of its charge is given back."
    ]


def test_an_hour_with_hardly_any_requests_proves_nothing() -> None:
    few = STANDARD.quality.minimum_requests - 1

    too_few = pro(hour(0, requests=few, errors=few), hour(1))
    just_enough = pro(hour(0, requests=few + 1, errors=few), hour(1))

    assert too_few == []
    assert len(just_enough) == 1


@pytest.mark.parametrize("measured", [[], [hour(0, requests=3, errors=3)]])
def test_without_enough_requests_in_any_hour_a_person_must_judge(measured: list[QualityWindow]) -> None:
    found = pro(*measured)

    assert [(finding.conclusive, finding.share_of_charge) for finding in found] == [(False, Decimal(0))]


def test_every_disputed_meter_gets_its_part_back() -> None:
    found = findings(facts(quality=[hour(0, outage=True)]), ["api_calls", "storage_gb"], Tier.PRO, STANDARD.quality)

    assert [(finding.meter, finding.share_of_charge) for finding in found] == [
        ("api_calls", Decimal("0.10")),
        ("storage_gb", Decimal("0.10")),
    ]


def test_many_windows_are_counted_after_the_fifth() -> None:
    found = pro(*(hour(2 * number, outage=True) for number in range(7)))

    assert "3 October 2026, 08:00 to 09:00 UTC (outage) and 2 more." in found[0].statement
