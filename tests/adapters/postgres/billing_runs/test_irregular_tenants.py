"""Tenants that are not plain: split periods, pauses, anchors, days not rolled up, fees in advance.

Whatever way a shard is read, the documents say what the pure bill says.
"""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from adapters.postgres.tenants import Tenants
from billing.contracts import FixedDiscount, PercentDiscount, RecurringFee, Tax, Terms, Timing
from billing.invoicing import Bill, bill
from billing.month_end import Outcome
from billing.periods import service_days
from billing.prices import MeterPrice, PriceTier, Scheme
from billing.rate_cards import micro
from billing.segments import segments
from tests.adapters.postgres.billing_runs.events import Events
from tests.adapters.postgres.billing_runs.world import API_CALLS, PERIOD, STORAGE, USUAL, House

NOVEMBER = "2026-11"
FEE = RecurringFee(name="Seat", amount_minor=310_00)
SEATS_AHEAD = Terms(currency="USD", fees=(FEE.model_copy(update={"timing": Timing.ADVANCE}),), prices=(API_CALLS,))
CALLS = Terms(currency="USD", prices=(API_CALLS,))


# -- contracts ------------------------------------------------------------------------------------------------------


def test_half_a_month_costs_half(house: House) -> None:
    """Mid-cycle upgrade: 15 of 30 days of $1,000 are $500.00 (B1)."""
    terms = Terms(currency="USD", fees=(RecurringFee(name="Plan", amount_minor=1_000_00),))
    house.tenant("acme", terms=None)
    house.contract("acme", terms, starts="2026-09-16T00:00+02:00")

    house.billed(period="2026-09")

    assert house.totals("2026-09") == {"acme": 500_00}


def test_a_split_period_rates_like_a_whole_one(house: House) -> None:
    house.tenant("whole")
    house.tenant("split", terms=None)
    house.contract("split", USUAL, ends="2026-10-13T00:00+02:00")
    house.contract("split", USUAL, starts="2026-10-13T00:00+02:00")
    for tenant_id in ("whole", "split"):
        house.used(tenant_id, 700, day="2026-10-03")
        house.used(tenant_id, "55.25", "storage", day="2026-10-29")

    house.billed()

    assert house.lines("split") == house.lines("whole")
    assert len(set(house.column("select digest from run_entries"))) == 1


def test_usage_is_billed_under_the_contract_of_its_day(house: House) -> None:
    dear = Terms(currency="USD", prices=(API_CALLS.model_copy(update={"tiers": (PriceTier(unit_amount=Decimal(7)),)}),))
    house.tenant("acme", terms=None)
    house.contract("acme", CALLS, ends="2026-10-16T00:00+02:00")
    house.contract("acme", dear, starts="2026-10-16T00:00+02:00")
    house.used("acme", 100, day="2026-10-15")
    house.used("acme", 100, day="2026-10-16")

    house.billed()

    assert [line[3] for line in house.lines("acme")] == [50, 700]


def test_a_pause_takes_its_days_off(house: House) -> None:
    house.tenant("acme", terms=None)
    house.contract("acme", Terms(currency="USD", fees=(FEE,)), pauses=({"first": "2026-10-11", "end": "2026-10-21"},))

    house.billed()

    assert house.totals() == {"acme": 210_00}
    (line,) = house.rows("select active_days, period_days from invoice_lines")
    assert (line["active_days"], line["period_days"]) == (21, 31)


@pytest.mark.parametrize(
    ("anchor_day", "day", "billed"),
    [(15, "2026-09-14", False), (15, "2026-09-15", True), (15, "2026-10-14", True), (15, "2026-10-15", False),
     (31, "2026-09-30", True), (31, "2026-10-30", True), (31, "2026-10-31", False), (1, "2026-10-31", True)],
)  # fmt: skip
def test_a_period_runs_from_anchor_to_anchor(house: House, anchor_day: int, day: str, billed: bool) -> None:
    house.tenant("acme", CALLS, anchor_day=anchor_day)
    house.tenant("usual")
    house.used("acme", 200, day=day)

    house.billed()

    assert ("acme" in house.totals()) is billed


# -- usage that is not in the roll-ups ------------------------------------------------------------------------------


def test_days_that_wait_to_be_rolled_up_are_counted_from_the_events(house: House, events: Events) -> None:
    house.tenant("acme", CALLS)
    events.arrived("acme", "2026-10-05T12:00+02:00", 400, rolled_up=True)
    events.arrived("acme", "2026-10-05T13:00+02:00", 200)
    events.arrived("acme", "2026-10-06T00:30+02:00", 1_000)
    events.arrived("acme", "2026-11-01T00:00+01:00", 5_000)

    house.billed()

    assert house.totals() == {"acme": 800}


# -- fees in advance ------------------------------------------------------------------------------------------------


def test_a_fee_in_advance_is_billed_once_for_each_month(house: House) -> None:
    house.tenant("acme", SEATS_AHEAD)

    house.billed()
    house.billed("november", period=NOVEMBER)

    assert [line[:2] for line in house.lines("acme")] == [("fee", "Seat"), ("fee_in_advance", "Seat")]
    assert [line[:2] for line in house.lines("acme", NOVEMBER)] == [("fee_in_advance", "Seat")]
    assert house.totals() == {"acme": 620_00}


def test_what_was_billed_in_advance_for_days_without_service_is_given_back(house: House) -> None:
    house.tenant("acme", SEATS_AHEAD)
    house.billed()
    house.run("update contracts set ends = '2026-11-11T00:00+01:00'")

    house.billed("november", period=NOVEMBER)

    (line,) = house.lines("acme", NOVEMBER)
    assert (line[0], line[3]) == ("adjustment", 103_33 - 310_00)


def test_what_was_billed_in_advance_for_a_month_without_a_contract_is_left_to_a_person(house: House) -> None:
    house.tenant("acme", SEATS_AHEAD)
    house.billed()
    house.run("update contracts set ends = '2026-11-01T00:00+01:00'")

    run = house.open("november", NOVEMBER)
    house.rate(run)

    entry = house.entry(run, "acme")
    assert entry["outcome"] == "parked"
    assert entry["reason"].startswith("Seat was billed in advance for a period that no contract covers any more")


# -- at random ------------------------------------------------------------------------------------------------------

ZONES = ("Europe/Berlin", "America/New_York", "Asia/Tokyo", "Pacific/Auckland")


@pytest.mark.parametrize("seed", range(3))
def test_the_books_say_what_the_pure_bill_says(house: House, seed: int) -> None:
    chance = random.Random(seed)
    usage = {tenant_id: _random_tenant(house, tenant_id, chance) for tenant_id in (f"t-{n:02}" for n in range(25))}

    run = house.open()
    house.rate(run)

    for tenant_id, used in usage.items():
        entry = house.entry(run, tenant_id)
        expected = _pure(house, tenant_id, used)
        if entry["outcome"] != Outcome.RATED:
            assert expected is None or not expected.lines, entry
            continue
        assert expected is not None
        assert house.lines(tenant_id) == [
            (line.kind.value, line.description, Decimal(line.quantity) / 10**6, line.amount_minor)
            for line in expected.lines
        ]
        assert entry["total_minor"] == expected.total_minor == sum(line[3] for line in house.lines(tenant_id))


def _random_tenant(house: House, tenant_id: str, chance: random.Random) -> dict[date, dict[str, int]]:
    """Puts a tenant with contracts and usage in the books; answers the usage by local day, in millionths."""
    zone, anchor = chance.choice(ZONES), chance.choice((1, 1, 5, 15, 31))
    house.tenant(tenant_id, terms=None, zone=zone, anchor_day=anchor)
    days = service_days(PERIOD, anchor)
    edges = sorted(chance.sample(range(1, days.days), chance.choice((0, 0, 1, 2))))
    starts = [days.first - timedelta(days=400), *(days.first + timedelta(days=edge) for edge in edges)]
    terms = _random_terms(chance)
    for start, end in zip(starts, [*starts[1:], None], strict=True):
        terms = terms if chance.random() < 0.3 else _random_terms(chance)
        pauses = ({"first": days.first + timedelta(days=3), "end": days.first + timedelta(days=9)},)
        house.contract(
            tenant_id,
            terms,
            _midnight(start, zone),
            end and _midnight(end, zone),
            pauses=pauses * chance.choice((0, 0, 1)),
        )
    used: dict[date, dict[str, int]] = {}
    for offset in chance.sample(range(days.days), chance.randrange(6)):
        day, meter = days.first + timedelta(days=offset), chance.choice(("api_calls", "storage"))
        quantity = Decimal(chance.randrange(10**9)) / chance.choice((1, 1_000, 10**6))
        house.used(tenant_id, f"{quantity:f}", meter, f"{day}")
        used[day] = {meter: micro(quantity)}
    return used


def _random_terms(chance: random.Random) -> Terms:
    storage = chance.choice((STORAGE, STORAGE.model_copy(update={"scheme": Scheme.VOLUME, "minimum_minor": 500})))
    calls = MeterPrice(
        meter="api_calls",
        included=Decimal(chance.choice((0, 500))),
        tiers=(PriceTier(unit_amount=Decimal(chance.randrange(1, 200)) / 1_000, flat_minor=chance.choice((0, 3))),),
        maximum_minor=chance.choice((None, 9_000_00)),
    )
    return Terms(
        currency="USD",
        fees=(RecurringFee(name="Plan", amount_minor=chance.randrange(1, 99_999)),) * chance.choice((0, 1, 1)),
        prices=(calls, storage),
        discounts=(PercentDiscount(name="Loyal", percent=Decimal(chance.randrange(1, 40))),) * chance.choice((0, 1)),
        fixed_discounts=(FixedDiscount(name="Voucher", amount_minor=1_00),) * chance.choice((0, 1)),
        minimum_minor=chance.choice((None, 50_00)),
        tax=chance.choice((None, Tax(name="VAT", rate=Decimal("0.19")))),
    )


def _pure(house: House, tenant_id: str, used: dict[date, dict[str, int]]) -> Bill | None:
    tenant = Tenants(house.engine).find(tenant_id)
    assert tenant is not None
    contracts = Tenants(house.engine).contracts(tenant_id)
    days, following = service_days(PERIOD, tenant.anchor_day), service_days(NOVEMBER, tenant.anchor_day)
    covered = segments(contracts, days, tenant.zone)
    shares: list[dict[str, int]] = [{} for _ in covered]
    for day, quantities in used.items():
        share = next(share for share, segment in zip(shares, covered, strict=True) if day in segment.days)
        for meter, quantity in quantities.items():
            share[meter] = share.get(meter, 0) + quantity
    return bill(
        covered,
        days,
        shares,
        following=segments(contracts, following, tenant.zone),
        following_days=following,
        labels={"api_calls": "API calls", "storage": "Storage in GB"},
    )


def _midnight(day: date, zone: str) -> str:
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC).isoformat()
