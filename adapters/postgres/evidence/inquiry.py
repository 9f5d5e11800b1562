"""What every query about one dispute is asked with: tenant, meters, half-open period, and the tenant's own days."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from activities.ports import DisputeScope
from billing.periods import Span, local_day, local_midnight

# A request and its event carry their own moments, so at the edges of the period they may fall on different sides.
DRIFT = timedelta(days=1)


@dataclass(frozen=True)
class LocalDay:
    """One calendar day of the tenant: 23, 24 or 25 hours long."""

    day: date
    span: Span


@dataclass(frozen=True)
class Inquiry:
    """The contested usage. Its days are drawn here and handed to Postgres as bounds, so that one clock decides where the
    period and each of its days begin, whichever time-zone tables the server has."""

    tenant_id: str
    zone: str
    meters: tuple[str, ...]
    period: Span
    days: tuple[LocalDay, ...]

    @classmethod
    def about(cls, scope: DisputeScope) -> Inquiry:
        """The scope's month from local midnight to local midnight in the tenant's zone, with its days."""
        period = scope.tenant.service_period(scope.period)
        return cls(
            tenant_id=scope.tenant.tenant_id,
            zone=scope.tenant.zone,
            meters=scope.meters,
            period=period,
            days=tuple(_days_of(period, scope.tenant.zone)),
        )

    @property
    def parameters(self) -> dict[str, Any]:
        """`tenant`, `meters`, the period from `starts` to `ends`, and a day more on both sides: `around_from` to
        `around_until`."""
        return {
            "tenant": self.tenant_id,
            "meters": list(self.meters),
            "starts": self.period.start,
            "ends": self.period.end,
            "around_from": self.period.start - DRIFT,
            "around_until": self.period.end + DRIFT,
        }

    @property
    def day_parameters(self) -> dict[str, Any]:
        """The local days as three arrays of one length, for `unnest`."""
        return {
            "days": [local.day for local in self.days],
            "day_starts": [local.span.start for local in self.days],
            "day_ends": [local.span.end for local in self.days],
        }

    def day_of(self, moment: datetime) -> date:
        """The tenant's calendar day of an aware moment."""
        return local_day(moment, self.zone)


def _days_of(period: Span, zone: str) -> Iterator[LocalDay]:
    day = local_day(period.start, zone)
    while (starts := local_midnight(day, zone)) < period.end:
        following = day + timedelta(days=1)
        yield LocalDay(day, Span(start=starts, end=local_midnight(following, zone)))
        day = following
