"""Carrying out a plan that people approved: in batches that count once, then counted again and certified.

Every deletion happens in the database's own `carry_out_retention`, which checks the approval, the plan and the holds; this
side only drives it, and takes the files along that the rows point at.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Row, cast, func, select
from sqlalchemy.dialects.postgresql import JSONB

from activities.clock import Now, wall_clock
from activities.ports import Heartbeat
from adapters.document_files import DocumentFiles
from adapters.pdf.certificate import print_certificate
from adapters.postgres.decisions import append
from adapters.postgres.effects import read_effect
from adapters.postgres.engine import transaction
from adapters.postgres.retention import counting
from adapters.postgres.retention.plans import RetentionPlans
from adapters.postgres.retention.shelf import plan_of
from adapters.postgres.tables import approvals, disputes, evidence_packs, retention_plans, retention_work
from adapters.postgres.tables.effects import ApprovalState
from billing.decisions import PurgeDecision
from billing.failures import BillingFailure, FailureCode
from billing.policy.retention import RULES, Fate
from billing.retention import (
    Certified,
    CertifiedRow,
    DeletionCertificate,
    PlanOnRecord,
    PlanState,
    Progress,
    Purge,
    WorkState,
)

# Files go before the rows that name them: what is interrupted in between finds nothing there the next time.
_WITH_FILES = "evidence_packs"
# The lock under which `adapters.postgres.holds` places one.
_PLACING_HOLDS = 7246113


class PostgresRetention(RetentionPlans):
    """Satisfies `RetentionBook`. `evidence` is where evidence files lie, `documents` where the certificate is kept."""

    def __init__(self, engine: Engine, evidence: Path, documents: DocumentFiles, now: Now = wall_clock) -> None:
        super().__init__(engine, documents, now)
        self._evidence = evidence

    def carry_out(self, plan_id: str, batch: int, batches: int, heartbeat: Heartbeat) -> Progress:
        for _ in range(batches):
            row = self._next(plan_id)
            if row is None:
                break
            if row.table_name == _WITH_FILES:
                self._remove_files(row.tenant_id)
            doing = f"deleting {row.table_name} of {row.tenant_id or 'everybody'}"
            with counting.patiently(self._engine, heartbeat, doing) as (connection, _):
                connection.execute(select(func.carry_out_retention(plan_id, row.position, batch)))
        return self._progress(plan_id)

    def finish(self, plan_id: str, heartbeat: Heartbeat) -> Certified:
        with counting.patiently(self._engine, heartbeat, "counting again") as (connection, _):
            planned = plan_of(connection, plan_id)
            if planned is None or planned.state is PlanState.PLANNED:
                raise BillingFailure(FailureCode.CONFLICT, f"plan {plan_id} was not carried out")
            if planned.certificate is not None:
                return _in_short(planned.certificate, planned.certificate_sha256 or "")
            certificate = self._certificate(connection, planned)
            sha256 = self._documents.keep(print_certificate(certificate))
            proof = cast(certificate.model_dump(mode="json"), JSONB)
            connection.execute(select(func.finish_retention(plan_id, proof, sha256)))
            kept = plan_of(connection, plan_id)
            if kept is None or kept.certificate != certificate:
                raise BillingFailure(FailureCode.UNAVAILABLE, f"plan {plan_id} is being finished by another attempt")
            decision = PurgeDecision(
                resolver=certificate.approved_by[-1],
                plan_id=plan_id,
                plan_sha256=certificate.plan_sha256,
                rows=certificate.gone,
                certificate_sha256=sha256,
            )
            append(connection, decision.line(certificate.finished_at), certificate.finished_at)
        return _in_short(certificate, sha256)

    def _next(self, plan_id: str) -> Row[Any] | None:
        waiting = (
            select(retention_work)
            .where(retention_work.c.plan_id == plan_id, retention_work.c.state == WorkState.WAITING.value)
            .order_by(retention_work.c.position)
            .limit(1)
        )
        with transaction(self._engine) as connection:
            return connection.execute(waiting).one_or_none()

    def _remove_files(self, tenant_id: str) -> None:
        """The folders of every collection of a tenant, whether they are still there or not. Held ones stay, and whoever
        places a hold meanwhile waits until it is known which are gone."""
        packs = (
            select(evidence_packs.c.evidence_id)
            .join(disputes, disputes.c.case_id == evidence_packs.c.case_id)
            .where(disputes.c.tenant_id == tenant_id)
            .where(func.retention_is_held(tenant_id, _WITH_FILES).is_(False))
        )
        with transaction(self._engine) as connection:
            connection.execute(select(func.pg_advisory_xact_lock_shared(_PLACING_HOLDS)))
            for name in connection.execute(packs).scalars():
                self._remove(self._evidence / name)

    def _remove(self, folder: Path) -> None:
        """A folder with its files; an unreadable disk is UNAVAILABLE."""
        try:
            shutil.rmtree(folder)
            if not any(folder.parent.iterdir()):
                folder.parent.rmdir()
        except FileNotFoundError:
            return
        except OSError as failure:
            raise BillingFailure(
                FailureCode.UNAVAILABLE, f"evidence files cannot be deleted: {failure.strerror or failure}"
            ) from failure

    def _progress(self, plan_id: str) -> Progress:
        rows = self._work(plan_id)
        return Progress(
            gone=sum(row.gone for row in rows),
            total=sum(row.planned for row in rows),
            over=all(row.state != WorkState.WAITING.value for row in rows),
            held=tuple(sorted({_subject(row) for row in rows if row.state == WorkState.HELD.value})),
        )

    def _work(self, plan_id: str) -> list[Row[Any]]:
        of_plan = select(retention_work).where(retention_work.c.plan_id == plan_id)
        with transaction(self._engine) as connection:
            return list(connection.execute(of_plan.order_by(retention_work.c.position)))

    def _certificate(self, connection: Connection, planned: PlanOnRecord) -> DeletionCertificate:
        effect = read_effect(connection, f"retention/{planned.plan_id}/purge")
        by = select(approvals.c.decided_by).where(
            approvals.c.op_key == effect.op_key, approvals.c.state == ApprovalState.APPROVED.value
        )
        begun = select(retention_plans.c.begun_at).where(retention_plans.c.plan_id == planned.plan_id)
        return DeletionCertificate(
            plan_id=planned.plan_id,
            plan_sha256=planned.sha256,
            as_of=planned.plan.as_of,
            confirmed_by=Purge.model_validate(effect.request).requested_by,
            approved_by=tuple(connection.execute(by.order_by(approvals.c.position)).scalars()),
            begun_at=connection.execute(begun).scalar_one(),
            finished_at=self._now(),
            rows=tuple(_certified(connection, planned, self._work(planned.plan_id))),
            spared=planned.plan.spared,
        )


def _certified(connection: Connection, planned: PlanOnRecord, work: list[Row[Any]]) -> list[CertifiedRow]:
    """Every line of the plan with what a count finds now; rows that came after the plan stand under a line of their own."""
    left = {(one.tenant_id, one.table): one.rows for one in counting.present(connection, planned.plan.tenants)}
    months = counting.months_present(connection)
    lines = [
        CertifiedRow(
            tenant_id=row.tenant_id,
            table=row.table_name,
            fate=RULES[row.table_name].fate if row.tenant_id else Fate.DELETE,
            planned=row.planned,
            gone=row.gone,
            left=left.pop((row.tenant_id, row.table_name), 0)
            if row.tenant_id
            else row.planned * (row.table_name in months),
            held=row.state == WorkState.HELD.value,
        )
        for row in work
    ]
    return lines + [
        CertifiedRow(tenant_id=tenant, table=table, fate=RULES[table].fate, planned=0, gone=0, left=rows)
        for (tenant, table), rows in sorted(left.items())
    ]


def _in_short(certificate: DeletionCertificate, sha256: str) -> Certified:
    return Certified(in_words=certificate.in_words(), left=certificate.left, sha256=sha256)


def _subject(row: Row[Any]) -> str:
    return str(row.tenant_id or row.table_name)
