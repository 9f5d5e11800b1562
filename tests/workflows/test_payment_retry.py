"""The retries of one invoice, as dated stories: each way they end, and whatever comes in between."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateStage

from billing.invoices import InvoiceStatus
from billing.money import Money
from billing.payments import (
    ATTEMPT_NOW,
    CARD_UPDATED,
    LOOK,
    OVER,
    PAUSE,
    RESUME,
    AttemptTold,
    CardUpdated,
    ManualAttempt,
    Origin,
    Outcome,
    Pause,
    RetryOrder,
    RetryPhase,
)
from tests.fixtures.temporal import CaseClock
from tests.workflows.collecting import TENANT, CollectingOffice, Parent, a_collecting_office

DUE = Money.of("120.00", "USD")


@pytest.fixture
async def office(case_clock: CaseClock) -> AsyncIterator[CollectingOffice]:
    async with a_collecting_office(case_clock) as opened:
        yield opened


async def test_a_later_attempt_succeeds(office: CollectingOffice) -> None:
    chase = await office.chases(DUE, ["insufficient_funds", "card_velocity_exceeded", "paid"])

    await chase.hours(49)

    assert await chase.timeline() == [
        "  6h  scheduled 1: USD 120.00 was declined: insufficient_funds",
        " 24h  scheduled 2: USD 120.00 was declined: card_velocity_exceeded",
        " 48h  scheduled 3: USD 120.00 was paid (ch_3)",
    ]
    assert await chase.is_over() is RetryPhase.PAID
    assert [str(charge.amount) for charge in office.bank.taken] == ["USD 120.00"]


async def test_after_the_last_attempt_nothing_is_tried_until_a_new_card_is_there(office: CollectingOffice) -> None:
    chase = await office.chases(DUE, ["insufficient_funds"] * 3)

    await chase.hours(200)
    exhausted = await chase.story()
    await chase.hears(CARD_UPDATED, CardUpdated(event_id="evt_1"))
    await chase.hears(CARD_UPDATED, CardUpdated(event_id="evt_1"))

    assert (exhausted.phase, exhausted.next_at) == (RetryPhase.EXHAUSTED, None)
    assert (await chase.story()).tried == {Origin.SCHEDULED: 3, Origin.CARD_UPDATE: 1}
    assert await chase.is_over() is RetryPhase.PAID


async def test_a_card_that_changes_for_ever_is_not_charged_for_ever(office: CollectingOffice) -> None:
    chase = await office.chases(DUE, ["insufficient_funds"] * 9)

    for number in range(7):
        await chase.hears(CARD_UPDATED, CardUpdated(event_id=f"evt_{number}"))

    story = await chase.story()
    assert story.tried == {Origin.CARD_UPDATE: 5}
    assert "no more of them" in story.timeline[-1].text


async def test_nobody_paying_ends_exhausted(office: CollectingOffice) -> None:
    chase = await office.chases(DUE, ["insufficient_funds"] * 3)

    await chase.hours(60)

    assert await chase.is_over() is RetryPhase.EXHAUSTED


async def test_a_code_of_after_our_table_stops_and_a_person_sees_it(office: CollectingOffice) -> None:
    chase = await office.chases(DUE, ["wallet_frozen"])

    await chase.hours(7)

    story = await chase.story()
    assert (story.phase, story.next_at, story.needs_human) == (RetryPhase.STOPPED, None, True)
    assert ["wallet_frozen" in sent.rendered.text for sent in office.postman.mailbox] == [True]
    assert await chase.is_over() is RetryPhase.STOPPED


@pytest.mark.parametrize(
    ("answer", "phase", "charged_at"),
    [
        ("insufficient_funds", RetryPhase.RETRYING, timedelta(hours=6)),
        ("do_not_honor", RetryPhase.RETRYING, timedelta(hours=24)),
        ("lost_card", RetryPhase.STOPPED, None),
    ],
)
async def test_what_the_original_charge_was_answered_counts(
    office: CollectingOffice, answer: str, phase: RetryPhase, charged_at: timedelta | None
) -> None:
    tried_at = datetime.now(UTC)
    invoice_id = office.is_charged_first(DUE, answer)

    story = await (await office.takes_up(invoice_id)).story()

    assert story.phase is phase
    assert (story.next_at is None) is (charged_at is None)
    if story.next_at and charged_at:
        assert abs(story.next_at - tried_at - charged_at) < timedelta(minutes=10)


async def test_manual_attempts_move_no_schedule_and_are_counted(office: CollectingOffice) -> None:
    chase = await office.chases(DUE, ["insufficient_funds"] * 6)
    planned = (await chase.story()).next_at

    for _ in range(5):
        await chase.is_charged_by("lead-1")

    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await chase.is_charged_by("lead-1")
    assert "charged by hand 5 times" in str(refused.value.cause)
    story = await chase.story()
    assert (story.next_at, story.tried[Origin.MANUAL]) == (planned, 5)


async def test_who_may_not_charge_is_told_so(office: CollectingOffice) -> None:
    chase = await office.chases(DUE)

    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await chase.is_charged_by("engineer-1")

    assert "may not charge a customer" in str(refused.value.cause)
    assert office.bank.charges == []


async def test_who_asks_while_it_ends_is_told_so(office: CollectingOffice) -> None:
    chase = await office.chases(DUE)
    office.staff.there.clear()

    asked = await chase.handle.start_update(
        ATTEMPT_NOW,
        ManualAttempt(by="lead-1", reason="the customer is on the phone"),
        wait_for_stage=WorkflowUpdateStage.ACCEPTED,
    )
    await chase.handle.signal(OVER)
    office.staff.there.set()

    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await asked.result()
    assert "are over" in str(refused.value.cause)
    assert await asyncio.wait_for(chase.handle.result(), 20)
    assert office.bank.charges == []


async def test_a_debt_that_comes_back_before_it_has_ended_is_collected_on(office: CollectingOffice) -> None:
    chase = await office.chases(DUE, ["processing"])
    await chase.hours(6.1)

    await chase.hears(OVER)
    await chase.hears(LOOK)
    office.bank.answers("insufficient_funds")
    await chase.hours(25)

    story = await chase.story()
    assert story.phase is RetryPhase.RETRYING
    assert story.next_at is not None
    assert await chase.is_over() is RetryPhase.RETRYING


async def test_a_debt_that_comes_back_while_it_ends_is_taken_up_anew(office: CollectingOffice) -> None:
    chase = await office.chases(DUE)
    office.staff.there.clear()
    asked = await chase.handle.start_update(
        ATTEMPT_NOW,
        ManualAttempt(by="lead-1", reason="the customer is on the phone"),
        wait_for_stage=WorkflowUpdateStage.ACCEPTED,
    )

    await chase.handle.signal(OVER)
    while (await chase.story()).next_step != "nothing":  # noqa: ASYNC110 - a query is all there is to ask
        await asyncio.sleep(0.05)
    await chase.handle.signal(LOOK)
    office.staff.there.set()
    with pytest.raises(WorkflowUpdateFailedError):
        await asked.result()
    await chase.hours(7)

    assert [str(charge.amount) for charge in office.bank.taken] == [str(DUE)]
    assert office.book.chaser_of(chase.invoice_id) == f"payment-retry/{chase.invoice_id}/1"


async def test_an_unknown_outcome_is_looked_up_and_bars_a_second_charge(office: CollectingOffice) -> None:
    chase = await office.chases(DUE, ["processing"])

    await chase.hours(6.1)
    by_hand = await chase.is_charged_by("lead-1")
    await chase.hours(2 * 24)
    office.bank.answers()
    await chase.hours(24)

    assert by_hand.outcome is Outcome.HELD
    assert len(office.bank.charges) == 1
    assert (await chase.story()).phase is RetryPhase.PAID


async def test_what_nobody_knows_for_days_is_handed_to_a_person(office: CollectingOffice) -> None:
    chase = await office.chases(DUE, ["processing"])

    await chase.hours(6 + 6 * 24)
    story = await chase.story()
    office.bank.answers("insufficient_funds")
    await chase.is_charged_by("finance-1", "the bank has declined it")

    assert story.needs_human
    assert len(office.postman.mailbox) == 1
    assert (await chase.story()).last.decline_code == "insufficient_funds"  # type: ignore[union-attr]


async def test_an_answer_that_was_lost_is_found_by_the_first_look_up(office: CollectingOffice) -> None:
    chase = await office.chases(DUE, ["lost"])

    await chase.hours(6.2)

    assert (await chase.timeline())[-1] == "  6h  scheduled 1: USD 120.00 was paid (ch_1)"
    assert len(office.bank.charges) == 1


async def test_time_under_a_pause_does_not_count(office: CollectingOffice) -> None:
    chase = await office.chases(DUE, ["insufficient_funds"])

    await chase.hours(1)
    await chase.hears(PAUSE, Pause(why="the customer contests the invoice"))
    await chase.hours(100)
    during = await chase.story()
    await chase.hears(RESUME)
    await chase.hours(5.1)

    assert (during.next_at, during.paused) == (None, "the customer contests the invoice")
    assert (await chase.timeline())[-1] == "106h  scheduled 1: USD 120.00 was declined: insufficient_funds"


async def test_a_card_that_comes_while_it_is_paused_is_tried_when_it_goes_on(office: CollectingOffice) -> None:
    chase = await office.chases(DUE)

    await chase.hears(PAUSE, Pause(why="the customer contests the invoice"))
    await chase.hears(CARD_UPDATED, CardUpdated(event_id="evt_1"))
    during = await chase.story()
    await chase.hears(RESUME)

    assert during.tried == {}
    assert (await chase.story()).tried == {Origin.CARD_UPDATE: 1}


async def test_a_card_that_comes_while_only_the_schedule_rests_is_tried_at_once(office: CollectingOffice) -> None:
    chase = await office.chases(DUE, ["insufficient_funds"])
    await chase.hears(PAUSE, Pause(why="a promise to pay", schedule_only=True))
    await chase.hours(100)

    await chase.hears(CARD_UPDATED, CardUpdated(event_id="evt_1"))

    story = await chase.story()
    assert (story.tried, story.paused, story.next_at) == ({Origin.CARD_UPDATE: 1}, "a promise to pay", None)


async def test_a_card_that_became_the_default_is_tried_unless_it_was_tried_last(office: CollectingOffice) -> None:
    chase = await office.chases(DUE, ["insufficient_funds"] * 3)
    await chase.hears(CARD_UPDATED, CardUpdated(event_id="evt_1", payment_method="pm_new"))

    await chase.hears(CARD_UPDATED, CardUpdated(event_id="evt_2", payment_method="pm_new", chosen=True))
    same = (await chase.story()).tried
    await chase.hears(CARD_UPDATED, CardUpdated(event_id="evt_3", payment_method="pm_old", chosen=True))

    assert same == {Origin.CARD_UPDATE: 1}
    assert (await chase.story()).tried == {Origin.CARD_UPDATE: 2}


async def test_news_of_a_card_that_come_after_it_was_declined_cost_no_charge(office: CollectingOffice) -> None:
    came_at = datetime.now(UTC)
    chase = await office.chases(DUE, ["insufficient_funds"])
    await chase.hours(7)
    before = await chase.story()

    late = CardUpdated(event_id="evt_1", payment_method=f"pm_{TENANT}", chosen=True, occurred_at=came_at)
    await chase.hears(CARD_UPDATED, late)
    after = await chase.story()
    since = after.timeline[-1].at + timedelta(seconds=1)
    changed = CardUpdated(event_id="evt_2", payment_method=f"pm_{TENANT}", occurred_at=since)
    await chase.hears(CARD_UPDATED, changed)

    assert (after.tried, after.phase, after.next_at) == (before.tried, before.phase, before.next_at)
    assert "declined already" in after.timeline[-1].text
    assert (await chase.story()).tried == {Origin.SCHEDULED: 1, Origin.CARD_UPDATE: 1}
    assert await chase.is_over() is RetryPhase.PAID


async def test_a_hold_is_waited_for_and_costs_no_attempt(office: CollectingOffice) -> None:
    office.holds.stops_charging(TENANT)
    chase = await office.chases(DUE)

    await chase.hours(7)
    office.holds.held.clear()
    await chase.hours(3)

    assert [line[6:18] for line in await chase.timeline()] == ["scheduled 1:"] * 3
    assert (await chase.story()).phase is RetryPhase.PAID


async def test_paid_elsewhere_is_seen_without_a_charge_and_a_debt_may_come_back(office: CollectingOffice) -> None:
    chase = await office.chases(DUE)

    office.bank.is_paid_elsewhere(chase.invoice_id)
    await chase.hears(LOOK)
    settled = await chase.story()
    office.bank.refunds(chase.invoice_id, 5_000)
    await chase.hears(LOOK)
    await chase.hours(0.1)

    assert settled.phase is RetryPhase.PAID
    assert [str(charge.amount) for charge in office.bank.taken] == ["USD 50.00"]


async def test_a_void_invoice_is_withdrawn(office: CollectingOffice) -> None:
    chase = await office.chases(DUE)

    office.bank.becomes(chase.invoice_id, InvoiceStatus.VOID)
    await chase.hears(LOOK)
    await chase.hours(100)

    assert await chase.is_over() is RetryPhase.WITHDRAWN
    assert office.bank.charges == []


async def test_alone_it_charges_what_a_person_asked_for_and_is_over(office: CollectingOffice) -> None:
    chase = await office.chases(DUE, ["insufficient_funds"], alone=True)

    result = await chase.is_charged_by("lead-1")

    assert result.outcome is Outcome.DECLINED
    assert RetryPhase(await chase.handle.result()) is RetryPhase.EXHAUSTED
    assert office.book.chaser_of(chase.invoice_id) is None


async def test_its_case_hears_of_every_attempt(office: CollectingOffice) -> None:
    office.bank.next_answers.extend(["insufficient_funds"] * 3)
    invoice_id = office.bills(DUE)
    order = RetryOrder(tenant_id=TENANT, invoice_id=invoice_id, episode=1, case_id="delinquency/acme/1")

    parent = await office.clock.client.start_workflow(
        Parent.run, order, id=f"parent/{invoice_id}", task_queue=office.queue
    )
    child = office.clock.client.get_workflow_handle(order.workflow_id)
    heard: list[AttemptTold] = []
    while not heard or heard[-1].phase is not RetryPhase.EXHAUSTED:
        heard = await parent.query(Parent.heard)

    assert [told.number for told in heard] == [0, 1, 2, 3]
    assert heard[-1].next_at is None
    await child.signal("over")
    assert await parent.result() == 4
