"""The sweep: what never arrived is found, and somebody is at work on the events whatever was found."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine
from temporalio.service import RPCError

from billing.failures import BillingFailure, FailureCode
from billing.provider_events import CASE_ID, EventState, FeedStory, SweepEnding, Totals
from starters import provider_events as by_name
from starters.speaking import ask
from tests.adapters.postgres.provider_events.feed import MORNING, Feed
from tests.fixtures.temporal import CaseClock
from tests.histories.keeping import keep
from tests.workflows.hearing import House, a_house
from workflows.provider_events_sweep import StripeEventsSweep

KEPT_AS = "stripe_events_sweep"


@pytest.fixture
async def house(engine: Engine, case_clock: CaseClock) -> AsyncIterator[House]:
    async with a_house(Feed(engine), case_clock) as opened:
        yield opened


async def swept(house: House) -> SweepEnding:
    with suppress(RPCError):
        await house.client.get_workflow_handle(CASE_ID).terminate()
    with house.clock.held():
        handle = await house.client.start_workflow(
            StripeEventsSweep.run, id=f"sweep-{uuid4().hex[:8]}", task_queue=house.queue
        )
    ending = SweepEnding(await handle.result())
    keep(KEPT_AS, ending.name.lower(), await handle.fetch_history())
    return ending


async def test_a_sweep_finds_what_never_arrived_and_has_it_worked_through(house: House) -> None:
    missed = house.feed.stripe.tells_of_invoice(
        "invoice.payment_failed", house.feed.invoice(house.tenant), overdue_since=MORNING
    )

    ending = await swept(house)

    house.handle = house.client.get_workflow_handle(CASE_ID)
    await house.has(lambda story: story.totals.processed == 1)
    assert ending is SweepEnding.FOUND
    assert house.feed.line(missed).state is EventState.PROCESSED
    assert await house.told() == [missed.event_id]


async def test_a_sweep_that_misses_nothing_sees_to_it_all_the_same_that_events_are_worked_through(house: House) -> None:
    ending = await swept(house)

    story = await ask(house.client, CASE_ID, by_name.STORY, FeedStory)
    assert ending is SweepEnding.NOTHING_MISSED
    assert story.totals == Totals()


async def test_a_provider_that_cannot_be_swept_is_swept_the_next_time(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any) -> None:
        raise BillingFailure(FailureCode.INVALID, "Stripe refused: no such parameter")

    monkeypatch.setattr(house.feed.stripe, "since", refused)

    assert await swept(house) is SweepEnding.NOT_SWEPT
    assert house.feed.book.swept_until() is None
