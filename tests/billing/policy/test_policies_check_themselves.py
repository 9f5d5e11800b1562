"""Every number of the policy that contradicts another is refused when the policy is built, never found by a case."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from billing.money import Money
from billing.policy.bundle import Policy
from billing.policy.sla import Budget, Counts
from billing.policy.standard import STANDARD
from billing.tenants import Tier
from tests.billing.world import usd

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PRO = STANDARD.sla.commitments[Tier.PRO]
ENTERPRISE_QUALITY = STANDARD.quality.thresholds[Tier.ENTERPRISE]


def changed(policy: BaseModel, **differences: Any) -> BaseModel:
    """The policy built again with other numbers, so that its checks run."""
    return type(policy).model_validate(dict(policy) | differences)


def steps(*ladder: tuple[str, str]) -> list[dict[str, str]]:
    return [{"breached_share": breached, "share_of_charge": given} for breached, given in ladder]


CONTRADICTIONS: list[tuple[BaseModel, dict[str, Any], str]] = [
    (STANDARD.credits, {"agent_limit": Money.of("50", "EUR")}, "every limit must be in USD"),
    (STANDARD.credits, {"goodwill_limit": Money.of("50", "EUR")}, "every limit must be in USD"),
    (STANDARD.credits, {"corrected_invoice_above": Money.of("10", "EUR")}, "every limit must be in USD"),
    (STANDARD.credits, {"agent_limit": usd("500")}, "limits must grow with the role"),
    (STANDARD.credits, {"agent_limit": usd("501")}, "limits must grow with the role"),
    (STANDARD.credits, {"payback": "next_invoice"}, "what was paid goes to refund or balance"),
    (STANDARD.credits, {"units_per_reference": {"EUR": Decimal(0)}}, "planning rates must be positive"),
    (STANDARD.credits, {"units_per_reference": {"XXX": Decimal(1)}}, "'XXX' is not one we bill in"),
    (STANDARD.disputes, {"normal_from": usd("500")}, "thresholds must climb"),
    (STANDARD.disputes, {"escalate_above": usd("500")}, "thresholds must climb"),
    (STANDARD.disputes, {"high_from": Money.of("500", "EUR")}, "cannot combine"),
    (STANDARD.disputes, {"pattern_tenants": 1}, "greater than or equal to 2"),
    (STANDARD.disputes, {"remind_customer_after": (7 * DAY, 3 * DAY)}, "reminders must climb and come before closing"),
    (STANDARD.disputes, {"remind_customer_after": (3 * DAY, 3 * DAY)}, "reminders must climb and come before closing"),
    (STANDARD.disputes, {"close_unanswered_after": 7 * DAY}, "reminders must climb and come before closing"),
    (STANDARD.approvals, {"remind_every": timedelta(0)}, "before escalating"),
    (STANDARD.approvals, {"escalate_after": 7 * HOUR}, "before escalating"),
    (STANDARD.approvals, {"expire_after": 24 * HOUR}, "before expiring"),
    (STANDARD.provider, {"look_up_after": ()}, "at least 1 item"),
    (STANDARD.provider, {"look_up_after": (timedelta(0),)}, "greater than 0"),
    (STANDARD.sla, {"commitments": {Tier.PRO: PRO}}, "no commitment for enterprise, free"),
    (STANDARD.sla, {"warn_at": Decimal(1)}, "less than 1"),
    (STANDARD.sla, {"warn_at": Decimal(0)}, "greater than 0"),
    (PRO, {"investigation": Budget(amount=7 * HOUR)}, "must grow from response to resolution"),
    (PRO, {"resolution": Budget(amount=71 * HOUR)}, "must grow from response to resolution"),
    (Budget(amount=HOUR), {"amount": timedelta(0)}, "greater than 0"),
    (STANDARD.usage, {"spike_factor": Decimal(1)}, "greater than 1"),
    (STANDARD.usage, {"off_hours_share": Decimal("1.01")}, "less than or equal to 1"),
    (STANDARD.usage, {"baseline_days": 0}, "greater than 0"),
    (STANDARD.usage, {"failed_authentications": 0}, "greater than 0"),
    (ENTERPRISE_QUALITY, {"p95_ms": 2_001}, "must not be above p99"),
    (ENTERPRISE_QUALITY, {"error_rate": Decimal("-0.01")}, "greater than or equal to 0"),
    (STANDARD.quality, {"thresholds": {Tier.PRO: ENTERPRISE_QUALITY}}, "no quality threshold for enterprise, free"),
    (STANDARD.quality, {"minimum_requests": 0}, "greater than 0"),
    (STANDARD.quality, {"credits": steps(("0.01", "0.10"), ("0.001", "0.25"))}, "quality credits must climb"),
    (STANDARD.quality, {"credits": steps(("0.01", "0.25"), ("0.05", "0.10"))}, "quality credits must climb"),
    (STANDARD.quality, {"credits": steps(("0.01", "0.25"), ("0.01", "0.50"))}, "quality credits must climb"),
]


@pytest.mark.parametrize(("policy", "differences", "complaint"), CONTRADICTIONS)
def test_a_policy_that_contradicts_itself_cannot_be_built(
    policy: BaseModel, differences: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValidationError, match=complaint):
        changed(policy, **differences)


@pytest.mark.parametrize("part", ["sla", "disputes", "approvals", "provider", "credits", "usage", "quality"])
def test_the_standard_policy_passes_its_own_checks(part: str) -> None:
    policy = getattr(STANDARD, part)

    assert changed(policy) == policy


def test_a_policy_in_force_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        STANDARD.credits.agent_limit = usd("5000")  # type: ignore[misc]


def test_a_case_reads_back_the_policy_it_was_opened_with() -> None:
    kept = STANDARD.model_dump_json()

    assert Policy.model_validate_json(kept) == STANDARD


def test_the_acknowledgement_takes_the_tighter_of_its_two_limits() -> None:
    first_responses = {tier: STANDARD.sla.budgets(tier)["initial response"].amount for tier in Tier}

    assert first_responses == {Tier.ENTERPRISE: 4 * HOUR, Tier.PRO: 4 * HOUR, Tier.FREE: 4 * HOUR}


@pytest.mark.parametrize(
    ("tier", "investigation", "resolution"),
    [
        (Tier.ENTERPRISE, Budget(amount=48 * HOUR), Budget(amount=72 * HOUR)),
        (Tier.PRO, Budget(amount=72 * HOUR), Budget(amount=5 * DAY, counts=Counts.BUSINESS_DAYS)),
        (Tier.FREE, Budget(amount=7 * DAY), Budget(amount=14 * DAY)),
    ],
)
def test_each_tier_has_the_commitments_of_the_runbook(tier: Tier, investigation: Budget, resolution: Budget) -> None:
    budgets = STANDARD.sla.budgets(tier)

    assert (budgets["investigation"], budgets["resolution"]) == (investigation, resolution)
    assert (budgets["triage"].amount, budgets["data collection"].amount, budgets["root cause"].amount) == (
        24 * HOUR,
        48 * HOUR,
        72 * HOUR,
    )
