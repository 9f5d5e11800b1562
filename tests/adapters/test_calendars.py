"""Business calendars follow the tenant's country and zone."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from adapters.calendars import PublicHolidays
from billing.tenants import Tenant, Tier

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def tenant(country: str, zone: str) -> Tenant:
    return Tenant(
        tenant_id="acme",
        name="Acme",
        tier=Tier.PRO,
        currency="USD",
        zone=zone,
        country=country,
        billing_email="billing@acme.example",
    )


@pytest.mark.parametrize(
    ("country", "zone", "holiday"),
    [
        ("US", "America/New_York", date(2026, 11, 26)),
        ("de", "Europe/Berlin", date(2026, 10, 3)),
        ("JP", "Asia/Tokyo", date(2026, 11, 23)),
    ],
)
def test_a_public_holiday_of_the_country_is_no_business_day(country: str, zone: str, holiday: date) -> None:
    calendar = PublicHolidays().calendar(tenant(country, zone), NOW)

    assert calendar.zone == zone
    assert not calendar.is_business_day(holiday)


def test_the_calendar_covers_last_year_and_the_next_two() -> None:
    calendar = PublicHolidays().calendar(tenant("US", "America/New_York"), NOW)

    assert {day.year for day in calendar.holidays} >= {2025, 2026, 2027, 2028}
    assert list(calendar.holidays) == sorted(calendar.holidays)


def test_an_unknown_country_has_working_weekdays_only() -> None:
    calendar = PublicHolidays().calendar(tenant("XX", "Europe/Berlin"), NOW)

    assert (calendar.zone, calendar.holidays) == ("Europe/Berlin", ())


def test_an_unknown_tenant_gets_utc_without_holidays() -> None:
    calendar = PublicHolidays().calendar(None, NOW)

    assert (calendar.zone, calendar.holidays) == ("UTC", ())
