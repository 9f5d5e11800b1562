from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from billing.disputes import Severity
from billing.money import Money
from billing.policy.standard import STANDARD
from billing.tenants import Tier
from billing.triage import escalation_reasons, intake_problems, severity
from tests.billing.world import METER, NOW, invoice, price, tenant, ticket, usage_line

ISSUED = invoice(usage_line(price(), "12000"))


@pytest.mark.parametrize(
    ("disputed", "ordinary", "enterprise"),
    [
        ("0.00", Severity.LOW, Severity.NORMAL),
        ("49.99", Severity.LOW, Severity.NORMAL),
        ("50.00", Severity.NORMAL, Severity.HIGH),
        ("499.99", Severity.NORMAL, Severity.HIGH),
        ("500.00", Severity.HIGH, Severity.HIGH),
        ("1000000.00", Severity.HIGH, Severity.HIGH),
    ],
)
def test_severity_follows_the_amount_and_rises_a_step_for_enterprise(
    disputed: str, ordinary: Severity, enterprise: Severity
) -> None:
    amount = Money.of(disputed, "USD")

    assert severity(amount, Tier.ENTERPRISE, False, STANDARD) is enterprise
    for tier in (Tier.PRO, Tier.FREE, None):
        assert severity(amount, tier, False, STANDARD) is ordinary


@pytest.mark.parametrize("tier", [*Tier, None])
@pytest.mark.parametrize("disputed", ["0.00", "50.00", "5000.00"])
def test_whatever_escalates_is_critical(tier: Tier | None, disputed: str) -> None:
    assert severity(Money.of(disputed, "USD"), tier, True, STANDARD) is Severity.CRITICAL


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        ("7499", "JPY", Severity.LOW),
        ("7500", "JPY", Severity.NORMAL),
        ("75000", "JPY", Severity.HIGH),
        ("44.99", "EUR", Severity.LOW),
        ("45.00", "EUR", Severity.NORMAL),
        ("450.00", "EUR", Severity.HIGH),
        ("0.01", "CHF", Severity.HIGH),
    ],
)
def test_other_currencies_are_compared_at_planning_rates_and_are_grave_without_one(
    amount: str, currency: str, expected: Severity
) -> None:
    assert severity(Money.of(amount, currency), Tier.PRO, False, STANDARD) is expected


@pytest.mark.parametrize(
    ("differences", "similar_tenants", "reasons"),
    [
        ({}, 1, []),
        ({"billed_amount": "1100.00"}, 1, []),
        ({"billed_amount": "1100.01"}, 1, ["The disputed USD 1000.01 are more than USD 1000.00."]),
        ({"security_concern": True}, 1, ["The customer suspects a breach or another security problem."]),
        ({"legal_threat": True}, 1, ["The customer threatens legal action."]),
        ({"executive_escalation": True}, 1, []),
        ({}, 2, []),
        ({}, 3, ["3 customers contested api_calls for the same reason within 30 days."]),
        ({"claimed_amount": "9000.00"}, 1, []),
    ],
)
def test_a_dispute_escalates_for_the_reasons_of_the_runbook_only(
    differences: dict[str, Any], similar_tenants: int, reasons: list[str]
) -> None:
    assert escalation_reasons(ticket(**differences), similar_tenants, STANDARD) == reasons


@pytest.mark.parametrize(
    ("billed", "currency", "escalates"), [("150100", "JPY", False), ("150101", "JPY", True), ("120", "CHF", True)]
)
def test_the_escalation_limit_holds_in_every_currency(billed: str, currency: str, escalates: bool) -> None:
    contested = ticket(claimed_amount="100", billed_amount=billed, currency=currency)

    assert bool(escalation_reasons(contested, 1, STANDARD)) is escalates


def test_several_reasons_are_all_told() -> None:
    grave = ticket(billed_amount="5000.00", security_concern=True, legal_threat=True, meters=("storage_gb", METER))

    reasons = escalation_reasons(grave, 4, STANDARD)

    assert len(reasons) == 4
    assert reasons[-1] == "4 customers contested api_calls, storage_gb for the same reason within 30 days."


def test_a_ticket_that_names_what_we_know_is_accepted() -> None:
    assert intake_problems(ticket(), tenant(), ISSUED, {METER}, NOW) == []


def test_an_unknown_tenant_is_named() -> None:
    problems = intake_problems(ticket(), None, None, {METER}, NOW)

    assert problems == ["tenant_id: acme is not a customer; send the id from the customer's invoice."]


def test_every_unknown_meter_is_named() -> None:
    contested = ticket(meters=("gpu_hours", METER, "teapots"))

    problems = intake_problems(contested, tenant(), ISSUED, {METER}, NOW)

    assert problems == [
        "meters: gpu_hours is not a meter we bill; use the meter's name as it stands on the invoice.",
        "meters: teapots is not a meter we bill; use the meter's name as it stands on the invoice.",
    ]


def test_a_claim_in_another_currency_is_sent_back() -> None:
    problems = intake_problems(ticket(currency="EUR"), tenant(), ISSUED, {METER}, NOW)

    assert problems == ["currency: EUR is not what acme is billed in; send the amounts in USD."]


def test_a_month_without_an_issued_invoice_cannot_be_disputed() -> None:
    problems = intake_problems(ticket(), tenant(), None, {METER}, NOW)

    assert problems == [
        "period: acme has no issued invoice for 2026-10; send the month of the invoice in dispute as yyyy-mm."
    ]


@pytest.mark.parametrize(
    ("zone", "closes"),
    [
        ("Europe/Berlin", "2026-10-31 23:00"),
        ("America/Los_Angeles", "2026-11-01 07:00"),
        ("Asia/Tokyo", "2026-10-31 15:00"),
    ],
)
def test_a_month_is_over_at_midnight_of_the_tenants_zone(zone: str, closes: str) -> None:
    over = datetime.fromisoformat(f"{closes}+00:00")

    early = intake_problems(ticket(), tenant(zone=zone), None, {METER}, over - timedelta(microseconds=1))
    in_time = intake_problems(ticket(), tenant(zone=zone), ISSUED, {METER}, over)

    assert early == [f"period: 2026-10 is not over before {closes} UTC; dispute it once its invoice is issued."]
    assert in_time == []


def test_a_claim_above_the_bill_contests_nothing_and_is_sent_back_with_both_amounts() -> None:
    contested = ticket(claimed_amount="120.01", billed_amount="120.00")

    problems = intake_problems(contested, tenant(), ISSUED, {METER}, NOW)

    assert problems == [
        "claimed_amount: USD 120.01 is more than the USD 120.00 that was billed, so nothing is contested; "
        "send the lower amount that is right."
    ]


@pytest.mark.parametrize("claimed", ["0", "119.99", "120.00"])
def test_a_claim_up_to_the_bill_is_accepted(claimed: str) -> None:
    contested = ticket(claimed_amount=claimed, billed_amount="120.00")

    assert intake_problems(contested, tenant(), ISSUED, {METER}, NOW) == []


def test_all_problems_are_told_at_once() -> None:
    contested = ticket(currency="EUR", meters=("teapots",), period="2026-09", claimed_amount="130.00")

    problems = intake_problems(contested, tenant(), None, {METER}, NOW)
    of_a_stranger = intake_problems(contested, None, None, {METER}, NOW)

    assert [problem.split(":")[0] for problem in problems] == ["meters", "claimed_amount", "currency", "period"]
    assert [problem.split(":")[0] for problem in of_a_stranger] == ["tenant_id", "meters", "claimed_amount"]
