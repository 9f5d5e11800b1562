"""The decision log says exactly what the runbook prescribes, and shows any tampering."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.decisions import GENESIS, Decision, DisputeDecision, chained, first_flaw, harmless
from billing.disputes import Category
from billing.money import Money

AT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


def chain(length: int) -> list[Decision]:
    rows: list[Decision] = []
    for seq in range(1, length + 1):
        prev = rows[-1].sha256 if rows else GENESIS
        line = f"line {seq}"
        rows.append(Decision(seq=seq, at=AT, line=line, prev_sha256=prev, sha256=chained(prev, seq, line)))
    return rows


def test_a_resolved_dispute_is_one_line_in_the_documents_format() -> None:
    decision = DisputeDecision(
        resolver="lead-1",
        tenant_id="acme",
        period="2026-10",
        disputed=Money.of("120.50", "USD"),
        credited=Money.of("48.00", "USD"),
        category=Category.USAGE_CALCULATION,
        team="Customer Support",
    )

    line = decision.line(AT)

    assert line == (
        "2026-11-21T09:30:00Z | OPERATOR=lead-1 | ACTION=usage_dispute_resolved | TENANT=acme | PERIOD=2026-10 | "
        "DISPUTED=120.50 | CREDITED=48.00 | REASON=usage_calculation | EXECUTOR=Customer Support"
    )


@given(st.text())
def test_no_value_can_end_its_field_or_its_line(value: str) -> None:
    cleaned = harmless(value)

    assert not set("|=\n\r\t\x00") & set(cleaned)


@pytest.mark.parametrize("victim", [1, 3, 5])
def test_a_changed_line_is_found_where_it_was_changed(victim: int) -> None:
    rows = chain(5)
    rows[victim - 1] = rows[victim - 1].model_copy(update={"line": "CREDITED=1000000"})

    flaw = first_flaw(rows)

    assert flaw == f"row {victim} was changed: its hash does not match its content"


def test_a_missing_row_is_named() -> None:
    rows = chain(5)

    flaw = first_flaw([*rows[:2], *rows[3:]])

    assert flaw == "row 3 is missing: row 4 follows row 2"


def test_a_cut_tail_shows_only_against_the_head_kept_elsewhere() -> None:
    cut = chain(5)[:3]

    assert first_flaw(cut) is None
    assert first_flaw(cut, expected_last=5) == "row 4 is missing: the log ends at 3, its head says 5"
