"""Whom a run bills, whom it parks with what to do, whom it holds, and which drafts it shows to a person."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from billing.contracts import FixedDiscount, RecurringFee, Terms, Timing
from billing.holds import HeldEffect, HoldOrder
from billing.month_end import Outcome, Parking
from billing.prices import MeterPrice, PriceTier
from billing.run_reports import Bound
from tests.adapters.postgres.billing_runs.world import API_CALLS, FINANCE, NOW, PERIOD, STORAGE, USUAL, House

World = Callable[[House], None]
EURO = Terms(currency="EUR", fees=(RecurringFee(name="Fee", amount_minor=1),))


def no_contract(house: House) -> None:
    house.tenant("acme", terms=None)
    house.used("acme", 1)


def no_price(house: House) -> None:
    house.tenant("acme")
    house.used("acme", 1, "speech_seconds")


def uncovered_day(house: House) -> None:
    house.tenant("acme", terms=None)
    house.contract("acme", USUAL, starts="2026-10-10T00:00+02:00")
    house.used("acme", 1, day="2026-10-05")


def two_currencies(house: House) -> None:
    house.tenant("acme", terms=None)
    house.contract("acme", USUAL, ends="2026-10-10T00:00+02:00")
    house.contract("acme", EURO, starts="2026-10-10T00:00+02:00")


def disagreeing_roll_up(house: House) -> None:
    house.tenant("acme")
    house.run("insert into rollup_findings values ('acme', 'api_calls', '2026-10-07', 2, 1, 2, 1, now())")


PARKED: list[tuple[World, str]] = [
    (no_contract, "no contract covers the period: put one on record"),
    (no_price, "speech_seconds was used and no contract prices it: agree a price"),
    (uncovered_day, "api_calls was used on 2026-10-05, which no contract covers"),
    (two_currencies, "contracts of the period are in EUR and USD"),
    (disagreeing_roll_up, "make it anew (`runbooks usage rebuild --first 2026-10-07 --last 2026-10-07`)"),
    (lambda house: _tenant(house, terms=EURO), "the contract is in EUR and the tenant in USD"),
    (lambda house: _tenant(house, currency="XTS"), "the tenant's currency XTS is not one we bill in"),
    (lambda house: _tenant(house, legal_entity_id=None), "no legal entity issues this tenant's invoices"),
    (lambda house: _tenant(house, address=None), "the tenant has no address to print on an invoice"),
    (lambda house: _tenant(house, provider_customer_id=None), "no customer at the payment provider"),
    (lambda house: _tenant(house, payment_method_id=None), "has no payment method: ask for one"),
]


def _tenant(house: House, terms: Terms = USUAL, **changes: str | None) -> None:
    house.tenant("acme", terms, **changes)


@pytest.mark.parametrize(("world", "why"), PARKED)
def test_a_tenant_that_cannot_be_billed_is_parked_with_what_to_do_and_nobody_else_waits(
    house: House, world: World, why: str
) -> None:
    world(house)
    house.tenant("bolt")

    run = house.open()
    rated = house.rate(run)
    house.finalise(run)

    assert rated.outcomes == {Outcome.PARKED: 1, Outcome.RATED: 1}
    assert why in house.entry(run, "acme")["reason"]
    assert house.totals() == {"bolt": 119_00}
    (stopped,) = house.runs.check(run.run_id).stopped
    assert (stopped.tenant_id, stopped.outcome) == ("acme", Outcome.PARKED)


def test_whoever_pays_on_receipt_needs_no_payment_method(house: House) -> None:
    _tenant(house, payment_method_id=None, collection="send_invoice")

    house.billed()

    assert house.totals() == {"acme": 119_00}


def test_a_repaired_tenant_is_billed_by_the_run_for_those_left_out(house: House) -> None:
    _tenant(house, address=None)
    house.tenant("bolt")
    house.tenant("idle", terms=None)
    house.billed()
    house.run("update tenants set address = 'Found Street 1' where tenant_id = 'acme'")

    again = house.open("second", only_parked=True)

    assert again.tenants == 1
    (shard,) = house.runs.shards(again.run_id, "", 10)
    assert (shard.first, shard.last) == ("acme", "acme")
    assert house.rate(again, shard).outcomes == {Outcome.RATED: 1}
    house.finalise(again, shard)
    assert house.numbers() == ["INV-2026-000001", "INV-2026-000002"]


@pytest.mark.parametrize("cover", [{"tenant_id": "acme"}, {"meter": "api_calls"}])
def test_a_hold_keeps_whom_it_covers_out_of_the_run(house: House, cover: dict[str, str]) -> None:
    for tenant_id in ("acme", "bolt"):
        house.tenant(tenant_id)
    house.used("acme", 5)
    house.used("bolt", 5, "storage")
    hold = house.hold(**cover)

    run = house.open()
    rated = house.rate(run)

    assert rated.outcomes == {Outcome.HELD: 1, Outcome.RATED: 1}
    assert house.entry(run, "acme")["reason"] == "invoicing is held: a repair is under way"
    house.finalise(run)
    house.runs.close(run.run_id, house.runs.check(run.run_id), NOW)
    house.holds.release(hold, FINANCE, "repaired", NOW)
    house.billed("second", only_parked=True)
    assert set(house.totals()) == {"acme", "bolt"}


def test_a_hold_on_something_else_keeps_nobody_out(house: House) -> None:
    house.tenant("acme")
    order = HoldOrder(effect=HeldEffect.INVOICE_DELIVERY, tenant_id="acme", reason="wrong address", by=FINANCE)
    house.holds.place(order, NOW)

    house.billed()

    assert set(house.totals()) == {"acme"}


@pytest.mark.parametrize("cover", [{"tenant_id": "acme"}, {"meter": "api_calls"}])
def test_a_hold_placed_after_rating_takes_the_draft_out_before_it_is_issued(
    house: House, cover: dict[str, str]
) -> None:
    for tenant_id in ("acme", "bolt"):
        house.tenant(tenant_id)
    house.used("acme", 5)
    run = house.open()
    house.rate(run)
    house.hold(**cover)

    finalised = house.finalise(run)

    assert finalised.outcomes == {Outcome.RATED: 1, Outcome.PARKED: 1}
    assert house.totals() == {"bolt": 119_00}
    assert house.numbers() == ["INV-2026-000001"]
    assert house.rows("select * from invoice_lines where invoice_id like '%acme'") == []
    (stopped,) = house.runs.check(run.run_id).stopped
    assert "invoicing is held: a repair is under way" in stopped.reason


def test_a_tenant_without_usage_fee_or_contract_has_nothing_to_bill(house: House) -> None:
    house.tenant("never", terms=None)
    house.tenant("ended", terms=None)
    house.contract("ended", USUAL, ends="2026-10-01T00:00+02:00")
    house.tenant("unused", Terms(currency="USD", prices=(API_CALLS,)), address=None)

    run = house.open()

    assert house.rate(run).outcomes == {Outcome.NOTHING_TO_BILL: 3}
    assert house.totals() == {}


def test_a_draft_parked_by_hand_leaves_the_run_for_good_and_is_billed_by_the_next(house: House) -> None:
    for tenant_id in ("acme", "bolt"):
        house.tenant(tenant_id)
    run = house.open()
    house.rate(run)
    parking = Parking(tenant_id="acme", reason="looks wrong to me", by=FINANCE)

    house.runs.park(run.run_id, parking)
    house.runs.park(run.run_id, parking)
    rated_again = house.rate(run)
    house.finalise(run)
    report = house.runs.check(run.run_id)
    house.runs.close(run.run_id, report, NOW)

    assert rated_again.outcomes == {Outcome.RATED: 2}
    assert report.outcomes == {Outcome.RATED: 1, Outcome.PARKED: 1}
    assert report.stopped[0].reason == "looks wrong to me"
    assert house.totals() == {"bolt": 119_00}
    house.billed("second", only_parked=True)
    assert house.numbers() == ["INV-2026-000001", "INV-2026-000002"]


# -- safety bounds --------------------------------------------------------------------------------------------------

FREE = MeterPrice(meter="api_calls", tiers=(PriceTier(unit_amount=Decimal(0)),))
A_FEE = RecurringFee(name="Fee", amount_minor=300_00)


def flat(amount_minor: int) -> Terms:
    return Terms(currency="USD", fees=(RecurringFee(name="Fee", amount_minor=amount_minor),))


def history(house: House, *totals: int) -> None:
    """Documents of the months before October, the newest first."""
    for n, total in enumerate(totals):
        house.issued("acme", total, period=f"2026-{9 - n:02}")


@pytest.mark.parametrize(
    ("total", "earlier", "tripped"),
    [
        (300_00, (100_00, 100_00, 100_00), False),
        (300_01, (100_00, 100_00, 100_00), True),
        (300_01, (100_00, 1, 100_00), True),
        (300_01, (100_00, 101_00, 102_00), False),
        (300_01, (100_00, 100_00), True),
        (303_00, (100_00, 102_00), False),
        (303_01, (100_00, 102_00), True),
        (900_00, (200_00,), True),
        (900_00, (), False),
        (1, (0, 0, 0), True),
        (900_00, (1, 1, 1, 1), True),
    ],
)
def test_a_draft_above_three_times_the_median_of_three_months_is_flagged(
    house: House, total: int, earlier: tuple[int, ...], tripped: bool
) -> None:
    house.tenant("acme", flat(total))
    history(house, *earlier)

    run = house.open()
    house.rate(run)
    report = house.runs.check(run.run_id)

    assert report.flagged == ({Bound.SPIKE: 1} if tripped else {})
    assert house.runs.check(run.run_id) == report


def test_the_median_knows_corrections_and_no_voided_documents(house: House) -> None:
    house.tenant("acme", flat(301_00))
    first = house.issued("acme", 900_00, period="2026-09")
    house.issued("acme", 100_00, period="2026-09", invoice_id="corrected", revision=2, corrects=first)
    house.issued("acme", 900_00, period="2026-08", status="void")

    run = house.open()
    house.rate(run)
    (flag,) = house.runs.check(run.run_id).flags

    assert flag.detail == "comes to USD 301.00; the median of the months before is USD 100.00"


def test_nothing_charged_for_usage_is_shown_to_a_person(house: House) -> None:
    house.tenant("acme", Terms(currency="USD", prices=(FREE,)))
    house.used("acme", 5)

    run = house.open()
    house.rate(run)

    assert house.runs.check(run.run_id).flagged == {Bound.ZERO_WITH_USAGE: 1}


def test_usage_within_what_is_included_is_free_on_purpose(house: House) -> None:
    house.tenant("acme", Terms(currency="USD", prices=(STORAGE,)))
    house.used("acme", 10, "storage")

    run = house.open()
    house.rate(run)

    assert house.runs.check(run.run_id).flagged == {}


def test_a_bill_below_nothing_is_shown_to_a_person(house: House) -> None:
    advance = Terms(currency="USD", fees=(A_FEE.model_copy(update={"timing": Timing.ADVANCE}),))
    house.tenant("acme", terms=None)
    house.contract("acme", advance, ends="2026-10-02T00:00+02:00")
    house.issued("acme", 300_00, line={"kind": "fee_in_advance", "description": "Fee"})

    run = house.open()
    house.rate(run)
    report = house.runs.check(run.run_id)

    assert report.flagged == {Bound.NEGATIVE: 1}
    assert report.totals[0].total_minor == 968 - 300_00


def test_more_lines_than_usual_are_shown_to_a_person(house: House) -> None:
    house.policy = house.policy.model_copy(update={"lines_at_most": 2})
    terms = Terms(currency="USD", fees=(A_FEE,), fixed_discounts=(FixedDiscount(name="A", amount_minor=1),) * 2)
    house.tenant("acme", terms)

    run = house.open()
    house.rate(run)
    (flag,) = house.runs.check(run.run_id).flags

    assert (flag.bound, flag.detail) == (Bound.TOO_MANY_LINES, "has 3 lines, at most 2 are usual")


def test_what_was_parked_is_no_longer_flagged(house: House) -> None:
    house.tenant("acme", flat(900_00))
    history(house, 1)
    run = house.open()
    house.rate(run)
    house.runs.check(run.run_id)

    house.runs.park(run.run_id, Parking(tenant_id="acme", reason="too much", by=FINANCE))

    assert house.runs.check(run.run_id).flagged == {}
    assert house.rows("select * from run_flags where run_id = :run", run=run.run_id) != []
    assert run.order.period == PERIOD
