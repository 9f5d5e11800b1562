"""A payload's amounts, moments and names as plain words in the recipient's locale and zone.

An unknown zone never holds a letter back: UTC takes its place, and the zone is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, tzinfo
from decimal import Decimal
from typing import TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale
from babel.dates import format_date, format_time, get_timezone_name
from pydantic import BaseModel

from adapters.locales import amount_in_words, day_in_words, english_of, locale_of, quantity_in_words
from billing.emails import Payload, Recipient
from billing.money import Money
from billing.recovery_emails import Coming, Left, Owed, OwedInvoice

# What a template may see: nothing with attributes or methods of ours, so that no text can reach behind it.
Plain: TypeAlias = "str | int | bool | list[Plain] | dict[str, Plain] | None"


def plain_words(payload: Payload, to: Recipient) -> dict[str, Plain]:
    """Every field of the payload by name, amounts and moments already written out for the recipient."""
    locale, zone = locale_of(to.locale), _zone(to.zone)
    return {name: _plain(value, locale, zone) for name, value in payload}


def moment_in_words(moment: datetime, locale: Locale, zone: tzinfo) -> str:
    """Day, time and the zone's name. Letters are written in English, so the locale's region only orders the parts."""
    english = english_of(locale)
    local = moment.astimezone(zone)
    day = format_date(local.date(), "full", locale=english)
    clock = format_time(local, "short", tzinfo=zone, locale=english)
    return f"{day}, {clock} {get_timezone_name(local, locale=english)}"


def _plain(value: object, locale: Locale, zone: tzinfo) -> Plain:
    match value:
        case None | bool():
            return value
        case Money():
            return amount_in_words(value, locale)
        case datetime():
            return moment_in_words(value, locale, zone)
        case date():
            return day_in_words(value, locale)
        case str():
            return str.__str__(value)
        case int():
            return int(value)
        case Decimal():
            return quantity_in_words(value, locale)
        case tuple() | list():
            return [_plain(item, locale, zone) for item in value]
        case Mapping():
            return {str(name): _plain(item, locale, zone) for name, item in value.items()}
        case BaseModel():
            return _plain(_told(value, zone), locale, zone)
        case _:
            raise TypeError(f"a letter cannot say a {type(value).__name__}: give it as text, a number or Money")


def _told(part: BaseModel, zone: tzinfo) -> dict[str, object]:
    """What a letter tells of a part of its payload: of a debt also the sum, and of its invoices only the day."""
    fields = dict(part)
    match part:
        case Owed():
            return fields | {"totals": part.totals}
        case OwedInvoice():
            return fields | {"since": part.since.astimezone(zone).date()}
        case Coming() | Left():
            return fields | {"percent": part.percent}
        case _:
            return fields


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")
