"""The SLA clocks: a warning before a breach, a breach on record, and time that stands still for the customer."""

from datetime import UTC, datetime, timedelta

from billing.cases import Ending, Question, Verdict, Withdrawal
from billing.emails import SlaAlert
from billing.tenants import Tier
from tests.workflows.office import CaseInHand, Office
from workflows.dispute import Dispute

QUESTION = Question(by="agent-1", text="Which of your keys made these calls?")


async def waits_for_approval(office: Office, tier: Tier = Tier.ENTERPRISE) -> CaseInHand:
    acme = office.world.tenant("acme", tier=tier, duplicated=1_000)
    return await office.opens(acme, disputed="100.00")


def told(timeline: list[str], word: str) -> list[str]:
    return [line for line in timeline if word in line]


async def test_an_enterprise_dispute_is_warned_about_after_54_hours_and_breached_after_72(office: Office) -> None:
    case = await waits_for_approval(office)

    await case.hours(73)

    sla = [line.split(", due")[0] for line in told(await case.timeline(), "SLA")]
    assert sla == ["  54h  SLA resolution warning", "  72h  SLA resolution breached"]
    assert {letter.letter.to.email for letter in office.postman.mailbox if "sla" in letter.letter.op_key} == {
        "lead-1@ops.example",
        "lead-2@ops.example",
        "vp-1@ops.example",
    }


async def test_a_breach_is_a_fact_and_does_not_stop_the_case(office: Office) -> None:
    case = await waits_for_approval(office)
    await case.hours(73)

    await case.is_decided_by("vp-1", Verdict.APPROVE)

    assert await case.ending() is Ending.CREDITED
    resolution = next(clock for clock in (await case.story()).clocks if clock.name == "resolution")
    assert resolution.state == "met late"


async def test_the_clock_stands_still_while_the_customer_is_asked_twice(office: Office) -> None:
    case = await waits_for_approval(office)
    await case.hours(10)

    await case.does(Dispute.ask_customer, QUESTION)
    await case.hours(40)
    await case.hears("reply-1")
    await case.hours(10)
    await case.does(Dispute.ask_customer, QUESTION)
    await case.hours(30)
    await case.hears("reply-2")
    await case.hours(35)

    assert [line.split(", due")[0] for line in told(await case.timeline(), "SLA")] == [
        " 124h  SLA resolution warning",
    ]
    assert told(await case.timeline(), "the clocks") == [
        "  10h  agent-1 asked the customer; the clocks stand still",
        "  50h  the customer answered; the clocks run",
        "  60h  agent-1 asked the customer; the clocks stand still",
        "  90h  the customer answered; the clocks run",
    ]


async def test_while_the_customer_is_asked_no_clock_is_due(office: Office) -> None:
    case = await waits_for_approval(office)

    await case.does(Dispute.ask_customer, QUESTION)

    story = await case.story()
    assert story.waiting_for_customer
    assert {clock.state for clock in story.clocks} == {"met", "paused"}
    assert all(clock.due is None for clock in story.clocks)


async def test_a_customer_hears_from_us_every_48_hours(office: Office) -> None:
    case = await waits_for_approval(office, Tier.FREE)

    await case.hours(100)

    assert told(await case.timeline(), "update") == [
        "  48h  update 1 to the customer",
        "  96h  update 2 to the customer",
    ]
    assert office.postman.sent.count("dispute_update") == 2


async def test_the_temporal_ui_names_every_timer_and_can_list_what_is_about_to_breach(office: Office) -> None:
    case = await waits_for_approval(office)

    history = await case.handle.fetch_history()
    labels = [
        event.user_metadata.summary.data.decode()
        for event in history.events
        if event.HasField("timer_started_event_attributes")
    ]
    attributes = (await case.handle.describe()).typed_search_attributes

    assert any(label.startswith('"SLA resolution warning, due') for label in labels)
    assert any(label.startswith('"remind lead to decide about USD 100.00') for label in labels)
    assert any(label.startswith('"update 1 to the customer') for label in labels)
    shown = {pair.key.name: pair.value for pair in attributes}
    assert shown["Stage"] == "waiting for approval"
    assert shown["NeedsHuman"] is True
    assert shown["Tenant"] == "acme"
    opened_at = case.opening.ticket.opened_at
    assert abs(shown["DueAt"] - (opened_at + timedelta(hours=72))) < timedelta(seconds=30)


async def test_a_ticket_that_was_on_its_way_for_a_day_has_that_day_counted(office: Office) -> None:
    acme = office.world.tenant("acme", tier=Tier.ENTERPRISE, duplicated=1_000)

    case = await office.opens(acme, disputed="100.00", opened_at=datetime.now(UTC) - timedelta(hours=24))
    await case.hours(31)

    assert [line.split(", due")[0] for line in told(await case.timeline(), "SLA resolution")] == [
        "  30h  SLA resolution warning"
    ]
    await case.does(Dispute.withdraw, Withdrawal(by="accounts@acme.example"))


async def test_an_acknowledgement_that_comes_too_late_is_a_breach_although_nobody_saw_the_timer_ring(
    office: Office,
) -> None:
    acme = office.world.tenant("acme", duplicated=1_000)

    case = await office.opens(acme, disputed="100.00", opened_at=datetime.now(UTC) - timedelta(hours=5))

    clocks = {clock.name: clock.state for clock in (await case.story()).clocks}
    assert clocks["initial response"] == "met late"
    assert sum("SLA initial response breached" in line for line in await case.timeline()) == 1


def alerts(office: Office) -> list[tuple[str, str, tuple[str, ...]]]:
    """Who was told of which clock, and of which others in the same letter."""
    letters = [one.letter for one in office.postman.mailbox]
    return [
        (letter.to.email, letter.payload.clock, letter.payload.also)
        for letter in letters
        if isinstance(letter.payload, SlaAlert)
    ]


async def test_a_ticket_that_arrives_weeks_late_is_one_line_and_one_letter(office: Office) -> None:
    acme = office.world.tenant("acme", tier=Tier.ENTERPRISE, duplicated=1_000)

    case = await office.opens(acme, disputed="100.00", opened_at=datetime.now(UTC) - timedelta(days=21))
    await case.hours(24)

    (line,) = told(await case.timeline(), "SLA")
    assert line.startswith("   0h  late already: SLA initial response breached, due ")
    assert line.count("breached, due") == 6
    ((reader, clock, also),) = alerts(office)
    assert (reader, clock, len(also)) == ("vp-1@ops.example", "initial response", 5)
    assert (await case.story()).clocks[-1].state == "breached"


async def test_what_is_breached_and_what_is_at_risk_at_the_opening_is_told_to_those_it_concerns(office: Office) -> None:
    acme = office.world.tenant("acme", tier=Tier.ENTERPRISE, duplicated=1_000)

    case = await office.opens(acme, disputed="100.00", opened_at=datetime.now(UTC) - timedelta(hours=55))
    await case.hours(18)

    late, breached = told(await case.timeline(), "SLA")
    assert (late.count("breached, due"), late.count("warning, due")) == (4, 2)
    assert breached.startswith("  17h  SLA resolution breached")
    assert sorted((reader, clock) for reader, clock, _ in alerts(office)) == [
        ("lead-1@ops.example", "root cause"),
        ("lead-2@ops.example", "root cause"),
        ("vp-1@ops.example", "initial response"),
        ("vp-1@ops.example", "resolution"),
    ]
