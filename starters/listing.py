"""Cases as lists show them: what the register knows, with the stage that Temporal knows laid over it.

Either of the two may be away. A case that was accepted while the database was away is known to Temporal alone.
"""

from __future__ import annotations

import asyncio

from pydantic import AwareDatetime, BaseModel, ConfigDict
from temporalio.client import Client, WorkflowExecution

from adapters.postgres.books import Books
from adapters.postgres.case_list import CaseRow
from billing.cases import Ending, Stage
from billing.failures import BillingFailure, FailureCode
from billing.money import Money
from starters.connect import reaching_temporal
from starters.disputes import RUNBOOK
from workflows.blocks import attributes

NOT_KNOWN = "not known"


class CaseLine(BaseModel):
    """One case; `due_at` is the nearest SLA deadline that still runs, None when none does or nobody can tell."""

    model_config = ConfigDict(frozen=True)

    case_id: str
    tenant_id: str
    category: str
    severity: str
    stage: str
    needs_human: bool
    disputed: Money | None
    credited: Money | None
    due_at: AwareDatetime | None
    opened_at: AwareDatetime
    ending: Ending | None


async def cases(
    client: Client, books: Books, *, open_only: bool = True, tenant_id: str | None = None, limit: int = 100
) -> list[CaseLine]:
    """The newest cases first. Raises UNAVAILABLE only when neither the register nor Temporal answers."""
    running = await _running(client, limit)
    try:
        rows = await asyncio.to_thread(books.cases.newest, open_only=open_only, tenant_id=tenant_id, limit=limit)
    except BillingFailure as failure:
        if failure.code is not FailureCode.UNAVAILABLE or running is None:
            raise
        rows = []
    known = running or {}
    lines = [_registered(row, known.get(row.case_id), told=running is not None) for row in rows]
    registered = {row.case_id for row in rows}
    lines += [_unregistered(case) for name, case in known.items() if name not in registered]
    wanted = [line for line in lines if tenant_id in (None, line.tenant_id)]
    return sorted(wanted, key=lambda line: line.opened_at, reverse=True)[:limit]


async def _running(client: Client, limit: int) -> dict[str, WorkflowExecution] | None:
    """Temporal's open cases by id; None when it does not answer."""
    query = f"WorkflowType = '{RUNBOOK}' AND ExecutionStatus = 'Running'"
    try:
        with reaching_temporal():
            return {case.id: case async for case in client.list_workflows(query, limit=limit)}
    except BillingFailure:
        return None


def _registered(row: CaseRow, case: WorkflowExecution | None, *, told: bool) -> CaseLine:
    stage = Stage.CLOSED.value if row.ending else NOT_KNOWN
    if case is not None:
        stage = case.typed_search_attributes.get(attributes.STAGE) or Stage.INTAKE.value
    elif told and row.ending is None:
        stage = "no longer running"
    return CaseLine(
        case_id=row.case_id,
        tenant_id=row.tenant_id,
        category=row.category,
        severity=row.severity,
        stage=stage,
        needs_human=bool(case and case.typed_search_attributes.get(attributes.NEEDS_HUMAN)),
        disputed=row.disputed,
        credited=row.credited,
        due_at=case.typed_search_attributes.get(attributes.DUE_AT) if case else None,
        opened_at=row.opened_at,
        ending=row.ending,
    )


def _unregistered(case: WorkflowExecution) -> CaseLine:
    known = case.typed_search_attributes
    return CaseLine(
        case_id=case.id,
        tenant_id=known.get(attributes.TENANT) or NOT_KNOWN,
        category=known.get(attributes.CATEGORY) or NOT_KNOWN,
        severity=known.get(attributes.SEVERITY) or NOT_KNOWN,
        stage=known.get(attributes.STAGE) or Stage.INTAKE.value,
        needs_human=bool(known.get(attributes.NEEDS_HUMAN)),
        disputed=None,
        credited=None,
        due_at=known.get(attributes.DUE_AT),
        opened_at=case.start_time,
        ending=None,
    )
