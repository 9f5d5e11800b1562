"""One answer a key: the first outcome of a POST is kept under its `Idempotency-Key` and given again for a day."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from sandbox.stripe.clock import Clock
from sandbox.stripe.errors import IdempotencyMismatch, InvalidParameter, KeyInUse
from sandbox.stripe.forms import Params
from sandbox.stripe.state.store import Obj, Store

KIND = "_idempotency"
KEPT_SECONDS = 24 * 3600
KEY_LENGTH_MAX = 255


@dataclass(frozen=True)
class Call:
    """What a key is bound to by its first use."""

    key: str
    method: str
    path: str
    params: Params

    @property
    def fingerprint(self) -> str:
        """Hash of the parameters; their order does not matter."""
        return hashlib.sha256(json.dumps(self.params, sort_keys=True).encode()).hexdigest()


class IdempotencyKeys:
    """Remembered outcomes by key, and the keys of requests that are being worked on."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._in_flight: set[str] = set()

    def outcome(self, call: Call) -> Obj | None:
        """The remembered outcome to give again, or None when the call is to be executed.

        Raises `IdempotencyMismatch` for another request under the key and `KeyInUse` while the first is under way.
        """
        if len(call.key) > KEY_LENGTH_MAX:
            message = f"Idempotency-Key must be at most {KEY_LENGTH_MAX} characters, and this one has {len(call.key)}."
            raise InvalidParameter(message)
        if call.key in self._in_flight:
            message = f"There is currently another in-progress request using this Idempotent Key: {call.key}"
            raise KeyInUse(message, code="idempotency_key_in_use")
        kept = self._store.get(KIND, call.key)
        if kept is None or self._clock.now() - kept["created"] >= KEPT_SECONDS:
            return None
        if kept["path"] != call.path or kept["method"] != call.method:
            raise IdempotencyMismatch(
                "Keys for idempotent requests can only be used for the same endpoint they were first used for "
                f"('{kept['path']}'). Try using a key other than '{call.key}' if you meant to execute a different request."
            )
        if kept["fingerprint"] != call.fingerprint:
            raise IdempotencyMismatch(
                "Keys for idempotent requests can only be used with the same parameters they were first used with. "
                f"Try using a key other than '{call.key}' if you meant to execute a different request."
            )
        return kept

    def begin(self, call: Call) -> None:
        """Others with this key are refused until `end`."""
        self._in_flight.add(call.key)

    def end(self, call: Call) -> None:
        """The call has its outcome, kept or not."""
        self._in_flight.discard(call.key)

    def remember(self, call: Call, status: int, body: Obj, request_id: str) -> None:
        """Keep an outcome; part of the same transaction as the effects, so neither exists without the other."""
        self._store.put(
            {
                "object": KIND,
                "id": call.key,
                "method": call.method,
                "path": call.path,
                "fingerprint": call.fingerprint,
                "status": status,
                "body": body,
                "request_id": request_id,
                "created": self._clock.now(),
            }
        )
