from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis.strategies import datetimes, just

from billing.periods import Span
from billing.wording import counted, days, listed, percent, stamped, stretch, timed, unit_price, units, written
from tests.billing.strategies import quantities


@pytest.mark.parametrize(
    ("quantity", "words"),
    [
        ("2408.000000", "2,408"),
        ("1000", "1,000"),
        ("1E+6", "1,000,000"),
        ("0.500000", "0.5"),
        ("0", "0"),
        ("0.000001", "0.000001"),
        ("-1234.5", "-1,234.5"),
    ],
)
def test_quantities_are_written_without_trailing_zeros_and_with_thousands_apart(quantity: str, words: str) -> None:
    assert written(Decimal(quantity)) == words


@given(quantities())
def test_a_written_quantity_is_still_the_same_number(quantity: Decimal) -> None:
    assert Decimal(written(quantity).replace(",", "")) == quantity


def test_nouns_follow_their_number() -> None:
    assert [counted(number, "event") for number in (0, 1, 1204)] == ["0 events", "1 event", "1,204 events"]
    assert [units(Decimal(number)) for number in ("0", "1.000", "1.5")] == ["0 units", "1 unit", "1.5 units"]


@pytest.mark.parametrize(
    ("share", "words"), [("0.1", "10 %"), ("0.001", "0.1 %"), ("0.00416", "0.42 %"), ("1", "100 %"), ("0", "0 %")]
)
def test_shares_are_written_as_percentages(share: str, words: str) -> None:
    assert percent(Decimal(share)) == words


@pytest.mark.parametrize(("currency", "words"), [("USD", "USD 0.0125"), ("JPY", "JPY 1.25"), ("KWD", "KWD 0.00125")])
def test_unit_prices_are_written_in_major_units(currency: str, words: str) -> None:
    assert unit_price(Decimal("1.25000000"), currency) == words


def test_days_are_named_once_when_they_are_the_same() -> None:
    first, last = date(2026, 10, 1), date(2026, 11, 3)

    assert days(first, first) == "1 October 2026"
    assert days(first, last) == "1 October 2026 to 3 November 2026"


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("2026-10-03T16:00", "3 October 2026, 14:00 to 16:00 UTC"),
        ("2026-10-04T00:00", "3 October 2026, 14:00 to 4 October 2026, 00:00 UTC"),
    ],
)
def test_a_stretch_of_time_names_its_zone(end: str, words: str) -> None:
    span = Span(start=datetime(2026, 10, 3, 14, tzinfo=UTC), end=datetime.fromisoformat(f"{end}+00:00"))

    assert stretch(span) == words


@pytest.mark.parametrize(
    ("parts", "at_most", "words"),
    [
        ([], None, ""),
        (["a"], None, "a"),
        (["a", "b"], None, "a and b"),
        (["a", "b", "c"], None, "a, b and c"),
        (["a", "b", "c"], 3, "a, b and c"),
        (["a", "b", "c", "d"], 2, "a, b and 2 more"),
    ],
)
def test_lists_read_as_sentences(parts: list[str], at_most: int | None, words: str) -> None:
    assert listed(parts, at_most=at_most) == words


@given(datetimes(timezones=just(UTC)))
def test_moments_read_as_the_calendar_writes_them_in_any_locale(moment: datetime) -> None:
    story, plan = stamped(moment), timed(moment)

    assert story == f"{moment:%d %b %H:%M:%S}"
    assert plan == f"{moment:%a %d %b %H:%M} UTC"
