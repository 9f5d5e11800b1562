"""Late usage is a difference to its own month's document: where that is still to come, it waits."""

from __future__ import annotations

from decimal import Decimal

from billing.month_end import Severity
from tests.adapters.postgres.billing_runs.events import Events
from tests.adapters.postgres.billing_runs.test_billing_again import voided
from tests.adapters.postgres.billing_runs.test_late_usage import CALLS, NOVEMBER, october_at_its_allowance
from tests.adapters.postgres.billing_runs.world import PERIOD, House


def test_late_usage_of_a_parked_month_waits_until_that_month_is_billed(house: House, events: Events) -> None:
    october_at_its_allowance(house, events, address=None)
    events.arrived("acme", "2026-10-06T12:00+02:00", 100, late_for=PERIOD)
    house.run("update tenants set address = '1 Acme Street'")

    house.billed("november", period=NOVEMBER)
    waiting = house.column("select billed_on from late_usage")
    house.billed("october again", only_parked=True)
    house.billed("december", period="2026-12")

    assert [line[0] for line in house.lines("acme", NOVEMBER)] == ["fee"]
    assert waiting == [None]
    assert house.lines("acme")[1][2:] == (Decimal(1_000), 0)
    assert house.lines("acme", "2026-12")[1:] == [
        ("late_usage", f"API calls of {PERIOD}, reported late", Decimal(100), 50)
    ]


def test_late_usage_of_a_month_whose_document_is_void_waits_for_another(house: House, events: Events) -> None:
    october_at_its_allowance(house, events)
    voided(house, f"inv-{PERIOD}-acme")
    events.arrived("acme", "2026-10-06T12:00+02:00", 100, late_for=PERIOD)

    house.billed("november", period=NOVEMBER)
    waiting = house.column("select billed_on from late_usage")
    house.billed("october again", only_parked=True)
    house.billed("december", period="2026-12")

    assert [line[0] for line in house.lines("acme", NOVEMBER)] == ["fee"]
    assert waiting == [None]
    assert house.lines("acme", "2026-12")[-1][2:] == (Decimal(100), 50)


def test_what_a_void_document_had_billed_late_is_on_the_next_bill(house: House, events: Events) -> None:
    october_at_its_allowance(house, events)
    events.arrived("acme", "2026-10-06T12:00+02:00", 100, late_for=PERIOD)
    house.billed("november", period=NOVEMBER)
    voided(house, f"inv-{NOVEMBER}-acme")

    house.billed("november again", period=NOVEMBER, only_parked=True)
    house.billed("december", period="2026-12")

    (again,) = house.rows("select invoice_id, total_minor from invoices where period = '2026-11' and status <> 'void'")
    assert again["total_minor"] == 310_00 + 50
    assert house.column("select billed_on from late_usage") == [again["invoice_id"]]
    assert [line[0] for line in house.lines("acme", "2026-12")] == ["fee"]


def test_a_month_that_had_nothing_to_bill_is_not_waited_for(house: House, events: Events) -> None:
    house.tenant("acme", CALLS)
    house.billed()
    events.arrived("acme", "2026-10-06T12:00+02:00", 600, late_for=PERIOD)

    house.billed("november", period=NOVEMBER)

    assert house.totals(NOVEMBER) == {"acme": 300}


def test_what_waits_does_not_keep_other_months_waiting(house: House, events: Events) -> None:
    october_at_its_allowance(house, events, address=None)
    house.run("update tenants set address = '1 Acme Street'")
    house.billed("november", period=NOVEMBER)
    events.arrived("acme", "2026-10-06T12:00+02:00", 100, late_for=PERIOD)
    events.arrived("acme", "2026-11-06T12:00+01:00", 1_100, late_for=NOVEMBER)

    house.billed("december", period="2026-12")

    assert [line[1:] for line in house.lines("acme", "2026-12")[1:]] == [
        (f"API calls of {NOVEMBER}, reported late", Decimal(1_100), 50)
    ]
    assert house.column("select billed_on from late_usage order by period") == [None, "inv-2026-12-acme"]


def test_the_preflight_says_what_waits_and_for_which_month(house: House, events: Events) -> None:
    october_at_its_allowance(house, events, address=None)
    house.run("update tenants set address = '1 Acme Street'")
    events.arrived("acme", "2026-10-06T12:00+02:00", 100, late_for=PERIOD)

    findings = house.runs.preflight(house.open("november", NOVEMBER).run_id).findings

    assert (Severity.NOTE, 1) in [(found.severity, found.tenants) for found in findings]
    assert (
        "late usage of 1 tenant (acme) waits until 2026-10 itself is billed: `runbooks month-end rerun --period 2026-10`"
        in [found.sentence for found in findings]
    )
