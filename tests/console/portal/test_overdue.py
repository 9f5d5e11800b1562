"""What is due as a customer reads it, and a promise to pay that counts once and binds nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr
from sqlalchemy import Engine
from temporalio.client import WorkflowUpdateFailedError

from adapters.postgres.books import Books
from billing.arrangements import Arrangement
from billing.policy.standard import STANDARD
from billing.recovery import BY_CUSTOMER, ArrangementOrder
from billing.wording import dated
from settings import Settings
from tests.console.portal.customer import Customer, Page, visiting
from tests.fixtures.temporal import CaseClock
from tests.starters.desk import CaseDesk
from tests.workflows.recovering import CaseInHand, RecoveringDesk, a_recovering_desk
from workflows.delinquency import Delinquency


@dataclass
class Debtor:
    """A customer who owes something, and from then on stands in front of the portal."""

    desk: RecoveringDesk
    speaking: CaseDesk
    stack: AsyncExitStack
    customer: Customer

    async def owing(self) -> CaseInHand:
        self.desk.owes()
        self.customer = await self.stack.enter_async_context(visiting(self.speaking, self.desk.tenant_id))
        return await self.desk.takes_up()

    async def looks(self) -> Page:
        return await self.customer.looks("/overdue")

    async def promises(self, day: date | str, form: Page | None = None) -> httpx.Response:
        token = (form or await self.looks()).fields["token"]
        return await self.customer.sends("/overdue/promise", {"token": token, "day": str(day)})


@pytest_asyncio.fixture
async def debtor(engine: Engine, case_clock: CaseClock, tmp_path: Path) -> AsyncIterator[Debtor]:
    async with a_recovering_desk(engine, case_clock, tmp_path) as desk, AsyncExitStack() as stack:
        settings = Settings(task_queue=desk.queue, ticket_webhook_secret=SecretStr("a-secret"))
        speaking = CaseDesk(case_clock.client, Books.over(engine), settings, desk.world.tokens)
        desk.world.tenant("solvent")
        yield Debtor(desk, speaking, stack, await stack.enter_async_context(visiting(speaking, "solvent")))


async def test_who_owes_nothing_reads_that_and_finds_no_form(debtor: Debtor) -> None:
    page, home = await debtor.looks(), await debtor.customer.looks()

    assert (page.status, "Nothing is overdue" in page.words) == (200, True)
    assert "day" not in page.fields
    assert "A payment is overdue" not in home.words


async def test_what_is_due_since_when_and_what_it_does_to_the_service_is_told(debtor: Debtor) -> None:
    case = await debtor.owing()

    page, home = await debtor.looks(), await debtor.customer.looks()

    (line,) = (await case.story()).debts
    assert [row[0] for row in page.rows] == [line.number]
    assert "310.00" in page.rows[0][2]
    assert "Your service is not limited." in page.words
    assert debtor.customer.at("/overdue") in home.links


async def test_a_promise_counts_once_lets_the_ladder_wait_and_is_answered_with_a_letter(debtor: Debtor) -> None:
    case = await debtor.owing()
    day, form = await case.day_in(9), await debtor.looks()

    sent = [await debtor.promises(day, form) for _ in range(2)]
    await case.rests()
    page = await debtor.customer.looks(sent[0].headers["Location"])
    await case.days(8)

    story = await case.story()
    assert [one.status_code for one in sent] == [303, 303]
    assert story.promised_by == day
    assert [line[8:] for line in await case.timeline() if "promised to pay" in line] == [
        f"promised to pay by {dated(day)} (the customer: Promised in the portal.)"
    ]
    assert "You promised to pay by" in page.words
    assert "day" not in page.fields
    assert debtor.desk.told("promise_noted")["billing"].by_day == day
    assert (story.rung, story.next_step) == ("retrying", "the promise is due")


async def test_a_day_that_is_not_offered_is_not_noted(debtor: Debtor) -> None:
    case = await debtor.owing()
    days = [await case.day_in(15), await case.day_in(-400), "soon", ""]

    answers = [await debtor.promises(day) for day in days]

    assert [one.status_code for one in answers] == [422] * 4
    assert "Choose one that is offered here" in Page(answers[0]).words
    assert all("Choose a day from today on." in Page(one).words for one in answers[1:])
    assert (await case.story()).promised_by is None


async def test_a_customer_who_promises_in_vain_again_and_again_keeps_no_operator_from_arranging(debtor: Debtor) -> None:
    case = await debtor.owing()
    order = ArrangementOrder(kind=Arrangement.PROMISE, by=BY_CUSTOMER, until=await case.day_in(99), reason="Later.")

    refused = [await _refusal(case, order) for _ in range(STANDARD.approvals.refusals_at_most + 1)]
    arranged = await case.is_arranged(Arrangement.EXTENSION, days=2)

    assert "too far away" in refused[0]
    assert "attempts to promise to pay did not pass" in refused[-1]
    assert arranged == "grace is extended by 2 days"


async def test_a_form_of_another_link_promises_nothing(debtor: Debtor) -> None:
    case = await debtor.owing()

    answer = await debtor.customer.sends("/overdue/promise", {"token": "A.B", "day": str(await case.day_in(3))})

    assert answer.status_code == 403
    assert "Nothing was sent" in Page(answer).words
    assert (await case.story()).promised_by is None


async def test_who_has_paid_meanwhile_is_told_to_look_again(debtor: Debtor) -> None:
    case, form = await debtor.owing(), await debtor.looks()
    day = await case.day_in(3)
    debtor.desk.bank.is_paid_elsewhere(f"inv-{debtor.desk.tenant_id}")
    await case.hears()
    await case.ending()

    answer = await debtor.promises(day, form)

    assert answer.status_code == 409
    assert "Nothing is overdue" in Page(answer).words


async def test_a_third_promise_is_not_taken_and_the_page_says_what_is_left_to_do(debtor: Debtor) -> None:
    case = await debtor.owing()
    for _ in range(2):
        await debtor.promises(await case.day_in(1))
        await case.days(2.5)

    page = await debtor.looks()

    assert "day" not in page.fields
    assert "Reply to our last letter if you need more time." in page.words


async def _refusal(case: CaseInHand, order: ArrangementOrder) -> str:
    """Why the runbook itself refuses, whatever the portal would have let through."""
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await case.handle.execute_update(Delinquency.arrange, order)
    return str(refused.value.cause)
