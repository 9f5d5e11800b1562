"""The review gate: what trips it, who may answer, and that only what was approved is issued."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from billing.cases import Verdict
from billing.holds import HeldEffect, HoldOrder
from billing.month_end import Ending, Outcome, Stage
from tests.fixtures.temporal import CaseClock
from tests.workflows.month_end_office import (
    BEFORE,
    MORNING_AFTER,
    PERIOD,
    MonthEndOffice,
    RunInHand,
    a_billing_office,
)
from workflows.month_end import MonthEnd

ISSUED = ["INV-2025-000001", "INV-2025-000002"]


@pytest.fixture
async def office(engine: Engine, case_clock: CaseClock, tmp_path: Path) -> AsyncIterator[MonthEndOffice]:
    """Two tenants of 124.95 each; `acme` was billed 20.00 the month before."""
    async with a_billing_office(engine, case_clock, tmp_path) as opened:
        opened.bills("acme", "birch")
        opened.house.issued("acme", 20_00, period=BEFORE)
        yield opened


@pytest.fixture
async def run(office: MonthEndOffice) -> RunInHand:
    return await office.starts(by="finance-1")


def issued(office: MonthEndOffice) -> list[str]:
    return [number for number in office.house.numbers() if number.startswith("INV-")]


async def test_finance_is_asked_about_the_totals_and_why(office: MonthEndOffice, run: RunInHand) -> None:
    story = await run.story()

    assert story.stage is Stage.REVIEW
    assert story.needs_human
    assert story.approval is not None
    assert story.approval.role == "finance"
    assert [str(total) for total in story.approval.totals] == ["USD 249.90"]
    assert "1 draft: more than the median allows" in story.approval.question
    assert "USD moved by 1,149.5 %, from USD 20.00 to USD 249.90" in story.approval.question
    assert office.letters("run_review_requested") == ["finance-1@ops.example", "finance-2@ops.example"]
    assert issued(office) == []


async def test_what_finance_approves_is_issued(office: MonthEndOffice, run: RunInHand) -> None:
    receipt = await run.is_decided_by("finance-2", Verdict.APPROVE)

    assert receipt.accepted
    assert await run.ending() is Ending.CLOSED
    assert issued(office) == ISSUED


async def test_a_month_like_the_one_before_passes_by_itself(
    engine: Engine, case_clock: CaseClock, tmp_path: Path
) -> None:
    async with a_billing_office(engine, case_clock, tmp_path) as office:
        office.bills("acme", "birch")
        for tenant_id in ("acme", "birch"):
            office.house.issued(tenant_id, 100_00, period=BEFORE)

        run = await office.starts()

        assert await run.ending() is Ending.CLOSED
        assert office.letters("run_review_requested") == []


@pytest.mark.parametrize(
    ("person", "words"),
    [
        ("finance-1", "finance-1 asked for this; another person must decide it"),
        ("engineering-1", "a decision by finance is needed; engineering-1 is engineering"),
        ("vp-1", "a decision by finance is needed; vp-1 is vp"),
    ],
)
async def test_who_may_not_decide_is_refused_in_words(run: RunInHand, person: str, words: str) -> None:
    receipt = await run.is_decided_by(person, Verdict.APPROVE)

    assert (receipt.accepted, receipt.message) == (False, words)
    assert (await run.story()).stage is Stage.REVIEW


async def test_a_forged_decision_is_refused_and_kept(office: MonthEndOffice, run: RunInHand) -> None:
    receipt = await run.is_decided_by("engineering-1", Verdict.APPROVE, operator_id="finance-2")

    assert not receipt.accepted
    assert "signature is not finance-2's" in receipt.message
    assert office.house.column("select operator_id from approval_refusals") == ["finance-2"]
    assert (await run.story()).stage is Stage.REVIEW


async def test_a_decision_about_another_report_is_refused(run: RunInHand) -> None:
    receipt = await run.is_decided_by("finance-2", Verdict.APPROVE, request_sha256="0" * 64)

    assert not receipt.accepted
    assert (await run.story()).stage is Stage.REVIEW


async def test_unanswered_the_question_climbs_to_the_vp_and_silence_is_a_no(
    office: MonthEndOffice, run: RunInHand
) -> None:
    await run.hours(25)
    climbed = (await run.story()).approval
    await run.hours(4 * 24 + 1)

    assert climbed is not None
    assert climbed.role == "vp"
    assert await run.ending() is Ending.REJECTED
    assert "silence is a no" in (await run.told())[-1]
    assert "vp-1@ops.example" in office.letters("run_review_requested")
    assert office.house.totals(PERIOD) == {}


async def test_the_vp_may_decide_once_the_question_has_climbed(office: MonthEndOffice, run: RunInHand) -> None:
    await run.hours(25)

    receipt = await run.is_decided_by("vp-1", Verdict.APPROVE)

    assert receipt.accepted
    assert await run.ending() is Ending.CLOSED
    assert issued(office) == ISSUED


async def test_a_parked_draft_takes_the_question_back_and_asks_about_what_is_left(
    office: MonthEndOffice, run: RunInHand
) -> None:
    first = (await run.story()).approval

    said = await run.parks("acme")

    second = (await run.story()).approval
    assert said == "acme is parked"
    assert first is not None
    assert second is not None
    assert second.approval_id != first.approval_id
    assert [str(total) for total in second.totals] == ["USD 124.95"]
    assert office.house.column("select state from approvals order by asked_at") == ["withdrawn", "open"]
    await run.is_decided_by("finance-2", Verdict.APPROVE)
    assert await run.ending() is Ending.CLOSED_WITH_LEFTOVERS
    assert list(office.stripe.documents.values()) == [124_95]


async def test_drafts_that_changed_behind_the_approval_are_not_issued(office: MonthEndOffice, run: RunInHand) -> None:
    office.house.run(
        "insert into run_parkings (run_id, tenant_id, reason, parked_by) values ('2025-10#1', 'acme', 'by hand', 'nobody')"
    )

    await run.is_decided_by("finance-2", Verdict.APPROVE)

    story = await run.story()
    assert story.stage is Stage.REVIEW
    assert story.approval is not None
    assert [str(total) for total in story.approval.totals] == ["USD 124.95"]
    assert issued(office) == []


async def test_an_approval_written_past_the_application_lets_nothing_leave(
    office: MonthEndOffice, run: RunInHand
) -> None:
    forged = (
        "update approvals set state = 'approved', decided_by = 'finance-2', decided_role = 'finance', decided_at = now(), "
        "signed_decision = jsonb_build_object('approval_id', approval_id, 'request_sha256', request_sha256, "
        "'verdict', 'approve', 'operator_id', 'finance-2', 'decided_at', now(), 'signature', 'AAAA')"
    )
    office.house.run(forged)
    office.house.run("update effects set state = 'intended' where kind = 'invoice_run'")

    with pytest.raises(Exception, match="still needs 1 approvals"):
        office.ports.reviews.release("2025-10#1", office.ports.runs.check("2025-10#1"))

    assert issued(office) == []


async def test_a_hold_that_comes_after_the_drafts_makes_finance_look_before_they_are_issued(
    office: MonthEndOffice, run: RunInHand
) -> None:
    order = HoldOrder(effect=HeldEffect.INVOICING, reason="the meter counts twice", by="finance-1")
    hold = office.house.holds.place(order, MORNING_AFTER)
    await run.is_decided_by("finance-2", Verdict.APPROVE)
    held = await run.story()
    office.house.holds.release(hold.hold_id, "finance-1", "it counts once", MORNING_AFTER)
    await run.handle.signal(MonthEnd.holds_changed)
    await run.rests()
    asked = await run.story()

    await run.does(MonthEnd.try_again, reason="October was counted right")

    assert "invoicing is held for everybody" in held.holds[0]
    assert asked.next_step.startswith("a person repairs: invoicing was held after the drafts were made: cancel the run")
    assert await run.ending() is Ending.CLOSED
    assert issued(office) == ISSUED


async def test_a_tenant_that_is_held_after_its_draft_was_made_is_parked_instead_of_issued(
    office: MonthEndOffice, run: RunInHand
) -> None:
    order = HoldOrder(effect=HeldEffect.INVOICING, tenant_id="acme", reason="their merger", by="finance-1")
    office.house.holds.place(order, MORNING_AFTER)

    await run.is_decided_by("finance-2", Verdict.APPROVE)

    assert await run.ending() is Ending.CLOSED_WITH_LEFTOVERS
    assert list(office.stripe.documents.values()) == [124_95]
    assert (await run.story()).outcomes == {Outcome.PARKED: 1, Outcome.RATED: 1}


async def test_another_decision_about_the_dispute_desk_is_no_question_of_this_run(run: RunInHand) -> None:
    with pytest.raises(Exception, match="Workflow update failed"):
        await run.is_decided_by("finance-2", Verdict.APPROVE, approval_id="dispute/T-1/credit/r1.1/a1")

    assert (await run.story()).stage is Stage.REVIEW
