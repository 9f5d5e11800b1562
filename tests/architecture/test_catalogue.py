"""Every runbook in the catalogue is complete; a new one is told here what it still lacks (see CONTRIBUTING.md)."""

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from temporalio import workflow

from billing import (
    invoice_corrections,
    month_end,
    payment_collection,
    provider_events,
    reconciling,
    recovery,
    retention,
    usage_limits,
    usage_validation,
)
from billing.cases import Ending
from billing.payments import RetryPhase
from billing.policy.raci import RACI
from workflows.registry import RUNBOOKS

HERE = Path(__file__).parents[2]

# The endings of each runbook by its workflow type; a new runbook adds its own enum.
ENDINGS: dict[str, list[str]] = {
    "delinquency": [ending.name.lower() for ending in recovery.Ending],
    "dispute": [ending.name.lower() for ending in Ending],
    "invoice-correction": [ending.name.lower() for ending in invoice_corrections.Ending],
    "month-end": [ending.name.lower() for ending in month_end.Ending],
    "payment-collection": [ending.name.lower() for ending in payment_collection.Ending],
    "payment-retry": [phase.name.lower() for phase in RetryPhase if phase is not RetryPhase.RETRYING],
    "reconciliation": [ending.name.lower() for ending in reconciling.Ending],
    "retention": [ending.name.lower() for ending in retention.Ending],
    # It has no ending: it goes on in a new run.
    "stripe-events": ["went_on"],
    "stripe-events-sweep": [ending.name.lower() for ending in provider_events.SweepEnding],
    "usage-limits": [ending.name.lower() for ending in usage_limits.Ending],
    "usage-validation": [ending.name.lower() for ending in usage_validation.Ending],
}


def name_of(runbook: type[Any]) -> str:
    definition = workflow._Definition.must_from_class(runbook)
    assert definition.name
    return definition.name


def file_name_of(runbook: type[Any]) -> str:
    return name_of(runbook).replace("-", "_")


def lacks_a_drawing(runbook: type[Any]) -> str | None:
    """The module docstring opens with one sentence and shows the flow."""
    text = inspect.getmodule(runbook).__doc__ or ""
    return (
        None
        if "─" in text and "ending" in text.lower()
        else "a drawing of its flow with the endings, on top of its file"
    )


def lacks_a_screenful(runbook: type[Any]) -> str | None:
    lines = len(inspect.getsource(runbook.run).splitlines())
    return None if lines <= 25 else f"a run() that fits on one screen (it has {lines} lines)"


def lacks_stories(runbook: type[Any]) -> str | None:
    name = file_name_of(runbook)
    found = list((HERE / "tests" / "workflows").glob(f"test_{name}*.py"))
    return None if found else f"stories in tests/workflows/test_{name}_*.py"


def lacks_histories(runbook: type[Any]) -> str | None:
    name = name_of(runbook)
    kept = {path.stem for path in (HERE / "tests" / "histories" / file_name_of(runbook)).glob("**/*.json")}
    missing = [ending for ending in ENDINGS.get(name, []) if ending not in kept]
    if name not in ENDINGS:
        return "its endings in this test's ENDINGS"
    return f"a kept history of: {', '.join(missing)}" if missing else None


def lacks_a_page(runbook: type[Any]) -> str | None:
    page = HERE / "docs" / "runbooks" / f"{name_of(runbook)}.md"
    return None if page.is_file() else f"its page docs/runbooks/{page.name}"


def lacks_an_owner(runbook: type[Any]) -> str | None:
    return None if name_of(runbook) in RACI else "a responsible and an accountable team in billing/policy/raci.py"


def lacks_words_on_messages(runbook: type[Any]) -> str | None:
    definition = workflow._Definition.must_from_class(runbook)
    handlers = {**definition.signals, **definition.updates, **definition.queries}
    silent = [name for name, handler in handlers.items() if name and not handler.description]
    return f"a description on {', '.join(silent)}" if silent else None


CHECKS: list[Callable[[type[Any]], str | None]] = [
    lacks_a_drawing,
    lacks_a_screenful,
    lacks_stories,
    lacks_histories,
    lacks_a_page,
    lacks_an_owner,
    lacks_words_on_messages,
]


@pytest.mark.parametrize("runbook", RUNBOOKS, ids=name_of)
def test_a_runbook_lacks_nothing(runbook: type[Any]) -> None:
    found = [check(runbook) for check in CHECKS]

    lacking = [lack for lack in found if lack]

    assert not lacking, f"{name_of(runbook)} still lacks:\n- " + "\n- ".join(lacking)


def test_every_letter_to_operators_names_a_team() -> None:
    letters = {
        "approval_requested",
        "case_escalated",
        "judgement_needed",
        "sla_alert",
        "handed_over",
        "run_review_requested",
        "run_handed_over",
        "run_closed",
        "usage_to_look_at",
        "reconciliation_differs",
        "duplicates_found",
        "reconciliation_not_finished",
        "retention_notice",
        "overage_review",
        "usage_limits_not_checked",
    }

    owned = letters & RACI.keys()

    assert owned == letters


def test_workflow_names_are_plain_words() -> None:
    names = [name_of(runbook) for runbook in RUNBOOKS]

    odd = [name for name in names if not re.fullmatch(r"[a-z]+(-[a-z]+)*", name)]

    assert not odd
