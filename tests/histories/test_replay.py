"""Cases that were started by an earlier release go on under today's code: every kept history replays."""

import json
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from tests.histories.keeping import kept
from tests.histories.swapped import SwappedDispute
from workflows.blocks.sandbox import sandboxed_runner
from workflows.registry import RUNBOOKS


def replayer(*runbooks: type) -> Replayer:
    return Replayer(
        workflows=list(runbooks), data_converter=pydantic_data_converter, workflow_runner=sandboxed_runner()
    )


def history(file: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(f"replay/{file.stem}", json.loads(file.read_text()))


@pytest.mark.parametrize("file", kept(), ids=lambda file: f"{file.parts[-3]}/{file.parts[-2]}/{file.stem}")
async def test_a_kept_history_replays(file: Path) -> None:
    today = replayer(*RUNBOOKS)

    result = await today.replay_workflow(history(file), raise_on_replay_failure=False)

    assert result.replay_failure is None


async def test_two_swapped_steps_are_noticed() -> None:
    file = next(file for file in kept() if file.stem == "credited")

    result = await replayer(SwappedDispute).replay_workflow(history(file), raise_on_replay_failure=False)

    assert result.replay_failure is not None
    assert "nondeterminism" in type(result.replay_failure).__name__.lower()


def test_histories_hold_no_trace_of_a_machine() -> None:
    texts = {file.name: file.read_text() for file in kept()}

    traced = [name for name, text in texts.items() if "/site-packages/" in text or '"identity"' in text]

    assert not traced
