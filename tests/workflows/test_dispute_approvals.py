"""Large credits wait for the right person; silence, forgery and self-approval get nowhere."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from temporalio.client import WorkflowUpdateFailedError

from activities.ports import ApprovalDesk
from adapters.policies import Policies
from adapters.postgres.approvals import Approvals as ApprovalBook
from adapters.postgres.tenants import Tenants
from billing.authority import Role
from billing.cases import DeEscalation, Ending, Judgement, PendingApproval, Question, Stage, Verdict
from billing.disputes import Resolution
from billing.failures import BillingFailure, FailureCode
from billing.money import Money
from billing.policy.standard import STANDARD
from tests.fixtures.temporal import CaseClock
from tests.workflows.office import CaseInHand, Office, an_office
from workflows.dispute import Dispute

FAIR = Judgement(by="agent-1", resolution=Resolution.PARTIAL, amount=Money.of("80.00", "USD"), reason="a fair part")


async def test_more_than_five_hundred_dollars_wait_for_the_vp(office: Office) -> None:
    acme = office.world.tenant("acme", duplicated=5_001)
    case = await office.opens(acme, disputed="500.10")

    pending = (await case.story()).approval
    refused = await case.is_decided_by("lead-1", Verdict.APPROVE)
    accepted = await case.is_decided_by("vp-1", Verdict.APPROVE)

    assert pending is not None
    assert pending.role is Role.VP
    assert not refused.accepted
    assert "a decision by vp is needed" in refused.message
    assert accepted.accepted
    assert await case.ending() is Ending.CREDITED


async def test_credits_of_thirty_days_add_up_to_the_level_that_decides(office: Office) -> None:
    acme = office.world.tenant("acme", duplicated=480)
    other = office.ticket(acme, "48.00").model_copy(update={"meters": ("api_calls",)})
    await (await office.opens(acme, disputed="48.00")).ending()
    judged = await office.opens(acme, disputed="90.00")

    await judged.does(
        Dispute.judge,
        Judgement(by="agent-1", resolution=Resolution.PARTIAL, amount=Money.of("10.00", "USD"), reason="a fair part"),
    )
    pending = (await judged.story()).approval

    assert other.disputed == Money.of("48.00", "USD")
    assert pending is not None
    assert pending.role is Role.LEAD


async def test_nobody_approves_what_they_asked_for(office: Office) -> None:
    acme = office.world.tenant("acme")
    case = await office.opens(acme, disputed="180.00")
    await case.does(
        Dispute.judge,
        Judgement(by="agent-1", resolution=Resolution.PARTIAL, amount=Money.of("30.00", "USD"), reason="a fair part"),
    )

    receipt = await case.is_decided_by("agent-1", Verdict.APPROVE)

    assert not receipt.accepted
    assert "another person must decide" in receipt.message
    assert office.provider.credits == []


async def test_a_decision_forged_straight_into_the_workflow_is_refused_and_on_record(office: Office) -> None:
    acme = office.world.tenant("acme", duplicated=5_001)
    case = await office.opens(acme, disputed="500.10")

    forged = await case.is_decided_by("agent-1", Verdict.APPROVE, operator_id="vp-1")

    assert not forged.accepted
    assert (await case.story()).approval is not None
    assert any("vp-1 may not approve" in line for line in await case.timeline())
    assert office.provider.credits == []


async def test_an_amount_changed_after_signing_is_refused(office: Office) -> None:
    acme = office.world.tenant("acme", duplicated=1_000)
    case = await office.opens(acme, disputed="100.00")

    receipt = await case.is_decided_by("lead-1", Verdict.APPROVE, request_sha256="0" * 64)

    assert not receipt.accepted
    assert office.provider.credits == []


async def test_a_rejected_proposal_is_judged_anew_and_approved(office: Office) -> None:
    acme = office.world.tenant("acme", duplicated=4_000)
    case = await office.opens(acme, billed_amount="2000.00", claimed_amount="850.00", security_concern=True)

    await case.is_decided_by("lead-1", Verdict.REJECT)
    await case.does(
        Dispute.judge,
        Judgement(
            by="agent-1", resolution=Resolution.PARTIAL, amount=Money.of("600.00", "USD"), reason="both networks"
        ),
    )
    await case.is_decided_by("vp-1", Verdict.APPROVE)

    assert await case.ending() is Ending.PARTIALLY_CREDITED
    assert [credit.amount for credit in office.provider.credits] == [Money.of("600.00", "USD")]


async def test_an_unanswered_question_is_repeated_climbs_and_in_the_end_is_a_no(office: Office) -> None:
    acme = office.world.tenant("acme", duplicated=1_000)
    case = await office.opens(acme, disputed="100.00")

    await case.hours(25)
    climbed = (await case.story()).approval
    await case.hours(5 * 24)
    silent = await case.story()

    assert climbed is not None
    assert climbed.role is Role.VP
    assert silent.approval is None
    assert silent.stage.value == "waiting for an analyst"
    assert any(line.endswith("nobody decided in time: silence is a no") for line in await case.timeline())
    assert office.provider.credits == []


async def test_a_judgement_while_the_lead_is_thinking_withdraws_the_question(office: Office) -> None:
    acme = office.world.tenant("acme", duplicated=1_000)
    case = await office.opens(acme, disputed="100.00")
    first = (await case.story()).approval

    await case.does(
        Dispute.judge,
        Judgement(by="lead-2", resolution=Resolution.PARTIAL, amount=Money.of("80.00", "USD"), reason="a fair part"),
    )
    second = (await case.story()).approval
    await case.is_decided_by("lead-1", Verdict.APPROVE)

    assert first is not None
    assert second is not None
    assert first.approval_id != second.approval_id
    assert [credit.amount for credit in office.provider.credits] == [Money.of("80.00", "USD")]
    assert await case.ending() is Ending.PARTIALLY_CREDITED


class DeskBehindABadLine:
    """Satisfies ApprovalDesk; a question is asked, and word of it is lost the first few times."""

    def __init__(self, desk: ApprovalDesk, losses: int) -> None:
        self._desk, self._losses = desk, losses

    def __getattr__(self, name: str) -> Any:
        return getattr(self._desk, name)

    def ask(self, *question: Any) -> PendingApproval:
        asked = self._desk.ask(*question)
        if self._losses:
            self._losses -= 1
            raise BillingFailure(FailureCode.UNAVAILABLE, "the line went dead")
        return asked


async def test_an_answer_never_stands_in_the_story_before_its_question(
    engine: Engine, case_clock: CaseClock, tmp_path: Path
) -> None:
    book = ApprovalBook(engine, Policies(engine))
    async with an_office(engine, case_clock, tmp_path, desk=DeskBehindABadLine(book, losses=3)) as office:
        case = await office.opens(office.world.tenant("acme", duplicated=1_000), disputed="100.00")
        (pending,) = book.pending()

        await case.does(Dispute.decide, case.signed_by("lead-1", pending, Verdict.REJECT))
        await case.hours(0.1)

        told = [line.text for line in (await case.story()).timeline]
        assert told.index("asked lead to decide about USD 100.00") < told.index("lead-1 rejected")
        assert "approval_requested" not in office.postman.sent
        assert (await case.story()).stage is Stage.JUDGE


async def takes_three_refusals(office: Office, **circumstances: Any) -> CaseInHand:
    """A case that waits for a lead, under a policy by which three answers to a question may be refused."""
    acme = office.world.tenant("acme", duplicated=1_000)
    strict = STANDARD.approvals.model_copy(update={"refusals_at_most": 3})
    own = STANDARD.model_copy(update={"version": "acme-1", "approvals": strict})
    Tenants(office.world.engine).carry_policy("acme", own)
    return await office.opens(acme, disputed="100.00", **circumstances)


async def test_answers_that_do_not_count_cannot_grow_a_history_without_end(office: Office) -> None:
    case = await takes_three_refusals(office)
    for attempt in range(3):
        receipt = await case.is_decided_by("agent-1", Verdict.APPROVE, reason=f"forged {attempt}")
        assert not receipt.accepted
    before = (await case.handle.fetch_history()).events[-1].event_id

    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await case.is_decided_by("lead-1", Verdict.APPROVE)

    assert "3 answers" in str(refused.value.cause)
    assert "judge the case" in str(refused.value.cause)
    assert (await case.handle.fetch_history()).events[-1].event_id == before
    await case.does(Dispute.judge, FAIR)
    assert (await case.is_decided_by("lead-1", Verdict.APPROVE)).accepted
    assert await case.ending() is Ending.PARTIALLY_CREDITED


async def test_judgements_that_do_not_pass_cannot_grow_a_history_without_end(office: Office) -> None:
    case = await takes_three_refusals(office)
    for _ in range(3):
        with pytest.raises(WorkflowUpdateFailedError):
            await case.does(Dispute.judge, FAIR.model_copy(update={"by": "stranger-1"}))
    before = (await case.handle.fetch_history()).events[-1].event_id

    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await case.does(Dispute.judge, FAIR)

    assert "3 attempts to judge did not pass" in str(refused.value.cause)
    assert (await case.handle.fetch_history()).events[-1].event_id == before
    await case.hours(24.5)
    await case.does(Dispute.judge, FAIR)
    assert (await case.is_decided_by("lead-1", Verdict.APPROVE)).accepted
    assert await case.ending() is Ending.PARTIALLY_CREDITED


async def test_so_cannot_those_who_may_not_take_an_escalation_back(office: Office) -> None:
    case = await takes_three_refusals(office, legal_threat=True)
    for _ in range(3):
        with pytest.raises(WorkflowUpdateFailedError):
            await case.does(Dispute.de_escalate, DeEscalation(by="agent-1", reason="a misunderstanding"))

    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await case.does(Dispute.de_escalate, DeEscalation(by="lead-1", reason="a misunderstanding"))

    assert "3 attempts to take an escalation back did not pass" in str(refused.value.cause)
    await case.handle.terminate()


async def test_a_judgement_that_passes_is_not_held_against_the_next(office: Office) -> None:
    case = await takes_three_refusals(office)
    for amount in ("80.00", "70.00", "60.00", "50.00"):
        await case.does(Dispute.judge, FAIR.model_copy(update={"amount": Money.of(amount, "USD")}))

    assert (await case.is_decided_by("lead-1", Verdict.APPROVE)).accepted
    assert await case.ending() is Ending.PARTIALLY_CREDITED


async def test_answers_to_questions_that_were_never_asked_are_counted_together(office: Office) -> None:
    case = await takes_three_refusals(office)
    for number in range(3):
        await case.is_decided_by("lead-1", Verdict.APPROVE, approval_id=f"{case.handle.id}/credit/r9.{number}/a1")

    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await case.is_decided_by("lead-1", Verdict.APPROVE, approval_id=f"{case.handle.id}/credit/r9.9/a1")

    assert "3 answers" in str(refused.value.cause)
    assert (await case.is_decided_by("lead-1", Verdict.APPROVE)).accepted


async def test_an_answer_that_counts_may_be_repeated_and_only_so_often(office: Office) -> None:
    case = await takes_three_refusals(office)
    await case.does(Dispute.ask_customer, Question(by="agent-1", text="Which of your keys made these calls?"))
    pending = (await case.story()).approval
    assert pending is not None
    decision = case.signed_by("lead-1", pending, Verdict.APPROVE)

    receipts = [await case.does(Dispute.decide, decision) for _ in range(4)]
    with pytest.raises(WorkflowUpdateFailedError):
        await case.does(Dispute.decide, decision)

    assert all(receipt.accepted for receipt in receipts)
