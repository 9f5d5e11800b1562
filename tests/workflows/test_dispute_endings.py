"""Every way a dispute ends, told by its timeline, its letters and its money."""

from datetime import UTC, datetime
from decimal import Decimal

from billing.cases import Ending, Judgement, Opening, Verdict, Withdrawal
from billing.disputes import Category, Resolution
from billing.money import Money
from billing.tenants import Tier
from starters.disputes import open_dispute
from tests.workflows.office import Office
from workflows.dispute import Dispute


async def test_double_counted_usage_under_fifty_dollars_is_credited_without_a_person(office: Office) -> None:
    acme = office.world.tenant("acme", tier=Tier.ENTERPRISE, duplicated=480)

    case = await office.opens(acme, disputed="48.00")

    assert await case.ending() is Ending.CREDITED
    assert await case.timeline() == [
        "   0h  opened for acme, 2026-10 (policy 2026-11)",
        "   0h  acknowledged to the customer",
        "   0h  severity normal, USD 48.00 disputed",
        "   0h  evidence of 33 events in 5 files",
        "   0h  1 finding, conclusive; USD 48.00 too much was billed",
        "   0h  the runbook proposes: the customer is right, USD 48.00 to give back",
        f"   0h  credited USD 48.00 by credit note CN-{datetime.now(UTC).year}-000001 ({office.provider.ids[0]})",
        "   0h  the customer knows the outcome",
        "   0h  ended: credited",
    ]
    assert office.postman.sent == ["dispute_acknowledged", "dispute_resolved"]
    assert [credit.amount for credit in office.provider.credits] == [Money.of("48.00", "USD")]


async def test_the_corrected_invoice_costs_what_the_month_should_have_cost(office: Office) -> None:
    acme = office.world.tenant("acme", duplicated=480)

    case = await office.opens(acme, disputed="48.00")
    await case.ending()

    corrected = office.ports.invoices.latest("acme", "2026-10")
    assert corrected is not None
    assert (corrected.revision, corrected.total) == (2, Money.of("310.00", "USD") + Money.of("48.00", "USD"))
    assert office.ports.invoices.get("inv-acme").total == Money.of("406.00", "USD")


async def test_a_credit_of_at_most_ten_dollars_goes_to_the_next_invoice(office: Office) -> None:
    acme = office.world.tenant("acme", duplicated=100)

    case = await office.opens(acme, disputed="10.00")

    assert await case.ending() is Ending.CREDITED
    unchanged = office.ports.invoices.latest("acme", "2026-10")
    assert unchanged is not None
    assert unchanged.revision == 1
    assert [credit.destination for credit in office.provider.credits] == ["next_invoice"]


async def test_yen_have_no_cents(office: Office) -> None:
    sakura = office.world.tenant("sakura", currency="JPY", zone="Asia/Tokyo", duplicated=4_800)

    case = await office.opens(sakura, disputed="4800")

    assert await case.ending() is Ending.CREDITED
    assert [credit.amount for credit in office.provider.credits] == [Money(minor=4_800, currency="JPY")]


async def test_a_correct_bill_is_confirmed_and_explained(office: Office) -> None:
    acme = office.world.tenant("acme")

    case = await office.opens(acme, disputed="30.00")

    assert await case.ending() is Ending.CONFIRMED
    assert office.provider.credits == []
    assert office.postman.sent == ["dispute_acknowledged", "dispute_resolved"]
    assert "DISPUTED=30.00 | CREDITED=0.00" in next(iter(office.log.lines())).line


async def test_denying_more_than_an_agent_may_give_needs_a_person_who_adds_goodwill(office: Office) -> None:
    acme = office.world.tenant("acme")
    case = await office.opens(acme, disputed="180.00")
    judgement = Judgement(
        by="agent-1",
        resolution=Resolution.BILLING_CORRECT,
        amount=Money.of("25.00", "USD"),
        reason="the bill is right; thank you for your patience",
        goodwill=True,
    )

    await case.does(Dispute.judge, judgement)
    await case.is_decided_by("agent-2", Verdict.APPROVE)

    assert await case.ending() is Ending.CONFIRMED
    assert [(credit.amount, credit.destination) for credit in office.provider.credits] == [
        (Money.of("25.00", "USD"), "next_invoice")
    ]
    assert next(iter(office.log.lines())).line.endswith(
        "OPERATOR=agent-1 | ACTION=usage_dispute_resolved | TENANT=acme | PERIOD=2026-10 | DISPUTED=180.00 | "
        "CREDITED=25.00 | REASON=usage_calculation | EXECUTOR=Customer Support"
    )


async def test_less_than_claimed_is_a_partial_credit_that_the_lead_approves(office: Office) -> None:
    acme = office.world.tenant("acme", duplicated=1_000)
    case = await office.opens(acme, disputed="300.00")

    await case.is_decided_by("lead-1", Verdict.APPROVE)

    assert await case.ending() is Ending.PARTIALLY_CREDITED
    assert [credit.amount for credit in office.provider.credits] == [Money.of("100.00", "USD")]


async def test_a_withdrawn_dispute_takes_its_proposal_back(office: Office) -> None:
    acme = office.world.tenant("acme", duplicated=1_000)
    case = await office.opens(acme, disputed="100.00")

    await case.does(Dispute.withdraw, Withdrawal(by="accounts@acme.example", reason="we found our own mistake"))

    assert await case.ending() is Ending.WITHDRAWN
    assert office.provider.credits == []
    assert office.postman.sent[-1] == "dispute_closed"
    assert list(office.log.lines()) == []


async def test_a_second_ticket_about_the_same_bill_points_to_the_first(office: Office) -> None:
    acme = office.world.tenant("acme", duplicated=1_000)
    first = await office.opens(acme, disputed="100.00")

    second = await office.opens(acme, disputed="100.00")

    assert await second.ending() is Ending.DUPLICATE
    assert (await second.timeline())[-1] == f"   0h  duplicate of an open case: {first.handle.id}"
    assert office.postman.sent[-1] == "dispute_closed"


async def test_a_ticket_that_cannot_be_a_case_is_turned_away_with_the_reason(office: Office) -> None:
    acme = office.world.tenant("acme")

    case = await office.opens(acme, period="2031-01")

    assert await case.ending() is Ending.NOT_ACCEPTED
    assert "2031-01" in (await case.timeline())[0]
    assert office.postman.sent == ["dispute_closed", "handed_over", "handed_over"]


async def test_a_corrected_ticket_that_is_turned_away_again_is_told_the_new_reason_and_an_old_one_once(
    office: Office,
) -> None:
    acme = office.world.tenant("acme")
    ticket = office.ticket(acme, period="2031-01")
    earlier = ticket.model_copy(update={"period": "2020-01"})

    for sent in (ticket, earlier, earlier):
        await (await office.takes(Opening(ticket=sent))).ending()

    told = [
        letter.letter.payload.explanation
        for letter in office.postman.mailbox
        if letter.letter.payload.template == "dispute_closed"
    ]
    assert ["2031-01" in words for words in told] == [True, False]
    assert office.postman.sent.count("handed_over") == 4


async def test_a_resolved_ticket_that_comes_again_is_answered_from_the_books(office: Office) -> None:
    acme = office.world.tenant("acme", duplicated=480)
    case = await office.opens(acme, disputed="48.00")
    await case.ending()

    again = await office.takes(Opening(ticket=case.opening.ticket))

    assert await again.ending() is Ending.ALREADY_CLOSED
    assert len(office.provider.credits) == 1
    assert office.postman.sent == ["dispute_acknowledged", "dispute_resolved"]


async def test_the_wrong_rate_on_the_invoice_is_found_and_the_difference_credited(office: Office) -> None:
    acme = office.world.tenant("acme", rate_minor=Decimal(11))

    case = await office.opens(acme, disputed="31.00")

    assert await case.ending() is Ending.CREDITED
    assert [credit.amount for credit in office.provider.credits] == [Money.of("31.00", "USD")]


async def test_every_decided_case_leaves_one_line_in_the_decision_log(office: Office) -> None:
    contested = {"acme": Category.USAGE_CALCULATION, "beta": Category.USAGE_CALCULATION, "gamma": Category.PRICING}
    for name, category in contested.items():
        await (await office.opens(office.world.tenant(name), disputed="20.00", category=category)).ending()

    lines = [row.line for row in office.log.lines()]

    assert [line.split(" | ")[3] for line in lines] == ["TENANT=acme", "TENANT=beta", "TENANT=gamma"]
    assert office.log.verify() is None
    assert all(line.startswith(f"{datetime.now(UTC):%Y-%m-%d}") for line in lines)


async def test_a_ticket_that_was_turned_away_is_accepted_once_it_is_corrected(office: Office) -> None:
    acme = office.world.tenant("acme", duplicated=480)
    wrong = await office.opens(acme, disputed="48.00", period="2031-01")
    await wrong.ending()
    corrected = Opening(ticket=wrong.opening.ticket.model_copy(update={"period": "2026-10"}))

    again = await open_dispute(office.clock.client, corrected, task_queue=office.queue)
    ending = await office.clock.client.get_workflow_handle(again.case_id, result_type=Ending).result()

    assert again.created
    assert ending is Ending.CREDITED
