"""Runs over many tenants: progress that people can read, and histories that stay short by going on as new ones."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from temporalio.client import WorkflowExecutionStatus

from billing.month_end import Ending, Outcome
from tests.fixtures.temporal import CaseClock
from tests.workflows.month_end_office import BEFORE, PERIOD, SMALL, MonthEndOffice, a_billing_office
from workflows.month_end import MonthEnd

TENANTS = [f"tenant-{number:02}" for number in range(9)]
ONE_BY_ONE = SMALL.model_copy(update={"shard_size": 1, "documents_a_batch": 1, "shards_before_a_new_run": 4})


@pytest.fixture
async def office(engine: Engine, case_clock: CaseClock, tmp_path: Path) -> AsyncIterator[MonthEndOffice]:
    async with a_billing_office(engine, case_clock, tmp_path, policy=ONE_BY_ONE) as opened:
        opened.bills(*TENANTS)
        yield opened


async def test_a_long_run_goes_on_as_a_new_one_and_bills_everybody_once(office: MonthEndOffice) -> None:
    office.house.tenant("uncle", address=None)

    run = await office.starts()

    assert Ending(await run.handle.result()) is Ending.CLOSED_WITH_LEFTOVERS
    story = await run.story()
    assert story.run_id == "2025-10#1"
    assert story.outcomes == {Outcome.PARKED: 1, Outcome.RATED: 9}
    assert sorted(office.courier.delivered) == office.house.numbers() == sorted(office.stripe.documents)
    assert office.house.column("select count(*) from billing_runs") == [1]
    chain = [
        one.status
        async for one in office.clock.client.list_workflows(f"WorkflowId = '{run.handle.id}'")
        if one.status is WorkflowExecutionStatus.CONTINUED_AS_NEW
    ]
    assert len(chain) >= 5
    assert len((await run.handle.fetch_history()).events) < 300


async def test_documents_left_before_a_run_went_on_are_remembered_and_tried_again(office: MonthEndOffice) -> None:
    office.stripe.refused[TENANTS[0]] = "the customer was deleted"
    run = await office.starts()

    await run.hours(2)

    assert Ending(await run.handle.result()) is Ending.CLOSED_WITH_LEFTOVERS
    story = await run.story()
    assert [left.tenant_id for left in story.left] == [TENANTS[0]]
    told = [line.text for line in story.timeline]
    assert told.count("push to the provider: 1 document left behind") >= 1
    assert len(office.stripe.documents) == 8


async def test_progress_counts_tenants_and_says_how_fast(office: MonthEndOffice) -> None:
    office.house.issued(TENANTS[0], 1_00, period=BEFORE)
    run = await office.starts()

    story = await run.story()

    assert story.outcomes == {Outcome.RATED: 9}
    assert "rated: 9 rated" in await run.told()
    assert story.progress is None
    await run.does(MonthEnd.cancel)
    assert office.house.totals(PERIOD) == {}
