"""The book of invoice corrections: each opened once, proposed as a frozen effect, and closed with what it came to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from activities.clock import Now, wall_clock
from activities.invoice_correction_ports import ClosingCorrection, CorrectionRow
from activities.ports import ProviderAnswer
from adapters.postgres import decisions
from adapters.postgres.correction_records import decided, note_on_invoice, record_correction, withdraw_unsent
from adapters.postgres.credit_limits import CreditWindow, approved_and_unbooked, lock_tenant, path_of, raised
from adapters.postgres.document_changes import carry_into_the_books, in_the_way
from adapters.postgres.effects import confirm_effect, read_effect
from adapters.postgres.engine import transaction
from adapters.postgres.invoices import document_called, newest_revision, read_invoice
from adapters.postgres.tables import effects, invoice_corrections
from billing.authority import Role
from billing.corrections import sha256_of
from billing.effects import Effect, EffectKind, EffectState
from billing.failures import BillingFailure, FailureCode
from billing.invoice_corrections import CorrectionOrder, CorrectionReceipt, CorrectionStory, Deed, Ending, StatusChange
from billing.invoices import Invoice
from billing.money import Money
from billing.policy.bundle import Policy

# What the books add to the provider's answer, so that a second confirmation answers the first receipt.
_BOOKED_AT, _HANDED_BACK = "booked_at", "handed_back_minor"


class PostgresCorrections:
    """Satisfies `CorrectionBook`."""

    def __init__(self, engine: Engine, now: Now = wall_clock) -> None:
        self._engine = engine
        self._now = now

    def open(self, order: CorrectionOrder, now: datetime, idempotency_key: str | None = None) -> CorrectionRow:
        asked = _asked(order)
        with transaction(self._engine) as connection:
            newest = _newest_called(connection, order.invoice)
            row = {
                "case_id": order.case_id,
                "idempotency_key": idempotency_key,
                "request": order.model_dump(mode="json"),
                "request_sha256": asked,
                "requested_by": order.requested_by,
                "invoice_id": newest and newest.invoice_id,
                "tenant_id": newest and newest.tenant_id,
                "opened_at": now,
            }
            connection.execute(upsert(invoice_corrections).values(row).on_conflict_do_nothing())
            register = invoice_corrections.c
            same = register.idempotency_key == idempotency_key if idempotency_key else register.case_id == order.case_id
            kept = connection.execute(select(invoice_corrections).where(same)).one_or_none()
        if kept is None or kept.request_sha256 != asked:
            raise BillingFailure(
                FailureCode.CONFLICT,
                f"this key stands for {kept.case_id if kept else 'another correction'} already, with another order: "
                "use another key for another order",
            )
        return _row(kept)

    def document(self, name: str) -> Invoice | None:
        with transaction(self._engine) as connection:
            invoice_id = document_called(connection, name)
            return read_invoice(connection, invoice_id) if invoice_id else None

    def newest(self, invoice_id: str) -> Invoice:
        with transaction(self._engine) as connection:
            return read_invoice(connection, newest_revision(connection, invoice_id))

    def proposed(self, op_key: str) -> Effect | None:
        with transaction(self._engine) as connection:
            there = connection.execute(select(effects.c.op_key).where(effects.c.op_key == op_key)).first()
            return read_effect(connection, op_key) if there else None

    def propose(
        self, change: StatusChange, path: Sequence[Role], recently_credited: Money | None, policy: Policy
    ) -> tuple[Role, ...]:
        with transaction(self._engine) as connection:
            currency = lock_tenant(connection, change.tenant_id)
            if connection.execute(select(effects.c.op_key).where(effects.c.op_key == change.op_key)).first():
                return path_of(connection, change.op_key)
            if why := in_the_way(connection, change):
                raise BillingFailure(FailureCode.CONFLICT, why)
            window = CreditWindow(policy.credits, self._now())
            given = window.given(connection, change.tenant_id, currency, approved_and_unbooked())
            needed = tuple(path) if given == recently_credited else raised(path, change.amount, given, policy.credits)
            connection.execute(insert(effects).values(_proposed_row(change, needed, self._now())))
        return needed

    def confirm(self, op_key: str, answer: ProviderAnswer) -> CorrectionReceipt:
        with transaction(self._engine) as connection:
            change = StatusChange.model_validate(read_effect(connection, op_key).request)
            lock_tenant(connection, change.tenant_id)
            effect = read_effect(connection, op_key, lock=True)
            if effect.state is not EffectState.CONFIRMED:
                handed_back = carry_into_the_books(connection, change, self._now())
                booked = {_BOOKED_AT: self._now().isoformat(), _HANDED_BACK: handed_back.minor}
                answer = answer.model_copy(update={"kept": answer.kept | booked})
            confirmed = confirm_effect(connection, effect, answer)
        return _receipt(change, answer.provider_id, confirmed.outcome or {})

    def close(self, closing: ClosingCorrection) -> None:
        """Raises NOT_FOUND without a case, CONFLICT for another ending than the first."""
        now = self._now()
        with transaction(self._engine) as connection:
            case = _locked(connection, closing.case_id)
            if case.ending is not None:
                if case.ending != closing.ending.value:
                    raise BillingFailure(FailureCode.CONFLICT, f"{closing.case_id} ended as {case.ending} already")
                return
            withdraw_unsent(connection, closing)
            connection.execute(
                update(invoice_corrections)
                .where(invoice_corrections.c.case_id == closing.case_id)
                .values(
                    ending=closing.ending.value,
                    resolved_by=closing.resolved_by,
                    story=closing.story.model_dump(mode="json"),
                    closed_at=now,
                )
            )
            if closing.receipt is None:
                return
            order = CorrectionOrder.model_validate(case.request)
            invoice = read_invoice(connection, case.invoice_id)
            note_on_invoice(connection, invoice, order, closing.receipt)
            if order.deed is Deed.CREDIT:
                record_correction(connection, invoice, order, closing, now)
            decisions.append(connection, decided(invoice, order, closing).line(now), now)

    def find(self, case_id: str) -> CorrectionRow | None:
        with transaction(self._engine) as connection:
            this = select(invoice_corrections).where(invoice_corrections.c.case_id == case_id)
            row = connection.execute(this).one_or_none()
        return _row(row) if row else None

    def latest(self, limit: int, *, only_open: bool = False) -> tuple[CorrectionRow, ...]:
        newest = (
            select(invoice_corrections)
            .order_by(invoice_corrections.c.opened_at.desc(), invoice_corrections.c.case_id)
            .limit(limit)
        )
        if only_open:
            newest = newest.where(invoice_corrections.c.ending.is_(None))
        with transaction(self._engine) as connection:
            return tuple(_row(row) for row in connection.execute(newest))


def _asked(order: CorrectionOrder) -> str:
    """The hash of what was ordered, whoever sends it again."""
    return sha256_of(order.model_dump(mode="json", exclude={"requested_by"}))


def _newest_called(connection: Connection, name: str) -> Invoice | None:
    invoice_id = document_called(connection, name)
    return read_invoice(connection, newest_revision(connection, invoice_id)) if invoice_id else None


def _locked(connection: Connection, case_id: str) -> Row[Any]:
    this = select(invoice_corrections).where(invoice_corrections.c.case_id == case_id).with_for_update(key_share=True)
    row = connection.execute(this).one_or_none()
    if row is None:
        raise BillingFailure(FailureCode.NOT_FOUND, f"there is no correction {case_id}")
    return row


def _row(row: Row[Any]) -> CorrectionRow:
    return CorrectionRow(
        case_id=row.case_id,
        order=CorrectionOrder.model_validate(row.request),
        invoice_id=row.invoice_id,
        tenant_id=row.tenant_id,
        opened_at=row.opened_at,
        ending=row.ending and Ending(row.ending),
        closed_at=row.closed_at,
        story=row.story and CorrectionStory.model_validate(row.story),
    )


def _proposed_row(change: StatusChange, path: tuple[Role, ...], now: datetime) -> dict[str, object]:
    return {
        "op_key": change.op_key,
        "kind": EffectKind.INVOICE_CORRECTION.value,
        "case_id": change.case_id,
        "tenant_id": change.tenant_id,
        "state": EffectState.PROPOSED.value,
        "request": change.model_dump(mode="json"),
        "request_sha256": change.sha256(),
        "path": [role.value for role in path],
        "intended_at": now,
    }


def _receipt(change: StatusChange, provider_id: str, kept: dict[str, Any]) -> CorrectionReceipt:
    currency = change.amount.currency
    return CorrectionReceipt(
        deed=change.deed,
        amount=change.amount,
        provider_id=provider_id,
        refunded=Money.zero(currency),
        to_balance=Money(minor=int(kept[_HANDED_BACK]), currency=currency),
        lowered_due=change.amount,
        booked_at=datetime.fromisoformat(kept[_BOOKED_AT]),
    )
