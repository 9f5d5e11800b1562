"""Usage that arrives after its month was closed: on which document, at which price, and what was paid for it already."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from billing.contracts import PercentDiscount, RecurringFee, Tax, Terms
from billing.prices import MeterPrice, PriceTier
from tests.adapters.postgres.billing_runs.events import Events
from tests.adapters.postgres.billing_runs.world import API_CALLS, NOW, PERIOD, House

NOVEMBER = "2026-11"
FEE = RecurringFee(name="Seat", amount_minor=310_00)
CALLS = Terms(currency="USD", prices=(API_CALLS,))
THOUSAND_FREE = Terms(currency="USD", prices=(API_CALLS.model_copy(update={"included": Decimal(1_000)}),), fees=(FEE,))
CHANGED = "2026-10-16T00:00+02:00"


def calls(unit_amount: str, **more: Any) -> MeterPrice:
    return MeterPrice(meter="api_calls", tiers=(PriceTier(unit_amount=Decimal(unit_amount)),), **more)


def terms(*prices: MeterPrice, **more: Any) -> Terms:
    return Terms(currency="USD", prices=prices, **more)


def changes_price(house: House, before: Terms, after: Terms) -> None:
    """Acme, whose terms change on 16 October."""
    house.tenant("acme", terms=None)
    house.contract("acme", before, ends=CHANGED)
    house.contract("acme", after, starts=CHANGED)


def test_usage_that_came_after_the_closing_waits_for_the_next_bill_and_is_rated_with_its_own_month(
    house: House, events: Events
) -> None:
    house.tenant("acme", THOUSAND_FREE)
    events.arrived("acme", "2026-10-05T12:00+02:00", 900, rolled_up=True)
    events.arrived("acme", "2026-10-06T12:00+02:00", 300, late_for=PERIOD, rolled_up=True)
    events.arrived("acme", "2026-10-07T12:00+02:00", 50, late_for=PERIOD)

    house.billed()
    events.arrived("acme", "2026-11-07T12:00+01:00", 1_000, rolled_up=True)
    house.billed("november", period=NOVEMBER)

    assert house.lines("acme")[1] == ("usage", "API calls", Decimal(900), 0)
    assert house.lines("acme", NOVEMBER)[1:] == [
        ("usage", "API calls", Decimal(1_000), 0),
        ("late_usage", f"API calls of {PERIOD}, reported late", Decimal(350), 125),
    ]
    assert house.column("select distinct billed_on from late_usage") == [f"inv-{NOVEMBER}-acme"]


def test_late_usage_is_billed_once_and_later_lateness_goes_on_from_there(house: House, events: Events) -> None:
    house.tenant("acme", THOUSAND_FREE)
    events.arrived("acme", "2026-09-05T12:00+02:00", 900, rolled_up=True)
    house.billed("september", period="2026-09")
    events.arrived("acme", "2026-09-06T12:00+02:00", 100, late_for="2026-09")

    house.billed()
    events.arrived("acme", "2026-09-07T12:00+02:00", 100, late_for="2026-09")
    house.billed("november", period=NOVEMBER)

    assert house.lines("acme")[-1][2:] == (Decimal(100), 0)
    assert house.lines("acme", NOVEMBER)[-1][2:] == (Decimal(100), 50)


def test_late_usage_of_a_month_without_any_document_is_rated_with_the_contract_of_that_month(
    house: House, events: Events
) -> None:
    house.tenant("acme", CALLS)
    events.arrived("acme", "2026-09-05T12:00+02:00", 600, late_for="2026-09")

    house.billed()

    assert house.lines("acme") == [("late_usage", "API calls of 2026-09, reported late", Decimal(600), 300)]


def test_late_usage_on_a_draft_that_was_taken_away_is_billed_again(house: House, events: Events) -> None:
    house.tenant("acme", CALLS)
    events.arrived("acme", "2026-09-05T12:00+02:00", 600, late_for="2026-09")
    run = house.open()
    house.rate(run)

    house.runs.abandon(run.run_id, "wrong prices", NOW)

    assert house.column("select billed_on from late_usage") == [None]
    house.billed("second")
    assert house.totals() == {"acme": 300}


# -- a change of price in the middle --------------------------------------------------------------------------------


def test_late_usage_is_rated_at_the_price_of_its_own_day(house: House, events: Events) -> None:
    changes_price(house, terms(calls("1")), terms(calls("5")))
    events.arrived("acme", "2026-10-05T12:00+02:00", 100, rolled_up=True)
    events.arrived("acme", "2026-10-20T12:00+02:00", 100, rolled_up=True)
    house.billed()
    events.arrived("acme", "2026-10-06T12:00+02:00", 40, late_for=PERIOD)
    events.arrived("acme", "2026-10-21T12:00+02:00", 20, late_for=PERIOD)

    house.billed("november", period=NOVEMBER)

    assert [line[2:] for line in house.lines("acme")] == [(Decimal(100), 100), (Decimal(100), 500)]
    assert [line[2:] for line in house.lines("acme", NOVEMBER)] == [(Decimal(40), 40), (Decimal(20), 100)]


def test_each_stretch_has_an_allowance_of_its_own_across_several_additions(house: House, events: Events) -> None:
    changes_price(house, terms(calls("1", included="310")), terms(calls("2", included="620")))
    events.arrived("acme", "2026-10-05T12:00+02:00", 100, rolled_up=True)  # of 150 included in 15 days
    events.arrived("acme", "2026-10-20T12:00+02:00", 300, rolled_up=True)  # of 320 included in 16 days
    house.billed()
    events.arrived("acme", "2026-10-06T12:00+02:00", 60, late_for=PERIOD)
    events.arrived("acme", "2026-10-21T12:00+02:00", 10, late_for=PERIOD)
    house.billed("november", period=NOVEMBER)
    events.arrived("acme", "2026-10-06T13:00+02:00", 5, late_for=PERIOD)
    events.arrived("acme", "2026-10-21T13:00+02:00", 15, late_for=PERIOD)

    house.billed("december", period="2026-12")

    assert [line[2:] for line in house.lines("acme")] == [(Decimal(100), 0), (Decimal(300), 0)]
    assert [line[2:] for line in house.lines("acme", NOVEMBER)] == [(Decimal(60), 10), (Decimal(10), 0)]
    assert [line[2:] for line in house.lines("acme", "2026-12")] == [(Decimal(5), 5), (Decimal(15), 10)]


def test_the_day_of_late_usage_is_the_customers(house: House, events: Events) -> None:
    changes_price(house, terms(calls("1")), terms(calls("5")))
    house.billed()
    events.arrived("acme", "2026-10-15T21:59+00:00", 10, late_for=PERIOD)  # 23:59 in Berlin
    events.arrived("acme", "2026-10-15T22:00+00:00", 10, late_for=PERIOD)

    house.billed("november", period=NOVEMBER)

    assert [line[3] for line in house.lines("acme", NOVEMBER)] == [10, 50]


def test_lines_say_the_days_in_which_their_price_held(house: House, events: Events) -> None:
    changes_price(house, terms(calls("1")), terms(calls("5")))
    events.arrived("acme", "2026-10-05T12:00+02:00", 100, rolled_up=True)
    events.arrived("acme", "2026-10-20T12:00+02:00", 100, rolled_up=True)
    house.billed()
    events.arrived("acme", "2026-10-06T12:00+02:00", 40, late_for=PERIOD)
    house.billed("november", period=NOVEMBER)

    found = house.rows(
        "select kind, cast(service_start as text) as first, cast(service_end as text) as until, active_days "
        "from invoice_lines order by invoice_id, number"
    )

    assert [tuple(row.values()) for row in found] == [
        ("usage", "2026-10-01", "2026-10-16", 15),
        ("usage", "2026-10-16", "2026-11-01", 16),
        ("late_usage", "2026-10-01", "2026-10-16", 15),
    ]


def test_a_contract_that_is_changed_afterwards_does_not_change_what_was_issued(house: House, events: Events) -> None:
    house.tenant("acme", THOUSAND_FREE)
    events.arrived("acme", "2026-10-05T12:00+02:00", 1_000, rolled_up=True)
    house.billed()
    house.contract_again("acme", terms(calls("9")))
    events.arrived("acme", "2026-10-06T12:00+02:00", 100, late_for=PERIOD)

    house.billed("november", period=NOVEMBER)

    assert house.lines("acme", NOVEMBER) == [("late_usage", f"API calls of {PERIOD}, reported late", Decimal(100), 50)]


# -- a minimum, a maximum -------------------------------------------------------------------------------------------


def test_what_the_minimum_has_paid_for_is_not_charged_again(house: House, events: Events) -> None:
    house.tenant("acme", terms(calls("1"), minimum_minor=1_000))
    events.arrived("acme", "2026-10-05T12:00+02:00", 400, rolled_up=True)
    house.billed()
    house.contract_again("acme", terms(calls("1")))
    events.arrived("acme", "2026-10-06T12:00+02:00", 500, late_for=PERIOD)
    house.billed("november", period=NOVEMBER)
    events.arrived("acme", "2026-10-07T12:00+02:00", 300, late_for=PERIOD)
    house.billed("december", period="2026-12")

    paid = f"Minimum commitment of {PERIOD}, paid already"
    assert [line[3] for line in house.lines("acme")] == [400, 600]
    assert house.lines("acme", NOVEMBER)[1:] == [("minimum", paid, Decimal(1), -500)]
    assert house.lines("acme", "2026-12")[1:] == [("minimum", paid, Decimal(1), -100)]
    assert sum(house.totals(month)["acme"] for month in (PERIOD, NOVEMBER, "2026-12")) == 1_200


def test_late_usage_never_lifts_a_meter_above_its_maximum(house: House, events: Events) -> None:
    house.tenant("acme", terms(calls("1", maximum_minor=1_000)))
    events.arrived("acme", "2026-10-05T12:00+02:00", 900, rolled_up=True)
    house.billed()
    events.arrived("acme", "2026-10-06T12:00+02:00", 500, late_for=PERIOD)

    house.billed("november", period=NOVEMBER)

    assert house.totals(NOVEMBER) == {"acme": 100}


# -- discounts and tax ----------------------------------------------------------------------------------------------


def test_late_usage_takes_the_discounts_and_the_tax_of_the_document_that_it_is_on(house: House, events: Events) -> None:
    house.tenant("acme", terms(calls("1"), tax=Tax(name="VAT", rate=Decimal("0.19"))))
    house.billed()
    now = terms(
        calls("9"),
        discounts=(PercentDiscount(name="Loyal", percent=Decimal(50)),),
        tax=Tax(name="VAT", rate=Decimal("0.20")),
    )
    house.run("update contracts set ends = '2026-11-01T00:00+01:00'")
    house.contract("acme", now, starts="2026-11-01T00:00+01:00")
    events.arrived("acme", "2026-10-06T12:00+02:00", 100, late_for=PERIOD)

    house.billed("november", period=NOVEMBER)

    assert [(line[0], line[3]) for line in house.lines("acme", NOVEMBER)] == [
        ("late_usage", 100), ("discount", -50), ("tax", 10),
    ]  # fmt: skip


# -- where nobody agreed to anything --------------------------------------------------------------------------------


def parked_for(house: House) -> str:
    run = house.open("november", NOVEMBER)
    house.rate(run)
    entry = house.entry(run, "acme")
    assert entry["outcome"] == "parked"
    return str(entry["reason"])


def test_a_late_day_before_the_contract_began_is_left_to_a_person(house: House, events: Events) -> None:
    house.tenant("acme", terms=None)
    house.contract("acme", CALLS, starts="2026-10-10T00:00+02:00")
    events.arrived("acme", "2026-10-12T12:00+02:00", 100, rolled_up=True)
    house.billed()
    events.arrived("acme", "2026-10-05T12:00+02:00", 100, late_for=PERIOD)

    assert parked_for(house) == (
        f"late usage of api_calls in {PERIOD} has no price on 2026-10-05: put a contract on record that prices it, "
        "then bill again"
    )


def test_late_usage_of_another_currency_is_left_to_a_person(house: House, events: Events) -> None:
    house.tenant("acme", CALLS)
    events.arrived("acme", "2026-10-12T12:00+02:00", 100, rolled_up=True)
    house.billed()
    house.run("update tenants set currency = 'EUR'")
    house.contract_again("acme", Terms(currency="EUR", prices=(API_CALLS,)))
    events.arrived("acme", "2026-10-05T12:00+02:00", 100, late_for=PERIOD)

    assert "is billed in USD and this period in EUR" in parked_for(house)


def test_who_has_left_is_billed_late_usage_under_the_terms_of_its_month(house: House, events: Events) -> None:
    house.tenant("acme", terms=None)
    taxed = terms(calls("1"), tax=Tax(name="VAT", rate=Decimal("0.19")))
    house.contract("acme", taxed, ends="2026-11-01T00:00+01:00")
    house.billed()
    events.arrived("acme", "2026-10-05T12:00+02:00", 100, late_for=PERIOD)

    house.billed("november", period=NOVEMBER)

    assert [(line[0], line[3]) for line in house.lines("acme", NOVEMBER)] == [("late_usage", 100), ("tax", 19)]


def october_at_its_allowance(house: House, events: Events, **changes: Any) -> None:
    """Acme has used the thousand calls that are free, and October is billed or, as things stand, not."""
    house.tenant("acme", THOUSAND_FREE, **changes)
    events.arrived("acme", "2026-10-05T12:00+02:00", 1_000, rolled_up=True)
    house.billed()


@pytest.mark.parametrize("status", ["open", "uncollectible"])
def test_a_document_counts_whether_it_is_paid_or_not(house: House, events: Events, status: str) -> None:
    october_at_its_allowance(house, events)
    house.run("update invoices set status = :status where period = :period", status=status, period=PERIOD)
    events.arrived("acme", "2026-10-06T12:00+02:00", 100, late_for=PERIOD)

    house.billed("november", period=NOVEMBER)

    assert house.lines("acme", NOVEMBER)[-1][2:] == (Decimal(100), 50)
