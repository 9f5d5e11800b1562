"""Who waits for deletion: recovery hands tenants over when their time is over, and takes them back when they pay."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Engine, and_, select, update
from sqlalchemy.dialects.postgresql import insert

from activities.clock import Now, wall_clock
from adapters.postgres.engine import transaction
from adapters.postgres.tables import deletion_candidates

_candidate = deletion_candidates.c


class DeletionCandidates:
    """Satisfies `DeletionQueue`."""

    def __init__(self, engine: Engine, now: Now = wall_clock) -> None:
        self._engine = engine
        self._now = now

    def await_deletion(self, tenant_id: str, since: datetime, case_id: str) -> None:
        handed_over = insert(deletion_candidates).values(tenant_id=tenant_id, case_id=case_id, since=since)
        again = handed_over.on_conflict_do_update(
            index_elements=[_candidate.tenant_id, _candidate.case_id],
            set_={"since": handed_over.excluded.since, "spared_at": None},
            where=and_(_candidate.begun_at.is_(None), _candidate.since < handed_over.excluded.since),
        )
        with transaction(self._engine) as connection:
            if connection.execute(select(_candidate.case_id).where(_waits(tenant_id))).first() is None:
                connection.execute(again)

    def waits(self, tenant_id: str) -> bool:
        with transaction(self._engine) as connection:
            return connection.execute(select(_candidate.tenant_id).where(_waits(tenant_id))).first() is not None

    def spare(self, tenant_id: str) -> bool:
        with transaction(self._engine) as connection:
            waiting = select(_candidate.begun_at).where(_waits(tenant_id)).with_for_update()
            row = connection.execute(waiting).one_or_none()
            if row is None:
                gone = select(_candidate.tenant_id).where(
                    _candidate.tenant_id == tenant_id, _candidate.deleted_at.is_not(None)
                )
                return connection.execute(gone).first() is None
            if row.begun_at is not None:
                return False
            connection.execute(update(deletion_candidates).where(_waits(tenant_id)).values(spared_at=self._now()))
            return True


def _waits(tenant_id: str) -> ColumnElement[bool]:
    return and_(_candidate.tenant_id == tenant_id, _candidate.spared_at.is_(None), _candidate.deleted_at.is_(None))
