"""A resolved dispute can be looked at again: same case, next round, no time and no money forgotten."""

from datetime import UTC, datetime, timedelta

from billing.cases import Ending, Judgement, Opening, Reopening, Verdict
from billing.disputes import Resolution
from billing.money import Money
from billing.tenants import Tier
from tests.workflows.office import CaseInHand, Office
from workflows.dispute import Dispute


async def reopened(office: Office, case: CaseInHand, at: datetime | None = None) -> CaseInHand:
    reopening = Reopening(by="agent-1", reason="the customer sent new logs", opened_at=at or datetime.now(UTC))
    return await office.takes(Opening(ticket=case.opening.ticket, reopening=reopening))


async def test_a_reopened_dispute_credits_only_what_was_not_credited_before(office: Office) -> None:
    acme = office.world.tenant("acme", duplicated=480)
    first = await office.opens(acme, disputed="48.00")
    await first.ending()

    again = await reopened(office, first)

    assert "re-opened by agent-1: the customer sent new logs" in (await again.timeline())[0]
    assert await again.ending() is Ending.CONFIRMED
    assert [credit.amount for credit in office.provider.credits] == [Money.of("48.00", "USD")]


async def test_a_reopened_dispute_may_end_otherwise_and_both_rounds_are_logged(office: Office) -> None:
    acme = office.world.tenant("acme")
    first = await office.opens(acme, disputed="40.00")
    await first.ending()

    again = await office.takes(
        Opening(
            ticket=first.opening.ticket.model_copy(update={"executive_escalation": True}),
            reopening=Reopening(by="agent-1", reason="the customer called the vp", opened_at=datetime.now(UTC)),
        )
    )
    await again.does(
        Dispute.judge,
        Judgement(by="lead-1", resolution=Resolution.PARTIAL, amount=Money.of("20.00", "USD"), reason="meet halfway"),
    )
    await again.is_decided_by("vp-1", Verdict.APPROVE)

    assert await again.ending() is Ending.PARTIALLY_CREDITED
    assert ["CREDITED=0.00" in row.line or "CREDITED=20.00" in row.line for row in office.log.lines()] == [True, True]


async def test_reopening_goes_on_with_the_time_that_was_used_before(office: Office) -> None:
    acme = office.world.tenant("acme", tier=Tier.ENTERPRISE, duplicated=1_000)
    first = await office.opens(acme, disputed="100.00", opened_at=datetime.now(UTC) - timedelta(hours=50))
    await first.is_decided_by("lead-1", Verdict.REJECT)
    await first.does(
        Dispute.judge,
        Judgement(
            by="agent-1",
            resolution=Resolution.BILLING_CORRECT,
            amount=Money.zero("USD"),
            reason="the calls were theirs",
        ),
    )
    await first.ending()

    again = await reopened(office, first)
    await again.hours(5)

    warnings = [line.split(", due")[0] for line in await again.timeline() if "SLA resolution" in line]
    assert warnings == ["   4h  SLA resolution warning"]


async def test_a_reopening_that_was_asked_for_weeks_ago_is_one_line_about_what_is_late(office: Office) -> None:
    acme = office.world.tenant("acme", duplicated=1_000)
    first = await office.opens(acme, disputed="100.00")
    await first.is_decided_by("lead-1", Verdict.APPROVE)
    await first.ending()

    again = await reopened(office, first, at=datetime.now(UTC) - timedelta(days=21))

    (late,) = [line for line in await again.timeline() if "SLA" in line]
    assert late.count("breached, due") == 6
    assert office.postman.sent.count("sla_alert") == 1
