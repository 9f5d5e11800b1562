"""One pace for all workers: who may send the next request to a provider is agreed on in a row of Postgres.

Temporal's limit on a task queue counts how many activities begin, per partition and in bursts; a provider counts
requests. Each request takes the next free moment of its lane, as the database's clock shows it, and waits for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import Engine, text

from adapters.postgres.engine import transaction

# Who comes late may make up for so much of it at once, in seconds; a provider's bucket holds about a second's worth.
_CATCH_UP = 0.25
# After a refusal the lane rests for so long, whoever is next on it.
_REST = 0.5

_TAKE = text("""
    insert into provider_pace (lane, free_at) values (:lane, clock_timestamp() + :gap * interval '1 second')
    on conflict (lane) do update set free_at =
        greatest(provider_pace.free_at, clock_timestamp() - :catch_up * interval '1 second') + :gap * interval '1 second'
    returning extract(epoch from free_at - clock_timestamp())::float8 - :gap
""")

_REST_NOW = text("""
    update provider_pace set free_at = greatest(free_at, clock_timestamp() + :rest * interval '1 second')
    where lane = :lane
""")


class ProviderPace:
    """Satisfies `adapters.stripe.client.Pace`: `a_second` requests on the lane, however many workers share it."""

    def __init__(self, engine: Engine, lane: str, a_second: float, sleep: Callable[[float], None] = time.sleep) -> None:
        self._engine = engine
        self._lane = lane
        self._gap = 1.0 / a_second
        self._sleep = sleep

    def wait_for_turn(self) -> None:
        """Take the next moment and wait for it; raises UNAVAILABLE while the database is away."""
        with transaction(self._engine) as connection:
            asked = {"lane": self._lane, "gap": self._gap, "catch_up": _CATCH_UP}
            wait: float = connection.execute(_TAKE, asked).scalar_one()
        if wait > 0:
            self._sleep(wait)

    def back_off(self) -> None:
        """Let everybody on the lane rest for a moment."""
        with transaction(self._engine) as connection:
            connection.execute(_REST_NOW, {"lane": self._lane, "rest": _REST})
