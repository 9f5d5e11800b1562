"""An issued document that is declared void or written off: what stands in the way, and what follows in the books."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, func, select, update

from adapters.postgres.credit_limits import UNSETTLED, objection_to_approvals
from adapters.postgres.invoices import lock_revisions
from adapters.postgres.tables import credit_applications, credits, effects, invoices, late_usage
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
    """A write-off is the status of every revision in force; a void takes the document out of its period. Answers what a
    void hands back of the credits that were applied to it, which wait for the next invoice again."""
    revisions = lock_revisions(connection, change.invoice_id)
    if change.deed is Deed.VOID:
        # Out of the way of the document that bills the period again: below every revision there is.
        below = min(1, *(revision["revision"] for revision in revisions)) - 1
        return _voided(connection, change, below, now)
    in_force = [revision["invoice_id"] for revision in revisions if revision["status"] != InvoiceStatus.VOID.value]
    given_up = {"status": STATUS_AFTER[change.deed].value}
    connection.execute(update(invoices).where(invoices.c.invoice_id.in_(in_force)).values(given_up))
    return Money.zero(change.amount.currency)


def _voided(connection: Connection, change: StatusChange, revision: int, now: datetime) -> Money:
    """Nothing was credited on the document, so it is the only one of its kind in force."""
    this = invoices.c.invoice_id == change.invoice_id
    said = {"status": InvoiceStatus.VOID.value, "void_reason": change.reason, "revision": revision}
    connection.execute(update(invoices).where(this).values(said))
    # Usage that it had billed late waits for the next bill.
    connection.execute(update(late_usage).where(late_usage.c.billed_on == change.invoice_id).values(billed_on=None))
    return Money(minor=_hand_back(connection, change.invoice_id, now), currency=change.amount.currency)


def _hand_back(connection: Connection, invoice_id: str, now: datetime) -> int:
    statement = (
        update(credit_applications)
        .where(credit_applications.c.invoice_id == invoice_id, credit_applications.c.handed_back_at.is_(None))
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
