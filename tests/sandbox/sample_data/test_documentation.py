"""`docs/sample-data.md` says of every planted defect what the data say."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from billing.money import Money
from billing.tenants import Tier
from sandbox.sample_data import Loaded
from sandbox.sample_data.defects import DEFECTS, Defect
from sandbox.sample_data.roster import ROSTER, TENANTS
from sandbox.sample_data.stories import STORIES
from tests.sandbox.sample_data.audit import Audit

DOCUMENT = (Path(__file__).parents[3] / "docs" / "sample-data.md").read_text()


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: f"{defect.code}-{defect.tenant_id}")
def test_every_defect_is_documented_with_its_place_and_worth(defect: Defect) -> None:
    (row,) = [line for line in DOCUMENT.splitlines() if line.startswith(f"| {defect.code} |")]
    credit = Money(minor=defect.credit_minor, currency=TENANTS[defect.tenant_id].currency)

    assert f"`{defect.tenant_id}`" in row
    assert f"`{defect.meter}`" in row
    assert str(credit) in row


def test_every_ticket_stands_beside_the_defect_it_contests() -> None:
    for story in STORIES:
        (row,) = [line for line in DOCUMENT.splitlines() if line.endswith(f"| {story.ticket_id} |")]

        assert f"`{story.tenant_id}`, `{story.meter}`" in row


def test_the_documented_counts_are_those_of_a_load(loaded: Loaded, audit: Audit) -> None:
    tiers = Counter(tenant.tier for tenant in ROSTER)
    october = Counter(audit.one("select array_agg(status) from invoices where period = '2026-10'"))

    said = [
        f"{len(ROSTER)}: {tiers[Tier.ENTERPRISE]} enterprise, {tiers[Tier.PRO]} pro, {tiers[Tier.FREE]} free",
        f"{loaded.usage_events:,} events",
        f"{loaded.request_logs:,} logged",
        f"{loaded.invoices} for August",
        f"of October {october.total()} were issued by the system that was in use before, {october['open']} of them open",
        f"The October of the other {len(ROSTER) - october.total()} tenants",
        f"with a card, and the {loaded.mirrored_invoices} invoices above nothing",
    ]
    assert [sentence for sentence in said if sentence not in DOCUMENT] == []
