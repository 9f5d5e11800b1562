"""What the customer contests while a debt is recovered: its chase rests from that moment until it is decided."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from billing.cases import Ending, Opening, Withdrawal
from tests.fixtures.temporal import CaseClock
from tests.workflows.desk import InHand
from tests.workflows.office import a_ticket
from tests.workflows.recovering import RecoveringDesk, a_recovering_desk, days_of, until
from workflows.dispute import Dispute


@pytest.fixture
async def desk(engine: Engine, case_clock: CaseClock, tmp_path: Path) -> AsyncIterator[RecoveringDesk]:
    async with a_recovering_desk(engine, case_clock, tmp_path) as opened:
        yield opened


async def test_a_disputed_invoice_rests_while_the_other_is_chased(desk: RecoveringDesk) -> None:
    desk.owes()
    younger = desk.owes_more("20.00", ago=timedelta(hours=-1))
    case = await desk.takes_up()
    await case.days(3)

    await case.is_contested()
    await case.looks()
    disputed = await case.story()
    await case.days(5)

    assert [line.chased for line in disputed.debts] == ["rests: disputed", "retrying"]
    assert case.service == "rate_limited"
    limited = desk.postman.mailbox[-1].letter.payload
    assert limited.template in ("service_limited", "payment_reminder")
    assert [one.number for one in limited.owed.invoices] == [f"INV-2026-09-{desk.tenant_id}"]
    assert younger


async def test_when_everything_is_disputed_nothing_is_chased_until_it_is_decided(desk: RecoveringDesk) -> None:
    desk.owes()
    case = await desk.takes_up()
    await case.days(6)

    await case.is_contested()
    await case.looks()
    await case.days(10)
    in_between = case.service
    await case.is_decided()
    await case.days(2)

    assert (in_between, case.service) == ("none", "rate_limited")
    assert days_of(await case.timeline(), "INV-2026-10-acme is") == [
        "day  0  INV-2026-10-acme is owed, USD 310.00",
        "day  6  INV-2026-10-acme is disputed: its chase rests",
        "day 16  INV-2026-10-acme is chased again",
    ]


async def test_a_dispute_that_came_and_went_while_nobody_looked_took_time_that_does_not_count(
    desk: RecoveringDesk,
) -> None:
    desk.owes()
    case = await desk.takes_up()
    await case.days(0.9)

    await case.is_contested()
    await case.days(3)
    await case.is_decided()
    await case.days(8)

    assert days_of(await case.timeline(), "limited") == [
        "day 10  limited to 10 % of the usual rate, USD 310.00 is owed"
    ]


async def test_a_dispute_with_us_lets_the_chase_rest_at_once_and_go_on_when_it_is_over(desk: RecoveringDesk) -> None:
    desk.owes(usage_only=True, duplicated=1_000)
    case = await desk.takes_up()
    ticket = a_ticket(desk.tenant_id, disputed="100.00")

    handle = await desk.begins(Dispute.run, Opening(ticket=ticket), f"dispute/{ticket.ticket_id}")
    dispute = InHand(desk.clock, handle)
    contested = await until(case, lambda story: bool(story.waits))
    await dispute.sends(Dispute.withdraw, Withdrawal(by="agent-1", reason="They found their mistake."))
    withdrawn = await until(case, lambda story: not story.waits)

    assert contested.debts[0].chased == "rests: disputed"
    assert withdrawn.debts[0].chased == "retrying"
    assert await handle.result() is Ending.WITHDRAWN
