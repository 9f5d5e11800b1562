"""Assessments on record: the findings one by one, and with each of them the rows it rests on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, select
from sqlalchemy.dialects.postgresql import insert as insert_or_leave

from activities.ports import DisputeScope
from adapters.postgres.engine import driver_of
from adapters.postgres.evidence.fact_rows import FILE_NAME, Fact
from adapters.postgres.evidence.kept_rows import rows_behind
from adapters.postgres.tables import assessments, findings
from billing.evidence import RowSet
from billing.failures import BillingFailure, FailureCode
from billing.findings import Assessment, Finding, FindingKind

# Findings of other kinds rest on totals or on the contract, not on single rows.
_RESTS_ON = {
    FindingKind.DUPLICATE_EVENTS: Fact.DUPLICATE_EVENTS,
    FindingKind.MISSING_EVENTS: Fact.MISSING_EVENTS,
    FindingKind.MISDATED_EVENTS: Fact.MISDATED_EVENTS,
    FindingKind.COMPROMISED_KEY: Fact.KEY_USAGE,
    FindingKind.SUSPICIOUS_KEY: Fact.KEY_USAGE,
}

_COPY_ROWS = "copy finding_rows (case_id, round, finding, event_id, event_time, quantity) from stdin"


def write_assessment(
    connection: Connection, scope: DisputeScope, evidence_id: str, folder: Path, assessment: Assessment
) -> str:
    """Record an assessment with its findings and their rows, which are read from the pack in `folder` and checked against
    the hash each finding carries; returns its id. The same round again changes nothing."""
    assessment_id = f"{evidence_id}/assessment"
    row = {
        "assessment_id": assessment_id,
        "evidence_id": evidence_id,
        "case_id": scope.case_id,
        "round": scope.round,
        "assessment": assessment.model_dump(mode="json"),
    }
    written = insert_or_leave(assessments).values(row).on_conflict_do_nothing().returning(assessments.c.assessment_id)
    if connection.execute(written).scalar_one_or_none() is None:
        return assessment_id
    numbered = list(enumerate(assessment.findings, start=1))
    if numbered:
        connection.execute(insert(findings), [_finding(scope, number, finding) for number, finding in numbered])
        _copy_rows(connection, scope, folder / FILE_NAME, numbered)
    return assessment_id


def read_assessment(connection: Connection, assessment_id: str) -> Assessment:
    """Raises NOT_FOUND."""
    wanted = select(assessments.c.assessment).where(assessments.c.assessment_id == assessment_id)
    stored = connection.execute(wanted).scalar_one_or_none()
    if stored is None:
        raise BillingFailure(FailureCode.NOT_FOUND, f"there is no assessment {assessment_id}")
    return Assessment.model_validate(stored)


def _finding(scope: DisputeScope, number: int, finding: Finding) -> dict[str, Any]:
    return {
        "case_id": scope.case_id,
        "round": scope.round,
        "finding": number,
        "tenant_id": scope.tenant.tenant_id,
        "kind": finding.kind.value,
        "meter": finding.meter,
        "statement": finding.statement,
        "conclusive": finding.conclusive,
        "systematic": finding.systematic,
        "excess_quantity": finding.excess_quantity,
        "amount_minor": finding.amount.minor if finding.amount else None,
        "currency": finding.amount.currency if finding.amount else None,
    }


def _copy_rows(connection: Connection, scope: DisputeScope, file: Path, numbered: list[tuple[int, Finding]]) -> None:
    resting = {number: (_RESTS_ON[finding.kind], rows) for number, finding, rows in _with_rows(numbered)}
    if not resting:
        return
    with driver_of(connection).cursor() as cursor, cursor.copy(_COPY_ROWS) as copy:
        for number, row in rows_behind(file, resting):
            copy.write_row((scope.case_id, scope.round, number, row.event_id, row.event_time, row.quantity))


def _with_rows(numbered: list[tuple[int, Finding]]) -> Iterator[tuple[int, Finding, RowSet]]:
    for number, finding in numbered:
        if finding.rows is not None and finding.kind in _RESTS_ON:
            yield number, finding, finding.rows
