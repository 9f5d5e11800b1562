from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from billing.analysis import analyse
from billing.disputes import Category
from billing.evidence import DayTotal, DuplicateEvents
from billing.findings import FindingKind
from billing.policy.standard import STANDARD
from billing.tenants import Tier
from tests.billing.analysis.test_service_quality import hour
from tests.billing.analysis.test_unauthorized_usage import key_usage
from tests.billing.world import METER, SOME_ROWS, contract, facts, invoice, price, tier, usage_line

EVERYTHING_WRONG = facts(
    day_totals=[
        DayTotal(
            day=date(2026, 10, 3),
            meter=METER,
            raw_quantity=Decimal(1000),
            raw_events=500,
            windowed_quantity=Decimal(1000),
            rolled_up_quantity=Decimal(1000),
        )
    ],
    duplicates=[DuplicateEvents(meter=METER, quantity=Decimal(100), rows=SOME_ROWS)],
    key_usage=[key_usage(first_seen_network=True, reported_compromised=True)],
    quality=[hour(0, outage=True)],
)


@pytest.mark.parametrize(
    ("category", "kinds"),
    [
        (Category.USAGE_CALCULATION, [FindingKind.DUPLICATE_EVENTS, FindingKind.WRONG_RATE]),
        (Category.UNAUTHORIZED_USAGE, [FindingKind.COMPROMISED_KEY]),
        (Category.SERVICE_QUALITY, [FindingKind.QUALITY_BREACH]),
        (Category.PRICING, [FindingKind.WRONG_RATE]),
    ],
)
def test_each_category_reads_its_own_evidence(category: Category, kinds: list[FindingKind]) -> None:
    overpriced = invoice(usage_line(price(tier(None, "3")), "1000"))

    found = analyse(category, EVERYTHING_WRONG, overpriced, contract(), [METER], Tier.PRO, STANDARD)

    assert [finding.kind for finding in found] == kinds
    assert all(finding.amount is None for finding in found)
