"""The billing discrepancy that only the books can prevent (B2); the other five are in `tests/billing/test_discrepancies.py`."""

from __future__ import annotations

from billing.month_end import Outcome
from tests.adapters.postgres.billing_runs.crowds import at_once, workers
from tests.adapters.postgres.billing_runs.world import EVERYBODY, House, still


def test_fifty_concurrent_requests_make_one_invoice(house: House, database_url: str) -> None:
    """Duplicate invoices under concurrency: one for the tenant, the period and the kind (B2)."""
    house.tenant("acme")
    run = house.open()

    with workers(database_url, 50) as clerks:
        asked = [lambda clerk=clerk: clerk.rate(run.run_id, EVERYBODY, still) for clerk in clerks]
        answers = at_once(asked)

    assert {answer.outcomes[Outcome.RATED] for answer in answers} == {1}
    assert sorted(answer.lines for answer in answers)[-2:] == [0, 2]
    assert house.totals() == {"acme": 119_00}
