"""Recoveries from the first failed payment to each of their ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from temporalio.api.enums.v1 import EventType

from adapters.postgres.retention.candidates import DeletionCandidates
from billing.access import Cause, Restriction, RestrictionOrder
from billing.failures import BillingFailure, FailureCode
from billing.invoices import InvoiceStatus
from billing.provider_events import NewsKind
from billing.recovery import Ending
from tests.fixtures.temporal import CaseClock
from tests.workflows.recovering import RecoveringDesk, a_recovering_desk

# What Temporal may keep of a recovery that takes three weeks.
EVENTS_OF_THREE_WEEKS = 150
# What only a server writes whose clock is turned.
_OF_THE_TURNED_CLOCK = (
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIME_SKIPPING_TRANSITIONED,
)


@pytest.fixture
async def desk(engine: Engine, case_clock: CaseClock, tmp_path: Path) -> AsyncIterator[RecoveringDesk]:
    async with a_recovering_desk(engine, case_clock, tmp_path) as opened:
        yield opened


async def test_three_weeks_of_dunning_and_full_service_with_the_payment(desk: RecoveringDesk) -> None:
    invoice = desk.owes()
    case = await desk.takes_up()

    await case.retries_fail()
    await case.days(19.2)
    suspended = case.service
    desk.bank.is_paid_elsewhere(invoice)
    await case.hears()

    assert await case.ending() is Ending.RECOVERED
    story = await case.timeline()
    assert [line for line in story if "reminder" not in line] == [
        "day  0  opened for acme (policy 2026-11)",
        "day  0  INV-2026-10-acme is owed, USD 310.00",
        "day  0  told that a payment failed, USD 310.00 is owed",
        "day  0  final warning, USD 310.00 is owed",
        "day  0  INV-2026-10-acme, scheduled attempt 2: declined, insufficient_funds",
        "day  1  INV-2026-10-acme, scheduled attempt 3: declined, insufficient_funds",
        "day  2  grace begins, USD 310.00 is owed",
        "day  2  INV-2026-10-acme, scheduled attempt 4: declined, insufficient_funds",
        "day  7  limited to 10 % of the usual rate, USD 310.00 is owed",
        "day 10  new requests blocked, USD 310.00 is owed",
        "day 14  suspended, USD 310.00 is owed",
        "day 21  INV-2026-10-acme is settled",
        "day 21  restored, paid: full service",
        "day 21  ended: recovered",
    ]
    assert (suspended, case.service) == ("suspended", "none")
    letters = await case.letters()
    assert (letters[-1], letters.count("payment_reminder") >= 1) == ("service_restored", True)
    kept = [
        event for event in (await case.handle.fetch_history()).events if event.event_type not in _OF_THE_TURNED_CLOCK
    ]
    assert len(kept) <= EVENTS_OF_THREE_WEEKS
    assert not [event.event_id for event in kept if f"billing@{desk.tenant_id}" in str(event)]


async def test_who_never_pays_is_suspended_warned_twice_and_handed_to_the_purge(desk: RecoveringDesk) -> None:
    desk.owes()
    case = await desk.takes_up()

    await case.retries_fail()
    await case.days(110)
    waits = await case.story()
    with desk.world.engine.begin() as connection:
        begun = connection.execute(text("update deletion_candidates set begun_at = now() returning case_id"))
        handed_over_by = begun.scalar_one()
    await case.days(1.5)

    assert await case.ending() is Ending.HANDED_TO_PURGE
    assert handed_over_by == f"delinquency/{desk.tenant_id}/1"
    assert waits.rung == "awaiting_deletion"
    assert (await case.letters()).count("deletion_notice") == 2
    assert case.service == "suspended"


async def test_paying_while_the_purge_waits_takes_the_tenant_back(desk: RecoveringDesk) -> None:
    invoice = desk.owes()
    case = await desk.takes_up()
    await case.days(110)

    desk.bank.is_paid_elsewhere(invoice)
    await case.hears()

    assert await case.ending() is Ending.RECOVERED
    assert case.service == "none"
    assert not desk.ports.deletion.waits(desk.tenant_id)


async def test_paying_the_old_debt_takes_the_tenant_back_though_a_younger_one_is_left(
    desk: RecoveringDesk,
) -> None:
    oldest = desk.owes()
    case = await desk.takes_up()
    await case.days(100)
    desk.owes_more("20.00")
    await case.hears()
    await case.days(11)
    waited = desk.ports.deletion.waits(desk.tenant_id)

    desk.bank.is_paid_elsewhere(oldest)
    await case.hears()

    assert waited
    assert (await case.story()).rung == "blocked"
    assert not desk.ports.deletion.waits(desk.tenant_id)


async def test_a_hand_over_that_crashed_is_taken_back_when_the_debt_was_paid_meanwhile(
    desk: RecoveringDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    oldest = desk.owes()
    case = await desk.takes_up()
    await case.days(100)
    desk.owes_more("20.00")
    await case.hears()
    hand_over = DeletionCandidates.await_deletion

    def crashes(queue: DeletionCandidates, tenant_id: str, since: datetime, case_id: str) -> None:
        hand_over(queue, tenant_id, since, case_id)
        if desk.bank.billed[oldest].remaining:
            desk.bank.is_paid_elsewhere(oldest)
            raise BillingFailure(FailureCode.UNAVAILABLE, "the worker was lost")

    monkeypatch.setattr(DeletionCandidates, "await_deletion", crashes)
    await case.days(11)

    assert (await case.story()).rung == "blocked"
    assert not desk.ports.deletion.waits(desk.tenant_id)


async def test_who_pays_when_the_deletion_has_just_begun_is_not_told_that_everything_is_restored(
    desk: RecoveringDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoice = desk.owes()
    case = await desk.takes_up()
    await case.days(110)

    monkeypatch.setattr(DeletionCandidates, "spare", lambda queue, tenant_id: False)
    desk.bank.is_paid_elsewhere(invoice)
    await case.hears()

    assert await case.ending() is Ending.HANDED_TO_PURGE
    assert case.service == "suspended"
    assert "service_restored" not in await case.letters()


async def test_a_write_off_ends_it_and_gives_the_service_back(desk: RecoveringDesk) -> None:
    invoice = desk.owes()
    case = await desk.takes_up()
    await case.days(8)

    desk.bank.becomes(invoice, InvoiceStatus.UNCOLLECTIBLE)
    await case.hears()

    assert await case.ending() is Ending.WRITTEN_OFF
    assert case.service == "none"
    assert (await case.timeline())[-2] == "day  8  restored, written off: full service"


async def test_a_case_without_a_debt_ends_at_once_and_writes_to_nobody(desk: RecoveringDesk) -> None:
    invoice = desk.owes()
    desk.bank.is_paid_elsewhere(invoice)
    desk.reads(invoice)

    case = await desk.takes_up()

    assert await case.ending() is Ending.NOT_DELINQUENT
    assert await case.letters() == []


async def test_a_credit_over_the_whole_restores_at_once_and_a_part_of_it_lowers_what_is_owed(
    desk: RecoveringDesk,
) -> None:
    invoice = desk.owes()
    case = await desk.takes_up()
    await case.days(8)

    desk.bank.credits(invoice, 110_00)
    await case.hears()
    left = await case.story()
    desk.bank.credits(invoice, 200_00)
    await case.hears(NewsKind.INVOICE)

    assert [str(one) for one in left.owed] == ["USD 200.00"]
    assert left.service and left.service.reason == "a payment is overdue"
    assert left.service and left.service.restriction == "rate_limited"
    assert await case.ending() is Ending.RECOVERED
    assert case.service == "none"


async def test_an_appeal_that_is_won_gives_the_service_back_and_says_so(desk: RecoveringDesk) -> None:
    invoice = desk.owes()
    case = await desk.takes_up()
    await case.days(11)
    await case.is_contested()
    await case.looks()
    await case.days(6)
    contested = case.service

    desk.bank.credits(invoice, 310_00)
    await case.is_decided("credited")
    await case.hears()

    assert await case.ending() is Ending.RECOVERED
    assert (contested, case.service) == ("new_requests_blocked", "none")
    assert (await case.letters())[-2:] == ["service_blocked", "service_restored"]


async def test_another_episode_begins_with_the_next_debt(desk: RecoveringDesk) -> None:
    invoice = desk.owes()
    case = await desk.takes_up()
    desk.bank.is_paid_elsewhere(invoice)
    await case.hears()
    await case.ending()

    desk.owes_more("20.00")
    again = await desk.takes_up()

    assert (await again.story()).case_id == f"delinquency/{desk.tenant_id}/2"
    assert [row.ending for row in desk.ports.delinquencies.latest(10, only_open=False)] == [None, Ending.RECOVERED]


async def test_limits_of_another_cause_stay_when_the_debt_is_paid(desk: RecoveringDesk) -> None:
    invoice = desk.owes()
    by_hand = RestrictionOrder(
        tenant_id=desk.tenant_id,
        cause=Cause.OPERATOR,
        restriction=Restriction.NEW_REQUESTS_BLOCKED,
        reason="An incident.",
        case_id="incident-1",
        step="block",
        by="lead-1",
    )
    desk.ports.restrictions.restrict(by_hand, desk.later())
    case = await desk.takes_up()
    await case.days(15)

    desk.bank.is_paid_elsewhere(invoice)
    await case.hears()

    assert await case.ending() is Ending.RECOVERED
    assert case.service == "new_requests_blocked"
    letter = " ".join(desk.postman.mailbox[-1].rendered.text.split())
    assert "Nothing is limited for an overdue payment any more, because what was due is settled." in letter
    assert "Another limit on your account stays" in letter
    assert "New requests are refused. Its reason: An incident." in letter
    assert "service_restored" not in await case.letters()


async def test_a_debt_that_was_heard_of_while_the_letters_of_the_end_were_leaving_is_the_next_episode(
    desk: RecoveringDesk,
) -> None:
    invoice = desk.owes()
    case = await desk.takes_up()
    await case.days(8)
    desk.postman.fail_next(FailureCode.PROVIDER_BUSY, times=6)
    desk.bank.is_paid_elsewhere(invoice)
    await case.hears()
    closed = desk.ports.delinquencies.latest(10, only_open=False)

    desk.owes_more("20.00")
    await case.hears(NewsKind.PAYMENT_METHOD)
    await case.hours(1)

    assert [row.ending for row in closed] == [Ending.RECOVERED]
    story = await case.story()
    assert (story.case_id, story.rung) == (f"delinquency/{desk.tenant_id}/2", "retrying")
    assert "a new payment method: tried at once" in [line.text for line in story.timeline]
    assert "service_restored" in await case.letters()


async def test_what_is_heard_while_a_case_closes_and_is_no_debt_opens_no_other(desk: RecoveringDesk) -> None:
    invoice = desk.owes()
    case = await desk.takes_up()
    await case.days(8)
    desk.postman.fail_next(FailureCode.PROVIDER_BUSY, times=6)
    desk.bank.is_paid_elsewhere(invoice)
    await case.hears()

    await case.hears()
    await case.hours(1)

    assert await case.ending() is Ending.RECOVERED
    assert len(desk.ports.delinquencies.latest(10, only_open=False)) == 1


async def test_who_is_suspended_and_paid_is_not_left_so_for_weeks_though_nobody_told_the_case(
    desk: RecoveringDesk,
) -> None:
    invoice = desk.owes()
    case = await desk.takes_up()
    await case.days(40)
    suspended = case.service

    desk.bank.is_paid_elsewhere(invoice)
    desk.reads(invoice)
    await case.days(1)

    assert suspended == "suspended"
    assert await case.ending() is Ending.RECOVERED
    assert case.service == "none"
