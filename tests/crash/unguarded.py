"""The control: an effects table that forgets. With it every repetition sends again, under a key never used before."""

from __future__ import annotations

from datetime import datetime
from secrets import randbelow

from activities.ports import EffectLedger, ProviderAnswer, Wire
from billing.effects import Effect, EffectIntent, EffectState


class UnguardedEffects:
    """Satisfies `EffectLedger` without its promise: whatever was sent or confirmed, an effect looks untouched."""

    def __init__(self, ledger: EffectLedger) -> None:
        self._ledger = ledger

    def record(self, intent: EffectIntent) -> Effect:
        return self._ledger.record(intent)

    def claim(self, op_key: str) -> Effect:
        """As if nobody had ever sent it: not sent, not frozen, and the generation (so the key) made up."""
        return _untouched(self._ledger.claim(op_key))

    def freeze(self, op_key: str, wire: Wire, now: datetime) -> Effect:
        """The row is kept in step, or nothing could be booked; what it answers is forgotten."""
        return _untouched(self._ledger.freeze(op_key, wire, now)).model_copy(
            update={"wire": wire.model_dump(mode="json")}
        )

    def confirm(self, op_key: str, answer: ProviderAnswer) -> Effect:
        return self._ledger.confirm(op_key, answer)

    def refuse(self, op_key: str, why: str, *, generation: int | None = None) -> None:
        """The generation is made up, so it is not passed on."""
        self._ledger.refuse(op_key, why)

    def doubt(self, op_key: str, why: str) -> None:
        self._ledger.doubt(op_key, why)

    def next_generation(self, op_key: str, *, generation: int | None = None) -> Effect:
        return self._ledger.next_generation(op_key)


def _untouched(effect: Effect) -> Effect:
    forgotten = {"state": EffectState.INTENDED, "wire": None, "first_sent_at": None, "generation": 1 + randbelow(10**9)}
    return effect.model_copy(update=forgotten)
