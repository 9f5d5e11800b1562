"""Questions to people, and the one transaction in which an answer counts or is refused (C8, D11)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, case, select, update
from sqlalchemy.dialects.postgresql import insert

from activities.clock import Now, wall_clock
from activities.ports import PolicyShelf
from adapters.postgres import approval_refusals
from adapters.postgres.approval_rules import objection, signer_of
from adapters.postgres.credit_limits import answers, lock_tenant, path_of
from adapters.postgres.credits import withdraw_effect
from adapters.postgres.effects import read_effect
from adapters.postgres.engine import transaction
from adapters.postgres.operators import Operator
from adapters.postgres.tables import approvals, effects
from adapters.postgres.tables.effects import ApprovalState
from adapters.postgres.tenants import Tenants
from billing.authority import Role
from billing.cases import DecisionReceipt, PendingApproval, SignedDecision, Verdict
from billing.effects import Effect, EffectKind, EffectState
from billing.failures import BillingFailure, FailureCode
from billing.money import Money
from billing.policy.credits import CreditPolicy
from billing.run_reports import CurrencyTotal

# What their requests are about, in money; only credits have it in columns.
_WITH_AN_AMOUNT = (EffectKind.INVOICE_CORRECTION.value, EffectKind.ARRANGEMENT.value)
_DECIDED = {Verdict.APPROVE: ApprovalState.APPROVED, Verdict.REJECT: ApprovalState.REJECTED}


class Approvals:
    """Satisfies `ApprovalDesk`; limits are re-checked under the policy that is in force when somebody decides."""

    def __init__(self, engine: Engine, policies: PolicyShelf, now: Now = wall_clock) -> None:
        self._engine = engine
        self._tenants = Tenants(engine)
        self._policies = policies
        self._now = now

    def ask(
        self, op_key: str, position: int, role: Role, question: str, asked_at: datetime, expires_at: datetime
    ) -> PendingApproval:
        """Positions count from 1. Raises NOT_APPROVED when the proposal was taken back meanwhile, INVALID for a position
        or role that its path does not have."""
        approval_id = f"{op_key}/a{position}"
        with transaction(self._engine) as connection:
            effect = read_effect(connection, op_key, lock=True)
            if asked := _find(connection, approval_id):
                return asked
            _belongs_to_path(path_of(connection, op_key), position, role, op_key)
            if effect.state is not EffectState.PROPOSED:
                raise BillingFailure(FailureCode.NOT_APPROVED, f"{op_key} is {effect.state} and waits for nobody")
            row = {
                "approval_id": approval_id,
                "op_key": op_key,
                "position": position,
                "role": role.value,
                "question": question,
                "request_sha256": effect.request_sha256,
                "requested_by": effect.request["requested_by"],
                "state": ApprovalState.OPEN.value,
                "asked_at": asked_at,
                "expires_at": expires_at,
            }
            connection.execute(insert(approvals).values(row))
            return _pending(connection.execute(_questions().where(approvals.c.approval_id == approval_id)).one())

    def decide(self, decision: SignedDecision) -> DecisionReceipt:
        limits = self._limits(decision.approval_id)
        with transaction(self._engine) as connection:
            if first := approval_refusals.first_receipt(connection, decision):
                return first
            signer = signer_of(connection, decision)
            if isinstance(signer, str):
                return approval_refusals.record(connection, decision, signer, self._now())
            if limits is None:
                words = "there is no such question: list the open ones and take the approval id from there"
                return approval_refusals.record(connection, decision, words, self._now())
            question, effect = _locked(connection, decision.approval_id)
            if _counted_already(question, decision):
                return _accepted(decision)
            if why := objection(connection, decision, question, effect, signer, limits, self._now()):
                return approval_refusals.record(connection, decision, why, self._now())
            self._count(connection, decision, effect, signer)
            return _accepted(decision)

    def climb(self, approval_id: str, role: Role) -> None:
        """A question that was answered meanwhile stays as it is."""
        still_open = (approvals.c.approval_id == approval_id) & (approvals.c.state == ApprovalState.OPEN.value)
        with transaction(self._engine) as connection:
            connection.execute(update(approvals).where(still_open).values(role=role.value))

    def expire(self, approval_id: str) -> None:
        """A question that was answered meanwhile stays as it is."""
        with transaction(self._engine) as connection:
            question, effect = _locked(connection, approval_id)
            if question.state != ApprovalState.OPEN.value:
                return
            this = approvals.c.approval_id == approval_id
            connection.execute(update(approvals).where(this).values(state=ApprovalState.EXPIRED.value))
            if effect.state is EffectState.PROPOSED:
                withdraw_effect(connection, effect.op_key, "nobody answered in time")

    def pending(self) -> list[PendingApproval]:
        """Every open question, the oldest first."""
        still_open = _questions().where(approvals.c.state == ApprovalState.OPEN.value)
        with transaction(self._engine) as connection:
            rows = connection.execute(still_open.order_by(approvals.c.asked_at, approvals.c.approval_id))
            return [_pending(row) for row in rows]

    def find(self, approval_id: str) -> PendingApproval | None:
        """One question, open or not."""
        with transaction(self._engine) as connection:
            return _find(connection, approval_id)

    def _limits(self, approval_id: str) -> CreditPolicy | None:
        """The credit policy of the tenant that a question is about, or the standard one; None without such a question."""
        asked = (
            select(effects.c.tenant_id)
            .join(approvals, approvals.c.op_key == effects.c.op_key)
            .where(approvals.c.approval_id == approval_id)
        )
        with transaction(self._engine) as connection:
            question = connection.execute(asked).one_or_none()
        if question is None:
            return None
        tenant = self._tenants.find(question.tenant_id) if question.tenant_id else None
        return self._policies.in_force(tenant).credits

    def _count(self, connection: Connection, decision: SignedDecision, effect: Effect, signer: Operator) -> None:
        connection.execute(
            update(approvals)
            .where(approvals.c.approval_id == decision.approval_id)
            .values(
                state=_DECIDED[decision.verdict].value,
                decided_by=signer.operator_id,
                decided_role=signer.role.value,
                decided_at=decision.decided_at,
                signed_decision=decision.model_dump(mode="json"),
            )
        )
        if decision.verdict is Verdict.REJECT:
            withdraw_effect(connection, effect.op_key, f"rejected by {signer.operator_id}")
        elif len(answers(connection, effect)) == len(path_of(connection, effect.op_key)):
            approved = {"state": EffectState.INTENDED.value, "intended_at": self._now()}
            connection.execute(update(effects).where(effects.c.op_key == effect.op_key).values(approved))


def _locked(connection: Connection, approval_id: str) -> tuple[Row[Any], Effect]:
    """The question and its effect as they are once nobody else decides about this tenant; raises NOT_FOUND."""
    this = select(approvals).where(approvals.c.approval_id == approval_id)
    found = connection.execute(this).one_or_none()
    if found is None:
        raise BillingFailure(FailureCode.NOT_FOUND, f"there is no question {approval_id}")
    effect = read_effect(connection, found.op_key)
    if effect.tenant_id:
        lock_tenant(connection, effect.tenant_id)
    effect = read_effect(connection, found.op_key, lock=True)
    return connection.execute(this.with_for_update()).one(), effect


def _belongs_to_path(path: tuple[Role, ...], position: int, role: Role, op_key: str) -> None:
    if not 1 <= position <= len(path) or path[position - 1] is not role:
        steps = ", then ".join(path) or "nobody"
        raise BillingFailure(
            FailureCode.INVALID, f"{op_key} is approved by {steps}: there is no {role} at position {position}"
        )


def _counted_already(question: Row[Any], decision: SignedDecision) -> bool:
    return (question.state, question.decided_by, question.request_sha256) == (
        _DECIDED[decision.verdict].value,
        decision.operator_id,
        decision.request_sha256,
    )


def _accepted(decision: SignedDecision) -> DecisionReceipt:
    return DecisionReceipt(
        accepted=True,
        approval_id=decision.approval_id,
        verdict=decision.verdict,
        operator_id=decision.operator_id,
        message=f"{_DECIDED[decision.verdict]} by {decision.operator_id}",
    )


def _find(connection: Connection, approval_id: str) -> PendingApproval | None:
    row = connection.execute(_questions().where(approvals.c.approval_id == approval_id)).one_or_none()
    return _pending(row) if row else None


def _questions() -> Select[Any]:
    about = effects.c
    totals = case((about.kind == EffectKind.INVOICE_RUN.value, about.request["report"]["totals"])).label(
        "report_totals"
    )
    # Only credits have their amount in columns, so that those of a tenant can be added up without opening requests.
    given_up = case((about.kind.in_(_WITH_AN_AMOUNT), about.request["amount"])).label("given_up")
    columns = (about.case_id, about.tenant_id, about.amount_minor, about.currency, totals, given_up)
    return select(approvals, *columns).join(effects, about.op_key == approvals.c.op_key)


def _pending(row: Row[Any]) -> PendingApproval:
    amount = None if row.amount_minor is None else Money(minor=row.amount_minor, currency=row.currency)
    if row.given_up is not None:
        amount = Money.model_validate(row.given_up)
    totals = [CurrencyTotal.model_validate(one).total for one in row.report_totals or ()]
    return PendingApproval.model_validate(row._asdict() | {"amount": amount, "totals": totals})
