"""Plans and certificates as people look them up; making and carrying one out is another's."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, Row, select

from adapters.document_files import DocumentFiles
from adapters.pdf.certificate import print_certificate
from adapters.postgres.engine import transaction
from adapters.postgres.tables import retention_plans
from billing.failures import BillingFailure, FailureCode
from billing.retention import PlanOnRecord, PurgePlan


class PlanShelf:
    """Reads of plans; `documents` is where certificates are kept."""

    def __init__(self, engine: Engine, documents: DocumentFiles) -> None:
        self._engine = engine
        self._documents = documents

    def find(self, plan_id: str) -> PlanOnRecord | None:
        """One on record."""
        with transaction(self._engine) as connection:
            return plan_of(connection, plan_id)

    def get(self, plan_id: str) -> PlanOnRecord:
        """The same; raises NOT_FOUND."""
        with transaction(self._engine) as connection:
            return known_plan(connection, plan_id)

    def newest(self, limit: int) -> tuple[PlanOnRecord, ...]:
        """The latest plans."""
        latest = select(retention_plans).order_by(retention_plans.c.planned_at.desc()).limit(limit)
        with transaction(self._engine) as connection:
            return tuple(_on_record(row) for row in connection.execute(latest))

    def document(self, plan_id: str) -> bytes:
        """The certificate as PDF, printed again when its file is lost. Raises NOT_FOUND while there is none."""
        planned = self.get(plan_id)
        if planned.certificate is None or planned.certificate_sha256 is None:
            raise BillingFailure(
                FailureCode.NOT_FOUND, f"plan {plan_id} has no certificate: {planned.ending or planned.state}"
            )
        return self._documents.read(planned.certificate_sha256) or print_certificate(planned.certificate)


def plan_of(connection: Connection, plan_id: str) -> PlanOnRecord | None:
    """A plan as it stands, or None."""
    one = select(retention_plans).where(retention_plans.c.plan_id == plan_id)
    row = connection.execute(one).one_or_none()
    return _on_record(row) if row else None


def known_plan(connection: Connection, plan_id: str) -> PlanOnRecord:
    """A plan as it stands. Raises NOT_FOUND."""
    if planned := plan_of(connection, plan_id):
        return planned
    raise BillingFailure(
        FailureCode.NOT_FOUND, f"there is no plan {plan_id}: `runbooks retention list` names those there are"
    )


def _on_record(row: Row[Any]) -> PlanOnRecord:
    return PlanOnRecord.model_validate(row._asdict() | {"plan": PurgePlan.model_validate_json(row.plan)})
