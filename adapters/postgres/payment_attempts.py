"""Every attempt to collect an invoice: one at a time under way, each number taken once, the first result for good."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, select, update
from sqlalchemy.dialects.postgresql import insert

from activities.payment_results import result_of_row
from adapters.postgres.engine import transaction
from adapters.postgres.tables import effects, payment_attempts
from billing.failures import BillingFailure, FailureCode
from billing.money import Money
from billing.payments import AttemptOrder, AttemptResult, AttemptRow, Origin, Outcome

# An attempt that sent nothing may be made under the same number later.
_NOTHING_SENT = (Outcome.HELD.value, Outcome.NOTHING_DUE.value, Outcome.BELOW_MINIMUM.value)


class PaymentAttempts:
    """Satisfies `ReceivablesBook` as far as it is about attempts."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def begin(self, order: AttemptOrder, now: datetime) -> AttemptRow | None:
        with transaction(self._engine) as connection:
            written = insert(payment_attempts).values(_new(order, now)).on_conflict_do_nothing()
            if connection.execute(written.returning(payment_attempts.c.op_key)).first():
                return None
            own = _read(connection, order.op_key)
            if own is None:
                return _under_way(connection, order.invoice_id) or _lost_a_race(order)
            if own.ended_at is not None and own.outcome in _NOTHING_SENT:
                other = _under_way(connection, order.invoice_id)
                if other is None:
                    _begin_again(connection, order, now)
                return other
            if own.case_id != order.case_id:
                raise BillingFailure(
                    FailureCode.CONFLICT, f"{order.op_key} was made by {own.case_id}: take the next number"
                )
        return None

    def end(self, op_key: str, result: AttemptResult, now: datetime) -> AttemptResult:
        with transaction(self._engine) as connection:
            return _end(connection, op_key, result, now)

    def give_up(self, op_key: str, result: AttemptResult, now: datetime) -> AttemptResult | None:
        with transaction(self._engine) as connection:
            # Whoever freezes its request waits for this lock, or is waited for.
            _read(connection, op_key, lock=True)
            frozen = select(effects.c.op_key).where(effects.c.op_key == op_key, effects.c.wire.is_not(None))
            if connection.execute(frozen).first() is not None:
                return None
            return _end(connection, op_key, result, now)

    def attempt(self, op_key: str) -> AttemptRow | None:
        with transaction(self._engine) as connection:
            return _read(connection, op_key)

    def requested(self, invoice_id: str, request_key: str) -> AttemptRow | None:
        asked = select(payment_attempts).where(
            payment_attempts.c.invoice_id == invoice_id, payment_attempts.c.request_key == request_key
        )
        with transaction(self._engine) as connection:
            row = connection.execute(asked).one_or_none()
        return None if row is None else _row(row)

    def attempts(self, invoice_id: str) -> tuple[AttemptRow, ...]:
        of_invoice = select(payment_attempts).where(payment_attempts.c.invoice_id == invoice_id)
        ordered = of_invoice.order_by(payment_attempts.c.began_at, payment_attempts.c.op_key)
        with transaction(self._engine) as connection:
            return tuple(_row(row) for row in connection.execute(ordered))

    def tried(self, invoice_id: str) -> dict[Origin, int]:
        counted = (
            select(payment_attempts.c.origin, func.max(payment_attempts.c.number))
            .where(
                payment_attempts.c.invoice_id == invoice_id,
                func.coalesce(payment_attempts.c.outcome, "").not_in(_NOTHING_SENT),
            )
            .group_by(payment_attempts.c.origin)
        )
        with transaction(self._engine) as connection:
            return {Origin(origin): number for origin, number in connection.execute(counted)}


def keep_under_way(connection: Connection, op_key: str) -> None:
    """Hold the attempt open until the transaction ends; PROVIDER_BUSY when it was closed, so that another may charge."""
    row = _read(connection, op_key, lock=True)
    if row is not None and row.ended_at is not None:
        raise BillingFailure(FailureCode.PROVIDER_BUSY, f"{op_key} has ended meanwhile ({row.words}): trying again")


def _end(connection: Connection, op_key: str, result: AttemptResult, now: datetime) -> AttemptResult:
    row = _read(connection, op_key, lock=True)
    if row is None:
        raise BillingFailure(FailureCode.NOT_FOUND, f"there is no attempt {op_key}")
    if row.ended_at is not None:
        return result_of_row(row)
    _changed(
        connection,
        op_key,
        ended_at=now if result.outcome is not Outcome.UNKNOWN else None,
        outcome=result.outcome.value,
        amount_minor=None if result.amount is None else result.amount.minor,
        currency=None if result.amount is None else result.amount.currency,
        decline_code=result.decline_code,
        advice=result.advice and result.advice.value,
        for_a_person=result.for_a_person,
        words=result.words,
    )
    return result


def _new(order: AttemptOrder, now: datetime) -> dict[str, Any]:
    kept = order.model_dump(mode="json", exclude={"payment_method", "method_since"})
    return kept | {"op_key": order.op_key, "began_at": now}


def _under_way(connection: Connection, invoice_id: str) -> AttemptRow | None:
    open_one = select(payment_attempts).where(
        payment_attempts.c.invoice_id == invoice_id, payment_attempts.c.ended_at.is_(None)
    )
    row = connection.execute(open_one).one_or_none()
    return None if row is None else _row(row)


def _begin_again(connection: Connection, order: AttemptOrder, now: datetime) -> None:
    who = order.model_dump(include={"case_id", "requested_by", "reason", "request_key"})
    _changed(connection, order.op_key, began_at=now, ended_at=None, outcome=None, words="", **who)


def _lost_a_race(order: AttemptOrder) -> AttemptRow:
    """The one that barred it ended between two statements: the next try finds the way free."""
    raise BillingFailure(FailureCode.PROVIDER_BUSY, f"{order.op_key}: another attempt ended just now; trying again")


def _read(connection: Connection, op_key: str, *, lock: bool = False) -> AttemptRow | None:
    one = select(payment_attempts).where(payment_attempts.c.op_key == op_key)
    row = connection.execute(one.with_for_update() if lock else one).one_or_none()
    return None if row is None else _row(row)


def _changed(connection: Connection, op_key: str, **changes: Any) -> None:
    connection.execute(update(payment_attempts).where(payment_attempts.c.op_key == op_key).values(changes))


def _row(row: Row[Any]) -> AttemptRow:
    facts = row._asdict()
    minor, currency = facts.pop("amount_minor"), facts.pop("currency")
    return AttemptRow.model_validate(
        facts | {"amount": None if minor is None else Money(minor=minor, currency=currency)}
    )
