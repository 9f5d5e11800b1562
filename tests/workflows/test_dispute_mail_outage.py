"""A mail server that is away for hours holds up neither the money nor the people nor the clocks; its letters follow."""

from datetime import UTC, datetime, timedelta

from billing.cases import Ending, TryAgain, Verdict, Withdrawal
from billing.failures import FailureCode
from billing.money import Money
from billing.tenants import Tier
from tests.workflows.office import CaseInHand, Office
from workflows.dispute import Dispute

LONG = 100_000


def the_mail_server_goes_away(office: Office) -> None:
    office.postman.fail_next(FailureCode.PROVIDER_BUSY, times=LONG)


async def waits_for_a_lead(office: Office, **changes: object) -> CaseInHand:
    case = await office.opens(office.world.tenant("acme", duplicated=1_000), disputed="100.00", **changes)
    await case.hours(0.1)
    return case


async def test_without_mail_a_case_is_investigated_escalated_and_brought_before_a_lead(office: Office) -> None:
    the_mail_server_goes_away(office)

    case = await waits_for_a_lead(office, security_concern=True)

    story = await case.story()
    assert story.escalated
    assert story.approval is not None
    assert office.postman.sent == []


async def test_an_approval_counts_at_once_although_no_letter_asked_for_it(office: Office) -> None:
    the_mail_server_goes_away(office)
    case = await waits_for_a_lead(office)

    await case.is_decided_by("lead-1", Verdict.APPROVE)

    assert [credit.amount for credit in office.provider.credits] == [Money.of("100.00", "USD")]
    office.postman.recovers()
    await case.hours(0.1)
    assert await case.ending() is Ending.CREDITED
    assert [letter for letter in office.postman.sent if letter.startswith("dispute")] == [
        "dispute_acknowledged",
        "dispute_resolved",
    ]


async def test_without_mail_an_acknowledgement_that_is_due_is_warned_about_and_breached_in_time(office: Office) -> None:
    the_mail_server_goes_away(office)
    acme = office.world.tenant("acme", tier=Tier.ENTERPRISE, duplicated=1_000)
    case = await office.opens(acme, disputed="100.00", opened_at=datetime.now(UTC) - timedelta(hours=2.9))

    for _ in range(8):
        await case.hours(0.15)

    told = [line.text.split(", due")[0] for line in (await case.story()).timeline if "SLA" in line.text]
    assert told == ["SLA initial response warning", "SLA initial response breached"]
    office.postman.recovers()
    await case.does(Dispute.withdraw, Withdrawal(by="accounts@acme.example"))


async def test_without_mail_a_repair_is_heard_at_once(office: Office) -> None:
    office.provider.fail_next(FailureCode.PROVIDER_REFUSED)
    the_mail_server_goes_away(office)
    case = await office.opens(office.world.tenant("acme", duplicated=480), disputed="48.00")
    await case.hours(0.1)
    handed_over = await case.story()

    await case.does(Dispute.try_again, TryAgain(by="finance-1", reason="the cause is repaired"))

    assert handed_over.needs_human
    assert [credit.amount for credit in office.provider.credits] == [Money.of("48.00", "USD")]


async def test_without_mail_a_withdrawn_case_leaves_the_register_at_once(office: Office) -> None:
    the_mail_server_goes_away(office)
    case = await waits_for_a_lead(office)

    await case.does(Dispute.withdraw, Withdrawal(by="accounts@acme.example"))

    assert (await case.story()).ending is Ending.WITHDRAWN
    office.postman.recovers()
    await case.hours(0.1)
    assert await case.ending() is Ending.WITHDRAWN
    assert "dispute_closed" in office.postman.sent


async def test_an_outcome_that_reaches_nobody_is_not_called_told(office: Office) -> None:
    case = await waits_for_a_lead(office)
    office.postman.fail_next(FailureCode.PROVIDER_REFUSED)

    await case.is_decided_by("lead-1", Verdict.APPROVE)

    assert await case.ending() is Ending.CREDITED
    assert not any("knows the outcome" in line for line in await case.timeline())
    assert office.postman.sent.count("handed_over") == 2
