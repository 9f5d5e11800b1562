"""Roll-ups of usage that lives elsewhere: the books follow the other store's totals and are held against them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import text

from adapters.postgres.copied_rollups import CopiedRollUps
from adapters.postgres.rollup_findings import open_findings
from adapters.postgres.stored_usage import StoredUsage
from billing.periods import local_midnight
from tests.adapters.postgres.usage_intake.collector import Collector, event

NOVEMBER = (date(2026, 11, 1), date(2026, 12, 1))


def quietly(note: str) -> None:
    """Nobody listens."""


@pytest.fixture
def copied(collector: Collector) -> CopiedRollUps:
    return CopiedRollUps(collector.engine, StoredUsage(collector.engine), lambda: collector.now, days_back=35)


def test_the_last_days_are_copied_with_the_windows_they_stand_for(collector: Collector, copied: CopiedRollUps) -> None:
    collector.tenant("berliner", zone="Europe/Berlin")
    collector.sends(event(1), event(2, tenant_id="berliner", event_time="2026-11-20T11:00:00Z"))

    made, again = copied.bring_up_to_date(quietly), copied.bring_up_to_date(quietly)

    rows = collector.rows("select * from usage_daily order by tenant_id")
    assert (made, again) == (2, 0)
    assert [(row["tenant_id"], row["day"], row["quantity"], row["events"]) for row in rows] == [
        ("acme", date(2026, 11, 10), Decimal("2.5"), 1),
        ("berliner", date(2026, 11, 20), Decimal("2.5"), 1),
    ]
    assert rows[0]["window_start"] == local_midnight(date(2026, 11, 10), "America/New_York")
    assert rows[1]["window_end"] == local_midnight(date(2026, 11, 21), "Europe/Berlin")


def test_usage_that_is_gone_there_is_zero_here(collector: Collector, copied: CopiedRollUps) -> None:
    collector.sends(event(1))
    copied.rebuild(*NOVEMBER, quietly)
    with collector.engine.begin() as connection:
        connection.execute(text("delete from usage_events"))

    copied.rebuild(*NOVEMBER, quietly)

    assert collector.rows("select quantity, events from usage_daily") == [{"quantity": Decimal(0), "events": 0}]


def test_books_that_disagree_with_the_other_store_are_a_finding_until_they_agree(
    collector: Collector, copied: CopiedRollUps
) -> None:
    collector.sends(event(1))
    with collector.engine.begin() as connection:
        connection.execute(text("delete from rollup_dirty"))  # no load of ours marks what lives elsewhere

    [missing] = copied.validate(*NOVEMBER, quietly)
    copied.rebuild(*NOVEMBER, quietly)
    agreeing = copied.validate(*NOVEMBER, quietly)

    assert (missing.raw_quantity, missing.rolled_quantity) == (Decimal("2.5"), Decimal(0))
    assert agreeing == ()
    assert open_findings(collector.engine, 10) == ()
