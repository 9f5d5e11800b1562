"""What is found before a run begins: it stops the run, parks tenants, or is only worth knowing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import pytest

from billing.contracts import RecurringFee, Terms
from billing.month_end import PreflightFinding, Severity
from billing.prices import MeterPrice, PriceTier
from tests.adapters.postgres.billing_runs.world import USUAL, House

SPEECH = MeterPrice(meter="speech_seconds", tiers=(PriceTier(unit_amount=Decimal(1)),))
EURO = Terms(currency="EUR", fees=(RecurringFee(name="Fee", amount_minor=1),))


def found(house: House, **order: bool) -> list[PreflightFinding]:
    return list(house.runs.preflight(house.open(**order).run_id).findings)


def use_every_day(house: House, tenant_id: str, meter: str = "api_calls", but: tuple[str, ...] = ()) -> None:
    day = date(2026, 9, 20)
    while day < date(2026, 11, 1):
        if f"{day}" not in but:
            house.used(tenant_id, 1, meter, f"{day}")
        day += timedelta(days=1)


def test_a_house_in_order_has_nothing_to_find(house: House) -> None:
    house.tenant("acme")
    use_every_day(house, "acme")
    house.close_usage("2026-08")
    house.close_usage("2026-09")

    assert found(house) == []


def test_the_month_before_must_be_closed_once_there_is_a_history(house: House) -> None:
    first_ever = found(house)
    house.close_usage("2026-08")

    (finding,) = found(house)

    assert first_ever == []
    assert finding.severity is Severity.BLOCKING
    assert finding.sentence.startswith("period 2026-09 was never closed: run its month end first")


def test_a_feed_of_usage_that_broke_stops_the_run(house: House) -> None:
    house.tenant("acme")
    use_every_day(house, "acme", but=("2026-10-30", "2026-10-31"))

    (finding,) = found(house)

    assert finding.severity is Severity.BLOCKING
    assert finding.sentence == (
        "no usage of any meter is on record for 30 October 2026 and 31 October 2026: load it, then try again"
    )


def test_a_meter_that_fell_silent_is_worth_a_look_and_a_quiet_house_is_not(house: House) -> None:
    house.tenant("acme")
    use_every_day(house, "acme")
    use_every_day(house, "acme", "storage", but=("2026-10-12",))
    house.used("acme", 5, "speech_seconds", "2026-10-01")
    house.contract_again("acme", USUAL.model_copy(update={"prices": (*USUAL.prices, SPEECH)}))

    (finding,) = found(house)

    assert finding.severity is Severity.NOTE
    assert finding.sentence.startswith("storage was used every day before and not on 12 October 2026")


TROUBLES: list[tuple[Callable[[House], object], str]] = [
    (lambda house: house.tenant("acme", legal_entity_id=None), "1 tenant with no legal entity that issues"),
    (lambda house: house.tenant("acme", address=None), "1 tenant with no address to print on an invoice"),
    (
        lambda house: house.tenant("acme", provider_customer_id=None),
        "1 tenant with no customer at the payment provider",
    ),
    (lambda house: house.tenant("acme", payment_method_id=None), "1 tenant with no payment method"),
    (lambda house: house.used(house.tenant("acme", None), 1), "1 tenant with usage and no contract that covers"),
    (lambda house: house.tenant("acme", EURO), "1 tenant with a contract in another currency"),
    (lambda house: house.used(house.tenant("acme"), 1, "speech_seconds"), "1 tenant used speech_seconds under terms"),
    (
        lambda house: (
            house.run("insert into rollup_findings values ('acme', 'storage', '2026-10-07', 2, 1, 2, 1, now())")
            or house.tenant("acme")
        ),
        "1 tenant with roll-ups that disagree with the raw events",
    ),
    (lambda house: house.tenant("acme") and house.hold(tenant_id="acme"), "invoicing is held for tenant acme"),
    (lambda house: house.hold(meter="storage"), "invoicing is held for meter storage: a repair is under way"),
]


@pytest.mark.parametrize(("trouble", "sentence"), TROUBLES)
def test_who_will_be_parked_is_said_before(house: House, trouble: Callable[[House], object], sentence: str) -> None:
    trouble(house)

    (finding,) = found(house)

    assert finding.severity is Severity.PARKING
    assert finding.sentence.startswith(sentence)


def test_only_those_left_out_are_looked_at_again(house: House) -> None:
    house.tenant("acme", address=None)
    house.billed()
    house.tenant("bolt")
    house.run("update tenants set address = null")
    house.billed("second")

    (finding,) = found(house, only_parked=True)

    assert finding.tenants == 2
    assert finding.sentence.endswith("(acme and bolt)")


def test_many_tenants_are_counted_and_three_are_named(house: House) -> None:
    for n in range(5):
        house.tenant(f"tenant-{n}", address=None)

    (finding,) = found(house)

    assert finding.tenants == 5
    assert finding.sentence.endswith("(tenant-0, tenant-1, tenant-2 and 2 more)")


def test_documents_that_exist_twice_are_reported_wherever_they_are(house: House) -> None:
    house.tenant("acme")
    house.run(
        "insert into reconciliations (reconciliation_id, period, requested_by, started_at) "
        "values ('r1', '2026-10', 'runbook', now())"
    )
    for number in (1, 2):
        house.run(
            "insert into provider_invoices (reconciliation_id, provider_invoice_id, provider_customer_id, op_key, status, "
            "currency, total_minor, due_minor, created_at) values ('r1', :id, 'cus_acme', "
            "'month-end/2026-10/invoice/acme', 'open', 'USD', 1, 1, now())",
            id=f"in_{number}",
        )

    (finding,) = found(house)

    assert finding.severity is Severity.NOTE
    assert finding.sentence == (
        "acme has 2 documents for 2026-10 at the payment provider: the first counts, void the others with a reason"
    )


def test_rows_in_quarantine_are_counted(house: House) -> None:
    house.run(
        "insert into usage_loads (load_id, source, state, started_by) values ('l', 'file', 'loading', 'finance-1')"
    )
    house.run("insert into usage_quarantine (load_id, line, field, reason, row) values ('l', 1, 'meter', 'why', '{}')")

    (finding,) = found(house)

    assert finding.sentence == "1 row of usage in quarantine will not be billed: release or discard them"
