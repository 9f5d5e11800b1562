"""The runbook of Stripe's events: cases begin or hear, what fails has its turn again, and nothing is lost on the way."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.service import RPCError
from temporalio.worker import UnsandboxedWorkflowRunner

from billing.failures import BillingFailure, FailureCode
from billing.provider_events import CASE_ID, EventState, FeedStory, Totals
from starters import provider_events as by_name
from starters.speaking import ask
from tests.adapters.postgres.provider_events.feed import MORNING, Feed
from tests.fakes.events import busy
from tests.fixtures.temporal import CaseClock
from tests.histories.keeping import keep
from tests.workflows.hearing import House, Listening, a_house
from workflows.blocks.attributes import NEEDS_HUMAN
from workflows.provider_events import as_markdown

LONG = 40
KEPT_AS = "stripe_events"


@pytest.fixture
async def house(engine: Engine, case_clock: CaseClock) -> AsyncIterator[House]:
    async with a_house(Feed(engine), case_clock) as opened:
        yield opened


async def test_news_begin_the_case_of_who_owes_and_the_case_that_is_there_hears_the_next(house: House) -> None:
    handle = await house.works()

    first = await house.hears("invoice.payment_failed", overdue_since=MORNING)
    second = await house.hears("charge.dispute.created", charged_back=True)

    assert await house.told() == [first, second]
    story = await house.story()
    assert story.totals == Totals(processed=2, told=2)
    assert [line.text for line in story.timeline] == [
        f"a case of {house.tenant} began",
        "1 event: 1 processed",
        "1 event: 1 processed",
    ]
    keep(KEPT_AS, "told", await handle.fetch_history())


async def test_nobody_who_owes_nothing_gets_a_case(house: House) -> None:
    await house.works()

    await house.hears("invoice.finalized")

    with pytest.raises(RPCError, match="not found"):
        await house.told()
    assert (await house.story()).totals == Totals(processed=1, told=1)


async def test_a_debt_that_comes_back_after_its_case_ended_has_a_new_one(house: House) -> None:
    await house.works()
    await house.hears("invoice.payment_failed", overdue_since=MORNING)
    ended = house.client.get_workflow_handle(f"delinquency/{house.tenant}")
    await ended.signal(Listening.end)
    await ended.result()

    again = await house.hears("charge.dispute.created", charged_back=True)

    assert await house.told() == [again]


async def test_a_case_that_is_there_hears_that_the_debt_is_paid(house: House) -> None:
    await house.works()
    first = await house.hears("invoice.payment_failed", overdue_since=MORNING)

    paid = await house.hears("invoice.paid", remaining=0)

    assert await house.told() == [first, paid]


async def test_what_the_provider_did_not_answer_for_has_its_turn_again_by_itself(house: House) -> None:
    house.feed.stripe.hiccup = busy
    handle = await house.works()
    await house.hears("invoice.finalized")
    waiting = await house.story()

    house.feed.stripe.hiccup = lambda _: None
    house.feed.now += timedelta(minutes=2)
    await house.clock.advance(handle, timedelta(minutes=2))

    story = await house.story()
    assert (waiting.backlog.waiting, waiting.totals.put_off) == (1, 1)
    assert (story.backlog.waiting, story.totals.processed) == (0, 1)
    keep(KEPT_AS, "put_off", await handle.fetch_history())


async def test_a_provider_that_is_away_is_told_and_so_is_its_return(house: House) -> None:
    names = [f"t{number}" for number in range(5)]
    house.feed.bills(*names)
    house.feed.hears(*(house.feed.stripe.tells_of_invoice("invoice.paid", house.feed.invoice(one)) for one in names))
    house.feed.stripe.hiccup = busy
    handle = await house.works()
    away = await house.story()

    house.feed.stripe.hiccup = lambda _: None
    house.feed.now += timedelta(minutes=2)
    await house.clock.advance(handle, timedelta(minutes=2))

    told = [line.text for line in (await house.story()).timeline]
    assert away.away == "Stripe did nothing: it limits our rate (429)"
    assert told[:2] == ["4 events: 4 put off", "the provider is away: Stripe did nothing: it limits our rate (429)"]
    assert "the provider answers again" in told
    assert (await house.story()).totals.processed == 5
    keep(KEPT_AS, "away", await handle.fetch_history())


def lost(_: str) -> None:
    raise BillingFailure(FailureCode.INVALID, "invoice in_1 at Stripe has the status 'lost', which is unknown")


async def test_a_parked_event_calls_for_a_person(house: House) -> None:
    house.feed.stripe.hiccup = lost
    handle = await house.works()

    event = await house.hears("invoice.paid")

    labels = (await handle.describe()).typed_search_attributes
    assert labels[NEEDS_HUMAN] is True
    assert "runbooks events list --state parked" in as_markdown(await house.story())
    assert [one.event_id for one in house.feed.book.newest(EventState.PARKED, None, 5)] == [event]


async def test_engineering_is_written_to_about_parked_events_once_however_many_there_are(house: House) -> None:
    house.feed.stripe.hiccup = lost
    handle = await house.works()

    for kind in ("invoice.paid", "invoice.voided"):
        await house.hears(kind)
    await house.clock.settled(handle)

    [letter] = house.postman.mailbox
    text = " ".join(letter.rendered.text.split())
    assert letter.letter.to.email == "engineering@ops.example"
    assert "1 event could not be worked through" in text
    assert "runbooks events list --state parked" in text


def as_the_server_would_flag_it(history: WorkflowHistory) -> WorkflowHistory:
    """A server says when a history is long, and says it in the history; a replay reads it there."""
    told = json.loads(history.to_json())
    for event in told["events"]:
        if "workflowTaskStartedEventAttributes" in event and int(event["eventId"]) > LONG:
            event["workflowTaskStartedEventAttributes"]["suggestContinueAsNew"] = True
    return WorkflowHistory.from_json(history.workflow_id, told)


async def test_a_long_history_goes_on_in_a_new_run_with_its_totals(
    engine: Engine, case_clock: CaseClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        workflow.Info, "is_continue_as_new_suggested", lambda info: info.get_current_history_length() > LONG
    )
    async with a_house(Feed(engine), case_clock, workflow_runner=UnsandboxedWorkflowRunner()) as house:
        handle = await house.works()
        first_run = handle.first_execution_run_id

        for _ in range(6):
            await house.hears("invoice.finalized")

        assert (await house.story()).totals.processed == 6
        run = (await handle.describe()).run_id
        assert run != first_run
        begun = house.client.get_workflow_handle(handle.id, run_id=first_run)
        keep(KEPT_AS, "went_on", as_the_server_would_flag_it(await begun.fetch_history()))


async def test_a_step_that_fails_for_good_stops_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(*_: Any) -> None:
        raise BillingFailure(FailureCode.INVALID, "a row is damaged")

    monkeypatch.setattr(type(house.feed.book), "due", damaged)
    handle = await house.works()
    stumbled = await house.story()

    monkeypatch.undo()
    await house.clock.advance(handle, timedelta(minutes=6))
    await house.hears("invoice.finalized")

    assert [line.text for line in stumbled.timeline] == ["could not get on: a row is damaged"]
    assert (await house.story()).totals.processed == 1
    keep(KEPT_AS, "stumbled", await handle.fetch_history())


async def test_the_runbook_is_woken_and_begun_by_the_names_it_answers_to(house: House) -> None:
    with house.clock.held():
        await by_name.poke(house.client, house.queue)
        await by_name.poke(house.client, house.queue)

    handle = house.client.get_workflow_handle(CASE_ID)
    await house.clock.settled(handle)
    assert (await ask(house.client, CASE_ID, by_name.STORY, FeedStory)).totals == Totals()
    assert (await handle.describe()).workflow_type == "stripe-events"
