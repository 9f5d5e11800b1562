"""Card numbers that customers paste into tickets are taken out before anything is stored, started or logged.

A number is a card's when an issuer's prefix, that issuer's length and the Luhn checksum agree, however it is spelled:
plain, grouped, with dashes, dots, unusual spaces or full-width digits. Prefixes as well as the checksum are asked for,
since one order number in ten passes the checksum alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote, unquote_plus

REDACTED = "[card number removed]"
# What keeps its meaning in a link when it is written plainly.
_PLAIN_IN_LINKS = ":/?#&=;,@!$'()*~"

_SHORTEST, _LONGEST = 13, 19
# After a plus sign this many digits are a telephone number (E.164).
_PHONE_LONGEST = 15

# What people put between digits: white space, dashes, dots, slashes, underscores and marks that do not show.
_SEPARATOR = "[\\s\\-\u2010-\u2015\u2212\uff0d.\u00b7\u2022\u2024\uff0e/_*|\u00ad\u200b-\u200f\u2060\ufeff]"
_DIGITS = re.compile(rf"\d(?:{_SEPARATOR}{{0,3}}\d){{{_SHORTEST - 1},}}")
_GROUP = re.compile(r"\d+")

# Issuer prefixes as inclusive ranges of equal width, with the lengths that issuer uses.
_ISSUERS: tuple[tuple[str, str, frozenset[int]], ...] = (
    ("4", "4", frozenset({13, 16, 19})),  # Visa
    ("51", "55", frozenset({16})),  # Mastercard
    ("2221", "2720", frozenset({16})),
    ("34", "34", frozenset({15})),  # American Express
    ("37", "37", frozenset({15})),
    ("300", "305", frozenset({14, 16})),  # Diners Club
    ("3095", "3095", frozenset({14, 16})),
    ("36", "36", frozenset({14, 16, 19})),
    ("38", "39", frozenset({14, 16, 19})),
    ("3528", "3589", frozenset({16, 17, 18, 19})),  # JCB
    ("6011", "6011", frozenset({16, 19})),  # Discover
    ("644", "649", frozenset({16, 19})),
    ("65", "65", frozenset({16, 19})),
    ("62", "62", frozenset({16, 17, 18, 19})),  # UnionPay
    ("81", "81", frozenset({16})),
    ("2200", "2205", frozenset({16, 17, 18, 19})),  # Mir
    ("5018", "5018", frozenset(range(13, 20))),  # Maestro
    ("5020", "5020", frozenset(range(13, 20))),
    ("5038", "5038", frozenset(range(13, 20))),
    ("5893", "5893", frozenset(range(13, 20))),
    ("6304", "6304", frozenset(range(13, 20))),
    ("6759", "6759", frozenset(range(13, 20))),
    ("6761", "6763", frozenset(range(13, 20))),
    ("508", "508", frozenset({16})),  # RuPay
    ("60", "60", frozenset({16})),
)


def redact_card_numbers(text: str) -> str:
    """The text with every card number replaced by `REDACTED`; everything else, order numbers included, stays."""
    return _DIGITS.sub(_without_cards, text)


def redact_link(link: str) -> str:
    """The link with every card number replaced, percent-encoded ones too; any other link stays as it is to the letter."""
    read = unquote_plus(link)
    left = redact_card_numbers(read)
    return link if left == read else quote(left, safe=_PLAIN_IN_LINKS)


def no_card_number(identity: str) -> str:
    """The id as it is; ValueError when it holds a card number, since an altered id would be another one."""
    if redact_card_numbers(identity) != identity:
        raise ValueError("it holds what looks like a card number: use another id")
    return identity


def _without_cards(run: re.Match[str]) -> str:
    """A run of digits and separators with the cards in it replaced; a card starts and ends where a group of digits does."""
    text, kept, position = run.group(), [], 0
    international = run.string[run.start() - 1 : run.start()] == "+"
    for start, end in _cards(text, _PHONE_LONGEST + 1 if international else _SHORTEST):
        if start >= position:
            kept += [text[position:start], REDACTED]
            position = end
    return "".join([*kept, text[position:]])


def _cards(text: str, shortest_first: int) -> Iterator[tuple[int, int]]:
    """Where cards start and end; one that starts with the run has at least `shortest_first` digits."""
    groups = [(group.start(), group.end(), _ascii(group.group())) for group in _GROUP.finditer(text)]
    for first, (start, _, _) in enumerate(groups):
        digits, longest = "", None
        shortest = _SHORTEST if first else shortest_first
        for _, end, group_digits in groups[first : first + _LONGEST]:
            digits += group_digits
            if len(digits) > _LONGEST:
                break
            if len(digits) >= shortest and _is_card(digits):
                longest = end
        if longest is not None:
            yield start, longest


def _ascii(digits: str) -> str:
    """Full-width, Arabic or other digits as 0 to 9."""
    return digits if digits.isascii() else "".join(str(int(digit)) for digit in digits)


def _is_card(digits: str) -> bool:
    return _issued(digits) and _passes_luhn(digits)


def _issued(digits: str) -> bool:
    return any(len(digits) in lengths and low <= digits[: len(low)] <= high for low, high, lengths in _ISSUERS)


def _passes_luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
