"""Usage so far, for everybody at once: every event once, whether rolled up or not, by each tenant's own days and terms."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, text

from activities.access_ports import RunningUsages
from adapters.postgres.partitions import make_months
from adapters.postgres.rollups import PostgresRollUps
from adapters.postgres.running_usage import PostgresRunningUsage
from adapters.postgres.tenants import Tenants
from adapters.postgres.usage_register import PostgresUsageRegister
from billing.contracts import Contract, Pause, Terms
from billing.overage import CapOrder, RunningUsage
from billing.periods import local_midnight
from billing.policy.standard import LIMITS
from billing.prices import MeterPrice, PriceTier
from tests.adapters.postgres.usage_intake.collector import Collector, event

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
EVERYBODY = Decimal("0.000001")


def silent(_: str) -> None:
    """No heartbeat."""


class Traffic(Collector):
    """The collector, with contracts and running usage."""

    numbers = 0

    def __init__(self, engine: Engine, folder: Path) -> None:
        super().__init__(engine, folder)
        # Late enough that whatever a test sends has happened.
        self.now = datetime(2026, 12, 2, tzinfo=UTC)
        self.port: RunningUsages = PostgresRunningUsage(engine)
        with engine.begin() as connection:
            make_months(connection, date(2026, 8, 1), date(2027, 2, 1))

    def agrees(
        self,
        tenant_id: str = "acme",
        first: str = "2026-01-01",
        end: str | None = None,
        pauses: tuple[Pause, ...] = (),
        **included: int,
    ) -> None:
        """Terms that include so much of each meter, from a local day on."""
        zone = str(self.one("select zone from tenants where tenant_id = :tenant", tenant=tenant_id))
        open_end = PriceTier(unit_amount=Decimal(1))
        prices = tuple(
            MeterPrice(meter=meter, included=Decimal(units), tiers=(open_end,)) for meter, units in included.items()
        )
        contract = Contract(
            contract_id=f"{tenant_id}-{first}",
            tenant_id=tenant_id,
            starts=local_midnight(date.fromisoformat(first), zone),
            ends=end and local_midnight(date.fromisoformat(end), zone),
            terms=Terms(currency="USD", prices=prices),
            pauses=pauses,
        )
        Tenants(self.engine).agree(contract)

    def uses(self, quantity: Any, at: str, tenant_id: str = "acme", meter: str = "api_calls") -> None:
        """One event; its day is marked to be rolled up."""
        self.uses_all([(quantity, at)], tenant_id, meter)

    def uses_all(self, used: Sequence[tuple[Any, str]], tenant_id: str = "acme", meter: str = "api_calls") -> None:
        """Quantities with their times."""
        first, type(self).numbers = self.numbers + 1, self.numbers + len(used)
        rows = [
            event(number, quantity=str(quantity), event_time=at, tenant_id=tenant_id, meter=meter)
            for number, (quantity, at) in enumerate(used, start=first)
        ]
        assert self.sends(*rows).stored == len(rows)

    def rolls_up(self) -> None:
        PostgresRollUps(self.engine, lambda: self.now).bring_up_to_date(silent)

    def near(self, share: Decimal = EVERYBODY, at: datetime = NOON, always: tuple[str, ...] = ()) -> list[RunningUsage]:
        return list(self.port.near_caps(at, share, always, silent))

    def used(self, at: datetime = NOON) -> dict[tuple[str, str], tuple[Decimal, Decimal]]:
        """Used and cap by tenant and meter."""
        return {
            (one.tenant_id, meter.meter): (meter.used, meter.cap) for one in self.near(at=at) for meter in one.meters
        }


@pytest.fixture
def traffic(engine: Engine, tmp_path: Path) -> Traffic:
    """Acme in New York, which pays by the calendar month."""
    return Traffic(engine, tmp_path)


def test_an_event_counts_once_before_it_is_rolled_up_after_and_when_another_follows(traffic: Traffic) -> None:
    traffic.agrees(api_calls=100)
    found = []

    traffic.uses("10.5", "2026-11-10T12:00:00Z")
    traffic.uses("20.25", "2026-11-20T11:00:00Z")
    found.append(traffic.used())
    traffic.rolls_up()
    found.append(traffic.used())
    traffic.uses("0.000001", "2026-11-10T13:00:00Z")
    traffic.uses("1", "2026-11-20T11:30:00Z")
    found.append(traffic.used())
    traffic.rolls_up()
    found.append(traffic.used())

    key, cap = ("acme", "api_calls"), Decimal(100)
    assert [one[key] for one in found] == [
        (Decimal("30.75"), cap),
        (Decimal("30.75"), cap),
        (Decimal("31.750001"), cap),
        (Decimal("31.750001"), cap),
    ]


def test_the_period_is_the_tenants_own_by_its_zone_and_anchor(traffic: Traffic) -> None:
    traffic.tenant("kyoto", zone="Asia/Tokyo", anchor_day=15)
    for tenant_id in ("acme", "kyoto"):
        traffic.agrees(tenant_id, api_calls=1_000)
    for quantity, at in (
        (1, "2026-11-01T03:59:59Z"),  # still October in New York
        (2, "2026-11-01T04:00:00Z"),
        (4, "2026-11-14T14:59:59Z"),  # still the 14th in Tokyo
        (8, "2026-11-14T15:00:00Z"),
    ):
        traffic.uses(quantity, at, "acme")
        traffic.uses(quantity, at, "kyoto")

    for rolled_up in (False, True):
        if rolled_up:
            traffic.rolls_up()
        acme, kyoto = traffic.near(Decimal("0.001"))
        assert (acme.period, acme.ends_at) == (date(2026, 11, 1), datetime(2026, 12, 1, 5, tzinfo=UTC))
        assert (kyoto.period, kyoto.ends_at) == (date(2026, 11, 15), datetime(2026, 12, 14, 15, tzinfo=UTC))
        assert (acme.meters[0].used, kyoto.meters[0].used) == (14, 8)


def test_a_new_period_begins_at_local_midnight_with_nothing_used(traffic: Traffic) -> None:
    traffic.agrees(api_calls=10)
    traffic.uses(9, "2026-11-30T12:00:00Z")
    midnight = datetime(2026, 12, 1, tzinfo=ZoneInfo("America/New_York"))

    before, after = (
        traffic.near(at=midnight - timedelta(seconds=1), always=("acme",)),
        traffic.near(at=midnight, always=("acme",)),
    )

    assert [(one.period, one.meters[0].used) for one in (*before, *after)] == [
        (date(2026, 11, 1), 9),
        (date(2026, 12, 1), 0),
    ]


def test_only_who_is_near_a_cap_is_told_of_and_who_is_asked_for(traffic: Traffic) -> None:
    for name in ("below", "at", "beyond", "asked"):
        traffic.tenant(name)
        traffic.agrees(name, api_calls=100, tokens=100)
    for name, quantity in (("below", "79.999999"), ("at", "80"), ("beyond", "120"), ("asked", "1")):
        traffic.uses(quantity, "2026-11-10T12:00:00Z", name)

    found = {
        one.tenant_id: [meter.meter for meter in one.meters] for one in traffic.near(LIMITS.lowest, always=("asked",))
    }

    assert found == {"at": ["api_calls"], "beyond": ["api_calls"], "asked": ["api_calls", "tokens"]}


def test_what_nobody_included_has_no_cap_and_neither_has_a_tenant_without_contract(traffic: Traffic) -> None:
    traffic.agrees(api_calls=0, tokens=100)
    traffic.tenant("guest")
    for tenant_id, meter in (("acme", "api_calls"), ("acme", "tokens"), ("guest", "api_calls")):
        traffic.uses(50, "2026-11-10T12:00:00Z", tenant_id, meter)

    assert traffic.used() == {("acme", "tokens"): (Decimal(50), Decimal(100))}


@pytest.mark.parametrize(
    ("contracts", "expected"),
    [
        # Agreed in the middle of the month: half of the allowance, for the days since.
        ([{"first": "2026-11-16", "api_calls": 300}], (2, 150)),
        # An upgrade: the new terms' share of days, and what was used under them.
        ([{"end": "2026-11-16", "api_calls": 30}, {"first": "2026-11-16", "api_calls": 3_000}], (2, 1_500)),
        # The same terms renewed are one stretch.
        ([{"end": "2026-11-16", "api_calls": 30}, {"first": "2026-11-16", "api_calls": 30}], (3, 30)),
        # Ends before the period does.
        ([{"end": "2026-11-22", "api_calls": 30}], (3, 21)),
        # A pause of ten days takes a third of the allowance.
        ([{"api_calls": 30, "pauses": (Pause(first=date(2026, 11, 5), end=date(2026, 11, 15)),)}], (3, 20)),
    ],
)
def test_the_cap_is_what_will_be_billed_against(
    traffic: Traffic, contracts: list[dict[str, Any]], expected: tuple[int, int]
) -> None:
    traffic.uses(1, "2026-11-03T12:00:00Z")
    traffic.uses(2, "2026-11-18T12:00:00Z")
    for contract in contracts:
        traffic.agrees(**contract)

    for _ in range(2):
        assert traffic.used()["acme", "api_calls"] == expected
        traffic.rolls_up()


def test_a_cap_that_was_set_takes_the_place_of_what_is_included_until_it_is_taken_back(traffic: Traffic) -> None:
    register = PostgresUsageRegister(traffic.engine)
    traffic.agrees(api_calls=100)
    traffic.uses(50, "2026-11-10T12:00:00Z")
    traffic.uses(7, "2026-11-10T12:00:00Z", meter="tokens")

    def capped(meter: str, cap: int | None, *, as_contracted: bool = False) -> dict[tuple[str, str], Any]:
        order = CapOrder(
            tenant_id="acme",
            meter=meter,
            cap=None if cap is None else Decimal(cap),
            as_contracted=as_contracted,
            reason="agreed",
            by="lead-1",
        )
        register.cap(order, NOON)
        return traffic.used()

    assert capped("api_calls", 60) == {("acme", "api_calls"): (50, 60)}
    assert capped("tokens", 10) == {("acme", "api_calls"): (50, 60), ("acme", "tokens"): (7, 10)}
    assert capped("api_calls", None) == {("acme", "tokens"): (7, 10)}
    assert capped("api_calls", None, as_contracted=True) == {
        ("acme", "api_calls"): (50, 100),
        ("acme", "tokens"): (7, 10),
    }
    assert [one.in_words() for one in register.caps("acme")] == [
        "api_calls is capped at what the contract includes",
        "tokens is capped at 10",
    ]


def test_usage_is_the_sum_of_the_raw_events_whatever_was_rolled_up(traffic: Traffic) -> None:
    zones = {"east": "Asia/Tokyo", "west": "America/Los_Angeles", "mid": "UTC"}
    for name, zone in zones.items():
        traffic.tenant(name, zone=zone)
        traffic.agrees(name, api_calls=1_000_000)
    beginning = datetime(2026, 10, 30, tzinfo=UTC)
    used = [(number + 1, (beginning + timedelta(hours=8 * number)).isoformat()) for number in range(60)]
    for part in (used[:20], used[20:40:2], used[40:], used[21:40:2]):
        for name in zones:
            traffic.uses_all(part, name)
        traffic.rolls_up()
    traffic.uses_all([(1_000, "2026-11-12T00:30:00Z"), (2_000, "2026-11-20T11:59:00Z")], "east")

    found = traffic.near(Decimal("0.000001"))

    raw = text(
        "select sum(quantity) from usage_events where tenant_id = :tenant and event_time >= :first and event_time < :end"
    )
    with traffic.engine.connect() as connection:
        for one in found:
            local = ZoneInfo(zones[one.tenant_id])
            span = {"first": datetime(2026, 11, 1, tzinfo=local), "end": datetime(2026, 11, 21, tzinfo=local)}
            total = connection.execute(raw, {"tenant": one.tenant_id} | span).scalar_one()
            assert one.meters[0].used == total
    assert {one.tenant_id for one in found} == set(zones)


def test_a_day_is_held_against_the_28_days_before_it(traffic: Traffic) -> None:
    first = datetime(2026, 10, 22, 15, tzinfo=UTC)
    traffic.uses_all([(10, f"{first + timedelta(days=day):%Y-%m-%dT%H:%M:%SZ}") for day in range(28)])
    traffic.uses_all([(49, "2026-11-19T15:00:00Z"), (500, "2026-11-20T15:00:00Z")])
    traffic.rolls_up()

    (spike,) = traffic.port.days(NOON, LIMITS.spikes, silent)

    assert (spike.tenant_id, spike.meter, spike.day, spike.used) == ("acme", "api_calls", date(2026, 11, 20), 500)
    assert (spike.before, spike.used_days) == (27 * 10 + 49, 28)


def test_yesterday_is_still_looked_at_and_who_has_only_begun_has_no_usual_day(traffic: Traffic) -> None:
    traffic.tenant("new")
    traffic.uses_all([(1, f"2026-11-{day:02}T15:00:00Z") for day in range(1, 11)])
    traffic.uses_all([(1, f"2026-11-{day:02}T15:00:00Z") for day in range(13, 19)], "new")
    for tenant_id in ("acme", "new"):
        traffic.uses(100, "2026-11-19T15:00:00Z", tenant_id)
    traffic.rolls_up()

    found = traffic.port.days(NOON, LIMITS.spikes, silent)

    assert [(one.tenant_id, one.day, one.used_days) for one in found] == [("acme", date(2026, 11, 19), 10)]


def test_without_tenants_nothing_is_near_anything(database_url: str, engine: Engine) -> None:
    port = PostgresRunningUsage(engine)

    assert port.near_caps(NOON, EVERYBODY, (), silent) == ()
    assert port.days(NOON, LIMITS.spikes, silent) == ()
