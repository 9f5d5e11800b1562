"""The first page: a month's usage by meter and day, what the invoice says, and the disputes there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from adapters.postgres.invoice_view import DocumentRow, Wanted
from billing.invoices import InvoiceStatus
from console.portal.charts import Chart, bar_chart
from console.portal.months import BillingMonthView, MeteredMonth, days_of, read_month
from console.portal.overdue import is_overdue
from console.portal.refusals import unknown_page
from console.portal.visits import Visit, Visiting
from console.portal.words import CONTESTED, DOCUMENTS, state_in_words

router = APIRouter()

DISPUTES_MAX = 50
# An invoice and what corrects it: many more are nobody's month.
DOCUMENTS_MAX = 50

Month = Annotated[str | None, Query(pattern=r"^[12][0-9]{3}-(0[1-9]|1[0-2])$")]


@dataclass(frozen=True)
class Card:
    """One meter on the page."""

    month: MeteredMonth
    chart: Chart


@router.get("/{link}")
def dashboard(visit: Visiting, month: Month = None) -> HTMLResponse:
    """The newest month that was invoiced, or the one asked for; a month without anything is no page."""
    books = visit.desk.books
    months = books.usage.months(visit.tenant_id)
    if month is not None and month not in months:
        raise unknown_page()
    shown = read_month(books, visit.tenant, month) if month else _newest_invoiced(visit, months)
    disputes = books.cases.newest(tenant_id=visit.tenant_id, limit=DISPUTES_MAX)
    return visit.page(
        "dashboard.html",
        months=months,
        shown=shown,
        documents=_documents(visit, shown.month) if shown else [],
        called=DOCUMENTS,
        overdue=is_overdue(visit),
        cards=[_card(visit, shown.month, one) for one in shown.meters] if shown else [],
        disputes=disputes,
        contested=CONTESTED,
        state_in_words=state_in_words,
    )


def _newest_invoiced(visit: Visit, months: list[str]) -> BillingMonthView | None:
    """Else the newest month there is; None for a tenant that has used nothing yet."""
    invoiced = (month for month in months if visit.desk.books.invoices.latest(visit.tenant_id, month))
    month = next(invoiced, months[0] if months else None)
    return read_month(visit.desk.books, visit.tenant, month) if month else None


def _documents(visit: Visit, month: str) -> list[DocumentRow]:
    """The month's documents, the first issued first; voided ones ask for nothing and are left out."""
    wanted = Wanted(tenant_id=visit.tenant_id, period=month)
    found = visit.desk.books.documents.page(wanted, limit=DOCUMENTS_MAX).documents
    return sorted(
        (one for one in found if one.status is not InvoiceStatus.VOID), key=lambda one: (one.issued_at, one.number)
    )


def _card(visit: Visit, month: str, metered: MeteredMonth) -> Card:
    used = {day.day: day.quantity for day in metered.days}
    figures, unit = visit.figures, metered.meter.unit
    bars = [
        (
            quantity := used.get(day, 0 * metered.total),
            f"{figures.short_day(day)}: {figures.units(quantity, unit)}",
            visit.at("usage", metered.meter.meter, day),
        )
        for day in days_of(month, visit.tenant.zone)
    ]
    return Card(metered, bar_chart(bars, {day - 1: str(day) for day in range(1, 32, 7)}))
