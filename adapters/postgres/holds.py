"""Holds as rows: placed and released by people, never deleted, and read by whatever they stop."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, func, insert, select, update

from adapters.postgres.engine import transaction
from adapters.postgres.tables import holds, meters, tenants
from billing.failures import BillingFailure, FailureCode
from billing.holds import HeldEffect, Hold, HoldOrder

# Any number that no other advisory lock uses.
_PLACING = 7246113


class PostgresHolds:
    """Satisfies `Holds`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def place(self, order: HoldOrder, now: datetime) -> Hold:
        with transaction(self._engine) as connection:
            # Two people who place the same hold at once get one.
            connection.execute(select(func.pg_advisory_xact_lock(_PLACING)))
            _covers_something_known(connection, order)
            if held := connection.execute(select(holds).where(*_same_cover(order))).one_or_none():
                return _hold(held)
            number = connection.execute(select(func.count()).select_from(holds)).scalar_one() + 1
            row = {
                "hold_id": f"hold-{number}",
                "effect": order.effect.value,
                "tenant_id": order.tenant_id,
                "meter": order.meter,
                "reason": order.reason,
                "placed_by": order.by,
                "placed_at": now,
            }
            return _hold(connection.execute(insert(holds).values(row).returning(holds)).one())

    def release(self, hold_id: str, by: str, reason: str, now: datetime) -> Hold:
        released = (
            update(holds)
            .where(holds.c.hold_id == hold_id, holds.c.released_at.is_(None))
            .values(released_by=by, released_at=func.greatest(now, holds.c.placed_at), release_reason=reason)
        )
        with transaction(self._engine) as connection:
            connection.execute(released)
            row = connection.execute(select(holds).where(holds.c.hold_id == hold_id)).one_or_none()
        if row is None:
            raise BillingFailure(FailureCode.NOT_FOUND, f"there is no hold {hold_id}: `runbooks holds list` shows them")
        return _hold(row)

    def in_force(self, effect: HeldEffect | None = None) -> tuple[Hold, ...]:
        held = select(holds).where(holds.c.released_at.is_(None)).order_by(holds.c.placed_at, holds.c.hold_id)
        if effect is not None:
            held = held.where(holds.c.effect == effect.value)
        with transaction(self._engine) as connection:
            return tuple(_hold(row) for row in connection.execute(held))


def _same_cover(order: HoldOrder) -> tuple[ColumnElement[bool], ...]:
    return (
        holds.c.effect == order.effect.value,
        holds.c.tenant_id.is_not_distinct_from(order.tenant_id),
        holds.c.meter.is_not_distinct_from(order.meter),
        holds.c.released_at.is_(None),
    )


def _covers_something_known(connection: Connection, order: HoldOrder) -> None:
    """Raises NOT_FOUND for a tenant or a meter that is not on record."""
    for word, wanted, column in (
        ("tenant", order.tenant_id, tenants.c.tenant_id),
        ("meter", order.meter, meters.c.meter),
    ):
        if wanted is not None and connection.execute(select(column).where(column == wanted)).first() is None:
            raise BillingFailure(FailureCode.NOT_FOUND, f"there is no {word} {wanted} that a hold could cover")


def _hold(row: Row[Any]) -> Hold:
    return Hold.model_validate(row._asdict())
