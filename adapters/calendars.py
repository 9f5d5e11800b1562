"""Business calendars: the public holidays of a tenant's country, read once when a case opens."""

from __future__ import annotations

from datetime import datetime

import holidays

from billing.calendars import BusinessCalendar
from billing.tenants import Tenant

YEARS_BACK = 1
YEARS_AHEAD = 2


class PublicHolidays:
    """Satisfies `CalendarSource` with the `holidays` library; a country it does not know has working weekdays only."""

    def calendar(self, tenant: Tenant | None, now: datetime) -> BusinessCalendar:
        if tenant is None:
            return BusinessCalendar.without_holidays("UTC")
        years = range(now.year - YEARS_BACK, now.year + YEARS_AHEAD + 1)
        try:
            days = holidays.country_holidays(tenant.country.upper(), years=years)
        except NotImplementedError:
            return BusinessCalendar.without_holidays(tenant.zone)
        return BusinessCalendar(zone=tenant.zone, holidays=tuple(sorted(days)))
