"""Local days as parameters: each with its first moment and that of the next day, by the same rule as everywhere.

Postgres reads a midnight that a zone has twice as the second one; a day begins with the first.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from billing.periods import local_midnight


def local_days(days: Iterable[tuple[str, date]]) -> dict[str, Any]:
    """Parallel arrays `zones`, `days`, `starts` and `ends`, half-open in UTC."""
    rows = [(zone, day, local_midnight(day, zone), local_midnight(day + timedelta(days=1), zone)) for zone, day in days]
    names = ("zones", "days", "starts", "ends")
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}
