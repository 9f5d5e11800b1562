"""What comes in between while a debt is recovered: holds, other debts, other tiers, and the world in pieces."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from billing.calendars import BusinessCalendar
from billing.delinquency import Standing
from billing.failures import BillingFailure, FailureCode
from billing.holds import HeldEffect
from billing.month_end import Instruction
from billing.payments import CardUpdated
from billing.policy.standard import STANDARD
from billing.provider_events import News, NewsKind
from billing.recovery import Carried, DelinquencyOrder, Ending, OpenedDelinquency
from billing.tenants import Tier
from tests.fixtures.temporal import CaseClock
from tests.workflows.recovering import RecoveringDesk, a_recovering_desk, days_of
from workflows.delinquency import Delinquency


@pytest.fixture
async def desk(engine: Engine, case_clock: CaseClock, tmp_path: Path) -> AsyncIterator[RecoveringDesk]:
    async with a_recovering_desk(engine, case_clock, tmp_path) as opened:
        yield opened


async def test_the_time_under_a_hold_does_not_count(desk: RecoveringDesk) -> None:
    desk.owes()
    case = await desk.takes_up()
    await case.days(5)

    hold = await case.is_held(HeldEffect.CHARGING)
    held = await case.story()
    await case.days(4)
    await case.is_released(hold)
    await case.days(3)

    assert [words.partition(" since")[0] for words in held.waits] == [
        f"charging is held for tenant {desk.tenant_id} by lead-1"
    ]
    assert held.debts[0].chased.startswith("rests: charging is held")
    assert days_of(await case.timeline(), "held", "limited") == [
        "day  5  held: nothing is chased, and the time does not count",
        "day  9  held no longer: the ladder goes on where it stood",
        "day 11  limited to 10 % of the usual rate, USD 310.00 is owed",
    ]


async def test_a_hold_that_nobody_told_of_still_keeps_a_step_from_being_taken(desk: RecoveringDesk) -> None:
    desk.owes()
    case = await desk.takes_up()
    await case.days(6)

    hold = await case.is_held(for_everybody=True)
    await case.days(3)
    limited = case.service
    desk.ports.holds.release(hold, "lead-1", "It is over.", await case.clock.now(case.handle))
    await case.days(1.2)

    assert (limited, case.service) == ("none", "rate_limited")


async def test_paying_the_oldest_debt_gives_the_service_back_that_only_it_had_cost(desk: RecoveringDesk) -> None:
    oldest = desk.owes()
    case = await desk.takes_up()
    await case.days(9)
    desk.at = await case.clock.now(case.handle)
    desk.owes_more("20.00")
    await case.hears()
    both = await case.story()

    desk.bank.is_paid_elsewhere(oldest)
    await case.hears()
    left = await case.story()

    assert [str(one) for one in both.owed] == ["USD 330.00"]
    assert (left.rung, case.service) == ("retrying", "none")
    await case.days(8)
    assert case.service == "rate_limited"


async def test_a_payment_that_no_event_told_of_is_seen_before_anything_is_limited(desk: RecoveringDesk) -> None:
    invoice = desk.owes()
    case = await desk.takes_up()
    await case.days(6)

    desk.bank.is_paid_elsewhere(invoice)
    await case.days(2)

    assert await case.ending() is Ending.RECOVERED
    assert days_of(await case.timeline(), "left", "limited", "restored") == [
        "day  7  left undone: limited to 10 % of the usual rate; what is owed has changed"
    ]


async def test_enterprise_has_two_weeks_and_a_person_who_calls(desk: RecoveringDesk) -> None:
    desk.owes()
    case = await desk.takes_up()
    await case.days(3)

    with desk.world.engine.begin() as connection:
        connection.execute(text("update tenants set tier = 'enterprise' where tenant_id = :it"), {"it": desk.tenant_id})
    await case.hears()
    await case.days(12)

    lines = days_of(await case.timeline(), "the tier", "the account", "limited")
    assert lines[0] == "day  3  the tier is enterprise now, no longer pro"
    assert sorted(lines[1:]) == [
        "day 14  limited to 10 % of the usual rate, USD 310.00 is owed",
        "day 14  the account manager is asked to call (1), USD 310.00 is owed",
    ]


async def test_who_cancels_owes_all_the_same(desk: RecoveringDesk) -> None:
    desk.owes()
    case = await desk.takes_up()
    await case.days(1)

    with desk.world.engine.begin() as connection:
        connection.execute(
            text("update contracts set ends = now() - interval '1 hour' where tenant_id = :it"), {"it": desk.tenant_id}
        )
    await case.hears()
    await case.days(7)

    assert days_of(await case.timeline(), "the customer has cancelled") == [
        "day  1  the customer has cancelled; what is owed is collected all the same"
    ]
    assert case.service == "rate_limited"


async def test_unpaid_usage_alone_never_costs_the_plan(desk: RecoveringDesk) -> None:
    desk.owes(usage_only=True)
    case = await desk.takes_up()

    await case.days(60)

    assert case.service == "new_requests_blocked"


async def test_mail_that_cannot_leave_holds_nothing_up(desk: RecoveringDesk) -> None:
    desk.owes()
    case = await desk.takes_up()
    await case.days(6.9)

    desk.postman.fail_next(FailureCode.PROVIDER_BUSY, times=3)
    await case.days(0.2)

    assert case.service == "rate_limited"
    assert (await case.letters()).count("service_limited") == 1


async def test_what_cannot_be_done_is_handed_over_and_goes_on_once_it_is_repaired(desk: RecoveringDesk) -> None:
    desk.owes()
    case = await desk.takes_up()
    await case.days(1)
    with desk.world.engine.begin() as connection:
        connection.execute(text("set local session_replication_role = replica"))
        connection.execute(text("update tenants set tenant_id = 'lost' where tenant_id = :it"), {"it": desk.tenant_id})
    await case.looks()
    stuck = await case.story()

    with desk.world.engine.begin() as connection:
        connection.execute(text("set local session_replication_role = replica"))
        connection.execute(text("update tenants set tenant_id = :it where tenant_id = 'lost'"), {"it": desk.tenant_id})
    answer = await case.sends(Delinquency.try_again, Instruction(by="lead-1", reason="It is on record again."))

    assert (stuck.needs_human, answer) == (True, "trying again")
    assert "is not in the books" in stuck.next_step
    assert not (await case.story()).needs_human


def fails(desk: RecoveringDesk, monkeypatch: pytest.MonkeyPatch, code: FailureCode) -> None:
    """The payment provider answers no question until further notice."""

    def failing(*_: object) -> None:
        raise BillingFailure(code, "the payment provider does not answer")

    monkeypatch.setattr(desk.bank, "reading", failing)


async def test_a_step_that_an_outage_kept_from_being_taken_is_taken_within_the_hour_after_it(
    desk: RecoveringDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.owes()
    case = await desk.takes_up()
    await case.days(6.95)
    with monkeypatch.context() as outage:
        fails(desk, outage, FailureCode.UNAVAILABLE)
        await case.hours(2)
    stuck = await case.story()

    await case.hours(1)

    assert (stuck.needs_human, stuck.service and stuck.service.restriction) == (True, "none")
    assert (case.service, (await case.story()).needs_human) == ("rate_limited", False)
    assert len(days_of(await case.timeline(), "handed over to a person")) == 1


async def test_a_payment_restores_at_once_what_waits_for_a_person(
    desk: RecoveringDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoice = desk.owes()
    case = await desk.takes_up()
    await case.days(8)
    with monkeypatch.context() as refusing:
        fails(desk, refusing, FailureCode.PROVIDER_REFUSED)
        await case.days(2.5)
    stuck = await case.story()

    desk.bank.is_paid_elsewhere(invoice)
    await case.hears()

    assert stuck.needs_human
    assert await case.ending() is Ending.RECOVERED
    assert case.service == "none"


async def test_a_case_that_waits_for_long_goes_on_in_another_run(desk: RecoveringDesk) -> None:
    desk.owes()
    case = await desk.takes_up()
    first = (await case.handle.describe()).run_id
    await case.days(6)

    hold = await case.is_held(for_everybody=True)
    for _ in range(4):
        await case.days(1)
    await case.is_released(hold)
    await case.days(1.5)

    assert (await case.handle.describe()).run_id != first
    assert days_of(await case.timeline(), "opened", "limited") == [
        "day  0  opened for acme (policy 2026-11)",
        "day 11  limited to 10 % of the usual rate, USD 310.00 is owed",
    ]


def test_a_new_card_that_the_next_run_hears_of_before_it_begins_to_work_is_not_forgotten() -> None:
    now, calendar = datetime(2026, 12, 1, tzinfo=UTC), BusinessCalendar.without_holidays("UTC")
    carried = Carried(
        opened=OpenedDelinquency(
            case_id="delinquency/acme/1", episode=1, opened_at=now, policy=STANDARD, calendar=calendar
        ),
        standing=Standing(tier=Tier.PRO, calendar=calendar, opened_at=now),
        service=None,
        chases={},
        told_of=frozenset(),
        once_owed=frozenset(),
        knew_cancelled=False,
        named={},
        requests=0,
        promise_key="",
        cards=(CardUpdated(event_id="evt_before"),),
        timeline=(),
    )
    case = Delinquency(DelinquencyOrder(tenant_id="acme", carried=carried))

    news = News(kind=NewsKind.PAYMENT_METHOD, tenant_id="acme", event_id="evt_since", occurred_at=now)
    case.heard(news.model_copy(update={"payment_method": "pm_new"}))

    assert case.carried().cards == (
        CardUpdated(event_id="evt_before"),
        CardUpdated(event_id="evt_since", payment_method="pm_new", occurred_at=now),
    )
