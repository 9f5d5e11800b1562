"""The policies in force, with a test's own for month ends: small ranges, short waits."""

from __future__ import annotations

from sqlalchemy import Engine

from adapters.policies import Policies
from billing.policy.month_end import MonthEndPolicy


class Shelf(Policies):
    """The standard policies, with the test's own for month ends."""

    def __init__(self, engine: Engine, policy: MonthEndPolicy) -> None:
        super().__init__(engine)
        self._month_end = policy

    def month_end(self) -> MonthEndPolicy:
        return self._month_end
