"""An issued document that is declared void or written off: what stands in the way, and what follows in the books."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, func, select, update

from adapters.postgres.credit_limits import UNSETTLED, objection_to_approvals
from adapters.postgres.invoices import lock_revisions
from adapters.postgres.tables import credit_applications, credits, effects, invoices
from billing.effects import Effect, EffectKind
from billing.failures import BillingFailure, FailureCode
from billing.invoice_corrections import Deed, StatusChange
from billing.invoices import InvoiceStatus
from billing.money import Money
from billing.policy.credits import CreditPolicy

STATUS_AFTER = {Deed.VOID: InvoiceStatus.VOID, Deed.WRITE_OFF: InvoiceStatus.UNCOLLECTIBLE}


def objection_to_changing(
    connection: Connection, effect: Effect, policy: CreditPolicy, now: datetime
) -> BillingFailure | None:
    """Why an `intended` void or write-off may not leave after all, re-read right before it does; the tenant is locked."""
    if missing := objection_to_approvals(connection, effect, policy, now):
        return missing
    why = in_the_way(connection, StatusChange.model_validate(effect.request))
    return BillingFailure(FailureCode.STALE_DECISION, why) if why else None


def in_the_way(connection: Connection, change: StatusChange) -> str | None:
    """What in the books keeps the document from being changed, with what to do; None when nothing does. Locks the
    revisions."""
    revisions = lock_revisions(connection, change.invoice_id)
    newest = revisions[-1]
    if newest["invoice_id"] != change.invoice_id:
        return f"invoice {change.number} was corrected meanwhile: order it for its newest revision {newest['number']}"
    if newest["status"] == InvoiceStatus.VOID.value:
        return f"invoice {change.number} is void already"
    if newest["status"] == STATUS_AFTER[change.deed].value:
        return f"invoice {change.number} is written off already"
    ids = [revision["invoice_id"] for revision in revisions]
    if on_its_way := _on_the_way(connection, change, ids):
        return f"invoice {change.number}: another correction is on its way, wait for {on_its_way}"
    given = _given_back(connection, ids)
    if change.deed is Deed.VOID and given:
        back = Money(minor=given, currency=newest["currency"])
        return (
            f"{back} was given back for invoice {change.number} already, so it cannot be voided: give the rest back with "
            "`runbooks invoice correct` instead"
        )
    return None


def carry_into_the_books(connection: Connection, change: StatusChange, now: datetime) -> Money:
    """The document's status, on every revision in force; answers what a void hands back of the credits that were applied to
    it, which wait for the next invoice again."""
    revisions = lock_revisions(connection, change.invoice_id)
    in_force = [revision["invoice_id"] for revision in revisions if revision["status"] != InvoiceStatus.VOID.value]
    status = STATUS_AFTER[change.deed]
    said = {"status": status.value} | ({"void_reason": change.reason} if change.deed is Deed.VOID else {})
    connection.execute(update(invoices).where(invoices.c.invoice_id.in_(in_force)).values(said))
    handed_back = _hand_back(connection, in_force, now) if change.deed is Deed.VOID else 0
    return Money(minor=handed_back, currency=change.amount.currency)


def _hand_back(connection: Connection, invoice_ids: Sequence[str], now: datetime) -> int:
    statement = (
        update(credit_applications)
        .where(credit_applications.c.invoice_id.in_(invoice_ids), credit_applications.c.handed_back_at.is_(None))
        .values(handed_back_at=now)
        .returning(credit_applications.c.amount_minor)
    )
    return sum(connection.execute(statement).scalars())


def _on_the_way(connection: Connection, change: StatusChange, invoice_ids: Sequence[str]) -> str | None:
    """The case of another effect that was approved for the document and is not settled yet."""
    other = (
        select(effects.c.case_id)
        .where(effects.c.tenant_id == change.tenant_id, effects.c.op_key != change.op_key)
        .where(effects.c.kind.in_((EffectKind.CREDIT.value, EffectKind.INVOICE_CORRECTION.value)))
        .where(effects.c.state.in_(UNSETTLED), effects.c.request["invoice_id"].astext.in_(invoice_ids))
        .limit(1)
    )
    return connection.execute(other).scalar_one_or_none()


def _given_back(connection: Connection, invoice_ids: Sequence[str]) -> int:
    """Minor units; a gesture gives nothing back for the document."""
    booked = select(func.coalesce(func.sum(credits.c.amount_minor), 0)).where(
        credits.c.invoice_id.in_(invoice_ids), credits.c.goodwill.is_(False)
    )
    return int(connection.execute(booked).scalar_one())
