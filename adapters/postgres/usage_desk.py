"""Usage in the books as people and collectors deal with it: taken in, set aside, rolled up, held to its events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from sqlalchemy import Engine

from adapters.postgres.engine import open_engine
from adapters.postgres.rollup_findings import open_findings
from adapters.postgres.rollups import PostgresRollUps
from adapters.postgres.usage_intake import STATEMENT_TIMEOUT, Quarantine, UsageIntake
from billing.policy.usage_intake import UsageIntakePolicy
from billing.rollups import RollUpFinding


@dataclass(frozen=True)
class UsageDesk:
    """Every part over one engine; their methods raise UNAVAILABLE while the database is away."""

    engine: Engine
    intake: UsageIntake
    quarantine: Quarantine
    rollups: PostgresRollUps

    @classmethod
    def over(cls, engine: Engine, policy: UsageIntakePolicy, now: Callable[[], datetime]) -> Self:
        """The desk over an engine that others use too."""
        return cls(
            engine=engine,
            intake=UsageIntake(engine, policy, now),
            quarantine=Quarantine(engine, policy, now),
            rollups=PostgresRollUps(engine, now),
        )

    @classmethod
    def at(cls, url: str, policy: UsageIntakePolicy, now: Callable[[], datetime]) -> Self:
        """The desk over connections of its own; `close` gives them back."""
        return cls.over(open_engine(url, application="usage", statement_timeout=STATEMENT_TIMEOUT), policy, now)

    def findings(self, limit: int) -> tuple[RollUpFinding, ...]:
        """The open findings of validations, the oldest days first."""
        return open_findings(self.engine, limit)

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()
