"""The books go away in the middle of a case: it waits for them and goes on, and nothing has to be done by hand."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

import migrations
from adapters.postgres.engine import open_engine
from billing.cases import Ending, Verdict
from sandbox.postgres import PostgresServer
from tests.fixtures.temporal import CaseClock
from tests.workflows.office import an_office
from workflows.dispute import Dispute

DATABASE = "books"


@pytest.fixture
def server(postgres_home: Path) -> Iterator[PostgresServer]:
    server = PostgresServer(postgres_home, durable=True)
    server.start()
    server.ensure_database(DATABASE)
    migrations.upgrade(server.url(DATABASE))
    yield server
    server.stop()


async def test_a_database_that_is_killed_and_comes_back_loses_no_case_and_doubles_no_credit(
    server: PostgresServer, case_clock: CaseClock, tmp_path: Path
) -> None:
    engine = open_engine(server.url(DATABASE))
    async with an_office(engine, case_clock, tmp_path) as office:
        case = await office.opens(office.world.tenant("acme", duplicated=1_000), disputed="100.00")
        pending = (await case.story()).approval
        assert pending is not None
        decision = case.signed_by("lead-1", pending, Verdict.APPROVE)

        server.kill()
        answer = asyncio.create_task(case.handle.execute_update(Dispute.decide, decision))
        await asyncio.sleep(1.5)
        waited = not answer.done()
        server.start()

        assert waited
        assert (await answer).accepted
        assert await case.ending() is Ending.CREDITED
        assert len(office.provider.credits) == 1
    engine.dispose()
