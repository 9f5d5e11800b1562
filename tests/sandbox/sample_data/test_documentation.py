"""`docs/sample-data.md` says of every planted defect what the data say."""

from __future__ import annotations

from pathlib import Path

import pytest

from billing.money import Money
from sandbox.sample_data import Loaded
from sandbox.sample_data.defects import DEFECTS, Defect
from sandbox.sample_data.roster import TENANTS
from sandbox.sample_data.stories import STORIES

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


def test_the_documented_counts_are_those_of_a_load(loaded: Loaded) -> None:
    assert f"{loaded.usage_events:,} events" in DOCUMENT
    assert f"{loaded.request_logs:,} logged" in DOCUMENT
    assert f"{loaded.invoices} for August" in DOCUMENT
