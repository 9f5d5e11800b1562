"""Disputes as lists show them, read from the register alone: it still knows a case when Temporal has forgotten it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict
from sqlalchemy import Engine, Row, Select, func, select

from adapters.postgres.engine import transaction
from adapters.postgres.tables import disputes
from billing.cases import Ending
from billing.clocks import Clock
from billing.disputes import Category, Resolution, Severity, Ticket
from billing.money import Money


class CaseRow(BaseModel):
    """One dispute as it stands in the register; `ending` None: it is open, and Temporal knows at which stage."""

    model_config = ConfigDict(frozen=True)

    case_id: str
    ticket_id: str
    tenant_id: str
    period: str
    category: Category
    meters: tuple[str, ...]
    severity: Severity
    escalated: bool
    disputed: Money
    round: int
    opened_at: AwareDatetime
    duplicate_of: str | None
    ending: Ending | None
    resolution: Resolution | None
    credited: Money | None
    resolved_by: str | None
    closed_at: AwareDatetime | None
    clocks: tuple[Clock, ...]
    story: tuple[str, ...]
    ticket: Ticket


class DisputeFrequency(BaseModel):
    """How often a tenant contested a meter, and how often it was right (D14)."""

    model_config = ConfigDict(frozen=True)

    meter: str
    tenant_id: str
    disputes: int
    credited: int


class CaseList:
    """Reads of the register for people: the command line, the console, the weekly look at what is contested."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def newest(
        self,
        *,
        open_only: bool = False,
        tenant_id: str | None = None,
        category: Category | None = None,
        limit: int = 100,
    ) -> list[CaseRow]:
        """The newest cases first, narrowed by what is given."""
        cases: Select[Any] = select(disputes).order_by(disputes.c.opened_at.desc(), disputes.c.case_id).limit(limit)
        if open_only:
            cases = cases.where(disputes.c.ending.is_(None))
        if tenant_id is not None:
            cases = cases.where(disputes.c.tenant_id == tenant_id)
        if category is not None:
            cases = cases.where(disputes.c.category == category.value)
        with transaction(self._engine) as connection:
            return [_case(row) for row in connection.execute(cases)]

    def find(self, case_id: str) -> CaseRow | None:
        """The case with this id (`dispute/<ticket>`) as its latest round left it; None when the register has none."""
        with transaction(self._engine) as connection:
            row = connection.execute(select(disputes).where(disputes.c.case_id == case_id)).one_or_none()
        return _case(row) if row else None

    def frequency(self, since: datetime) -> list[DisputeFrequency]:
        """Disputes opened since then by meter and tenant, the most contested first; tickets not accepted left out."""
        contested = (
            select(disputes.c.tenant_id, disputes.c.credited_minor, func.unnest(disputes.c.meters).label("meter"))
            .where(disputes.c.opened_at >= since)
            .where(disputes.c.ending.is_distinct_from(Ending.NOT_ACCEPTED.value))
            .subquery()
        )
        count = func.count().label("disputes")
        by_meter = (
            select(
                contested.c.meter,
                contested.c.tenant_id,
                count,
                func.count().filter(contested.c.credited_minor > 0).label("credited"),
            )
            .group_by(contested.c.meter, contested.c.tenant_id)
            .order_by(count.desc(), contested.c.meter, contested.c.tenant_id)
        )
        with transaction(self._engine) as connection:
            return [DisputeFrequency.model_validate(row._asdict()) for row in connection.execute(by_meter)]


def _case(row: Row[Any]) -> CaseRow:
    credited = None if row.credited_minor is None else Money(minor=row.credited_minor, currency=row.currency)
    disputed = Money(minor=row.disputed_minor, currency=row.currency)
    return CaseRow.model_validate(row._asdict() | {"disputed": disputed, "credited": credited})
