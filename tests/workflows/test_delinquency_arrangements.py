"""What is agreed on while a debt is recovered: promises, more grace, exemptions, service given back, and who may agree."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from billing.arrangements import Arrangement
from billing.cases import Verdict
from billing.emails import ApprovalRequested
from billing.money import Money
from billing.recovery import ArrangementOrder, ArrangementState, Ending
from tests.fixtures.temporal import CaseClock
from tests.workflows.recovering import CaseInHand, RecoveringDesk, a_recovering_desk
from workflows.delinquency import Delinquency


@pytest.fixture
async def desk(engine: Engine, case_clock: CaseClock, tmp_path: Path) -> AsyncIterator[RecoveringDesk]:
    async with a_recovering_desk(engine, case_clock, tmp_path) as opened:
        yield opened


async def refusal(case: CaseInHand, kind: Arrangement, by: str = "lead-1", **terms: Any) -> str:
    """Why it is not agreed on."""
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await case.is_arranged(kind, by, **terms)
    cause = refused.value.cause
    assert isinstance(cause, ApplicationError)
    return cause.message


def states(desk: RecoveringDesk) -> list[ArrangementState]:
    return [row.state for row in desk.ports.delinquencies.arranged(f"delinquency/{desk.tenant_id}/1")]


async def test_a_promise_that_is_kept_ends_the_case(desk: RecoveringDesk) -> None:
    invoice = desk.owes()
    case = await desk.takes_up()
    await case.days(6)

    await case.is_arranged(Arrangement.PROMISE, "agent-1", until=await case.day_in(5))
    await case.days(4)
    waiting = await case.story()
    desk.bank.is_paid_elsewhere(invoice)
    await case.hears()

    assert waiting.debts[0].chased == "rests: a promise to pay"
    assert (waiting.rung, waiting.next_step) == ("grace", "the promise is due")
    assert await case.ending() is Ending.RECOVERED
    assert states(desk) == [ArrangementState.KEPT]
    assert "promise_noted" in await case.letters()


async def test_a_broken_promise_goes_on_at_the_same_rung_and_the_time_it_took_does_not_count(
    desk: RecoveringDesk,
) -> None:
    desk.owes()
    case = await desk.takes_up()
    await case.days(8)

    await case.is_arranged(Arrangement.PROMISE, "agent-1", until=await case.day_in(4))
    await case.days(4)
    before = case.service
    await case.days(1.5)
    broken = await case.story()
    await case.days(2.5)

    assert (before, broken.rung, case.service) == ("rate_limited", "rate_limited", "new_requests_blocked")
    assert states(desk) == [ArrangementState.BROKEN]
    assert "the promise was broken: USD 310.00 is still owed" in [line[8:] for line in await case.timeline()]


async def test_grace_within_ones_authority_is_longer_at_once(desk: RecoveringDesk) -> None:
    desk.owes()
    case = await desk.takes_up()

    answer = await case.is_arranged(Arrangement.EXTENSION, "agent-1", days=3)
    await case.days(9.5)
    before = case.service
    await case.days(1)

    assert answer == "grace is extended by 3 days"
    assert (before, case.service) == ("none", "rate_limited")


async def test_more_than_that_waits_for_another_person_while_the_ladder_goes_on(desk: RecoveringDesk) -> None:
    desk.owes()
    case = await desk.takes_up()
    await case.days(6.5)

    answer = await case.is_arranged(Arrangement.EXTENSION, "agent-1", days=7)
    await case.days(0.8)
    meanwhile = case.service
    own = await case.is_decided_by("agent-1")
    approved = await case.is_decided_by("lead-1")

    assert answer == "asked lead: grace is extended by 7 days, says agent-1"
    assert (meanwhile, own.accepted, approved.accepted, case.service) == ("rate_limited", False, True, "none")
    assert states(desk) == [ArrangementState.IN_FORCE]
    asked = desk.told("approval_requested")["lead-1"]
    assert isinstance(asked, ApprovalRequested)
    assert asked.question == (
        f"{desk.tenant_id} owes USD 310.00. May it be that grace is extended by 7 days? "
        "agent-1 says: They asked for it by telephone."
    )


async def test_a_no_and_silence_change_nothing(desk: RecoveringDesk) -> None:
    desk.owes()
    case = await desk.takes_up()

    await case.is_arranged(Arrangement.EXTENSION, "agent-1", days=7)
    await case.is_decided_by("lead-1", Verdict.REJECT)
    await case.is_arranged(Arrangement.EXTENSION, "agent-1", days=7)
    await case.days(7.5)

    assert states(desk) == [ArrangementState.REFUSED, ArrangementState.REFUSED]
    assert case.service == "rate_limited"


async def test_who_is_exempted_has_full_service_and_is_warned_anew_afterwards(desk: RecoveringDesk) -> None:
    desk.owes()
    case = await desk.takes_up()
    await case.days(8)

    await case.is_arranged(Arrangement.EXEMPTION, "finance-1", until=await case.day_in(9))
    await case.is_decided_by("lead-1")
    exempted = case.service
    await case.days(11)
    story = await case.story()

    assert exempted == "none"
    assert [line[8:] for line in await case.timeline()][-2:] == [
        "the exemption is over",
        "final warning, USD 310.00 is owed",
    ]
    assert (story.rung, case.service) == ("grace", "none")


async def test_money_that_came_another_way_is_noted_at_the_provider_once_finance_has_seen_it(
    desk: RecoveringDesk,
) -> None:
    invoice = desk.owes()
    case = await desk.takes_up()
    number = f"INV-2026-10-{desk.tenant_id}"
    terms: dict[str, Any] = {"amount": Money.of("310.00", "USD")}

    euros = await refusal(case, Arrangement.MANUAL_PAYMENT, invoice=number, amount=Money.of("310.00", "EUR"))
    part = await refusal(case, Arrangement.MANUAL_PAYMENT, invoice=number, amount=Money.of("10.00", "USD"))
    other = await refusal(case, Arrangement.MANUAL_PAYMENT, invoice="INV-1", **terms)
    asked = await case.is_arranged(Arrangement.MANUAL_PAYMENT, "agent-1", invoice=number, **terms)
    lead = await case.is_decided_by("lead-1", Verdict.APPROVE)
    await case.is_decided_by("finance-1")
    desk.bank.is_paid_elsewhere(invoice)
    await case.hears()

    assert "is owed in USD" in euros
    assert "only the whole is noted as paid another way" in part
    assert other == "nothing is overdue on this invoice, so no payment is missing"
    assert asked == f"asked finance: USD 310.00 of {number} was paid another way, says agent-1"
    assert not lead.accepted
    assert desk.invoicing.paid_elsewhere == [f"in_{desk.tenant_id}"]
    assert await case.ending() is Ending.RECOVERED


async def test_restoring_reads_anew_and_ends_what_was_paid_without_our_knowing(desk: RecoveringDesk) -> None:
    invoice = desk.owes()
    case = await desk.takes_up()
    await case.days(8)

    desk.bank.is_paid_elsewhere(invoice)
    answer = await case.is_arranged(Arrangement.RESTORATION, "agent-1")

    assert answer == "nothing is owed, read just now: the service is restored"
    assert await case.ending() is Ending.RECOVERED
    assert case.service == "none"


async def test_service_is_given_back_by_a_lead_alone_and_back_in_grace(desk: RecoveringDesk) -> None:
    desk.owes()
    case = await desk.takes_up()
    await case.days(8)

    asked = await case.is_arranged(Arrangement.RESTORATION, "agent-1")
    await case.is_decided_by("lead-1", Verdict.REJECT)
    answer = await case.is_arranged(Arrangement.RESTORATION, "lead-1")

    assert (asked, answer) == ("asked lead: service is given back, says agent-1", "service is given back")
    assert (case.service, (await case.story()).rung) == ("none", "grace")


async def test_what_nobody_could_agree_to_is_refused_in_words(desk: RecoveringDesk) -> None:
    desk.owes()
    case = await desk.takes_up()

    past = await refusal(case, Arrangement.PROMISE, until=await case.day_in(-1))
    far = await refusal(case, Arrangement.PROMISE, until=await case.day_in(40))
    long = await refusal(case, Arrangement.EXTENSION, "vp-1", days=31)
    nobody = await refusal(case, Arrangement.EXTENSION, "stranger-1", days=1)
    engineer = await refusal(case, Arrangement.EXTENSION, "engineering-1", days=1)
    nothing = await refusal(case, Arrangement.RESTORATION)
    await case.is_arranged(Arrangement.EXTENSION, "agent-1", days=9)
    second = await refusal(case, Arrangement.EXTENSION, "agent-1", days=9)

    assert "is past where the customer is" in past
    assert "is too far away" in far
    assert "30 is the most" in long
    assert nobody.startswith("stranger-1 may not arrange anything")
    assert engineer.startswith("engineering-1 may not arrange anything")
    assert nothing == "nothing is limited for this debt, so there is nothing to give back"
    assert second == "grace is extended by 9 days waits for approval: have that decided first"


@pytest.mark.parametrize(
    ("by", "days", "answers"),
    [
        ("agent-1", 3, ["asked lead: grace is extended by 3 days, says agent-1", "grace is extended by 3 days"]),
        ("finance-1", 20, ["asked vp: grace is extended by 20 days, says finance-1", "waits for approval"]),
    ],
)
async def test_two_orders_at_once_are_judged_one_after_the_other(
    desk: RecoveringDesk, by: str, days: int, answers: list[str]
) -> None:
    desk.owes()
    case = await desk.takes_up()

    order = ArrangementOrder(kind=Arrangement.EXTENSION, by=by, reason="They asked twice.", days=days)
    both = [case.handle.execute_update(Delinquency.arrange, order, id=f"order-{number}") for number in (1, 2)]
    told = await asyncio.gather(*both, return_exceptions=True)

    words = [str(one.cause) if isinstance(one, WorkflowUpdateFailedError) else str(one) for one in told]
    assert [part in word for part, word in zip(answers, sorted(words), strict=True)] == [True, True]
