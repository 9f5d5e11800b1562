"""An issued invoice explained from the books: what was agreed, which days were added up, which raw events they hold."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import Engine

from adapters.postgres.invoice_view import ExplainedInvoice, InvoiceView
from adapters.postgres.invoices import Invoices
from billing.contracts import RecurringFee, Terms, Timing
from billing.explanations import ExplainedLine
from billing.prices import MeterPrice, PriceTier
from tests.adapters.postgres.billing_runs.events import Events
from tests.adapters.postgres.billing_runs.world import API_CALLS, STORAGE, USUAL, House

DEARER = MeterPrice(meter="api_calls", tiers=(PriceTier(unit_amount=Decimal(2)),))


@pytest.fixture
def house(engine: Engine) -> House:
    return House(engine)


@pytest.fixture
def events(house: House) -> Events:
    return Events(house)


def explained(house: House, invoice_id: str, *, rows: int = 0) -> ExplainedInvoice:
    return InvoiceView(house.engine).explain(invoice_id, rows=rows)


def the_line(told: ExplainedInvoice, words: str) -> ExplainedLine:
    return next(line for line in told.lines if words in line.description)


def test_each_line_says_how_it_came_to_be_down_to_the_days_that_were_added_up(house: House) -> None:
    house.tenant("acme")
    house.used("acme", 600, day="2026-10-05")
    house.used("acme", 400, day="2026-10-31")
    house.used("acme", 999, day="2026-11-01")
    house.used("acme", 25, meter="storage", day="2026-10-02")
    house.billed()

    told = explained(house, "inv-2026-10-acme")

    assert the_line(told, "Platform fee").sentences == ("Platform fee costs USD 100.00 a service period.",)
    calls = the_line(told, "API calls")
    assert [(one.day, one.quantity, one.events) for one in calls.usage] == [
        (date(2026, 10, 5), 600, 1),
        (date(2026, 10, 31), 400, 1),
    ]
    assert calls.sentences[-1] == (
        "2 days with usage, 5 October 2026 to 31 October 2026, count 1,000 units in 2 events."
    )
    assert "10 of 25 units of storage are included" in the_line(told, "Storage").sentences[0]
    assert the_line(told, "VAT").sentences == ("19 % of the USD 108.00 that are left after discounts are USD 20.52.",)
    assert told.sums == ("Charges of USD 108.00 and tax of USD 20.52 make the total of USD 128.52.",)
    assert (told.number, told.total.minor, told.events) == ("INV-2026-000001", 128_52, ())


def test_usage_that_came_late_is_not_among_the_days_of_the_invoice_that_did_not_bill_it(
    house: House, events: Events
) -> None:
    house.tenant("acme")
    events.arrived("acme", "2026-10-05T10:00+02:00", 600, rolled_up=True)
    house.billed()
    events.arrived("acme", "2026-10-06T10:00+02:00", 50, late_for="2026-10", rolled_up=True)

    told = explained(house, "inv-2026-10-acme", rows=5)

    calls = the_line(told, "API calls")
    assert [(one.day, one.quantity) for one in calls.usage] == [(date(2026, 10, 5), 600)]
    assert [[event.quantity for event in one.events] for one in told.events] == [[600]]


def test_late_usage_says_what_it_was_added_to_and_which_events_it_is(house: House, events: Events) -> None:
    house.tenant("acme")
    house.used("acme", 1_000, day="2026-09-05")
    house.billed("september", period="2026-09")
    events.arrived("acme", "2026-09-06T10:00+02:00", 50, late_for="2026-09", rolled_up=True)
    house.used("acme", 10, day="2026-10-05")
    house.billed()

    told = explained(house, "inv-2026-10-acme", rows=5)

    late = the_line(told, "reported late")
    assert late.sentences == (
        "50 units of 1 September 2026 to 30 September 2026 arrived after that period was closed.",
        "With them that period counts 1,050 units instead of 1,000: USD 5.25 instead of USD 5.00.",
    )
    behind = next(one for one in told.events if one.line == late.number)
    assert [(event.quantity, event.route) for event in behind.events] == [(50, "/")]


def test_a_fee_billed_in_advance_says_what_was_charged_before(house: House) -> None:
    fee = RecurringFee(name="Seats", amount_minor=50_00, timing=Timing.ADVANCE)
    house.tenant("acme", Terms(currency="USD", fees=(fee,), prices=(API_CALLS,)))
    house.billed("september", period="2026-09")
    house.contract_again("acme", Terms(currency="USD", fees=(fee.model_copy(update={"amount_minor": 80_00}),)))
    house.billed()

    told = explained(house, "inv-2026-10-acme")

    corrected = the_line(told, "Seats, as billed in advance")
    assert corrected.sentences == (
        "Seats was billed in advance with USD 50.00; the days of this period come to USD 80.00.",
    )


def test_each_price_of_a_month_has_its_own_days_and_events(house: House, events: Events) -> None:
    house.tenant("acme", None)
    house.contract("acme", USUAL, ends="2026-10-16T00:00+02:00")
    dearer = Terms(currency="USD", prices=(DEARER, STORAGE))
    house.contract("acme", dearer, starts="2026-10-16T00:00+02:00")
    for day, quantity in ((3, 100), (10, 200), (20, 400)):
        events.arrived("acme", f"2026-10-{day:02}T12:00+02:00", quantity, rolled_up=True)
    house.billed()

    told = explained(house, "inv-2026-10-acme", rows=10)

    metered = [line for line in told.lines if line.usage]
    assert [[one.day.day for one in line.usage] for line in metered] == [[3, 10], [20]]
    assert [[event.quantity for event in one.events] for one in told.events] == [[100, 200], [400]]


def test_as_many_raw_events_are_shown_as_are_asked_for_in_the_order_of_time(house: House, events: Events) -> None:
    house.tenant("acme")
    moments = ("2026-10-09T08:00+02:00", "2026-10-05T11:00+02:00", "2026-10-05T09:00+02:00")
    for number, at in enumerate(moments, start=1):
        events.arrived("acme", at, number)
    house.used("acme", 5, day="2026-10-05")
    house.used("acme", 1, day="2026-10-09")
    house.run("delete from rollup_dirty")
    house.billed()

    first, all_of_them = (explained(house, "inv-2026-10-acme", rows=rows).events[0] for rows in (2, 3))

    assert ([event.quantity for event in first.events], first.more) == ([3, 2], True)
    assert ([event.quantity for event in all_of_them.events], all_of_them.more) == ([3, 2, 1], False)


def test_a_revision_is_explained_as_well(house: House) -> None:
    house.tenant("acme")
    house.used("acme", 600)
    house.billed()
    original = Invoices(house.engine).get("inv-2026-10-acme")
    changes = {"invoice_id": "r2", "number": "R-2", "revision": 2, "corrects": original.invoice_id, "run_id": None}
    Invoices(house.engine).issue(original.model_copy(update=changes))

    told = explained(house, "R-2")

    assert [line.sentences for line in told.lines] == [
        line.sentences for line in explained(house, "inv-2026-10-acme").lines
    ]
