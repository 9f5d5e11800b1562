"""The effects table in memory, for tests of sending that need no database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from activities.ports import ProviderAnswer, Wire
from billing.effects import Effect, EffectIntent, EffectKind, EffectState
from billing.failures import BillingFailure, FailureCode
from billing.payments import AttemptRow


@dataclass
class FakeEffects:
    """Satisfies EffectLedger, approvals left out: what is put in may be sent."""

    rows: dict[str, Effect] = field(default_factory=dict)
    attempts: Mapping[str, AttemptRow] = field(default_factory=dict)

    def put(self, effect: Effect) -> None:
        self.rows[effect.op_key] = effect

    def record(self, intent: EffectIntent) -> Effect:
        kept = self.rows.setdefault(
            intent.op_key,
            Effect(**intent.model_dump(), state=EffectState.INTENDED, intended_at=datetime.now(UTC)),
        )
        if kept.request_sha256 != intent.request_sha256:
            raise BillingFailure(FailureCode.CONFLICT, f"{intent.op_key} already stands for another request")
        return kept

    def claim(self, op_key: str) -> Effect:
        if op_key not in self.rows:
            raise BillingFailure(FailureCode.NOT_FOUND, f"there is no effect {op_key}")
        effect = self.rows[op_key]
        if effect.state is EffectState.REFUSED and effect.kind is EffectKind.CREDIT:
            raise BillingFailure(FailureCode.PROVIDER_REFUSED, f"{op_key} was refused")
        return effect

    def freeze(self, op_key: str, wire: Wire, now: datetime) -> Effect:
        effect, attempt = self.rows[op_key], self.attempts.get(op_key)
        if attempt is not None and attempt.ended_at is not None:
            raise BillingFailure(FailureCode.PROVIDER_BUSY, f"{op_key} ended meanwhile")
        return self._change(
            op_key,
            state=EffectState.SENT,
            wire=effect.wire or wire.model_dump(mode="json"),
            first_sent_at=effect.first_sent_at or now,
        )

    def confirm(self, op_key: str, answer: ProviderAnswer) -> Effect:
        effect = self.rows[op_key]
        if effect.provider_id not in (None, answer.provider_id):
            raise BillingFailure(FailureCode.CONFLICT, f"{op_key} is confirmed as {effect.provider_id}")
        return self._change(
            op_key, state=EffectState.CONFIRMED, provider_id=answer.provider_id, outcome=dict(answer.kept)
        )

    def refuse(self, op_key: str, why: str, *, generation: int | None = None) -> None:
        self._change(op_key, state=EffectState.REFUSED)

    def doubt(self, op_key: str, why: str) -> None:
        self._change(op_key, state=EffectState.UNKNOWN)

    def next_generation(self, op_key: str, *, generation: int | None = None) -> Effect:
        following = self.rows[op_key].generation + 1
        return self._change(op_key, state=EffectState.INTENDED, generation=following, wire=None, first_sent_at=None)

    def _change(self, op_key: str, **changes: object) -> Effect:
        self.rows[op_key] = self.rows[op_key].model_copy(update=changes)
        return self.rows[op_key]
