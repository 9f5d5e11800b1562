"""Keeping histories: what a finished case leaves for the replay tests, without traces of the machine it ran on.

`RUNBOOKS_KEEP_HISTORIES=v1 python -m pytest tests/workflows` writes one history per ending into
`tests/histories/<runbook>/v1/`. Released histories are never overwritten: a new release keeps its own folder.
"""

import json
import os
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHistory

HERE = Path(__file__).parent
_OF_THE_MACHINE = {"identity", "stackTrace", "binaryChecksum", "buildId"}


def keep(runbook: str, ending: str, history: WorkflowHistory) -> None:
    """Write the history unless nobody asked for it, or this release already has one of the ending."""
    release = os.environ.get("RUNBOOKS_KEEP_HISTORIES")
    if not release:
        return
    file = HERE / runbook / release / f"{ending}.json"
    if file.exists():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(_anywhere(json.loads(history.to_json())), indent=1) + "\n")


def kept() -> list[Path]:
    """Every kept history, of every runbook and release."""
    return sorted(HERE.glob("*/*/*.json"))


def _anywhere(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _anywhere(content) for name, content in value.items() if name not in _OF_THE_MACHINE}
    if isinstance(value, list):
        return [_anywhere(content) for content in value]
    return value
