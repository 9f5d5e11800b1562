"""Sending an outside effect exactly once: freeze, send, settle; look up before anything uncertain is sent again.

What happens if the process dies between any two lines here is the whole point: the row is committed before the send,
the same key is sent again while the provider remembers it, and once it may have forgotten, the object is looked for.
"""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from activities.ports import EffectLedger, ProviderAnswer, Wire
from billing.effects import Effect, EffectState
from billing.failures import BillingFailure, FailureCode

Settled = TypeVar("Settled")

# A refused request is planned anew this often when the world has moved since it was frozen; then a person decides.
PLANS_AT_MOST = 5


class Sender:
    """How one kind of effect is planned, sent, looked for and booked; each function may be called again at any time."""

    def __init__(
        self,
        *,
        plan: Callable[[Effect], Wire],
        send: Callable[[Wire, str], ProviderAnswer],
        find: Callable[[Wire, str], ProviderAnswer | None],
    ) -> None:
        self.plan = plan
        self.send = send
        self.find = find


def send_once(
    ledger: EffectLedger, op_key: str, sender: Sender, settle: Callable[[ProviderAnswer], Settled], now: datetime
) -> Settled:
    """Bring the effect `op_key` about once and return what `settle` makes of the provider's answer.

    Raises what `ledger.claim` and the sender raise; after OUTCOME_UNKNOWN, KEY_SPENT or PROVIDER_BUSY call it again.
    """
    effect = ledger.claim(op_key)
    if effect.state is EffectState.CONFIRMED:
        return settle(_remembered(effect))
    if effect.wire is not None and effect.must_look_up(now):
        if found := sender.find(_wire(effect), op_key):
            return settle(found)
        if effect.key_may_be_forgotten(now):
            effect = ledger.next_generation(op_key, generation=effect.generation)
    if effect.wire is None:
        effect = ledger.freeze(op_key, sender.plan(effect), now)
    else:
        effect = ledger.freeze(op_key, _wire(effect), now)
    try:
        answer = sender.send(_wire(effect), effect.idempotency_key)
    except BillingFailure as failure:
        found = _after_failure(ledger, effect, sender, failure)
        if found is None:
            raise
        answer = found
    return settle(answer)


def _after_failure(
    ledger: EffectLedger, effect: Effect, sender: Sender, failure: BillingFailure
) -> ProviderAnswer | None:
    """Put the failure on record; returns the answer when a look-up shows that the effect happened after all."""
    match failure.code:
        case FailureCode.OUTCOME_UNKNOWN:
            ledger.doubt(effect.op_key, failure.for_us)
        case FailureCode.KEY_SPENT:
            ledger.doubt(effect.op_key, failure.for_us)
            if found := sender.find(_wire(effect), effect.op_key):
                return found
            ledger.next_generation(effect.op_key, generation=effect.generation)
        case FailureCode.PROVIDER_REFUSED:
            _plan_again_or_give_up(ledger, effect, sender, failure)
        case _:
            pass
    return None


def _plan_again_or_give_up(ledger: EffectLedger, effect: Effect, sender: Sender, failure: BillingFailure) -> None:
    """A refusal is final unless the world moved since the request was frozen (say, the invoice was paid meanwhile)."""
    if effect.generation < PLANS_AT_MOST and sender.plan(effect) != _wire(effect):
        ledger.next_generation(effect.op_key, generation=effect.generation)
        raise BillingFailure(
            FailureCode.PROVIDER_BUSY, f"{effect.op_key} is planned anew: {failure.for_us}"
        ) from failure
    ledger.refuse(effect.op_key, failure.for_us, generation=effect.generation)


def _wire(effect: Effect) -> Wire:
    return Wire.model_validate(effect.wire)


def _remembered(effect: Effect) -> ProviderAnswer:
    return ProviderAnswer(provider_id=effect.provider_id or "", kept=effect.outcome or {})
