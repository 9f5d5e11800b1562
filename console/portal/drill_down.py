"""Behind a day's figure: its hours, its routes and models, and the events themselves, from the raw records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query
from fastapi.responses import HTMLResponse

from adapters.postgres.usage_view import EVENTS_MAX, Selection, UsageEvent
from billing.periods import Span
from billing.spelling import KEPT
from billing.tenants import MeterName
from console.portal.charts import bar_chart
from console.portal.months import MeteredMonth, hours_of, read_month
from console.portal.refusals import unknown_page
from console.portal.visits import Visit, Visiting

router = APIRouter()

# The last event shown, as `<time in ISO 8601>_<event id>`.
After = Annotated[str | None, Query(max_length=100)]
Hour = Annotated[int | None, Query(ge=0, le=24)]
Day = Annotated[date, Path()]
# A route or a model as the events have it.
Name = Annotated[str, KEPT]


@dataclass(frozen=True)
class ShownDay:
    """A local day of one meter, known to exist."""

    day: date
    month: str
    metered: MeteredMonth
    hours: list[Span]

    @property
    def span(self) -> Span:
        """From local midnight to local midnight."""
        return Span(start=self.hours[0].start, end=self.hours[-1].end)


@router.get("/{link}/usage/{meter}/{day}")
def one_day(visit: Visiting, meter: MeterName, day: Day) -> HTMLResponse:
    """One day by hour and by route and model, beside what was counted for the invoice."""
    shown = _shown(visit, meter, day)
    usage = visit.desk.books.usage
    hours = usage.within(visit.tenant_id, meter, shown.hours)
    figures, unit = visit.figures, shown.metered.meter.unit
    bars = [
        (
            hour.quantity,
            f"{figures.clock(hour.span.start)} to {figures.clock(hour.span.end)}: {figures.units(hour.quantity, unit)}",
            visit.at("usage", meter, day, "events", hour=number),
        )
        for number, hour in enumerate(hours)
    ]
    return visit.page(
        "day.html",
        shown=shown,
        counted=next((one for one in shown.metered.days if one.day == day), None),
        hours=hours,
        chart=bar_chart(bars, {number: figures.clock(shown.hours[number].start) for number in range(0, len(hours), 6)}),
        routes=usage.routes(visit.tenant_id, meter, shown.span),
        recorded=sum(hour.quantity for hour in hours),
        events=sum(hour.events for hour in hours),
    )


@router.get("/{link}/usage/{meter}/{day}/events")
def events_of_a_day(
    visit: Visiting,
    meter: MeterName,
    day: Day,
    hour: Hour = None,
    route: Name | None = None,
    model: Name | None = None,
    after: After = None,
) -> HTMLResponse:
    """Up to 200 events of a day, of one of its hours, or of a route and model, and the way to the next 200."""
    shown = _shown(visit, meter, day)
    if hour is not None and hour >= len(shown.hours):
        raise unknown_page()
    span = shown.span if hour is None else shown.hours[hour]
    wanted = Selection(span, route, model or None)
    found = visit.desk.books.usage.events(visit.tenant_id, meter, wanted, after=_position(after))
    narrowed = {"hour": hour, "route": route, "model": model}
    further = (
        visit.at("usage", meter, day, "events", **narrowed, after=_written(found[-1])) if _is_full(found) else None
    )
    first = visit.at("usage", meter, day, "events", **narrowed) if after else None
    return visit.page(
        "events.html", shown=shown, span=span, wanted=wanted, hour=hour, events=found, further=further, first=first
    )


def _shown(visit: Visit, meter: str, day: date) -> ShownDay:
    """The day, if the tenant has that month and that meter in it; anything else is no page."""
    month = f"{day:%Y-%m}"
    books = visit.desk.books
    if month not in books.usage.months(visit.tenant_id):
        raise unknown_page()
    metered = read_month(books, visit.tenant, month).of(meter)
    if metered is None:
        raise unknown_page()
    return ShownDay(day, month, metered, hours_of(day, visit.tenant.zone))


def _is_full(found: list[UsageEvent]) -> bool:
    return len(found) == EVENTS_MAX


def _written(event: UsageEvent) -> str:
    return f"{event.event_time.isoformat()}_{event.event_id}"


def _position(after: str | None) -> tuple[datetime, UUID] | None:
    if after is None:
        return None
    moment, _, event_id = after.partition("_")
    try:
        at = datetime.fromisoformat(moment)
        position = at, UUID(event_id)
    except ValueError:
        raise unknown_page() from None
    if at.tzinfo is None:
        raise unknown_page()
    return position
