"""The decisions about every table, as people read them, and the numbers of a purge."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from itertools import takewhile
from pathlib import Path

import pytest
from pydantic import ValidationError

from billing.authority import MAY_CONFIRM_PURGES, Role, may_decide
from billing.policy.retention import RULES, Fate, RetentionPolicy
from billing.policy.standard import RETENTION, USAGE_INTAKE

PAGE = Path(__file__).parents[3] / "docs" / "runbooks" / "retention.md"
_WORDS = {Fate.DELETE: "deleted", Fate.REDACT: "redacted", Fate.KEEP: "kept"}


def rows() -> list[str]:
    """The table of the guide: one row a decision and reason, what goes first."""
    tables: defaultdict[tuple[Fate, str], list[str]] = defaultdict(list)
    for table, rule in RULES.items():
        tables[rule.fate, rule.why].append(f"`{table}`")
    order = list(_WORDS)
    return [
        f"| {_WORDS[fate]} | {', '.join(names)} | {why} |"
        for (fate, why), names in sorted(tables.items(), key=lambda item: order.index(item[0][0]))
    ]


def test_the_guide_tells_every_decision() -> None:
    table = PAGE.read_text().partition("| what becomes of it |")[2].splitlines()[2:]

    told = list(takewhile(lambda line: line.startswith("|"), table))

    assert told == rows()


def test_documents_and_the_decision_log_are_kept() -> None:
    for table in ("invoices", "invoice_lines", "credit_notes", "invoice_documents", "parties", "decisions"):
        assert RULES[table].fate is Fate.KEEP


def test_usage_that_may_still_come_in_is_not_past_its_time() -> None:
    assert RETENTION.usage_kept_for >= USAGE_INTAKE.kept_for


def test_somebody_other_than_whoever_confirms_can_approve() -> None:
    for role in RETENTION.approved_by:
        assert any(may_decide(one, role) for one in Role)
    assert set(MAY_CONFIRM_PURGES) - set(RETENTION.approved_by)


def test_a_faster_policy_waits_shorter_and_keeps_usage_as_long() -> None:
    fast = RETENTION.accelerated(60)

    assert fast.confirm_within == RETENTION.confirm_within / 60
    assert fast.usage_kept_for == RETENTION.usage_kept_for
    assert RETENTION.accelerated(1) is RETENTION


@pytest.mark.parametrize(
    "broken",
    [
        {"remind_every": timedelta(days=7)},
        {"approved_by": ()},
        {"weekday": 7},
        {"batch": 0},
        {"usage_kept_for": timedelta(0)},
    ],
)
def test_a_policy_that_cannot_be_followed_is_refused(broken: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RetentionPolicy.model_validate(RETENTION.model_dump() | broken)
