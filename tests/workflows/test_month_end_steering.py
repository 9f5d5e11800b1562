"""Steering a run: pause, holds, hand-overs, what is too late, and who may speak to it."""

from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Engine
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from adapters.postgres.billing_runs import PostgresBillingRuns
from billing.holds import HeldEffect, HoldOrder
from billing.month_end import Ending, Outcome, Stage
from billing.rollups import RollUpFinding
from tests.fixtures.temporal import CaseClock
from tests.workflows.month_end_office import (
    MORNING_AFTER,
    PERIOD,
    Failing,
    MonthEndOffice,
    RunInHand,
    a_billing_office,
)
from workflows.month_end import MonthEnd


@pytest.fixture
async def office(engine: Engine, case_clock: CaseClock, tmp_path: Path) -> AsyncIterator[MonthEndOffice]:
    async with a_billing_office(engine, case_clock, tmp_path) as opened:
        opened.bills("acme", "birch", "cedar")
        yield opened


def held(office: MonthEndOffice, effect: HeldEffect, tenant_id: str | None = None) -> str:
    order = HoldOrder(effect=effect, tenant_id=tenant_id, reason="a repair is under way", by="finance-1")
    return office.house.holds.place(order, MORNING_AFTER).hold_id


def released(office: MonthEndOffice, hold_id: str) -> None:
    office.house.holds.release(hold_id, "finance-1", "it is repaired", MORNING_AFTER)


async def refused(run: RunInHand, update: object, by: str = "finance-1") -> str:
    with pytest.raises(WorkflowUpdateFailedError) as failure:
        await run.does(update, by=by)
    assert isinstance(failure.value.cause, ApplicationError)
    return failure.value.cause.message


async def test_a_hold_on_invoicing_keeps_the_run_waiting_until_somebody_looks_again(office: MonthEndOffice) -> None:
    hold = held(office, HeldEffect.INVOICING)
    run = await office.starts()
    waiting = await run.story()

    released(office, hold)
    await run.handle.signal(MonthEnd.holds_changed)

    assert waiting.stage is Stage.PREFLIGHT
    assert "invoicing is held for everybody by finance-1" in waiting.holds[0]
    assert await run.ending() is Ending.CLOSED
    assert "invoicing is not held any more" in await run.told()


async def test_a_released_hold_is_noticed_within_the_hour_by_itself(office: MonthEndOffice) -> None:
    hold = held(office, HeldEffect.INVOICING)
    run = await office.starts()
    released(office, hold)

    await run.hours(1.1)

    assert await run.ending() is Ending.CLOSED


async def test_a_hold_on_delivery_issues_and_pushes_and_then_waits_with_the_mail(office: MonthEndOffice) -> None:
    hold = held(office, HeldEffect.INVOICE_DELIVERY)
    run = await office.starts()
    before = list(office.courier.delivered)
    pushed = len(office.stripe.documents)

    released(office, hold)
    await run.handle.signal(MonthEnd.holds_changed)

    assert (pushed, before) == (3, [])
    assert await run.ending() is Ending.CLOSED
    assert len(office.courier.delivered) == 3


async def test_a_hold_on_one_tenant_holds_nobody_else(office: MonthEndOffice) -> None:
    held(office, HeldEffect.INVOICING, tenant_id="birch")

    run = await office.starts()

    assert await run.ending() is Ending.CLOSED_WITH_LEFTOVERS
    assert (await run.story()).outcomes == {Outcome.HELD: 1, Outcome.RATED: 2}


async def test_a_paused_run_does_nothing_more_until_it_is_resumed(office: MonthEndOffice) -> None:
    hold = held(office, HeldEffect.INVOICING)
    run = await office.starts()
    await run.does(MonthEnd.pause, reason="the database is moved")
    released(office, hold)
    await run.hours(3)
    paused = await run.story()

    await run.does(MonthEnd.resume, reason="it has moved")

    assert (paused.paused_by, paused.ending) == ("finance-1", None)
    assert office.house.totals(PERIOD) != {}
    assert await run.ending() is Ending.CLOSED


async def test_a_paused_run_can_be_cancelled(office: MonthEndOffice) -> None:
    held(office, HeldEffect.INVOICING)
    run = await office.starts()
    await run.does(MonthEnd.pause)

    await run.does(MonthEnd.cancel)

    assert await run.ending() is Ending.CANCELLED


async def test_once_documents_are_issued_nothing_is_cancelled_or_parked(office: MonthEndOffice) -> None:
    held(office, HeldEffect.INVOICE_DELIVERY)
    run = await office.starts()

    words = await refused(run, MonthEnd.cancel)

    assert words == "too late to cancel: the run is at deliver by email, documents are issued"
    assert len(office.stripe.documents) == 3


async def test_a_run_that_is_cancelled_in_temporal_leaves_the_month_to_the_next_one(office: MonthEndOffice) -> None:
    held(office, HeldEffect.INVOICING)
    run = await office.starts()

    await run.handle.cancel()

    assert await run.ending() is Ending.CANCELLED
    assert office.house.column("select state from billing_runs") == ["abandoned"]


@pytest.mark.parametrize("update", [MonthEnd.pause, MonthEnd.cancel])
async def test_an_agent_may_not_steer_a_month_end(office: MonthEndOffice, update: object) -> None:
    held(office, HeldEffect.INVOICING)
    run = await office.starts()

    words = await refused(run, update, by="agent-1")

    assert words.startswith("agent-1 may not")
    assert "an active finance or lead or engineering or vp is needed" in words


async def test_what_makes_no_sense_now_is_refused_and_leaves_no_trace(office: MonthEndOffice) -> None:
    held(office, HeldEffect.INVOICING)
    run = await office.starts()
    told = await run.told()

    refusals = [await refused(run, update) for update in (MonthEnd.resume, MonthEnd.try_again)]

    assert refusals == [
        "the run is not paused",
        "nothing was handed over: the run is at preflight, and nothing waits for a repair",
    ]
    assert await run.told() == told


async def test_a_previous_period_that_is_open_hands_the_run_to_finance(office: MonthEndOffice) -> None:
    office.house.close_usage("2025-08")
    run = await office.starts()
    waiting = await run.story()
    office.house.close_usage("2025-09")

    await run.does(MonthEnd.try_again, reason="September is closed")

    assert waiting.needs_human
    assert "2025-09" in waiting.next_step
    assert office.letters("run_handed_over") == ["finance-1@ops.example", "finance-2@ops.example"]
    assert await run.ending() is Ending.CLOSED


async def test_roll_ups_that_disagree_with_the_events_are_handed_to_engineering(office: MonthEndOffice) -> None:
    finding = RollUpFinding(
        tenant_id="acme",
        meter="api_calls",
        day=date(2025, 10, 5),
        raw_quantity=Decimal(990),
        rolled_quantity=Decimal(1_000),
        raw_events=99,
        rolled_events=100,
    )
    office.rollups.wrong += [finding, finding.model_copy(update={"day": date(2025, 10, 2)})]
    run = await office.starts()
    waiting = await run.story()
    office.rollups.wrong.clear()

    await run.does(MonthEnd.try_again, by="engineering-1", reason="rebuilt")

    assert "roll-ups and raw events differ in 2 places, such as acme api_calls 2025-10-05" in waiting.next_step
    assert "(`runbooks usage rebuild --first 2025-10-02 --last 2025-10-05`)" in waiting.next_step
    assert office.letters("run_handed_over") == ["engineering-1@ops.example"]
    assert await run.ending() is Ending.CLOSED


async def test_a_shard_that_fails_for_good_is_rated_again_once_it_is_repaired(
    engine: Engine, case_clock: CaseClock, tmp_path: Path
) -> None:
    broken = Failing(PostgresBillingRuns(engine), "rate", "a price is not a price")
    async with a_billing_office(engine, case_clock, tmp_path, runs=broken) as office:
        office.bills("acme", "birch", "cedar")
        run = await office.starts()

        await run.does(MonthEnd.try_again, by="engineering-1", reason="the price is one now")

        assert await run.ending() is Ending.CLOSED
        assert len(office.stripe.documents) == 3


async def test_a_document_that_the_provider_refuses_is_left_and_pushed_by_a_rerun(office: MonthEndOffice) -> None:
    office.stripe.refused["birch"] = "the customer was deleted"
    run = await office.starts()
    await run.hours(2)

    ending = await run.ending()

    story = await run.story()
    assert ending is Ending.CLOSED_WITH_LEFTOVERS
    assert [(left.tenant_id, left.why) for left in story.left] == [("birch", "the customer was deleted")]
    assert len(office.stripe.documents) == 2
    office.stripe.refused.clear()
    again = await office.starts(only_parked=True)
    assert await again.ending() is Ending.CLOSED
    assert len(office.stripe.documents) == len(office.courier.delivered) == 3


async def test_a_letter_that_cannot_be_delivered_is_left_with_why(office: MonthEndOffice) -> None:
    office.courier.undeliverable["cedar"] = "the mailbox does not exist"

    run = await office.starts()

    assert await run.ending() is Ending.CLOSED_WITH_LEFTOVERS
    assert [left.why for left in (await run.story()).left] == ["the mailbox does not exist"]
