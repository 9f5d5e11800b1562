"""What must not wait in the queue escalates at once; a pattern and a shared defect bring more people in."""

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from temporalio.client import WorkflowUpdateFailedError

from activities.ports import ApprovalDesk
from adapters.policies import Policies
from adapters.postgres.approvals import Approvals as ApprovalBook
from billing.authority import Role
from billing.cases import DeEscalation, Ending, Judgement, PendingApproval, Question, Stage, Verdict
from billing.disputes import Category, Resolution, Severity
from billing.failures import BillingFailure, FailureCode
from billing.money import Money
from tests.fixtures.temporal import CaseClock
from tests.workflows.office import CaseInHand, Office, an_office
from workflows.dispute import Dispute


@pytest.mark.parametrize(
    ("disputed", "circumstances", "escalated"),
    [
        ("1000.00", {}, False),
        ("1000.01", {}, True),
        ("10.00", {"security_concern": True}, True),
        ("10.00", {"legal_threat": True}, True),
    ],
)
async def test_some_disputes_escalate_at_once(
    office: Office, disputed: str, circumstances: dict[str, bool], escalated: bool
) -> None:
    acme = office.world.tenant("acme", duplicated=12_000)

    case = await office.opens(
        acme,
        disputed=disputed,
        billed_amount="2000.00",
        claimed_amount=str(Decimal(2000) - Decimal(disputed)),
        **circumstances,
    )

    story = await case.story()
    assert story.escalated is escalated
    assert (story.severity is Severity.CRITICAL) is escalated
    assert ("case_escalated" in office.postman.sent) is escalated


async def test_the_third_tenant_with_the_same_complaint_makes_it_a_pattern(office: Office) -> None:
    for name in ("acme", "beta"):
        await office.opens(office.world.tenant(name, duplicated=1_000), disputed="100.00")

    third = await office.opens(office.world.tenant("gamma", duplicated=1_000), disputed="100.00")

    assert (await third.story()).escalated
    assert any("3 customers contested api_calls" in line for line in await third.timeline())


async def test_a_defect_found_at_another_tenant_too_brings_in_engineering_and_the_vp(office: Office) -> None:
    first = await office.opens(office.world.tenant("acme", duplicated=100), disputed="10.00")
    await first.ending()

    second = await office.opens(office.world.tenant("beta", duplicated=100), disputed="10.00")
    asked_first = (await second.story()).approval
    await second.is_decided_by("engineering-1", Verdict.APPROVE)
    asked_next = (await second.story()).approval
    await second.is_decided_by("vp-1", Verdict.APPROVE)

    assert asked_first is not None
    assert asked_next is not None
    assert [asked_first.role, asked_next.role] == [Role.ENGINEERING, Role.VP]
    assert await second.ending() is Ending.CREDITED


async def test_a_lead_takes_an_escalation_back_and_an_agent_may_not(office: Office) -> None:
    acme = office.world.tenant("acme", duplicated=1_000)
    case = await office.opens(acme, disputed="100.00", legal_threat=True)

    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await case.does(Dispute.de_escalate, DeEscalation(by="agent-1", reason="a misunderstanding"))
    await case.does(Dispute.de_escalate, DeEscalation(by="lead-1", reason="the customer apologised"))

    assert "an active lead or vp is needed" in str(refused.value.cause)
    assert not (await case.story()).escalated
    assert (await case.timeline())[-1].endswith("lead-1 took the escalation back: the customer apologised")


async def test_an_escalated_case_never_resolves_by_itself_however_small(office: Office) -> None:
    acme = office.world.tenant("acme", duplicated=100)

    case = await office.opens(acme, disputed="10.00", category=Category.USAGE_CALCULATION, security_concern=True)

    pending = (await case.story()).approval
    assert pending is not None
    assert pending.role is Role.LEAD
    assert office.provider.credits == []


BACK = DeEscalation(by="lead-1", reason="a misunderstanding")


async def test_a_credit_that_waits_only_for_the_escalation_is_given_once_it_is_taken_back(office: Office) -> None:
    acme = office.world.tenant("acme", duplicated=100)
    case = await office.opens(acme, disputed="10.00", security_concern=True)

    await case.does(Dispute.de_escalate, BACK)

    assert await case.ending() is Ending.CREDITED
    assert [credit.amount for credit in office.provider.credits] == [Money.of("10.00", "USD")]
    assert ApprovalBook(office.world.engine, Policies(office.world.engine)).pending() == []


async def test_a_right_bill_that_waits_only_for_the_escalation_is_confirmed_once_it_is_taken_back(
    office: Office,
) -> None:
    case = await office.opens(office.world.tenant("acme"), disputed="30.00", legal_threat=True)
    waiting = await case.story()

    await case.does(Dispute.de_escalate, BACK)

    assert waiting.stage is Stage.JUDGE
    assert await case.ending() is Ending.CONFIRMED


async def test_a_question_that_would_be_asked_without_the_escalation_too_stays_open(office: Office) -> None:
    acme = office.world.tenant("acme", duplicated=1_000)
    case = await office.opens(acme, disputed="100.00", legal_threat=True)
    before = (await case.story()).approval

    await case.does(Dispute.de_escalate, BACK)

    assert before is not None
    assert (await case.story()).approval == before
    await case.is_decided_by("lead-1", Verdict.APPROVE)
    assert await case.ending() is Ending.CREDITED


async def test_a_no_stays_a_no_when_the_escalation_is_taken_back(office: Office) -> None:
    acme = office.world.tenant("acme", duplicated=100)
    case = await office.opens(acme, disputed="10.00", security_concern=True)
    await case.is_decided_by("lead-2", Verdict.REJECT)

    await case.does(Dispute.de_escalate, BACK)

    assert (await case.story()).stage is Stage.JUDGE
    assert office.provider.credits == []


async def test_a_no_stays_a_no_while_the_customer_is_asked(office: Office) -> None:
    acme = office.world.tenant("acme", duplicated=100)
    case = await office.opens(acme, disputed="10.00", security_concern=True)
    await case.does(Dispute.ask_customer, Question(by="agent-1", text="Which of your keys made these calls?"))
    await case.is_decided_by("lead-2", Verdict.REJECT)

    await case.does(Dispute.de_escalate, BACK)
    await case.hears("r-1")

    assert (await case.story()).stage is Stage.JUDGE
    assert office.provider.credits == []


class DeskThatIsMoved:
    """Satisfies ApprovalDesk, except that no question can be asked there."""

    def __init__(self, desk: ApprovalDesk) -> None:
        self._desk = desk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._desk, name)

    def ask(self, *question: Any) -> PendingApproval:
        raise BillingFailure(FailureCode.INVALID, "nobody sits here")


async def test_a_question_that_cannot_be_asked_is_not_waited_for_once_it_need_not_be(
    engine: Engine, case_clock: CaseClock, tmp_path: Path
) -> None:
    desk = DeskThatIsMoved(ApprovalBook(engine, Policies(engine)))
    async with an_office(engine, case_clock, tmp_path, desk=desk) as office:
        acme = office.world.tenant("acme", duplicated=100)
        case = await office.opens(acme, disputed="10.00", security_concern=True)
        handed_over = await case.story()

        await case.does(Dispute.de_escalate, BACK)

        assert handed_over.next_step == "a person repairs: nobody sits here"
        assert await case.ending() is Ending.CREDITED


async def becomes(case: CaseInHand, escalated: bool) -> None:
    """A signal from one case to another arrives a moment later."""
    for _ in range(200):
        if (await case.story()).escalated is escalated:
            break
        await asyncio.sleep(0.02)
    await case.rests()
    assert (await case.story()).escalated is escalated


async def test_the_open_cases_of_a_pattern_are_escalated_with_the_one_that_shows_it(office: Office) -> None:
    closed = await office.opens(office.world.tenant("acme", duplicated=100), disputed="10.00")
    await closed.ending()
    earlier = await office.opens(office.world.tenant("beta", duplicated=1_000), disputed="100.00")

    third = await office.opens(office.world.tenant("gamma", duplicated=1_000), disputed="100.00")
    await becomes(earlier, escalated=True)

    told = [line.text for line in (await earlier.story()).timeline if "pattern" in line.text]
    assert told == [f"escalated: {third.handle.id} contests the same and makes it a pattern"]
    escalations = [
        one.letter.payload for one in office.postman.mailbox if one.letter.payload.template == "case_escalated"
    ]
    assert {letter.case_id for letter in escalations} == {third.handle.id}
    assert escalations[0].reasons[-1] == (
        f"The same was contested in {earlier.handle.id} (beta, escalated with this one) and {closed.handle.id} "
        "(acme, credited)."
    )


async def test_a_case_that_joins_a_pattern_no_longer_goes_on_under_an_agents_authority(office: Office) -> None:
    earlier = await office.opens(office.world.tenant("acme"), disputed="180.00")
    await earlier.does(
        Dispute.judge,
        Judgement(by="agent-1", resolution=Resolution.PARTIAL, amount=Money.of("10.00", "USD"), reason="a fair part"),
    )
    before = (await earlier.story()).approval

    for name in ("beta", "gamma"):
        await office.opens(office.world.tenant(name), disputed="180.00")
    await becomes(earlier, escalated=True)

    after = (await earlier.story()).approval
    assert before is not None
    assert after is not None
    assert (before.role, after.role) == (Role.AGENT, Role.LEAD)
    assert (before.amount, after.amount) == (Money.of("10.00", "USD"), Money.of("10.00", "USD"))


async def test_what_a_lead_took_back_is_not_escalated_again_by_the_next_case_of_the_pattern(office: Office) -> None:
    first = await office.opens(office.world.tenant("acme", duplicated=1_000), disputed="100.00")
    for name in ("beta", "gamma"):
        await office.opens(office.world.tenant(name, duplicated=1_000), disputed="100.00")
    await becomes(first, escalated=True)
    await first.does(Dispute.de_escalate, BACK)

    fourth = await office.opens(office.world.tenant("delta", duplicated=1_000), disputed="100.00")
    await asyncio.sleep(0.5)
    await first.rests()

    assert (await fourth.story()).escalated
    assert not (await first.story()).escalated


async def test_an_earlier_case_that_cannot_hear_holds_nothing_up(office: Office) -> None:
    first = await office.opens(office.world.tenant("acme", duplicated=1_000), disputed="100.00")
    await first.handle.terminate()
    await office.opens(office.world.tenant("beta", duplicated=1_000), disputed="100.00")

    third = await office.opens(office.world.tenant("gamma", duplicated=1_000), disputed="100.00")
    await third.is_decided_by("engineering-1", Verdict.APPROVE)
    await third.is_decided_by("vp-1", Verdict.APPROVE)

    assert await third.ending() is Ending.CREDITED
