"""A month end started the way the command and the API start it: by name, without the runbook's code."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from billing.month_end import Ending, RunOrder
from starters import month_end
from tests.fixtures.temporal import CaseClock
from tests.workflows.month_end_office import MonthEndOffice, a_billing_office

LONG_AGO = "2025-03"


@pytest.fixture
async def office(engine: Engine, case_clock: CaseClock, tmp_path: Path) -> AsyncIterator[MonthEndOffice]:
    async with a_billing_office(engine, case_clock, tmp_path) as opened:
        yield opened


async def test_what_the_command_starts_is_understood_by_the_runbook(office: MonthEndOffice) -> None:
    client, order = office.clock.client, RunOrder(period=LONG_AGO, dry_run=True, requested_by="finance-1")

    begun = await month_end.start(
        client, order, task_queue=office.queue, zone="UTC", now=datetime(2026, 11, 21, tzinfo=UTC)
    )

    ending = await client.get_workflow_handle(begun.case_id, result_type=Ending).result()
    assert ending is Ending.DRY_RUN
