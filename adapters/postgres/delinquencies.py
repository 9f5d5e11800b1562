"""Recovery cases as rows: one open episode a tenant, told where it stands, and closed once with its story."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, and_, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from activities.delinquency_ports import ArrangementRow, DelinquencyRow, Episode
from adapters.postgres.arranging import confirmed, frozen, taken_back
from adapters.postgres.credit_limits import lock_tenant
from adapters.postgres.engine import transaction
from adapters.postgres.tables import arrangements, deletion_candidates, delinquencies, disputes, holds, invoices
from billing.authority import Role
from billing.delinquency import Contest
from billing.failures import BillingFailure, FailureCode
from billing.holds import Hold
from billing.recovery import CASE, PAUSING, ArrangementRequest, ArrangementState, Ending, RecoveryStory


class PostgresDelinquencies:
    """Satisfies `DelinquencyBook`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def open(self, tenant_id: str, now: datetime) -> Episode:
        mine = delinquencies.c.tenant_id == tenant_id
        with transaction(self._engine) as connection:
            lock_tenant(connection, tenant_id)
            is_open = select(delinquencies).where(mine, delinquencies.c.ending.is_(None))
            if row := connection.execute(is_open).one_or_none():
                return _episode(connection, row)
            number = connection.execute(select(func.count()).select_from(delinquencies).where(mine)).scalar_one() + 1
            fresh = {
                "case_id": f"{CASE}/{tenant_id}/{number}",
                "tenant_id": tenant_id,
                "episode": number,
                "opened_at": now,
            }
            row = connection.execute(insert(delinquencies).values(fresh).returning(delinquencies)).one()
            return _episode(connection, row)

    def tell(self, story: RecoveryStory, now: datetime) -> None:
        this = and_(delinquencies.c.case_id == story.case_id, delinquencies.c.ending.is_(None))
        with transaction(self._engine) as connection:
            connection.execute(update(delinquencies).where(this).values(story=_json(story), told_at=now))

    def close(self, story: RecoveryStory, now: datetime) -> None:
        if story.ending is None:
            raise BillingFailure(FailureCode.INVALID, f"{story.case_id} has not ended and cannot be closed")
        this = delinquencies.c.case_id == story.case_id
        with transaction(self._engine) as connection:
            row = connection.execute(select(delinquencies).where(this).with_for_update()).one_or_none()
            if row is None:
                raise BillingFailure(FailureCode.NOT_FOUND, f"there is no case {story.case_id}")
            if row.ending is not None:
                if row.ending != story.ending.value:
                    raise BillingFailure(FailureCode.CONFLICT, f"{story.case_id} ended as {row.ending} already")
                return
            for waiting in _waiting(connection, story.case_id):
                taken_back(connection, waiting, f"the case ended: {story.ending}", now)
            ended = {"story": _json(story), "told_at": now, "ending": story.ending.value, "closed_at": now}
            connection.execute(update(delinquencies).where(this).values(ended))

    def find(self, name: str) -> DelinquencyRow | None:
        this = or_(delinquencies.c.case_id == name, delinquencies.c.tenant_id == name.removeprefix(f"{CASE}/"))
        newest = select(delinquencies).where(this).order_by(delinquencies.c.episode.desc()).limit(1)
        with transaction(self._engine) as connection:
            row = connection.execute(newest).one_or_none()
        return _row(row) if row else None

    def latest(self, limit: int, *, only_open: bool = True) -> tuple[DelinquencyRow, ...]:
        newest = select(delinquencies).order_by(delinquencies.c.opened_at.desc(), delinquencies.c.case_id).limit(limit)
        with transaction(self._engine) as connection:
            return tuple(_row(row) for row in connection.execute(_open(newest) if only_open else newest))

    def open_tenants(self) -> tuple[str, ...]:
        with transaction(self._engine) as connection:
            tenants = _open(select(delinquencies.c.tenant_id)).order_by(delinquencies.c.tenant_id)
            return tuple(connection.execute(tenants).scalars())

    def arrange(self, request: ArrangementRequest, path: Sequence[Role], now: datetime) -> ArrangementRow:
        row = {
            "arrangement_id": request.op_key,
            "case_id": request.case_id,
            "kind": request.kind.value,
            "request": request.model_dump(mode="json"),
            "requested_by": request.requested_by,
            "reason": request.reason,
            "requested_at": now,
            "state": (ArrangementState.ASKED if path else ArrangementState.IN_FORCE).value,
        }
        with transaction(self._engine) as connection:
            connection.execute(upsert(arrangements).values(row).on_conflict_do_nothing())
            kept = _arrangement(_locked(connection, request.op_key))
            if kept.request != request:
                raise BillingFailure(
                    FailureCode.CONFLICT,
                    f"{request.op_key} stands for another arrangement already: {kept.request.words}",
                )
            if path:
                frozen(connection, request, path, now)
        return kept

    def put_in_force(self, op_key: str, now: datetime) -> ArrangementRow:
        with transaction(self._engine) as connection:
            row = _locked(connection, op_key)
            if row.state == ArrangementState.REFUSED.value:
                raise BillingFailure(FailureCode.NOT_APPROVED, f"{op_key} was refused and does not count")
            if row.state == ArrangementState.ASKED.value:
                by = confirmed(connection, op_key)
                row = _settled(connection, op_key, ArrangementState.IN_FORCE, now, decided_by=by)
        return _arrangement(row)

    def settle(self, op_key: str, state: ArrangementState, now: datetime) -> None:
        with transaction(self._engine) as connection:
            if _locked(connection, op_key).state == ArrangementState.ASKED.value:
                taken_back(connection, op_key, state.value, now)
            else:
                _settled(connection, op_key, state, now)

    def arranged(self, case_id: str) -> tuple[ArrangementRow, ...]:
        mine = select(arrangements).where(arrangements.c.case_id == case_id)
        with transaction(self._engine) as connection:
            rows = connection.execute(mine.order_by(arrangements.c.requested_at, arrangements.c.arrangement_id))
            return tuple(_arrangement(row) for row in rows)

    def holds(self, tenant_id: str, since: datetime) -> tuple[Hold, ...]:
        everybody = and_(holds.c.tenant_id.is_(None), holds.c.meter.is_(None))
        covering = (
            select(holds)
            .where(holds.c.effect.in_([effect.value for effect in PAUSING]))
            .where(or_(holds.c.tenant_id == tenant_id, everybody))
            .where(or_(holds.c.released_at.is_(None), holds.c.released_at > since))
            .order_by(holds.c.placed_at, holds.c.hold_id)
        )
        with transaction(self._engine) as connection:
            return tuple(Hold.model_validate(row._asdict()) for row in connection.execute(covering))

    def contests(self, tenant_id: str, since: datetime) -> tuple[Contest, ...]:
        same_period = and_(disputes.c.tenant_id == invoices.c.tenant_id, disputes.c.period == invoices.c.period)
        about = (
            select(invoices.c.invoice_id, disputes.c.opened_at, disputes.c.closed_at)
            .join(disputes, same_period)
            .where(invoices.c.tenant_id == tenant_id, disputes.c.invoice_id.is_not(None))
            .where(or_(disputes.c.ending.is_(None), disputes.c.closed_at > since))
            .order_by(disputes.c.opened_at, disputes.c.case_id, invoices.c.invoice_id)
        )
        with transaction(self._engine) as connection:
            return tuple(Contest.model_validate(row._asdict()) for row in connection.execute(about))

    def deletion_began(self, tenant_id: str) -> bool:
        begun = and_(deletion_candidates.c.tenant_id == tenant_id, deletion_candidates.c.begun_at.is_not(None))
        with transaction(self._engine) as connection:
            return connection.execute(select(deletion_candidates.c.tenant_id).where(begun)).first() is not None


def _open(chosen: Select[Any]) -> Select[Any]:
    return chosen.where(delinquencies.c.ending.is_(None))


def _waiting(connection: Connection, case_id: str) -> list[str]:
    asked = and_(arrangements.c.case_id == case_id, arrangements.c.state == ArrangementState.ASKED.value)
    return list(connection.execute(select(arrangements.c.arrangement_id).where(asked)).scalars())


def _locked(connection: Connection, op_key: str) -> Row[Any]:
    this = select(arrangements).where(arrangements.c.arrangement_id == op_key).with_for_update()
    row = connection.execute(this).one_or_none()
    if row is None:
        raise BillingFailure(FailureCode.NOT_FOUND, f"there is no arrangement {op_key}")
    return row


def _settled(
    connection: Connection, op_key: str, state: ArrangementState, now: datetime, **changes: str | None
) -> Row[Any]:
    this = update(arrangements).where(arrangements.c.arrangement_id == op_key)
    values = {"state": state.value, "settled_at": now, **changes}
    return connection.execute(this.values(values).returning(arrangements)).one()


def _json(story: RecoveryStory) -> dict[str, Any]:
    return story.model_dump(mode="json")


def _episode(connection: Connection, row: Row[Any]) -> Episode:
    before = select(delinquencies.c.story).where(
        delinquencies.c.tenant_id == row.tenant_id, delinquencies.c.episode == row.episode - 1
    )
    told = connection.execute(before).scalar_one_or_none()
    contacts = RecoveryStory.model_validate(told).contacts if told else ()
    return Episode(case_id=row.case_id, tenant_id=row.tenant_id, number=row.episode, contacts=contacts)


def _row(row: Row[Any]) -> DelinquencyRow:
    return DelinquencyRow(
        case_id=row.case_id,
        tenant_id=row.tenant_id,
        episode=row.episode,
        opened_at=row.opened_at,
        story=row.story and RecoveryStory.model_validate(row.story),
        ending=row.ending and Ending(row.ending),
        closed_at=row.closed_at,
    )


def _arrangement(row: Row[Any]) -> ArrangementRow:
    return ArrangementRow(
        request=ArrangementRequest.model_validate(row.request),
        requested_at=row.requested_at,
        state=ArrangementState(row.state),
        decided_by=row.decided_by,
        settled_at=row.settled_at,
    )
