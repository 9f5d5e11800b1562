"""The effects table: a row before the first send, the frozen request, the outcome after it."""

from __future__ import annotations

from collections.abc import Container
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, select, update
from sqlalchemy.dialects.postgresql import insert

from activities.clock import Now, wall_clock
from activities.ports import PolicyShelf, ProviderAnswer, Wire
from adapters.postgres import invoice_pushes, sent_mail
from adapters.postgres.credit_limits import lock_tenant, objection_to_sending
from adapters.postgres.document_changes import objection_to_changing
from adapters.postgres.engine import transaction
from adapters.postgres.payment_attempts import keep_under_way
from adapters.postgres.tables import effects
from adapters.postgres.tenants import Tenants
from billing.effects import Effect, EffectIntent, EffectKind, EffectState
from billing.failures import BillingFailure, FailureCode

NEVER_TO_BE_SENT = frozenset({EffectState.PROPOSED, EffectState.WITHDRAWN})


class Effects:
    """Satisfies `EffectLedger`; limits are re-checked under the policy that is in force when a credit leaves."""

    def __init__(self, engine: Engine, policies: PolicyShelf, now: Now = wall_clock) -> None:
        self._engine = engine
        self._tenants = Tenants(engine)
        self._policies = policies
        self._now = now

    def record(self, intent: EffectIntent) -> Effect:
        """Credits are refused here (INVALID): they begin as proposals in the credit book."""
        if intent.kind is EffectKind.CREDIT:
            raise BillingFailure(FailureCode.INVALID, f"{intent.op_key}: a credit is proposed, never simply recorded")
        row = intent.model_dump() | {"state": EffectState.INTENDED.value, "intended_at": self._now()}
        with transaction(self._engine) as connection:
            connection.execute(insert(effects).values(row).on_conflict_do_nothing())
            kept = read_effect(connection, intent.op_key)
        if kept.request_sha256 != intent.request_sha256:
            raise BillingFailure(
                FailureCode.CONFLICT, f"{intent.op_key} already stands for another request: use another key"
            )
        return kept

    def claim(self, op_key: str) -> Effect:
        """Also raises PROVIDER_REFUSED for what people approved and the provider has refused already."""
        with transaction(self._engine) as connection:
            effect = read_effect(connection, op_key)
            approved_by_people = is_approved_by_people(effect)
        if approved_by_people and effect.tenant_id is not None:
            return self._claim_approved(op_key, effect.tenant_id)
        _may_be_sent(effect, NEVER_TO_BE_SENT)
        return effect

    def freeze(self, op_key: str, wire: Wire, now: datetime) -> Effect:
        with transaction(self._engine) as connection:
            effect = read_effect(connection, op_key, lock=True)
            if effect.state is EffectState.CONFIRMED:
                return effect
            _may_be_sent(effect, NEVER_TO_BE_SENT | {EffectState.REFUSED})
            if effect.kind is EffectKind.PAYMENT:
                keep_under_way(connection, op_key)
            return _changed(
                connection,
                op_key,
                state=EffectState.SENT.value,
                wire=effect.wire or wire.model_dump(mode="json"),
                first_sent_at=effect.first_sent_at or now,
            )

    def confirm(self, op_key: str, answer: ProviderAnswer) -> Effect:
        """In the same transaction a letter's mail is put on record, and a pushed document is linked to the provider's
        invoice. A credit is confirmed by booking it."""
        with transaction(self._engine) as connection:
            effect = read_effect(connection, op_key, lock=True)
            if is_approved_by_people(effect):
                raise BillingFailure(FailureCode.INVALID, f"{op_key}: it is confirmed by booking it")
            confirmed = confirm_effect(connection, effect, answer)
            if effect.kind is EffectKind.LETTER:
                sent_mail.left(connection, confirmed, self._now())
            if effect.kind is EffectKind.INVOICE:
                invoice_pushes.link(connection, confirmed, answer.provider_id)
            return confirmed

    def refuse(self, op_key: str, why: str, *, generation: int | None = None) -> None:
        with transaction(self._engine) as connection:
            effect = read_effect(connection, op_key, lock=True)
            _still(effect, generation)
            _changed(connection, op_key, state=EffectState.REFUSED.value, why=why)

    def doubt(self, op_key: str, why: str) -> None:
        """A doubt that arrives after the confirmation changes nothing."""
        with transaction(self._engine) as connection:
            effect = read_effect(connection, op_key, lock=True)
            if effect.state in (EffectState.SENT, EffectState.UNKNOWN):
                doubted = _changed(connection, op_key, state=EffectState.UNKNOWN.value, why=why)
                if effect.kind is EffectKind.LETTER:
                    sent_mail.perhaps_left(connection, doubted, self._now())

    def next_generation(self, op_key: str, *, generation: int | None = None) -> Effect:
        with transaction(self._engine) as connection:
            effect = read_effect(connection, op_key, lock=True)
            _still(effect, generation)
            _may_be_sent(effect, NEVER_TO_BE_SENT)
            return _changed(
                connection,
                op_key,
                state=EffectState.INTENDED.value,
                generation=effect.generation + 1,
                wire=None,
                first_sent_at=None,
                why=None,
            )

    def _claim_approved(self, op_key: str, tenant_id: str) -> Effect:
        limits = self._policies.in_force(self._tenants.find(tenant_id)).credits
        with transaction(self._engine) as connection:
            # Waits for whoever books or approves for this tenant, so that the sums cannot grow meanwhile.
            lock_tenant(connection, tenant_id)
            effect = read_effect(connection, op_key)
            _not_refused(connection, effect)
            _may_be_sent(effect, NEVER_TO_BE_SENT)
            if effect.state is EffectState.INTENDED:
                asked = objection_to_sending if effect.kind is EffectKind.CREDIT else objection_to_changing
                objection = asked(connection, effect, limits, self._now())
                if objection is not None:
                    raise objection
        return effect


def is_approved_by_people(effect: Effect) -> bool:
    """Whether limits and signatures stand between the effect and its sending: every credit, and what corrects an invoice
    on somebody's order. A duplicate that is voided is not, it is nobody's invoice."""
    return effect.kind is EffectKind.CREDIT or (
        effect.kind is EffectKind.INVOICE_CORRECTION and "deed" in effect.request
    )


def read_effect(connection: Connection, op_key: str, *, lock: bool = False) -> Effect:
    """The effect's row, locked until the transaction ends when asked; raises NOT_FOUND."""
    one = select(effects).where(effects.c.op_key == op_key)
    row = connection.execute(one.with_for_update(key_share=True) if lock else one).one_or_none()
    if row is None:
        raise BillingFailure(FailureCode.NOT_FOUND, f"there is no effect {op_key}")
    return _effect(row)


def confirm_effect(connection: Connection, effect: Effect, answer: ProviderAnswer) -> Effect:
    """Mark a locked effect confirmed; the same answer again is nothing, another object's id is a CONFLICT."""
    if effect.state is EffectState.CONFIRMED:
        if effect.provider_id != answer.provider_id:
            raise BillingFailure(
                FailureCode.CONFLICT,
                f"{effect.op_key} is confirmed as {effect.provider_id} and cannot be {answer.provider_id} too: "
                "one of the two must be reversed at the provider",
            )
        return effect
    if effect.state not in (EffectState.SENT, EffectState.UNKNOWN):
        raise BillingFailure(FailureCode.CONFLICT, f"{effect.op_key} is {effect.state} and was not sent")
    return _changed(
        connection,
        effect.op_key,
        state=EffectState.CONFIRMED.value,
        provider_id=answer.provider_id,
        outcome=answer.kept,
        why=None,
    )


def _still(effect: Effect, generation: int | None) -> None:
    """An attempt that was given up and woke up late must not undo what a later one is sending."""
    if effect.state is EffectState.CONFIRMED:
        raise BillingFailure(FailureCode.CONFLICT, f"{effect.op_key} is confirmed as {effect.provider_id}")
    if generation not in (None, effect.generation):
        raise BillingFailure(
            FailureCode.PROVIDER_BUSY, f"{effect.op_key} went on to generation {effect.generation} in another attempt"
        )


def _may_be_sent(effect: Effect, not_in: Container[EffectState]) -> None:
    if effect.state in not_in:
        raise BillingFailure(FailureCode.NOT_APPROVED, f"{effect.op_key} is {effect.state} and may not be sent")


def _not_refused(connection: Connection, effect: Effect) -> None:
    if effect.state is EffectState.REFUSED:
        why = connection.execute(select(effects.c.why).where(effects.c.op_key == effect.op_key)).scalar_one()
        raise BillingFailure(FailureCode.PROVIDER_REFUSED, why or f"{effect.op_key} was refused")


def _changed(connection: Connection, op_key: str, **changes: Any) -> Effect:
    statement = update(effects).where(effects.c.op_key == op_key).values(changes).returning(effects)
    return _effect(connection.execute(statement).one())


def _effect(row: Row[Any]) -> Effect:
    return Effect.model_validate(row._asdict())
