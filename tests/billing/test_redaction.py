from __future__ import annotations

import random
from collections.abc import Callable
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.redaction import REDACTED, no_card_number, redact_card_numbers, redact_link

# Issuer prefix and length of the number, as the networks publish them.
BRANDS = [
    ("4", 13), ("4", 16), ("4", 19), ("51", 16), ("55", 16), ("2221", 16), ("2720", 16), ("34", 15), ("37", 15),
    ("300", 14), ("36", 14), ("38", 14), ("3528", 16), ("3589", 16), ("6011", 16), ("645", 16), ("65", 16), ("62", 16),
    ("62", 19), ("2200", 16), ("6304", 13), ("6759", 18), ("5018", 19),
]  # fmt: skip


def card_number(brand: tuple[str, int], chance: random.Random) -> str:
    prefix, length = brand
    body = prefix + "".join(str(chance.randrange(10)) for _ in range(length - len(prefix) - 1))
    doubled = [int(digit) * (2 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(body))]
    return body + str(-sum(value - 9 if value > 9 else value for value in doubled) % 10)


def grouped(separator: str) -> Callable[[str], str]:
    return lambda number: separator.join(number[start : start + 4] for start in range(0, len(number), 4))


def full_width(number: str) -> str:
    return "".join(chr(ord(digit) + 0xFEE0) for digit in number)


SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "spaces": grouped(" "),
    "dashes": grouped("-"),
    "dots": grouped("."),
    "no-break spaces": grouped("\u00a0"),
    "thin spaces": grouped("\u2009"),
    "en dashes with spaces": grouped(" \u2013 "),
    "underscores": grouped("_"),
    "line breaks": grouped("\r\n"),
    "zero-width spaces": grouped("\u200b"),
    "every digit apart": " ".join,
    "full-width digits": full_width,
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_thousand_card_numbers_are_removed_however_they_are_spelled(spelling: str) -> None:
    chance = random.Random(4711)
    numbers = [card_number(BRANDS[position % len(BRANDS)], chance) for position in range(1_000)]

    letters = [f"My card {SPELLINGS[spelling](number)}, thanks." for number in numbers]
    removed = [redact_card_numbers(letter) == f"My card {REDACTED}, thanks." for letter in letters]

    assert sum(removed) >= 995


def order_number(position: int, chance: random.Random) -> str:
    """An order, invoice, parcel, account or trace number of the shapes customers quote."""
    digits = "".join(str(chance.randrange(10)) for _ in range(24))
    shapes = [
        f"ORD-2026-{digits[:8]}",
        digits[:10],
        f"20261{digits[:9]}",
        f"INV-2026-11-{digits[:6]}",
        f"1Z{digits[:16]}",
        f"00{digits[:18]}",
        f"{digits[:3]}-{digits[3:10]}-{digits[10:17]}",
        f"+49 {digits[:3]} {digits[3:11]}",
        str(UUID(int=int(digits))),
        f"DE{digits[:20]}",
        digits[:16],
        digits[:12],
    ]
    return shapes[position % len(shapes)]


def test_order_numbers_stay_readable() -> None:
    chance = random.Random(4711)
    letters = [f"It is about {order_number(position, chance)}." for position in range(10_000)]

    touched = [letter for letter in letters if redact_card_numbers(letter) != letter]

    assert len(touched) <= 100


@pytest.mark.parametrize(
    ("written", "left"),
    [
        ("4111 1111 1111 1111 12/28 123", f"{REDACTED} 12/28 123"),
        ("4111111111111111/12/28", f"{REDACTED}/12/28"),
        ("2026-11-03 4111111111111111 5555555555554444", f"2026-11-03 {REDACTED} {REDACTED}"),
        ("card:4111111111111111.", f"card:{REDACTED}."),
        ("(3782 822463 10005)", f"({REDACTED})"),
        ("call +49 328 33918261", "call +49 328 33918261"),
        ("+49 4111 1111 1111 1111", f"+49 {REDACTED}"),
        ("+4111 1111 1111 1111", f"+{REDACTED}"),
        ("4111111111111112", "4111111111111112"),
        ("1111111111111117", "1111111111111117"),
        ("99994111111111111111", "99994111111111111111"),
        ("I used 4,111 calls on 2026-10-03 at 14:00", "I used 4,111 calls on 2026-10-03 at 14:00"),
        ("", ""),
    ],
)
def test_only_the_card_number_itself_goes(written: str, left: str) -> None:
    assert redact_card_numbers(written) == left


@given(st.text(max_size=200))
def test_text_without_thirteen_digits_is_never_touched(text: str) -> None:
    few_digits = "".join(character for character in text if not character.isdecimal())

    assert redact_card_numbers(few_digits) == few_digits


@given(st.text(alphabet="4 1-.", max_size=300))
def test_removing_twice_is_removing_once(text: str) -> None:
    once = redact_card_numbers(text)

    assert redact_card_numbers(once) == once


@pytest.mark.parametrize("identity", ["T-1042", "4111111111111112", "INV-2026-11-000042", ""])
def test_an_id_without_a_card_number_is_kept(identity: str) -> None:
    assert no_card_number(identity) == identity


@pytest.mark.parametrize("identity", ["4111111111111111", "T-4111-1111-1111-1111", "4111.1111.1111.1111_2"])
def test_an_id_that_holds_a_card_number_is_refused_and_not_altered(identity: str) -> None:
    with pytest.raises(ValueError, match="it holds what looks like a card number: use another id") as refused:
        no_card_number(identity)

    assert "4111" not in str(refused.value)


@pytest.mark.parametrize(
    ("link", "left"),
    [
        ("https://a.example/october.csv?page=2#top", "https://a.example/october.csv?page=2#top"),
        ("https://a.example/100%25/%C3%BC+b.csv", "https://a.example/100%25/%C3%BC+b.csv"),
        ("https://a.example/4111111111111111.png", "https://a.example/%5Bcard%20number%20removed%5D.png"),
        (
            "https://a.example/?n=4111%201111%201111%201111&m=1",
            "https://a.example/?n=%5Bcard%20number%20removed%5D&m=1",
        ),
        ("https://a.example/?n=4111+1111+1111+1111", "https://a.example/?n=%5Bcard%20number%20removed%5D"),
        ("https://a.example/4111%2D1111%2D1111%2D1111", "https://a.example/%5Bcard%20number%20removed%5D"),
        ("https://4111111111111111/a", "https://%5Bcard%20number%20removed%5D/a"),
    ],
)
def test_a_link_loses_card_numbers_however_they_are_encoded_and_stays_a_link(link: str, left: str) -> None:
    assert redact_link(link) == left
    assert redact_link(left) == left
