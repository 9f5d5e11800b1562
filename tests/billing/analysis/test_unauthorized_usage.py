from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from billing.analysis.unauthorized_usage import findings
from billing.evidence import KeyUsage
from billing.findings import FindingKind
from billing.periods import Span
from billing.policy.standard import STANDARD
from tests.billing.world import METER, SOME_ROWS, facts

NIGHT = Span(start=datetime(2026, 10, 3, 2, tzinfo=UTC), end=datetime(2026, 10, 4, 4, tzinfo=UTC))


def key_usage(**differences: Any) -> KeyUsage:
    """An ordinary key on its ordinary network."""
    ordinary = {
        "api_key_id": "key-1",
        "network": "203.0.113.0/24",
        "meter": METER,
        "quantity": Decimal(12000),
        "baseline_daily_quantity": Decimal(400),
        "peak_daily_quantity": Decimal(500),
        "off_hours_share": Decimal("0.10"),
        "first_seen_network": False,
        "failed_authentications": 0,
        "reported_compromised": False,
        "active": NIGHT,
        "rows": SOME_ROWS,
    }
    return KeyUsage.model_validate(ordinary | differences)


SPIKE = {"peak_daily_quantity": Decimal(2000)}
OFF_HOURS = {"off_hours_share": Decimal("0.60")}
GUESSED = {"failed_authentications": 20}


def verdict(usage: KeyUsage) -> FindingKind | None:
    found = findings(facts(key_usage=[usage]), [METER], STANDARD.usage)
    assert all(finding.excess_quantity == usage.quantity for finding in found)
    return found[0].kind if found else None


@pytest.mark.parametrize(
    ("reported", "first_seen", "spike", "off_hours", "guessed"), list(product([False, True], repeat=5))
)
def test_every_combination_of_signs_has_its_verdict(
    reported: bool, first_seen: bool, spike: bool, off_hours: bool, guessed: bool
) -> None:
    signs = (SPIKE if spike else {}) | (OFF_HOURS if off_hours else {}) | (GUESSED if guessed else {})
    usage = key_usage(reported_compromised=reported, first_seen_network=first_seen, **signs)

    stolen = first_seen and (reported or (spike and (off_hours or guessed)))
    suspicious = sum([reported, first_seen, spike, off_hours, guessed]) >= 2
    expected = FindingKind.COMPROMISED_KEY if stolen else FindingKind.SUSPICIOUS_KEY if suspicious else None
    assert verdict(usage) is expected


def test_a_reported_key_on_its_own_network_is_its_owner_at_work() -> None:
    assert verdict(key_usage(reported_compromised=True)) is None


@pytest.mark.parametrize(
    ("just_below", "at_the_limit"),
    [
        ({"peak_daily_quantity": Decimal("1999.999999")}, SPIKE),
        ({"off_hours_share": Decimal("0.599999")}, OFF_HOURS),
        ({"failed_authentications": 19}, GUESSED),
    ],
)
def test_each_sign_begins_exactly_at_its_limit(just_below: dict[str, Any], at_the_limit: dict[str, Any]) -> None:
    ordinary, notable = (
        key_usage(reported_compromised=True, **just_below),
        key_usage(reported_compromised=True, **at_the_limit),
    )

    assert verdict(ordinary) is None
    assert verdict(notable) is FindingKind.SUSPICIOUS_KEY


def test_any_use_is_a_jump_for_a_key_that_never_had_any() -> None:
    usage = key_usage(first_seen_network=True, baseline_daily_quantity=Decimal(0), **OFF_HOURS)

    assert verdict(usage) is FindingKind.COMPROMISED_KEY


def test_a_stolen_key_is_told_with_its_signs_and_is_conclusive() -> None:
    usage = key_usage(first_seen_network=True, **SPIKE, **OFF_HOURS, failed_authentications=25)

    found = findings(facts(key_usage=[usage, key_usage()]), [METER], STANDARD.usage)

    assert [finding.conclusive for finding in found] == [True]
    assert found[0].statement == (
        "API key key-1 was used by somebody else for 12,000 units of api_calls from 203.0.113.0/24, 3 October 2026, 02:00 "
        "to 4 October 2026, 04:00 UTC: the network had never been seen before, its busiest day took 2,000 against 400 on an "
        "ordinary day, 60 % of it fell outside working hours and 25 failed authentications came with it."
    )


def test_a_suspicious_key_waits_for_a_person() -> None:
    found = findings(facts(key_usage=[key_usage(first_seen_network=True, **SPIKE)]), [METER], STANDARD.usage)

    assert [(finding.kind, finding.conclusive) for finding in found] == [(FindingKind.SUSPICIOUS_KEY, False)]
    assert "may have been used by somebody else" in found[0].statement


def test_usage_that_no_record_attributes_to_a_key_needs_a_person() -> None:
    found = findings(facts(key_usage=[key_usage(meter="storage_gb")]), [METER], STANDARD.usage)

    assert [(finding.meter, finding.conclusive, finding.excess_quantity) for finding in found] == [
        (METER, False, Decimal(0))
    ]


@pytest.mark.parametrize("differences", [{"quantity": Decimal(0)}, {"meter": "storage_gb"}])
def test_a_stolen_key_that_used_nothing_of_the_disputed_meter_is_no_finding(differences: dict[str, Any]) -> None:
    stolen = {"first_seen_network": True, "reported_compromised": True}

    found = findings(facts(key_usage=[key_usage(), key_usage(**stolen, **differences)]), [METER], STANDARD.usage)

    assert found == []
