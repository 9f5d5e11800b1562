"""Purges from the plan to the certificate: nothing goes unless two people looked at exactly what goes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from billing.access import Restriction
from billing.cases import Verdict
from billing.failures import BillingFailure, FailureCode
from billing.month_end import Instruction
from billing.policy.standard import RETENTION
from billing.retention import NAME_OF_THE_DELETED, Ending, PlanState, Stage
from billing.retention_emails import PurgeNews, RetentionNotice
from starters import retention as by_name
from tests.fixtures.temporal import CaseClock
from tests.workflows.purging import PurgeInHand, PurgingDesk, a_purging_desk, legal_hold
from workflows.retention import RetentionPurge
from workflows.retention_schedule import ScheduledRetention


@pytest.fixture
async def desk(engine: Engine, case_clock: CaseClock, tmp_path: Path) -> AsyncIterator[PurgingDesk]:
    async with a_purging_desk(engine, case_clock, tmp_path) as opened:
        yield opened


def letters(desk: PurgingDesk) -> list[tuple[str, PurgeNews]]:
    """Who was written to, and why, in order."""
    return [
        (sent.letter.to.email.partition("@")[0], sent.letter.payload.news)
        for sent in desk.postman.mailbox
        if isinstance(sent.letter.payload, RetentionNotice)
    ]


async def refusal(sending: Any) -> str:
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await sending
    cause = refused.value.cause
    assert isinstance(cause, ApplicationError)
    return cause.message


async def test_what_two_people_looked_at_goes_and_is_certified(desk: PurgingDesk) -> None:
    desk.waits("acme")
    case = await desk.purges()
    waiting = await case.story()

    answer = await case.is_confirmed_by("finance-1")
    asked = await case.question()
    await case.is_decided_by("vp-1")

    assert await case.ending() is Ending.DELETED
    assert (waiting.stage, waiting.needs_human, asked.requested_by) == (Stage.CONFIRM, True, "finance-1")
    assert answer == "confirmed: vp decides about it next"
    assert (desk.rows("usage_events", "acme"), desk.rows("usage_events", "bolt")) == (0, 31)
    assert (desk.named("acme"), desk.named("bolt")) == (NAME_OF_THE_DELETED, "Bolt Works")
    assert desk.ports.restrictions.standing("acme").restriction is Restriction.DELETED
    assert desk.ports.restrictions.standing("bolt").restriction is Restriction.NONE
    planned = case.planned()
    assert (planned.state, planned.ending) == (PlanState.DONE, Ending.DELETED)
    told = await case.timeline()
    assert told[:-1] == [
        "plan: 64 rows of 1 customer",
        "finance-1 confirmed the plan",
        "asked vp to decide about the plan",
        "approved by vp-1",
        "the plan is still the same: deleting it",
        "64 rows deleted or redacted",
        f"certificate {planned.certificate_sha256[:12]}: 64 rows deleted or redacted, nothing left",  # type: ignore[index]
    ]
    assert letters(desk) == [
        ("finance-1", PurgeNews.CONFIRM),
        ("vp-1", PurgeNews.APPROVE),
        ("finance-1", PurgeNews.OVER),
    ]


async def test_where_nothing_is_past_its_time_nobody_is_written_to(desk: PurgingDesk) -> None:
    case = await desk.purges()

    assert await case.ending() is Ending.NOTHING
    assert letters(desk) == []
    assert case.planned().ending is Ending.NOTHING


async def test_a_plan_that_nobody_confirms_was_a_dry_run(desk: PurgingDesk) -> None:
    desk.waits("acme")
    case = await desk.purges()

    await case.days(RETENTION.confirm_within.days + 0.1)

    assert await case.ending() is Ending.NOT_CONFIRMED
    assert desk.rows("usage_events", "acme") == 31
    assert letters(desk) == [("finance-1", PurgeNews.CONFIRM)] * 3


async def test_a_no_and_silence_keep_everything(desk: PurgingDesk) -> None:
    desk.waits("acme")
    rejected, unanswered = await desk.purges(), await desk.purges()
    for case in (rejected, unanswered):
        await case.is_confirmed_by("finance-1")

    await rejected.is_decided_by("vp-1", Verdict.REJECT)
    await unanswered.days(RETENTION.approvals.expire_after.days + 0.1)

    assert await rejected.ending() is await unanswered.ending() is Ending.REJECTED
    assert desk.rows("usage_events", "acme") == 31
    assert "ended: rejected, nobody decided in time: silence is a no" in await unanswered.timeline()


async def test_a_plan_that_drifted_is_not_carried_out(desk: PurgingDesk) -> None:
    desk.waits("acme")
    case = await desk.purges()
    await case.is_confirmed_by("finance-1")
    desk.happens("insert into api_keys values ('key-new', 'acme')")

    await case.is_decided_by("vp-1")

    assert await case.ending() is Ending.DRIFTED
    assert desk.rows("usage_events", "acme") == 31
    assert "nothing planned, 1 row of api_keys of acme now" in (await case.timeline())[-1]
    assert letters(desk)[-1] == ("finance-1", PurgeNews.OVER)


async def test_a_legal_hold_in_between_leaves_the_rest(engine: Engine, case_clock: CaseClock, tmp_path: Path) -> None:
    async with a_purging_desk(engine, case_clock, tmp_path, legal_hold("acme")) as desk:
        desk.waits("acme")
        case = await desk.purges()
        await case.is_confirmed_by("finance-1")

        await case.is_decided_by("vp-1")

        assert await case.ending() is Ending.IN_PART
        assert desk.rows("usage_events", "acme") == 31
        assert "acme is held: what was left of it stays" in await case.timeline()


async def test_what_cannot_go_on_waits_for_a_repair_and_is_finished_then(
    engine: Engine, case_clock: CaseClock, tmp_path: Path
) -> None:
    broken = BillingFailure(FailureCode.INVALID, "the disk is full")
    async with a_purging_desk(engine, case_clock, tmp_path, broken) as desk:
        desk.waits("acme")
        case = await desk.purges()
        await case.is_confirmed_by("finance-1")
        await case.is_decided_by("vp-1")
        stuck = await case.story()

        await case.sends(RetentionPurge.try_again, Instruction(by="engineering-1", reason="There is room again."))

        assert stuck.next_step == "a person repairs: the disk is full"
        assert ("engineering-1", PurgeNews.REPAIR) in letters(desk)
        assert await case.ending() is Ending.DELETED
        assert desk.rows("usage_events", "acme") == 0


async def test_only_the_right_person_confirms_with_the_right_hash_and_the_word_itself(desk: PurgingDesk) -> None:
    desk.waits("acme")
    case = await desk.purges()

    old = await refusal(case.is_confirmed_by("finance-1", plan_sha256="0" * 64))
    careless = await refusal(case.is_confirmed_by("finance-1", word="confirm"))
    nobody = await refusal(case.is_confirmed_by("agent-1"))
    await case.is_confirmed_by("vp-1")
    twice = await refusal(case.is_confirmed_by("finance-1"))
    own = await case.is_decided_by("vp-1")

    assert old.startswith(f"the plan's hash is {case.planned().sha256}, and you confirmed 000")
    assert careless == "type CONFIRM, in capitals, to have this deleted; you typed 'confirm'"
    assert nobody == "agent-1 may not confirm a purge: an active finance or lead or vp is needed"
    assert twice == "vp-1 has confirmed the plan already"
    assert (own.accepted, "another person must decide" in own.message) == (False, True)
    assert desk.rows("usage_events", "acme") == 31
    await rejected(case)


async def rejected(case: PurgeInHand) -> None:
    await case.days(RETENTION.approvals.expire_after.days + 0.1)
    assert await case.ending() is Ending.REJECTED


async def test_the_schedule_plans_its_own_day_once(desk: PurgingDesk) -> None:
    answers = [
        await desk.clock.client.execute_workflow(
            ScheduledRetention.run, "UTC", id=f"retention-on-schedule-{desk.queue}-{time}", task_queue=desk.queue
        )
        for time in range(2)
    ]

    day = answers[0].partition(" ")[0]
    assert answers == [f"{day} is under way", f"{day} was planned already"]
    assert desk.ports.retention.find(day) is not None or await by_name.story(desk.clock.client, day) is not None


def test_the_names_that_starters_use_are_the_runbooks() -> None:
    names = {by_name.CONFIRM: RetentionPurge.confirm, by_name.TRY_AGAIN: RetentionPurge.try_again}

    assert all(update.__name__ == name for name, update in names.items())
    assert RetentionPurge.story.__name__ == by_name.STORY
