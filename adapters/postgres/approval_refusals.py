"""Every decision that did not count is kept: who claimed to have made it, and why it was refused."""

from __future__ import annotations

import hashlib
from datetime import datetime

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from adapters.postgres.tables import approval_refusals
from billing.cases import DecisionReceipt, SignedDecision

# A forged decision may name anything; nobody needs more of it than this.
LONGEST_NAME = 300


def first_receipt(connection: Connection, decision: SignedDecision) -> DecisionReceipt | None:
    """The answer this very decision, signature included, was given before."""
    same = select(approval_refusals.c.objection).where(approval_refusals.c.decision_sha256 == _fingerprint(decision))
    words = connection.execute(same).scalar_one_or_none()
    return _refused(decision, words) if words is not None else None


def record(connection: Connection, decision: SignedDecision, objection: str, now: datetime) -> DecisionReceipt:
    """Put a refusal on record and answer with it."""
    row = {
        "approval_id": decision.approval_id[:LONGEST_NAME],
        "operator_id": decision.operator_id,
        "verdict": decision.verdict.value,
        "request_sha256": decision.request_sha256,
        "decision_sha256": _fingerprint(decision),
        "objection": objection,
        "decided_at": decision.decided_at,
        "refused_at": now,
    }
    connection.execute(insert(approval_refusals).values(row).on_conflict_do_nothing())
    return _refused(decision, objection)


def _refused(decision: SignedDecision, objection: str) -> DecisionReceipt:
    return DecisionReceipt(
        accepted=False,
        approval_id=decision.approval_id,
        verdict=decision.verdict,
        operator_id=decision.operator_id,
        message=objection,
    )


def _fingerprint(decision: SignedDecision) -> str:
    return hashlib.sha256(decision.signed_bytes() + b"\n" + decision.signature.encode()).hexdigest()
