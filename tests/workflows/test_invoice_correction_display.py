"""What people see of a correction in the Temporal UI: what it does, its open question, and how lists find it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from temporalio.api.sdk.v1 import WorkflowMetadata

from billing.policy.standard import STANDARD
from tests.fixtures.temporal import CaseClock
from tests.workflows.correcting import CorrectingDesk, a_correcting_desk
from workflows.blocks import attributes


@pytest.fixture
async def desk(engine: Engine, case_clock: CaseClock, tmp_path: Path) -> AsyncIterator[CorrectingDesk]:
    async with a_correcting_desk(engine, case_clock, tmp_path) as opened:
        yield opened


async def test_an_open_correction_shows_what_it_does_and_who_is_asked(desk: CorrectingDesk) -> None:
    case = await desk.orders(desk.owes(), amount="25.00")
    pending = (await case.story()).approval
    assert pending is not None

    metadata = await case.handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    labels = (await case.handle.describe()).typed_search_attributes

    shown = str(metadata.current_details)
    assert "**Credit:** INV-2026-10-acme, USD 25.00" in shown
    assert "- USD 25.00 is not due any more.\n" in shown
    assert f"**Waits for agent:** {pending.question}" in shown
    assert f"`runbooks approve {pending.approval_id}`" in shown
    assert labels.get(attributes.RUNBOOK) == "invoice-correction"
    assert (labels.get(attributes.TENANT), labels.get(attributes.NEEDS_HUMAN)) == ("acme", True)
    assert labels.get(attributes.STAGE) == "waiting for approval"
    assert labels.get(attributes.NEXT_ACTION_AT) == pending.asked_at + STANDARD.approvals.remind_every


async def test_a_closed_one_waits_for_nobody(desk: CorrectingDesk) -> None:
    case = await desk.orders(desk.owes(), amount="25.00")
    await case.is_decided_by("agent-2")
    await case.ending()

    labels = (await case.handle.describe()).typed_search_attributes

    assert (labels.get(attributes.STAGE), labels.get(attributes.NEEDS_HUMAN)) == ("closed", False)
    assert labels.get(attributes.NEXT_ACTION_AT) is None
