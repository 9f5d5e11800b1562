"""The dashboard and what lies behind a day, held against the rows themselves."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import text

from adapters.postgres.usage_view import EVENTS_MAX
from billing.periods import local_midnight
from tests.console.portal.customer import Customer, visiting
from tests.console.portal.usage import (
    BUSY_DAY,
    BUSY_EVENTS,
    HOSTILE_ROUTE,
    LONG_DAY,
    ROUTES,
    WRONG_DAY,
    ZONE,
    Meridian,
)
from tests.starters.desk import CaseDesk


def asked(meridian: Meridian, question: str, **values: Any) -> list[Any]:
    """What the rows of meridian's `api_calls` answer to a question."""
    with meridian.engine.connect() as connection:
        where = "where tenant_id = 'meridian' and meter = 'api_calls'"
        return list(connection.execute(text(question.format(where=where)), values))


def german(number: Decimal | int) -> str:
    """`1234.5` as `1.234,5`."""
    plain = f"{Decimal(number).normalize():,f}"
    return plain.translate(str.maketrans(",.", ".,"))


async def test_the_month_stands_by_day_beside_its_sum_and_the_invoice(customer: Customer, meridian: Meridian) -> None:
    days = asked(meridian, "select day, quantity, events from usage_daily {where} order by day")
    line = asked(meridian, "select quantity from invoice_lines where invoice_id = 'inv-meridian'")[0]

    page = await customer.looks("?month=2026-10")

    shown = [row for row in page.rows if len(row) == 3 and row[0][-1].isdigit()]
    assert [row[1:] for row in shown] == [[german(day.quantity), german(day.events)] for day in days]
    total = sum(day.quantity for day in days)
    assert f"Used, day by day {german(total)} On the invoice {german(line.quantity)} Charged 310,00 €" in page.words
    assert f"The invoice counts {german(total - line.quantity)} calls less than these days add up to." in page.words


async def test_every_bar_leads_to_its_day(customer: Customer) -> None:
    page = await customer.looks()

    bars = [attributes for tag, attributes in page.elements if tag == "rect" and attributes["class"] == "bar-of"]
    days = [link for link in page.links if "/usage/api_calls/" in link]
    tallest = max(bars, key=lambda bar: Decimal(bar["height"]))

    assert (len(bars), len(set(days)), len(days)) == (31, 31, 62)
    assert (bars.index(tallest), tallest["height"]) == (BUSY_DAY.day - 1, "100.00")


async def test_a_day_by_hour_adds_up_to_the_rows_and_a_long_day_has_an_hour_more(
    customer: Customer, meridian: Meridian
) -> None:
    per_hour = "select sum(quantity) as quantity, count(*) as events from usage_events {where} and event_time >= :at"
    bound = f"{per_hour} and event_time < :at + interval '1 hour'"
    midnight = local_midnight(LONG_DAY, ZONE)
    rows = [asked(meridian, bound, at=midnight + timedelta(hours=hour))[0] for hour in range(25)]

    page = await customer.looks(f"/usage/api_calls/{LONG_DAY}")

    hours = [row for row in page.rows if " to " in row[0]]
    assert [row[1:] for row in hours] == [[german(row.quantity or 0), german(row.events)] for row in rows]
    assert [row[0] for row in hours][1:4] == ["01:00 to 02:00", "02:00 to 02:00", "02:00 to 03:00"]
    assert "this day has 25 hours" in page.words


async def test_a_day_by_route_and_model_is_what_the_rows_say_the_largest_first(
    customer: Customer, meridian: Meridian
) -> None:
    rows = asked(
        meridian,
        "select route, model, sum(quantity) as quantity, count(*) as events from usage_events {where} and "
        "(event_time at time zone 'Europe/Berlin')::date = :day group by 1, 2 order by 3 desc",
        day=LONG_DAY,
    )

    page = await customer.looks(f"/usage/api_calls/{LONG_DAY}")

    shown = [row for row in page.rows if len(row) == 4]
    assert [row[2:] for row in shown] == [[german(row.quantity), german(row.events)] for row in rows]
    assert len(shown) == len(ROUTES) + 1  # the day's regular event has no model
    assert f"On record {german(sum(row.quantity for row in rows))}" in page.words


async def test_a_day_that_was_counted_wrongly_says_by_how_much(customer: Customer) -> None:
    wrong = await customer.looks(f"/usage/api_calls/{WRONG_DAY}")
    right = await customer.looks(f"/usage/api_calls/{LONG_DAY}")

    assert "What was counted and what is on record differ by 7 calls." in wrong.words
    assert "differ" not in right.words


async def test_the_events_of_a_day_are_paged_without_losing_or_repeating_one(
    customer: Customer, meridian: Meridian
) -> None:
    that_day = "select trace_id from usage_events {where} and (event_time at time zone 'Europe/Berlin')::date = :day"
    rows = asked(meridian, that_day, day=BUSY_DAY)
    address, pages = f"/usage/api_calls/{BUSY_DAY}/events", []

    while address:
        pages.append(await customer.looks(address))
        address = next((link for link in pages[-1].links if "after=" in link), "")

    seen = [row[4] for page in pages for row in page.rows]
    assert [len(page.rows) for page in pages] == [EVENTS_MAX, EVENTS_MAX, BUSY_EVENTS - 2 * EVENTS_MAX]
    assert sorted(seen) == sorted(str(row.trace_id) for row in rows)
    times = [row[0] for page in pages for row in page.rows]
    assert times == sorted(times)


async def test_events_narrow_to_an_hour_and_to_a_route_with_its_model(customer: Customer, meridian: Meridian) -> None:
    day, route = f"/usage/api_calls/{LONG_DAY}", quote(HOSTILE_ROUTE, safe="")

    third = await customer.looks(f"{day}/events?hour=3")
    hostile = await customer.looks(f"{day}/events?route={route}&model={quote('<img src=x>')}")
    search = await customer.looks(f"{day}/events?route=/v1/search")
    other_model = await customer.looks(f"{day}/events?route=/v1/search&model=small")

    assert {row[0] for row in third.rows} == {"02:00:00.000", "02:30:00.000"}
    assert (len(hostile.rows), len(search.rows), len(other_model.rows)) == (8, 8, 0)
    assert {row[2] for row in search.rows} == {"–"}


@pytest.mark.parametrize(
    "path",
    [
        "?month=2026-08",
        "?month=2026-13",
        "?month=October",
        "/usage/nothing/2026-10-14",
        "/usage/API_CALLS/2026-10-14",
        "/usage/api_calls/2026-10-32",
        "/usage/api_calls/2026-08-14",
        "/usage/api_calls/2026-10-14/events?hour=24",
        "/usage/api_calls/2026-10-14/events?hour=-1",
        "/usage/api_calls/2026-10-14/events?after=yesterday",
        "/usage/api_calls/2026-10-14/events?after=2026-10-14T00:00:00_00000000-0000-0000-0000-000000000000",
        "/usage/api_calls/2026-10-14/events?route=%00",
        "/usage/api_calls/2026-10-14/events?model=%00",
        "/contest?month=2026-08",
        "/contest",
        "/disputes/T-never-was",
        "/disputes/%2e%2e",
    ],
)
async def test_what_there_is_not_is_a_page_that_says_so(customer: Customer, path: str) -> None:
    page = await customer.looks(path)

    assert page.status == 404
    assert "There is no such page" in page.words


async def test_texts_in_the_data_are_shown_and_never_run(customer: Customer) -> None:
    home = await customer.looks()
    day = await customer.looks(f"/usage/api_calls/{LONG_DAY}")
    events = await customer.looks(f"/usage/api_calls/{LONG_DAY}/events?route={quote(HOSTILE_ROUTE, safe='')}")

    assert "Meridian <b>& Söhne</b>" in home.words
    assert HOSTILE_ROUTE in day.words
    assert HOSTILE_ROUTE in events.words
    assert not {"script", "b"} & (home.tags() | day.tags() | events.tags())
    images = [known["src"] for page in (home, day, events) for tag, known in page.elements if tag == "img"]
    assert set(images) == {"/portal/static/portal.svg"}


async def test_a_tenant_that_used_nothing_yet_is_told_so(desk: CaseDesk, meridian: Meridian) -> None:
    with meridian.engine.begin() as connection:
        connection.execute(
            text(
                "insert into tenants (tenant_id, name, tier, currency, zone, country, locale, billing_email) "
                "values ('newcomer', 'Newcomer', 'free', 'USD', 'UTC', 'US', 'xx-unknown', 'a@newcomer.example') "
                "on conflict do nothing"
            )
        )

    async with visiting(desk, "newcomer") as somebody:
        page = await somebody.looks()

    assert (page.status, "Nothing here yet" in page.words) == (200, True)
