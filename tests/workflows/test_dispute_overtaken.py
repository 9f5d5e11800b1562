"""Events that overtake a case: whoever is told that their word was taken finds it acted on, and no case gets stuck."""

import pytest
from sqlalchemy import delete, update
from temporalio.client import WorkflowUpdateFailedError

from adapters.postgres.tables import contracts, tenants
from billing.cases import Ending, Judgement, Question, TryAgain, Verdict, Withdrawal
from billing.disputes import Resolution
from billing.failures import FailureCode
from billing.money import Money
from tests.workflows.office import CaseInHand, Office
from workflows.dispute import Dispute

QUESTION = Question(by="agent-1", text="Which of your keys made these calls?")
REPAIRED = TryAgain(by="finance-1", reason="the cause is repaired")
WITHDRAWAL = Withdrawal(by="accounts@acme.example")


def judges(by: str, amount: str, resolution: Resolution = Resolution.PARTIAL) -> Judgement:
    return Judgement(by=by, resolution=resolution, amount=Money.of(amount, "USD"), reason="a fair part")


async def waits_for_a_lead(office: Office) -> CaseInHand:
    return await office.opens(office.world.tenant("acme", duplicated=1_000), disputed="100.00")


async def has_a_credit_that_cannot_be_sent(office: Office) -> CaseInHand:
    """Ten dollars go to the customer's balance, and nobody linked the tenant to a customer at the provider."""
    acme = office.world.tenant("acme", duplicated=100)
    with office.world.engine.begin() as connection:
        connection.execute(update(tenants).values(provider_customer_id=None))
    return await office.opens(acme, disputed="10.00")


async def test_a_judgement_between_approval_and_credit_replaces_what_was_approved(office: Office) -> None:
    case = await waits_for_a_lead(office)
    await case.does(Dispute.ask_customer, QUESTION)
    await case.is_decided_by("lead-1", Verdict.APPROVE)

    await case.does(Dispute.judge, judges("lead-2", "80.00"))
    await case.hears("r-1")

    asked = (await case.story()).approval
    assert office.provider.credits == []
    assert asked is not None
    assert asked.amount == Money.of("80.00", "USD")


async def test_a_customer_may_withdraw_while_a_step_is_being_repaired(office: Office) -> None:
    acme = office.world.tenant("acme", duplicated=480)
    with office.world.engine.begin() as connection:
        connection.execute(delete(contracts))
    case = await office.opens(acme, disputed="48.00")

    await case.does(Dispute.withdraw, WITHDRAWAL)

    assert (await case.story()).ending is Ending.WITHDRAWN
    assert await case.ending() is Ending.WITHDRAWN


async def test_when_another_case_took_the_room_on_the_invoice_a_person_judges_what_is_left(office: Office) -> None:
    acme = office.world.tenant("acme", duplicated=1_000)
    first = await office.opens(acme, disputed="100.00")
    second = await office.opens(acme, disputed="450.00", category="pricing")
    await second.does(Dispute.judge, judges("agent-1", "450.00"))
    await second.is_decided_by("lead-1", Verdict.APPROVE)
    await second.ending()

    await first.is_decided_by("vp-1", Verdict.APPROVE)
    stuck = await first.story()
    await first.does(Dispute.judge, judges("agent-1", "60.00"))
    await first.is_decided_by("vp-1", Verdict.APPROVE)

    assert stuck.stage.value == "waiting for an analyst"
    assert await first.ending() is Ending.PARTIALLY_CREDITED
    assert sum(credit.amount.minor for credit in office.provider.credits) == 51_000


async def test_a_credit_that_cannot_be_sent_may_be_judged_anew(office: Office) -> None:
    case = await has_a_credit_that_cannot_be_sent(office)
    handed_over = await case.story()

    await case.does(Dispute.judge, judges("lead-1", "0.00", Resolution.BILLING_CORRECT))

    assert "provider_customer_id" in handed_over.next_step
    assert await case.ending() is Ending.CONFIRMED
    assert office.provider.credits == []


async def test_a_credit_whose_outcome_nobody_knows_is_never_replaced_by_a_judgement(office: Office) -> None:
    office.provider.fail_next(FailureCode.OUTCOME_UNKNOWN)
    office.provider.fail_next(FailureCode.CONFLICT)
    case = await office.opens(office.world.tenant("acme", duplicated=480), disputed="48.00")
    await case.hours(0.05)
    handed_over = await case.story()

    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await case.does(Dispute.judge, judges("lead-1", "20.00"))

    assert handed_over.needs_human
    assert "too late to judge" in str(refused.value.cause)
    await case.does(Dispute.try_again, REPAIRED)
    assert await case.ending() is Ending.CREDITED
    assert [credit.amount for credit in office.provider.credits] == [Money.of("48.00", "USD")]


async def test_the_customer_hears_from_us_every_48_hours_while_a_credit_is_stuck(office: Office) -> None:
    case = await has_a_credit_that_cannot_be_sent(office)

    await case.hours(49)

    assert office.postman.sent.count("dispute_update") == 1
    await case.does(Dispute.judge, judges("lead-1", "0.00", Resolution.BILLING_CORRECT))


async def test_an_earlier_repair_does_not_shorten_the_waits_for_an_unknown_outcome(office: Office) -> None:
    acme = office.world.tenant("acme", duplicated=480)
    with office.world.engine.begin() as connection:
        kept = connection.execute(delete(contracts).returning(contracts)).mappings().one()
    office.provider.fail_next(FailureCode.PROVIDER_BUSY, times=100_000)
    case = await office.opens(acme, disputed="48.00")
    with office.world.engine.begin() as connection:
        connection.execute(contracts.insert().values(**kept))
    await case.does(Dispute.try_again, REPAIRED)

    for _ in range(4):
        await case.hours(0.13)
    waiting = len(office.provider.keys)
    await case.hours(0.05)

    assert len(office.provider.keys) == waiting
    office.provider.recovers()
    await case.hours(0.2)
    assert await case.ending() is Ending.CREDITED


async def test_nobody_waits_for_the_answer_to_a_question_that_did_not_arrive(office: Office) -> None:
    case = await waits_for_a_lead(office)
    office.postman.fail_next(FailureCode.PROVIDER_REFUSED)

    await case.does(Dispute.ask_customer, QUESTION)

    story = await case.story()
    assert not story.waiting_for_customer
    assert {clock.state for clock in story.clocks} == {"met", "running"}
    assert office.postman.sent.count("handed_over") == 2


async def test_once_a_case_closes_nobody_is_told_that_their_judgement_was_taken(office: Office) -> None:
    case = await waits_for_a_lead(office)
    office.postman.fail_next(FailureCode.PROVIDER_BUSY, times=100_000)
    await case.does(Dispute.withdraw, WITHDRAWAL)

    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await case.does(Dispute.judge, judges("lead-2", "80.00"))

    assert "too late to judge" in str(refused.value.cause)
    office.postman.recovers()


async def test_a_ticket_that_is_turned_away_asks_nobody_anything(office: Office) -> None:
    office.postman.fail_next(FailureCode.PROVIDER_BUSY, times=100_000)
    case = await office.opens(office.world.tenant("acme"), period="2031-01")

    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await case.does(Dispute.ask_customer, QUESTION)

    assert "too late to ask" in str(refused.value.cause)
    office.postman.recovers()
