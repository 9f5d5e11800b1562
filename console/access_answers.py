"""What gateways are told, kept in memory: answers in microseconds, and also while Postgres is away.

One reader asks the books for everybody whose answer is not known yet, in one statement, and every second whose standing has
changed: whatever is kept and has not changed is as fresh as that second (decision 0043). When the books do not answer in
time, what they said last is repeated and says so.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from activities.access_ports import Changes
from billing.access import AccessStanding
from billing.failures import BillingFailure, FailureCode
from billing.policy.limits import AccessPolicy

# Less than a kilobyte each. Beyond this the ones that were read longest ago are forgotten.
KEPT_AT_MOST = 50_000
# While the books are away nobody asks them more often than this.
ASKED_AGAIN_AFTER = 0.5
# What changed is asked for so often while an answer is fresh, so that nobody waits for it.
_LOOKS_WHILE_FRESH = 2


class Standings(Protocol):
    """The part of `Restrictions` that gateways are answered from."""

    def standings(self, tenants: Sequence[str]) -> Mapping[str, AccessStanding]:
        """Of those tenants that exist."""

    def changed_since(self, mark: int | None) -> Changes:
        """Whose standing changed since a look, and where the next one begins."""


@dataclass(frozen=True, slots=True)
class Said:
    """When the books said something: by the clock that measures, and as it is written."""

    measured: float
    as_of: str


@dataclass(frozen=True, slots=True)
class Kept:
    """What the books said of one tenant, as JSON without its end; empty when there is none."""

    said: Said
    etag: str
    begun: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of a tenant, how many seconds ago the books said so, and whether they could not be asked since."""

    kept: Kept
    as_of: str
    age: float
    stale: bool

    @property
    def exists(self) -> bool:
        """Whether there is such a tenant."""
        return bool(self.kept.begun)

    @property
    def body(self) -> bytes:
        """The answer as JSON."""
        stale = "true" if self.stale else "false"
        return self.kept.begun + f', "as_of": "{self.as_of}", "stale": {stale}}}'.encode()


@dataclass(frozen=True, slots=True)
class _Look:
    """What one look at the books found: `found` of those that were `asked` for, and what changed where that was due."""

    said: Said
    asked: Collection[str]
    found: Mapping[str, AccessStanding]
    mark: int | None


class AccessAnswers:
    """One for a process; the books are asked in a thread of its own, so that nobody else's work keeps gateways waiting."""

    def __init__(
        self,
        books: Standings,
        policy: AccessPolicy,
        now: Callable[[], datetime],
        *,
        measure: Callable[[], float] = time.monotonic,
        most: int = KEPT_AT_MOST,
    ) -> None:
        self._books, self._now, self._measure, self._most = books, now, measure, most
        self._fresh_for = policy.fresh_for.total_seconds()
        self._look_every = self._fresh_for / _LOOKS_WHILE_FRESH
        self._repeated_for = policy.repeated_for.total_seconds()
        self._patience = policy.asked_within.total_seconds()
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._asked: dict[str, asyncio.Future[None]] = {}
        self._reading: asyncio.Task[None] | None = None
        # Since when nothing that is kept has changed, and where the next look for changes begins.
        self._confirmed = Said(-math.inf, "")
        self._mark: int | None = None
        self._away_until = 0.0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="access")

    async def of(self, tenant_id: str) -> Answer:
        """What the tenant's service is limited to. Raises UNAVAILABLE when the books cannot be asked and never said."""
        known, now = self._known(tenant_id), self._measure()
        if known and not known.stale:
            if self._is_look_due(now) and now >= self._away_until:
                self._read_on()
            return known
        if now >= self._away_until:
            answered, _ = await asyncio.wait([self._ask(tenant_id)], timeout=self._patience)
            if not answered:
                # Others need not find out by waiting as long.
                self._away_until = self._measure() + ASKED_AGAIN_AFTER
        if known := self._known(tenant_id):
            return known
        raise BillingFailure(
            FailureCode.UNAVAILABLE,
            f"what {tenant_id} may use is not known: the books do not answer, and never did yet",
        )

    @property
    def is_reading(self) -> bool:
        """Whether the books are being asked at this moment."""
        return self._reading is not None and not self._reading.done()

    def close(self) -> None:
        """Let the thread end."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _known(self, tenant_id: str) -> Answer | None:
        """What may be told without asking, be it stale."""
        kept = self._kept.get(tenant_id)
        if kept is None:
            return None
        said = max(kept.said, self._confirmed, key=_measured) if kept.begun else kept.said
        age = self._measure() - said.measured
        return Answer(kept, said.as_of, age, stale=age >= self._fresh_for) if age < self._repeated_for else None

    def _ask(self, tenant_id: str) -> asyncio.Future[None]:
        if tenant_id not in self._asked:
            self._asked[tenant_id] = asyncio.get_running_loop().create_future()
        self._read_on()
        return self._asked[tenant_id]

    def _is_look_due(self, now: float) -> bool:
        return now - self._confirmed.measured >= self._look_every

    def _read_on(self) -> None:
        if not self.is_reading:
            self._reading = asyncio.create_task(self._read_all())

    async def _read_all(self) -> None:
        """Everybody who asked until now with one statement, then everybody who asked meanwhile."""
        while True:
            asked, self._asked = self._asked, {}
            try:
                look = await asyncio.get_running_loop().run_in_executor(self._thread, self._look, tuple(asked))
            except BillingFailure:
                self._away_until = self._measure() + ASKED_AGAIN_AFTER
            else:
                self._keep(look)
            finally:
                for waiting in asked.values():
                    if not waiting.done():
                        waiting.set_result(None)
            if not self._asked:
                return

    def _look(self, asked: Collection[str]) -> _Look:
        """In the thread. Changes are read first: whatever is read after them, the next look knows of what changed since."""
        said, mark = Said(self._measure(), self._now().isoformat()), None
        if self._is_look_due(said.measured):
            changes = self._books.changed_since(self._mark)
            asked, mark = {*asked, *(one for one in changes.tenants if one in self._kept)}, changes.mark
        return _Look(said, asked, self._books.standings(list(asked)) if asked else {}, mark)

    def _keep(self, look: _Look) -> None:
        if look.mark is not None:
            if self._mark is not None and look.mark < self._mark:
                self._kept.clear()  # other books than before, of which no look knows what changed
            self._confirmed, self._mark = look.said, look.mark
        for tenant_id in look.asked:
            standing = look.found.get(tenant_id)
            begun = _begun(standing) if standing else b""
            etag = f'W/"{tenant_id}-{standing.revision}"' if standing else ""
            self._kept[tenant_id] = Kept(look.said, etag, begun)
            self._kept.move_to_end(tenant_id)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)


def _measured(said: Said) -> float:
    return said.measured


def _begun(standing: AccessStanding) -> bytes:
    """`rate_share` as a number, as gateways multiply with it."""
    content = json.dumps(
        {
            "tenant_id": standing.tenant_id,
            "restriction": standing.restriction,
            "rate_share": float(standing.rate_share),
            "cause": standing.cause,
            "reason": standing.reason,
            "since": standing.since.isoformat() if standing.since else None,
        }
    )
    return content.encode().removesuffix(b"}")
