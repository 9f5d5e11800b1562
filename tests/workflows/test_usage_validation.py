"""The daily validation: usage is rolled up and held against its events, and people hear of what they must look at."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, text
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from billing.emails import Letter, UsageToLookAt
from billing.failures import BillingFailure, FailureCode
from billing.usage_validation import Ending, ValidationOrder, ValidationStory
from starters import usage
from tests.adapters.postgres.usage_intake.collector import Collector, event
from tests.fakes.collector import FakeCollector
from tests.fakes.invoicing import FakeInvoicing
from tests.fakes.postman import FakePostman
from tests.fakes.provider import FakeProvider
from tests.histories.keeping import keep
from tests.workflows.world import World
from worker import Ports, Vendors, ports_over, working
from workflows.usage_validation import UsageValidation

DAY = date(2026, 11, 20)


@dataclass
class Watch:
    """The validation of one company's usage."""

    client: Client
    collector: Collector
    postman: FakePostman
    queue: str

    async def validates(self, order: ValidationOrder | None = None) -> tuple[Ending, ValidationStory]:
        handle = await self.client.start_workflow(
            UsageValidation.run,
            order or ValidationOrder(day=DAY),
            id=f"usage-validation/{uuid4().hex[:8]}",
            task_queue=self.queue,
        )
        ending = Ending(await handle.result())
        keep("usage_validation", ending.name.lower(), await handle.fetch_history())
        return ending, await handle.query(UsageValidation.story)

    def letters(self) -> list[Letter]:
        return [delivered.letter for delivered in self.postman.mailbox]

    def told(self) -> dict[str, UsageToLookAt]:
        """What was written, by reader."""
        return {
            letter.to.email.partition("@")[0]: letter.payload
            for letter in self.letters()
            if isinstance(letter.payload, UsageToLookAt)
        }

    def runs(self, statement: str) -> None:
        with self.collector.engine.begin() as connection:
            connection.execute(text(statement))


Opens = Callable[..., Any]


@pytest.fixture
def opens(temporal_environment: WorkflowEnvironment, engine: Engine, tmp_path: Path) -> Opens:
    @asynccontextmanager
    async def open_watch(**replaced: Any) -> AsyncIterator[Watch]:
        World(engine).found()
        with engine.begin() as connection:
            connection.execute(text("delete from meters"))
        postman, queue = FakePostman(), f"watch-{uuid4().hex[:8]}"
        ports: Ports = replace(
            ports_over(
                engine,
                tmp_path,
                Vendors(provider=FakeProvider(), invoicing=FakeInvoicing(), collector=FakeCollector(), postman=postman),
            ),
            **replaced,
        )
        async with working(temporal_environment.client, queue, ports):
            yield Watch(temporal_environment.client, Collector(engine, tmp_path), postman, queue)

    return open_watch


async def test_a_quiet_day_rolls_up_what_came_in_and_tells_nobody(opens: Opens) -> None:
    async with opens() as watch:
        watch.collector.sends(event(1), event(2, meter="tokens"))

        ending, story = await watch.validates()

    assert ending is Ending.AGREES
    assert [line.text for line in story.timeline] == [
        "rolled up 2 days of tenants and meters",
        "from 2026-10-16 to 2026-11-20: every roll-up agrees with its events",
        f"ended: {Ending.AGREES}",
    ]
    assert watch.collector.one("select count(*) from usage_daily") == 2
    assert watch.told() == {}


async def test_a_roll_up_that_disagrees_is_told_to_leads_and_engineering(opens: Opens) -> None:
    async with opens() as watch:
        watch.collector.sends(event(1), event(2))
        await watch.validates()
        watch.runs("update usage_daily set quantity = 4, events = 1")

        ending, story = await watch.validates()

    assert ending is Ending.PEOPLE_TOLD
    assert set(watch.told()) == {"lead-1", "lead-2", "engineering-1"}
    letter = watch.told()["engineering-1"]
    assert letter.summary == "1 day disagrees with the raw events"
    assert letter.findings == ("acme, api_calls, 2026-11-10: 4 rolled up from 1 event, 5 stored in 2 events",)
    assert story.report is not None
    assert story.report.disagreeing == 1
    assert watch.collector.one("select count(*) from rollup_findings where resolved_at is null") == 1


async def test_rows_in_quarantine_and_repeated_ids_are_told_every_day(opens: Opens) -> None:
    async with opens() as watch:
        watch.collector.sends(event(1), event(2, quantity="-1"))
        watch.collector.sends(event(1, event_time="2026-11-10T19:00:00Z"))

        first, _ = await watch.validates()
        second, _ = await watch.validates(ValidationOrder(day=date(2026, 11, 21)))

    assert first is second is Ending.PEOPLE_TOLD
    letter = watch.told()["lead-1"]
    assert letter.summary == "1 event id stands under several times and 1 row waits in quarantine"
    assert letter.repeated_events == (
        "00000000-0000-0000-0000-000000000001 of acme, api_calls: 2026-11-10 12:00:00 and 2026-11-10 19:00:00 UTC",
    )
    assert len([one for one in watch.letters() if one.to.email.startswith("lead-1")]) == 2


class BrokenRollUps:
    """A port that will not work until somebody repairs it."""

    def bring_up_to_date(self, heartbeat: Callable[[str], None]) -> int:
        raise BillingFailure(FailureCode.INVALID, "a partition is damaged")


async def test_a_validation_that_cannot_be_done_is_told_too(opens: Opens) -> None:
    async with opens(rollups=BrokenRollUps()) as watch:
        ending, story = await watch.validates()

    assert ending is Ending.NOT_VALIDATED
    assert story.report is None
    assert {name: letter.failed for name, letter in watch.told().items()} == {
        "lead-1": True,
        "lead-2": True,
        "engineering-1": True,
    }
    assert watch.told()["lead-1"].summary == "a partition is damaged"


async def test_without_a_day_the_validation_is_of_the_days_before_today(opens: Opens) -> None:
    async with opens() as watch:
        handle = await watch.client.start_workflow(
            usage.RUNBOOK, {}, id=f"usage-validation/{uuid4().hex[:8]}", task_queue=watch.queue
        )
        await handle.result()
        story = await handle.query(UsageValidation.story)

    assert story.report is not None
    assert story.case_id == f"usage-validation/{story.report.end}"


async def test_a_validation_that_somebody_asks_for_is_waited_for_and_may_be_asked_for_again(opens: Opens) -> None:
    day = date(2031, 1, 1)
    async with opens() as watch:
        first, told = await usage.validate(watch.client, day, task_queue=watch.queue)
        again, _ = await usage.validate(watch.client, day, task_queue=watch.queue)

    assert first is again is Ending.AGREES
    assert told.case_id == "usage-validation/2031-01-01"
    assert told.timeline[-1].text == f"ended: {Ending.AGREES}"
