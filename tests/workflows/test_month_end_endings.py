"""How month ends end: billed, with somebody left out, with nothing to bill, given up, turned away, or only tried out."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from billing.cases import Verdict
from billing.month_end import Ending, Outcome, Stage
from tests.fixtures.temporal import CaseClock
from tests.workflows.month_end_office import BEFORE, PERIOD, MonthEndOffice, a_billing_office
from workflows.month_end import MonthEnd


@pytest.fixture
async def office(engine: Engine, case_clock: CaseClock, tmp_path: Path) -> AsyncIterator[MonthEndOffice]:
    async with a_billing_office(engine, case_clock, tmp_path) as opened:
        yield opened


async def test_everybody_is_billed_printed_pushed_and_written_to_once(office: MonthEndOffice) -> None:
    office.bills("acme", "birch", "cedar", "dogwood", "elm")

    run = await office.starts()

    assert await run.ending() is Ending.CLOSED
    numbers = [f"INV-2025-00000{n}" for n in range(1, 6)]
    assert office.house.numbers() == numbers
    assert office.stripe.documents == dict.fromkeys(numbers, 124_95)
    assert office.printed() == sorted(office.courier.delivered) == numbers
    assert (await run.story()).reconciled == "both agree"
    assert office.letters("run_closed") == ["finance-1@ops.example", "finance-2@ops.example"]


async def test_who_cannot_be_billed_is_parked_and_holds_nobody_up(office: MonthEndOffice) -> None:
    office.bills("acme", "birch")
    office.house.tenant("cedar", address=None)

    run = await office.starts()

    assert await run.ending() is Ending.CLOSED_WITH_LEFTOVERS
    story = await run.story()
    assert story.outcomes == {Outcome.PARKED: 1, Outcome.RATED: 2}
    assert set(office.house.totals(PERIOD)) == {"acme", "birch"}


async def test_the_repaired_are_billed_by_a_rerun_and_nobody_else(office: MonthEndOffice) -> None:
    office.bills("acme", "birch")
    office.house.tenant("cedar", address=None)
    await (await office.starts()).ending()
    office.house.run("update tenants set address = '1 Cedar Street' where tenant_id = 'cedar'")

    run = await office.starts(only_parked=True)

    assert await run.ending() is Ending.CLOSED
    assert list(office.stripe.documents.values()) == [124_95, 124_95, 119_00]
    assert len(set(office.courier.delivered)) == 3


async def test_a_second_run_over_a_billed_month_finds_nothing_to_bill(office: MonthEndOffice) -> None:
    office.bills("acme")
    await (await office.starts()).ending()

    run = await office.starts()

    assert await run.ending() is Ending.NOTHING_TO_BILL
    assert office.house.numbers() == ["INV-2025-000001"]


async def test_a_dry_run_rates_everybody_and_issues_nothing(office: MonthEndOffice) -> None:
    office.bills("acme", "birch")

    run = await office.starts(dry_run=True)

    assert await run.ending() is Ending.DRY_RUN
    story = await run.story()
    assert [str(total) for total in story.totals] == ["USD 249.90"]
    assert office.house.totals(PERIOD) == {}
    assert office.stripe.documents == {}


async def test_a_cancelled_run_leaves_no_draft_and_the_month_can_be_billed_again(office: MonthEndOffice) -> None:
    office.bills("acme", "birch")
    office.house.issued("acme", 10_00, period=BEFORE)
    waiting = await office.starts()

    await waiting.does(MonthEnd.cancel, reason="a price list is wrong")

    assert await waiting.ending() is Ending.CANCELLED
    assert office.house.totals(PERIOD) == {}
    assert (await (await office.starts(dry_run=True)).ending()) is Ending.DRY_RUN


async def test_finance_rejects_and_nothing_is_issued(office: MonthEndOffice) -> None:
    office.bills("acme", "birch")
    office.house.issued("acme", 10_00, period=BEFORE)
    run = await office.starts()

    await run.is_decided_by("finance-1", Verdict.REJECT)

    assert await run.ending() is Ending.REJECTED
    assert office.house.totals(PERIOD) == {}
    assert office.stripe.documents == {}


async def test_a_run_beside_a_running_one_is_turned_away(office: MonthEndOffice) -> None:
    office.bills("acme")
    office.house.issued("acme", 10_00, period=BEFORE)
    first = await office.starts()

    second = await office.starts()

    assert await second.ending() is Ending.NOT_ACCEPTED
    assert (await first.story()).stage is Stage.REVIEW
    assert "is being billed by run 2025-10#1" in (await second.told())[-1]


async def test_a_period_that_has_not_ended_is_turned_away(office: MonthEndOffice) -> None:
    run = await office.starts(period="2999-01")

    assert await run.ending() is Ending.NOT_ACCEPTED
    assert "period 2999-01 has not begun" in (await run.told())[-1]
