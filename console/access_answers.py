"""What gateways are told, kept for a moment: answers in microseconds, and also while Postgres is away.

Whoever asks for what is not fresh waits for one reader, which asks the books for all of them in one statement. When the
books do not answer in time, what they said last is repeated and says so.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from billing.access import AccessStanding
from billing.failures import BillingFailure, FailureCode
from billing.policy.limits import AccessPolicy

# Less than a kilobyte each. Beyond this the ones that were read longest ago are forgotten.
KEPT_AT_MOST = 50_000
# While the books are away nobody asks them more often than this.
ASKED_AGAIN_AFTER = 0.5

_FRESH, _STALE = b', "stale": false}', b', "stale": true}'

Read = Callable[[Sequence[str]], Mapping[str, AccessStanding]]


@dataclass(frozen=True, slots=True)
class Kept:
    """What the books said of one tenant, as JSON; empty when there is none. `read_at` is by the clock that measures."""

    read_at: float
    etag: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of a tenant, how many seconds ago the books said so, and whether they could not be asked since."""

    kept: Kept
    age: float
    stale: bool

    @property
    def exists(self) -> bool:
        """Whether there is such a tenant."""
        return bool(self.kept.body)

    @property
    def body(self) -> bytes:
        """The answer as JSON; `stale` is its last member."""
        return self.kept.body.removesuffix(_FRESH) + _STALE if self.stale else self.kept.body


class AccessAnswers:
    """One for a process; `read` asks the books in a thread of its own, so that nobody else's work keeps gateways waiting."""

    def __init__(
        self,
        read: Read,
        policy: AccessPolicy,
        now: Callable[[], datetime],
        *,
        measure: Callable[[], float] = time.monotonic,
        most: int = KEPT_AT_MOST,
    ) -> None:
        self._read, self._now, self._measure, self._most = read, now, measure, most
        self._fresh_for = policy.fresh_for.total_seconds()
        self._repeated_for = policy.repeated_for.total_seconds()
        self._patience = policy.asked_within.total_seconds()
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._asked: dict[str, asyncio.Future[None]] = {}
        self._reading: asyncio.Task[None] | None = None
        self._away_until = 0.0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="access")

    async def of(self, tenant_id: str) -> Answer:
        """What the tenant's service is limited to. Raises UNAVAILABLE when the books cannot be asked and never said."""
        kept, now = self._kept.get(tenant_id), self._measure()
        if kept and now - kept.read_at < self._fresh_for:
            return Answer(kept, now - kept.read_at, stale=False)
        if now >= self._away_until:
            answered, _ = await asyncio.wait([self._ask(tenant_id)], timeout=self._patience)
            if not answered:
                # Others need not find out by waiting as long.
                self._away_until = self._measure() + ASKED_AGAIN_AFTER
        return self._known(tenant_id)

    def close(self) -> None:
        """Let the thread end."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _known(self, tenant_id: str) -> Answer:
        kept, now = self._kept.get(tenant_id), self._measure()
        if kept and now - kept.read_at < self._repeated_for:
            age = now - kept.read_at
            return Answer(kept, age, stale=age >= self._fresh_for)
        raise BillingFailure(
            FailureCode.UNAVAILABLE,
            f"what {tenant_id} may use is not known: the books do not answer, and never did yet",
        )

    def _ask(self, tenant_id: str) -> asyncio.Future[None]:
        if tenant_id not in self._asked:
            self._asked[tenant_id] = asyncio.get_running_loop().create_future()
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read_all())
        return self._asked[tenant_id]

    async def _read_all(self) -> None:
        """Everybody who asked until now with one statement, then everybody who asked meanwhile."""
        while self._asked:
            asked, self._asked = self._asked, {}
            try:
                found = await asyncio.get_running_loop().run_in_executor(self._thread, self._read, list(asked))
            except BillingFailure:
                self._away_until = self._measure() + ASKED_AGAIN_AFTER
            else:
                self._keep(asked, found)
            finally:
                for waiting in asked.values():
                    if not waiting.done():
                        waiting.set_result(None)

    def _keep(self, asked: Mapping[str, object], found: Mapping[str, AccessStanding]) -> None:
        at, as_of = self._measure(), self._now()
        for tenant_id in asked:
            standing = found.get(tenant_id)
            body = _written(standing, as_of) if standing else b""
            etag = f'W/"{tenant_id}-{standing.revision}"' if standing else ""
            self._kept[tenant_id] = Kept(at, etag, body)
            self._kept.move_to_end(tenant_id)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)


def _written(standing: AccessStanding, as_of: datetime) -> bytes:
    """`rate_share` as a number, as gateways multiply with it."""
    content = json.dumps(
        {
            "tenant_id": standing.tenant_id,
            "restriction": standing.restriction,
            "rate_share": float(standing.rate_share),
            "cause": standing.cause,
            "reason": standing.reason,
            "since": standing.since.isoformat() if standing.since else None,
            "as_of": as_of.isoformat(),
        }
    )
    return content.encode().removesuffix(b"}") + _FRESH
