"""What a tenant has been given, what an invoice still allows, and who has answered for a credit: read under locks, so
that two credits never count the same money (C8, D11).

Whatever takes more than one of these locks takes the tenant's first, so nobody waits in a circle.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Row, and_, func, or_, select, tuple_, union_all

from adapters import operator_keys
from adapters.postgres.corrected_lines import moved_meanwhile
from adapters.postgres.invoices import lock_revisions
from adapters.postgres.tables import approvals, credit_notes, credits, effects, invoices, operators, tenants
from adapters.postgres.tables.effects import ApprovalState
from billing.authority import LADDER, Role, level_for, sum_in_words
from billing.cases import SignedDecision, Verdict
from billing.corrections import CreditRequest, sha256_of
from billing.effects import Effect, EffectKind, EffectState
from billing.failures import BillingFailure, FailureCode
from billing.invoice_corrections import Deed
from billing.invoices import InvoiceStatus
from billing.money import Money
from billing.policy.credits import CreditPolicy

# Credits that may still happen or have happened already without being booked.
ON_THE_WAY = (EffectState.SENT.value, EffectState.UNKNOWN.value)
UNSETTLED = (EffectState.INTENDED.value, *ON_THE_WAY)


def approved_and_unbooked() -> ColumnElement[bool]:
    """Credits that were approved, or needed no approval, and are not booked yet, whenever that was."""
    return and_(effects.c.kind == EffectKind.CREDIT.value, effects.c.state.in_(UNSETTLED))


def approved_before(effect: Effect) -> ColumnElement[bool]:
    """The same without what was approved after `effect`: of two credits that together exceed a limit, the first goes."""
    earlier = tuple_(effects.c.intended_at, effects.c.op_key) < tuple_(effect.intended_at, effect.op_key)
    waiting = and_(effects.c.state == EffectState.INTENDED.value, earlier)
    return and_(
        effects.c.kind == EffectKind.CREDIT.value,
        effects.c.op_key != effect.op_key,
        or_(effects.c.state.in_(ON_THE_WAY), waiting),
    )


def lock_tenant(connection: Connection, tenant_id: str) -> str:
    """Let one decision about this tenant's credits happen after the other; returns the tenant's currency."""
    tenant = select(tenants.c.currency).where(tenants.c.tenant_id == tenant_id).with_for_update(key_share=True)
    currency: str | None = connection.execute(tenant).scalar_one_or_none()
    if currency is None:
        raise BillingFailure(FailureCode.NOT_FOUND, f"there is no tenant {tenant_id}")
    return currency


@dataclass(frozen=True)
class CreditWindow:
    """In which time and at which rates a tenant's credits are added up (C8): those of `policy`, up to `now`."""

    policy: CreditPolicy
    now: datetime

    def given(
        self, connection: Connection, tenant_id: str, currency: str, pending: ColumnElement[bool]
    ) -> Money | None:
        """What was booked for the tenant or written off in the window and what the `pending` effects will book, in one
        currency; None when a part of it is in a currency that has no planning rate."""
        booked = select(credits.c.currency, credits.c.amount_minor).where(
            credits.c.tenant_id == tenant_id, credits.c.created_at >= self.now - self.policy.window
        )
        promised = select(effects.c.currency, effects.c.amount_minor).where(effects.c.tenant_id == tenant_id, pending)
        given_up = select(
            effects.c.request["amount"]["currency"].astext, effects.c.request["amount"]["minor"].astext.cast(BigInteger)
        ).where(
            effects.c.tenant_id == tenant_id,
            effects.c.kind == EffectKind.INVOICE_CORRECTION.value,
            effects.c.request["deed"].astext == Deed.WRITE_OFF.value,
            effects.c.state == EffectState.CONFIRMED.value,
            effects.c.intended_at >= self.now - self.policy.window,
        )
        every = union_all(booked, promised, given_up).subquery()
        by_currency = select(every.c.currency, func.sum(every.c.amount_minor)).group_by(every.c.currency)
        sums = [Money(minor=int(minor), currency=of) for of, minor in connection.execute(by_currency)]
        return self.policy.added_up(sums, currency)

    def with_this(
        self, connection: Connection, tenant_id: str, amount: Money, pending: ColumnElement[bool]
    ) -> Money | None:
        """The same together with a credit of `amount`: what is measured against the limits."""
        given = self.given(connection, tenant_id, amount.currency, pending)
        return None if given is None else amount + given


def room_on_invoice(connection: Connection, invoice_id: str, pending: ColumnElement[bool] | None = None) -> Money:
    """What may still be given back on the document: the original total less every credit booked on any revision, and less
    the `pending` effects if any are to be counted; nothing once it is void. Locks the revisions."""
    every = lock_revisions(connection, invoice_id)
    revisions = [revision for revision in every if revision["status"] != InvoiceStatus.VOID.value]
    if invoice_id not in {revision["invoice_id"] for revision in revisions}:
        return Money.zero(every[-1]["currency"])
    ids = [revision["invoice_id"] for revision in revisions]
    booked = select(func.coalesce(func.sum(credits.c.amount_minor), 0)).where(credits.c.invoice_id.in_(ids))
    given = int(connection.execute(booked).scalar_one())
    if pending is not None:
        reserved = select(func.coalesce(func.sum(effects.c.amount_minor), 0)).where(
            effects.c.tenant_id == revisions[0]["tenant_id"], effects.c.request["invoice_id"].astext.in_(ids), pending
        )
        given += int(connection.execute(reserved).scalar_one())
    return Money(minor=revisions[0]["total_minor"] - given, currency=revisions[0]["currency"])


def given_besides_this_document(connection: Connection, invoice_id: str) -> Money:
    """What was given back and is not shown by this document itself, goodwill left out.

    A revision already restates the credit notes that led to it; counting them again would give back too little.
    """
    this = connection.execute(select(invoices).where(invoices.c.invoice_id == invoice_id)).one_or_none()
    if this is None:
        raise BillingFailure(FailureCode.NOT_FOUND, f"there is no invoice {invoice_id}")
    credited, corrected = invoices.alias("credited"), invoices.alias("corrected")
    given = (
        select(func.coalesce(func.sum(credits.c.amount_minor), 0))
        .join(credited, credited.c.invoice_id == credits.c.invoice_id)
        .join(credit_notes, credit_notes.c.credit_id == credits.c.credit_id, isouter=True)
        .join(corrected, corrected.c.invoice_id == credit_notes.c.invoice_id, isouter=True)
        .where(credited.c.tenant_id == this.tenant_id, credited.c.period == this.period, credited.c.kind == this.kind)
        .where(credits.c.goodwill.is_(False))
        .where(or_(corrected.c.revision.is_(None), corrected.c.revision >= this.revision))
    )
    return Money(minor=int(connection.execute(given).scalar_one()), currency=this.currency)


def objection_to_sending(
    connection: Connection, effect: Effect, policy: CreditPolicy, now: datetime
) -> BillingFailure | None:
    """Why an `intended` credit may not leave after all, re-read right before it does; the tenant is locked."""
    if missing := objection_to_approvals(connection, effect, policy, now):
        return missing
    amount = Money.model_validate(effect.request["amount"])
    room = room_on_invoice(connection, effect.request["invoice_id"], approved_before(effect))
    if amount > room:
        return BillingFailure(
            FailureCode.STALE_DECISION, f"{amount} is more than the {room} that can still be given back on the invoice"
        )
    moved = moved_meanwhile(connection, CreditRequest.model_validate(effect.request), approved_before(effect))
    return BillingFailure(FailureCode.STALE_DECISION, moved) if moved else None


def objection_to_approvals(
    connection: Connection, effect: Effect, policy: CreditPolicy, now: datetime
) -> BillingFailure | None:
    """Why what was approved does not cover the effect: it was changed, a signature is missing, or the tenant's credits
    have outgrown the authority of those who signed (C8)."""
    amount = Money.model_validate(effect.request["amount"])
    if sha256_of(effect.request) != effect.request_sha256:
        return BillingFailure(FailureCode.NOT_APPROVED, f"{effect.op_key} was changed after it was frozen")
    answered = answers(connection, effect)
    # What somebody ordered needs another person, whatever path stands in the row; only a dispute's evidence needs none.
    needed = max(len(path_of(connection, effect.op_key)), 0 if effect.request.get("resolution") else 1)
    if missing := needed - len(answered):
        return BillingFailure(FailureCode.NOT_APPROVED, f"{effect.op_key} still needs {missing} approvals")
    ahead = approved_before(effect)
    total = CreditWindow(policy, now).with_this(connection, effect.tenant_id or "", amount, ahead)
    level = level_for(total, policy)
    if LADDER.index(level) > LADDER.index(authority_of(answered)):
        return BillingFailure(
            FailureCode.STALE_DECISION, f"the tenant's recent credits now {sum_in_words(total)}, which needs {level}"
        )
    return None


def answers(connection: Connection, effect: Effect) -> list[Role]:
    """The roles of the operators who approved exactly the frozen request, as their signatures prove once more: a row
    written past the application counts for nothing."""
    approved = (
        select(approvals.c.approval_id, approvals.c.decided_role, approvals.c.signed_decision, operators)
        .join(operators, operators.c.operator_id == approvals.c.decided_by)
        .where(approvals.c.op_key == effect.op_key, approvals.c.state == ApprovalState.APPROVED.value)
    )
    return [Role(row.decided_role) for row in connection.execute(approved) if _signed_for(effect, row)]


def _signed_for(effect: Effect, row: Row[Any]) -> bool:
    decision = SignedDecision.model_validate(row.signed_decision)
    says = (decision.approval_id, decision.operator_id, decision.verdict, decision.request_sha256)
    needed = (row.approval_id, row.operator_id, Verdict.APPROVE, effect.request_sha256)
    return says == needed and operator_keys.verify(decision, row.public_key)


def path_of(connection: Connection, op_key: str) -> tuple[Role, ...]:
    """The roles that must approve an effect, in order; empty: none."""
    path = connection.execute(select(effects.c.path).where(effects.c.op_key == op_key)).scalar_one()
    return tuple(Role(role) for role in path)


def raised(path: Sequence[Role], amount: Money, given: Money | None, policy: CreditPolicy) -> tuple[Role, ...]:
    """The path, raised to the role that `amount` needs together with what was `given`; None: nobody can add that up."""
    needed = level_for(None if given is None else amount + given, policy)
    if LADDER.index(needed) <= LADDER.index(authority_of(path)):
        return tuple(path)
    return (*(role for role in path if role not in LADDER), needed)


def authority_of(roles: Collection[Role]) -> Role:
    """The highest rung of the ladder among them; without any, what the runbook may do by itself."""
    return max((role for role in roles if role in LADDER), key=LADDER.index, default=LADDER[0])
