"""Reconciliations from the order to the report: who hears of what, what waits for a person, and what is never doubled."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine, insert, text
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from activities.reconciliation_ports import InvoicePage
from adapters.postgres.tables import billing_runs
from billing.authority import RUNBOOK
from billing.emails import DuplicatesFound, ReconciliationDiffers, ReconciliationNotFinished
from billing.failures import BillingFailure, FailureCode
from billing.invoices import InvoiceStatus
from billing.policy.standard import RECONCILIATION
from billing.reconciling import Ending, Stage
from starters import reconciliation as by_name
from tests.adapters.postgres.both_sides import PERIOD
from tests.fakes.invoicing import FakeInvoicing
from tests.fixtures.temporal import CaseClock
from tests.workflows.comparing import ComparingDesk, ReconciliationInHand, a_comparing_desk, copied
from workflows.reconciliation import Reconciliation
from workflows.reconciliation_schedule import ScheduledReconciliation

PAID, DRAFT = InvoiceStatus.PAID, InvoiceStatus.DRAFT


@pytest.fixture
async def desk(engine: Engine, case_clock: CaseClock, tmp_path: Path) -> AsyncIterator[ComparingDesk]:
    async with a_comparing_desk(engine, case_clock, tmp_path) as opened:
        yield opened


async def refusal(case: ReconciliationInHand, update: object, by: str) -> str:
    """Why a person may not say it."""
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await case.does(update, by)
    cause = refused.value.cause
    assert isinstance(cause, ApplicationError)
    return cause.message


def recorded(desk: ComparingDesk) -> int:
    with desk.sides.engine.connect() as connection:
        return int(connection.execute(text("select count(*) from billing_audit")).scalar_one())


async def test_where_both_agree_nobody_is_told(desk: ComparingDesk) -> None:
    desk.sides.both("acme")
    desk.sides.both("bolt", 7_00)

    case = await desk.compares()

    assert await case.ending() is Ending.AGREED
    assert await case.timeline() == [
        "read 2 invoices at the provider",
        "2 documents against 2 invoices: both agree",
        f"ended: {Ending.AGREED}",
    ]
    assert desk.postman.mailbox == []


async def test_what_is_within_tolerance_is_on_record_and_nobodys_alarm(desk: ComparingDesk) -> None:
    desk.sides.document("acme", 1_000_00)
    desk.sides.invoice("acme", 1_005_00)
    desk.sides.both("bolt", status=PAID)

    case = await desk.compares()

    assert await case.ending() is Ending.WITHIN_TOLERANCE
    assert recorded(desk) == 2
    assert desk.postman.mailbox == []


async def test_a_planted_difference_is_told_to_finance_and_engineering_with_its_repair(desk: ComparingDesk) -> None:
    desk.sides.both("acme")
    desk.sides.document("bolt", 860_50)

    case = await desk.compares()

    assert await case.ending() is Ending.DIFFERENCES
    told = desk.told("reconciliation_differs")
    assert set(told) == {"finance-1", "engineering-1"}
    letter = told["finance-1"]
    assert isinstance(letter, ReconciliationDiffers)
    assert letter.outcome == "2 documents against 1 invoice: 1 document missing at the provider"
    assert letter.worst[0].startswith("inv-2026-10-bolt: in the books, not at the provider (USD 860.50). Push it again")


async def test_the_report_stays_when_the_runbook_is_over(desk: ComparingDesk) -> None:
    desk.sides.document("bolt", 860_50)

    case = await desk.compares()
    await case.ending()

    row = desk.ports.reconciliations.find(case.order.reconciliation_id)
    assert row is not None and row.report is not None
    assert row.report == (await case.story()).report
    assert row.ended_at is not None


# -- duplicates ----------------------------------------------------------------------------------------------------------


async def with_duplicates(desk: ComparingDesk, **order: object) -> ReconciliationInHand:
    """Acme's invoice stands at the provider three times: linked, open once more, and as a draft."""
    desk.sides.both("acme", 30_00)
    [first] = desk.sides.theirs
    desk.sides.theirs += [copied(first, "in_copy", number=None), copied(first, "in_draft", status=DRAFT, number=None)]
    return await desk.compares(**order)


async def test_duplicates_wait_for_a_person_and_are_voided_with_the_reason_given(desk: ComparingDesk) -> None:
    case = await with_duplicates(desk)
    waiting = await case.story()

    answer = await case.does(Reconciliation.void_duplicates, "finance-1")

    assert (waiting.stage, waiting.needs_human) == (Stage.DECIDE, True)
    assert answer == "the duplicates are being voided"
    assert await case.ending() is Ending.DUPLICATES_VOIDED
    said = f"Made twice on 3 November. (finance-1, reconciliation {case.order.reconciliation_id})"
    assert desk.invoicing.voided == {"in_copy": said, "in_draft": said}
    letter = desk.told("duplicates_found")["finance-1"]
    assert isinstance(letter, DuplicatesFound)
    assert (letter.count, letter.reminder) == (2, 0)


async def test_what_is_found_again_is_voided_no_second_time(desk: ComparingDesk) -> None:
    case = await with_duplicates(desk)
    await case.does(Reconciliation.void_duplicates, "finance-1")
    await case.ending()
    desk.sides.ours.clear()

    again = await desk.compares()
    await again.does(Reconciliation.void_duplicates, "vp-1", "Still there.")

    assert await again.ending() is Ending.DUPLICATES_VOIDED
    assert all("finance-1" in reason for reason in desk.invoicing.voided.values())


async def test_duplicates_may_be_left_as_they_are(desk: ComparingDesk) -> None:
    case = await with_duplicates(desk)

    await case.does(Reconciliation.leave_duplicates, "finance-1", "Agreed with the customer.")

    assert await case.ending() is Ending.DIFFERENCES
    assert desk.invoicing.voided == {}
    assert "finance-1 leaves the duplicates: Agreed with the customer." in await case.timeline()


async def test_silence_leaves_duplicates_as_they_are_after_reminders(desk: ComparingDesk) -> None:
    case = await with_duplicates(desk)

    await case.days(RECONCILIATION.decide_within.days + 0.1)

    assert await case.ending() is Ending.DIFFERENCES
    assert desk.invoicing.voided == {}
    reminders = [
        sent.letter.payload.reminder
        for sent in desk.postman.mailbox
        if isinstance(sent.letter.payload, DuplicatesFound)
    ]
    assert reminders == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("person", ["agent-1", "lead-1", "engineering-1", "nobody"])
async def test_only_finance_or_the_vp_decide_about_duplicates(desk: ComparingDesk, person: str) -> None:
    case = await with_duplicates(desk)

    why = await refusal(case, Reconciliation.void_duplicates, person)

    assert why == f"{person} may not decide about duplicates: an active finance or vp is needed"
    assert (await case.story()).stage is Stage.DECIDE
    await case.does(Reconciliation.leave_duplicates, "finance-1")


async def test_nobody_decides_twice_or_about_what_does_not_exist(desk: ComparingDesk) -> None:
    case = await with_duplicates(desk)
    await case.does(Reconciliation.leave_duplicates, "finance-1")
    await case.ending()

    codes = []
    for name in (case.order.reconciliation_id, f"{PERIOD}/none"):
        with pytest.raises(BillingFailure) as refused:
            await by_name.void_duplicates(desk.clock.client, name, _decision("finance-1"))
        codes.append(refused.value.code)

    assert codes == [FailureCode.CONFLICT, FailureCode.NOT_FOUND]
    assert desk.invoicing.voided == {}


async def test_what_cannot_be_voided_is_told_and_keeps_the_others_from_nothing(desk: ComparingDesk) -> None:
    desk.invoicing.refused["in_copy"] = "Invoices with `paid` payments cannot be voided."
    case = await with_duplicates(desk)

    await case.does(Reconciliation.void_duplicates, "finance-1")

    assert await case.ending() is Ending.DUPLICATES_VOIDED
    assert set(desk.invoicing.voided) == {"in_draft"}
    assert "not voided: in_copy: Invoices with `paid` payments cannot be voided." in await case.timeline()


async def test_a_month_end_reports_duplicates_and_asks_nobody(desk: ComparingDesk) -> None:
    case = await with_duplicates(desk, asks=False)

    assert await case.ending() is Ending.DIFFERENCES
    assert desk.told("duplicates_found") == {}
    assert set(desk.told("reconciliation_differs")) == {"finance-1", "engineering-1"}


# -- what keeps it from comparing ----------------------------------------------------------------------------------------


async def test_the_daily_one_leaves_a_period_alone_while_its_month_end_works(desk: ComparingDesk) -> None:
    with desk.sides.engine.begin() as connection:
        connection.execute(insert(billing_runs).values(_a_run()))

    case = await desk.compares(requested_by=RUNBOOK, unless_working=True)

    assert await case.ending() is Ending.NOT_YET
    assert desk.ports.reconciliations.find(case.order.reconciliation_id) is None


class Unreadable(FakeInvoicing):
    def pages(self, period: str, after: str | None) -> Iterator[InvoicePage]:
        raise BillingFailure(FailureCode.INVALID, "invoice in_7 at Stripe has the status 'odd', which is unknown")


async def test_a_list_that_cannot_be_read_is_told_to_engineering(
    engine: Engine, case_clock: CaseClock, tmp_path: Path
) -> None:
    async with a_comparing_desk(engine, case_clock, tmp_path, Unreadable()) as desk:
        case = await desk.compares()

        assert await case.ending() is Ending.NOT_FINISHED
        letter = desk.told("reconciliation_not_finished")["engineering-1"]
        assert isinstance(letter, ReconciliationNotFinished)
        assert "status 'odd'" in letter.what_happened
        row = desk.ports.reconciliations.find(case.order.reconciliation_id)
        assert row is not None and row.ended_at is not None and row.report is None


class Interrupted(FakeInvoicing):
    """Breaks off once after its first page; every page holds one invoice."""

    asked: list[str | None]

    def pages(self, period: str, after: str | None) -> Iterator[InvoicePage]:
        self.asked = [*getattr(self, "asked", []), after]
        rest = [one for one in self.listed if after is None or one.provider_invoice_id > after]
        for number, one in enumerate(rest):
            if number == 1 and len(self.asked) == 1:
                raise BillingFailure(FailureCode.PROVIDER_BUSY, "Stripe did nothing: it limits our rate (429)")
            yield InvoicePage(invoices=(one,), held=1, cursor=one.provider_invoice_id)


async def test_a_reading_that_was_interrupted_goes_on_behind_its_last_page(
    engine: Engine, case_clock: CaseClock, tmp_path: Path
) -> None:
    provider = Interrupted()
    async with a_comparing_desk(engine, case_clock, tmp_path, provider) as desk:
        for tenant in ("acme", "bolt", "crow"):
            desk.sides.both(tenant)

        case = await desk.compares()

        assert await case.ending() is Ending.AGREED
        assert provider.asked == [None, f"in_{PERIOD}_acme"]
        assert (await case.story()).read == 3


# -- by name, and by the clock -------------------------------------------------------------------------------------------


async def test_the_names_that_starters_use_are_the_runbooks(desk: ComparingDesk) -> None:
    desk.sides.both("acme", 30_00)
    desk.sides.theirs.append(copied(desk.sides.theirs[0], "in_copy", number=None))
    desk.is_ready()
    client, book, key = desk.clock.client, desk.ports.reconciliations, uuid4().hex
    when = {"task_queue": desk.queue, "zone": "UTC", "now": datetime.now(UTC)}

    with desk.clock.held():
        handles = [await by_name.start(client, book, PERIOD, key, by="finance-1", **when) for _ in range(2)]
    handle = client.get_workflow_handle(handles[0].case_id)
    await desk.clock.settled(handle)
    story = await by_name.story(client, handles[0].reconciliation_id)
    answer = await by_name.leave_duplicates(client, handles[0].reconciliation_id, _decision("finance-1"))

    assert handles[0] == handles[1]
    assert story.stage is Stage.DECIDE
    assert answer == "the duplicates stay"
    assert Ending(await handle.result()) is Ending.DIFFERENCES


async def test_a_key_that_stands_for_another_period_begins_nothing(desk: ComparingDesk) -> None:
    client, book, key = desk.clock.client, desk.ports.reconciliations, uuid4().hex
    when = {"task_queue": desk.queue, "zone": "UTC", "now": datetime.now(UTC)}
    first = await by_name.start(client, book, PERIOD, key, by="finance-1", **when)

    with pytest.raises(BillingFailure, match=f"stands for the reconciliation of {PERIOD}") as refused:
        await by_name.start(client, book, "2026-09", key, by="finance-1", **when)

    assert refused.value.code is FailureCode.CONFLICT
    await client.get_workflow_handle(first.case_id).result()


async def test_a_month_that_is_not_over_is_refused(desk: ComparingDesk) -> None:
    now = datetime(2026, 10, 31, 23, 59, tzinfo=UTC)

    with pytest.raises(BillingFailure, match="period 2026-10 is not over") as refused:
        await by_name.start(
            desk.clock.client,
            desk.ports.reconciliations,
            PERIOD,
            "key",
            by="f",
            task_queue=desk.queue,
            zone="UTC",
            now=now,
        )

    assert refused.value.code is FailureCode.INVALID


async def test_each_day_compares_the_month_that_ended_last_once(desk: ComparingDesk) -> None:
    client = desk.clock.client

    answers = [
        await client.execute_workflow(
            ScheduledReconciliation.run, "UTC", id=f"schedule-{uuid4().hex}", task_queue=desk.queue
        )
        for _ in range(2)
    ]

    today = datetime.now(UTC)
    name = f"{PERIOD if today.month == 11 else f'{today:%Y-%m}'}/{today:%Y-%m-%d}"
    assert answers == [f"{name} is under way", f"{name} was done already"]
    await client.get_workflow_handle(f"reconciliation/{name}").result()


def _decision(by: str) -> by_name.DuplicatesDecision:
    return by_name.DuplicatesDecision(by=by, reason="Agreed with the customer.")


def _a_run() -> dict[str, object]:
    return {
        "run_id": f"{PERIOD}#1",
        "period": PERIOD,
        "sequence": 1,
        "dry_run": False,
        "only_parked": False,
        "state": "working",
        "policy": {},
        "requested_by": RUNBOOK,
        "workflow_run_id": uuid4().hex,
        "started_at": datetime.now(UTC),
    }
