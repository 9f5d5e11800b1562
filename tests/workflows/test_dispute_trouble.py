"""When Stripe, the mail or the books are in trouble: nothing is doubled, nothing is lost, and a person is asked in time."""

from pathlib import Path

from sqlalchemy import Engine, delete, insert

from adapters.postgres.tables import contracts, tenant_policies
from billing.cases import Ending, TryAgain, Verdict
from billing.failures import BillingFailure, FailureCode
from billing.money import Money
from tests.fixtures.temporal import CaseClock
from tests.workflows.office import CaseInHand, Office, an_office
from workflows.dispute import Dispute

REPAIRED = TryAgain(by="finance-1", reason="the cause is repaired")


async def small_credit(office: Office) -> CaseInHand:
    return await office.opens(office.world.tenant("acme", duplicated=480), disputed="48.00")


async def test_a_lost_answer_after_stripes_commit_is_looked_up_and_not_sent_again(office: Office) -> None:
    office.provider.fail_next(FailureCode.OUTCOME_UNKNOWN, commits=True)

    case = await small_credit(office)

    assert await case.ending() is Ending.CREDITED
    assert len(office.provider.credits) == 1
    assert len(office.provider.keys) == 1


async def test_a_stored_500_is_looked_up_and_then_sent_under_a_new_key(office: Office) -> None:
    office.provider.fail_next(FailureCode.KEY_SPENT)

    case = await small_credit(office)

    assert await case.ending() is Ending.CREDITED
    assert len(office.provider.credits) == 1
    assert [key.rsplit("/", 1)[-1] for key in office.provider.keys] == ["g1", "g2"]


async def test_while_stripe_is_down_the_case_waits_longer_and_longer_and_then_goes_on(office: Office) -> None:
    office.provider.fail_next(FailureCode.PROVIDER_BUSY, times=150)

    case = await small_credit(office)
    for _ in range(4):
        await case.hours(0.15)
    await case.hours(2)

    assert await case.ending() is Ending.CREDITED
    assert len(office.provider.credits) == 1
    assert any("looked up again" in line for line in await case.timeline())


async def test_a_refusal_is_handed_over_and_after_the_repair_proposed_anew(office: Office) -> None:
    office.provider.fail_next(FailureCode.PROVIDER_REFUSED)
    case = await small_credit(office)
    handed_over = await case.story()

    await case.does(Dispute.try_again, REPAIRED)

    assert handed_over.needs_human
    assert "handed_over" in office.postman.sent
    assert await case.ending() is Ending.CREDITED
    assert [credit.amount for credit in office.provider.credits] == [Money.of("48.00", "USD")]


async def test_a_tenant_without_a_contract_waits_for_a_person_instead_of_failing(office: Office) -> None:
    acme = office.world.tenant("acme", duplicated=480)
    with office.world.engine.begin() as connection:
        kept = connection.execute(delete(contracts).returning(contracts)).mappings().one()
    case = await office.opens(acme, disputed="48.00")
    waiting = await case.story()

    with office.world.engine.begin() as connection:
        connection.execute(contracts.insert().values(**kept))
    await case.does(Dispute.try_again, REPAIRED)

    assert "has no contract" in waiting.next_step
    assert await case.ending() is Ending.CREDITED


async def test_an_address_that_refuses_mail_is_told_in_the_story_and_the_clock_runs_on(office: Office) -> None:
    office.postman.fail_next(FailureCode.PROVIDER_REFUSED)

    case = await office.opens(office.world.tenant("acme", duplicated=1_000), disputed="100.00")

    clocks = {clock.name: clock.state for clock in (await case.story()).clocks}
    assert any("letter acknowledged to the customer: refused" in line for line in await case.timeline())
    assert clocks["initial response"] == "running"
    await case.is_decided_by("lead-1", Verdict.APPROVE)
    assert await case.ending() is Ending.CREDITED


async def test_a_mail_server_that_is_busy_gets_the_letter_later_and_once(office: Office) -> None:
    office.postman.fail_next(FailureCode.PROVIDER_BUSY, times=3)

    case = await small_credit(office)

    assert await case.ending() is Ending.CREDITED
    assert office.postman.sent == ["dispute_acknowledged", "dispute_resolved"]


async def test_credits_of_two_cases_that_together_exceed_the_limit_are_not_both_given_on_old_authority(
    office: Office,
) -> None:
    acme = office.world.tenant("acme", duplicated=2_600)
    first = await office.opens(acme, disputed="260.00")
    second = await office.opens(acme, disputed="255.00", meters=("api_calls",), category="pricing")

    await first.is_decided_by("lead-1", Verdict.APPROVE)
    ended = await first.ending()

    assert ended is Ending.CREDITED
    assert (await second.story()).ending is None
    assert sum(credit.amount.minor for credit in office.provider.credits) == 26_000


async def test_a_tenant_with_a_broken_policy_of_its_own_waits_for_its_repair(office: Office) -> None:
    acme = office.world.tenant("acme", duplicated=480)
    with office.world.engine.begin() as connection:
        connection.execute(insert(tenant_policies).values(tenant_id="acme", version="own", bundle={"version": "own"}))
    case = await office.opens(acme, disputed="48.00")
    waiting = await case.story()

    with office.world.engine.begin() as connection:
        connection.execute(delete(tenant_policies))
    await case.does(Dispute.try_again, REPAIRED)

    assert waiting.needs_human
    assert "policy bundle of acme is not valid" in waiting.next_step
    assert await case.ending() is Ending.CREDITED


async def test_a_ticket_that_takes_no_note_any_more_ends_nothing(
    engine: Engine, case_clock: CaseClock, tmp_path: Path
) -> None:
    class ClosedDesk:
        def note(self, ticket_id: str, op_key: str, text: str) -> None:
            raise BillingFailure(FailureCode.PROVIDER_REFUSED, "the ticket is deleted")

    async with an_office(engine, case_clock, tmp_path, tickets=ClosedDesk()) as office:
        case = await office.opens(office.world.tenant("acme", duplicated=480), disputed="48.00")

        assert await case.ending() is Ending.CREDITED
        assert (await case.timeline())[-1].endswith(
            "the outcome could not be noted on the ticket: the ticket is deleted"
        )
