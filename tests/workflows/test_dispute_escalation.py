"""What must not wait in the queue escalates at once; a pattern and a shared defect bring more people in."""

from decimal import Decimal

import pytest
from temporalio.client import WorkflowUpdateFailedError

from billing.authority import Role
from billing.cases import DeEscalation, Ending, Verdict
from billing.disputes import Category, Severity
from tests.workflows.office import Office
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
