"""A month end from its opening to its closing: what is written, once, and what the documents say."""

from __future__ import annotations

from decimal import Decimal

from billing.month_end import Outcome
from tests.adapters.postgres.billing_runs.world import House


def test_a_month_is_billed_from_roll_ups_to_numbered_documents(house: House) -> None:
    house.tenant("acme")
    house.used("acme", 1_000)
    house.used("acme", "250.5", day="2026-10-31")
    house.used("acme", 12, "storage")
    house.used("acme", 99_999, day="2026-11-01")

    run = house.open()
    rated = house.rate(run)
    finalised = house.finalise(run)

    assert rated.outcomes == finalised.outcomes == {Outcome.RATED: 1}
    assert house.lines("acme") == [
        ("fee", "Platform fee", Decimal(1), 100_00),
        ("usage", "API calls", Decimal("1250.5"), 625),
        ("usage", "Storage in GB", Decimal(12), 40),
        ("tax", "VAT", Decimal(1), 2026),
    ]
    (document,) = house.rows("select * from invoices")
    assert document["number"] == "INV-2026-000001"
    assert (document["status"], document["total_minor"]) == ("open", 100_00 + 625 + 40 + 2026)
