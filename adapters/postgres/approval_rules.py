"""Why a signed decision may not count, in words; everything is read again inside the transaction that counts it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from adapters import operator_keys
from adapters.postgres.credit_limits import CreditWindow, approved_and_unbooked
from adapters.postgres.operators import Operator
from adapters.postgres.tables import approvals, operators
from adapters.postgres.tables.effects import ApprovalState
from billing import authority
from billing.authority import LADDER, level_for, sum_in_words
from billing.cases import SignedDecision, Verdict
from billing.corrections import sha256_of
from billing.effects import Effect, EffectKind, EffectState
from billing.money import Money
from billing.policy.credits import CreditPolicy


def signer_of(connection: Connection, decision: SignedDecision) -> Operator | str:
    """The operator who signed the decision, or why it cannot be told."""
    one = select(operators).where(operators.c.operator_id == decision.operator_id)
    row = connection.execute(one).one_or_none()
    if row is None:
        return f"{decision.operator_id} is not an operator"
    operator = Operator.model_validate(row._asdict())
    if not operator_keys.verify(decision, operator.public_key):
        return f"the signature is not {operator.operator_id}'s on this decision: sign it with that operator's token"
    return operator


def objection(
    connection: Connection,
    decision: SignedDecision,
    question: Row[Any],
    effect: Effect,
    signer: Operator,
    limits: CreditPolicy,
    now: datetime,
) -> str | None:
    """Why this answer does not count; None when nothing is against it. Tenant, effect and question are locked."""
    if closed := _no_longer_open(question, effect, now):
        return closed
    if not decision.request_sha256 == question.request_sha256 == effect.request_sha256 == sha256_of(effect.request):
        return "the decision is about another request than the frozen one: read the question again"
    personal = authority.objection(
        operator_id=signer.operator_id,
        role=signer.role,
        required=authority.Role(question.role),
        requested_by=question.requested_by,
        earlier_deciders=_earlier_deciders(connection, effect.op_key),
        active=signer.active,
    )
    if personal or decision.verdict is Verdict.REJECT or not _has_a_limit(effect, question):
        return personal
    return _outgrown(connection, effect, signer, limits, now)


def _has_a_limit(effect: Effect, question: Row[Any]) -> bool:
    """Credits and corrections are measured against the limits of the ladder; a month end is approved as it is, or not at
    all."""
    return effect.kind in (EffectKind.CREDIT, EffectKind.INVOICE_CORRECTION) and question.role in LADDER


def _no_longer_open(question: Row[Any], effect: Effect, now: datetime) -> str | None:
    if question.state != ApprovalState.OPEN.value:
        by = f" by {question.decided_by}" if question.decided_by else ""
        return f"this question was already {question.state}{by}"
    if question.expires_at <= now:
        return f"this question expired at {question.expires_at:%Y-%m-%d %H:%M} UTC"
    if effect.state is not EffectState.PROPOSED:
        return f"the request is {effect.state} and waits for nobody"
    return None


def _earlier_deciders(connection: Connection, op_key: str) -> set[str]:
    decided = select(approvals.c.decided_by).where(approvals.c.op_key == op_key, approvals.c.decided_by.is_not(None))
    return set(connection.execute(decided).scalars())


def _outgrown(
    connection: Connection, effect: Effect, signer: Operator, limits: CreditPolicy, now: datetime
) -> str | None:
    """Whether the tenant's credits now need more authority than the signer has, whatever they needed when asked (C8)."""
    amount = Money.model_validate(effect.request["amount"])
    total = CreditWindow(limits, now).with_this(connection, effect.tenant_id or "", amount, approved_and_unbooked())
    needed = level_for(total, limits)
    if authority.may_decide(signer.role, needed):
        return None
    return (
        f"with this credit the tenant's credits of the last {limits.window.days} days {sum_in_words(total)}, "
        f"which needs {needed}; {signer.operator_id} is {signer.role}"
    )
