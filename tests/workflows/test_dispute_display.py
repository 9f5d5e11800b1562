"""What people see of a waiting case in the Temporal UI: its open question, and when something happens by itself next."""

from datetime import datetime, timedelta

from billing.authority import Role
from billing.cases import Question, Verdict
from billing.policy.standard import STANDARD
from tests.workflows.office import CaseInHand, Office
from workflows.blocks.attributes import NEXT_ACTION_AT
from workflows.dispute import Dispute


async def next_action(case: CaseInHand) -> datetime | None:
    """The search attribute by which lists are asked for what comes next."""
    return (await case.handle.describe()).typed_search_attributes.get(NEXT_ACTION_AT)


async def test_an_open_approval_is_shown_with_its_command_and_its_next_reminder(office: Office) -> None:
    case = await office.opens(office.world.tenant("acme", duplicated=5_001), disputed="500.10")
    pending = (await case.story()).approval
    assert pending is not None

    asked, first = await case.details(), await next_action(case)
    await case.hours(9)
    second = await next_action(case)
    await case.is_decided_by("vp-1", Verdict.APPROVE)

    assert f"**Waits for {Role.VP}:** {pending.question}" in asked
    assert f"`runbooks approve {pending.approval_id}`" in asked
    assert first == pending.asked_at + STANDARD.approvals.remind_every
    assert second == pending.asked_at + 2 * STANDARD.approvals.remind_every
    assert await next_action(case) is None


async def test_an_open_question_to_the_customer_is_shown_with_the_day_that_closes_the_case(office: Office) -> None:
    case = await office.opens(office.world.tenant("acme"), disputed="180.00")
    asked_at = await office.clock.now(case.handle)

    await case.does(Dispute.ask_customer, Question(by="agent-1", text="Which key made these calls?"))
    waiting = await next_action(case)
    await case.hears("mail-1")
    answered = await next_action(case)

    assert waiting is not None
    assert abs(waiting - asked_at - STANDARD.disputes.close_unanswered_after) < timedelta(seconds=30)
    assert answered is None
