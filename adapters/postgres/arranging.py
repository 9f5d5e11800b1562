"""Arrangements that need another person: frozen as effects, so that an approval binds exactly what was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.postgresql import insert

from adapters.postgres.credits import UNSENT, withdraw_effect
from adapters.postgres.effects import read_effect
from adapters.postgres.tables import approvals, arrangements, effects
from billing.authority import Role
from billing.effects import EffectKind, EffectState
from billing.failures import BillingFailure, FailureCode
from billing.recovery import CASE, ArrangementRequest, ArrangementState


def frozen(connection: Connection, request: ArrangementRequest, path: Sequence[Role], now: datetime) -> None:
    """Freeze what is asked for as a proposal; the same key again changes nothing. It is filed under the workflow that takes
    the answer, which is the same for all episodes of a tenant."""
    row = {
        "op_key": request.op_key,
        "kind": EffectKind.ARRANGEMENT.value,
        "case_id": f"{CASE}/{request.tenant_id}",
        "tenant_id": request.tenant_id,
        "state": EffectState.PROPOSED.value,
        "request": request.model_dump(mode="json"),
        "request_sha256": request.sha256(),
        "path": [role.value for role in path],
        "intended_at": now,
    }
    connection.execute(insert(effects).values(row).on_conflict_do_nothing())


def confirmed(connection: Connection, op_key: str) -> str | None:
    """Mark an approved arrangement as carried out, unless something left the house for it; answers who approved it last.
    Raises NOT_APPROVED while somebody on its path has not said yes."""
    effect = read_effect(connection, op_key, lock=True)
    if effect.state not in (EffectState.INTENDED, EffectState.CONFIRMED):
        raise BillingFailure(FailureCode.NOT_APPROVED, f"{op_key} is {effect.state} and does not count")
    done = {"state": EffectState.CONFIRMED.value, "provider_id": "in the house"}
    if effect.state is EffectState.INTENDED:
        connection.execute(update(effects).where(effects.c.op_key == op_key).values(done))
    by = select(approvals.c.decided_by).where(approvals.c.op_key == op_key, approvals.c.decided_by.is_not(None))
    return connection.execute(by.order_by(approvals.c.position.desc()).limit(1)).scalar_one_or_none()


def taken_back(connection: Connection, op_key: str, why: str, now: datetime) -> None:
    """Refuse what still waits, with its open question."""
    if read_effect(connection, op_key, lock=True).state.value in UNSENT:
        withdraw_effect(connection, op_key, why)
    refused = {"state": ArrangementState.REFUSED.value, "settled_at": now}
    connection.execute(update(arrangements).where(arrangements.c.arrangement_id == op_key).values(refused))
