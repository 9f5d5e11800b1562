"""What is wrong with what was sent: the findings of a library in words for people, without its jargon and its patterns.

Whoever sent it gets the place, the value and what to write instead; never a card number, never all of a long text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from billing.redaction import redact_card_numbers

_Flaw = TypeVar("_Flaw", bound=Mapping[str, Any])

_LONGEST_VALUE = 80

_MOMENT = "write a moment with its time zone, such as 2026-11-21T09:00:00Z"
_WHOLE_NUMBER = "write a whole number"
_TRUTH = "write true or false"
_LIST = "write a list, in brackets"
_OBJECT = "write an object with its fields, in braces"
# By pydantic's name of the finding, filled in from its context.
_WORDS: Mapping[str, str] = {
    "missing": "it is missing",
    "extra_forbidden": "there is no such field: leave it out",
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "dict_type": _OBJECT,
    "string_type": "write it as text, in quotes",
    "string_unicode": "write it as text, in UTF-8",
    "string_too_short": "write {min_length} characters or more",
    "string_too_long": "write {max_length} characters or fewer",
    "too_short": "name {min_length} or more",
    "too_long": "name {max_length} or fewer",
    "tuple_type": _LIST,
    "list_type": _LIST,
    "enum": "choose {expected}",
    "literal_error": "choose {expected}",
    "int_type": _WHOLE_NUMBER,
    "int_parsing": _WHOLE_NUMBER,
    "int_parsing_size": _WHOLE_NUMBER,
    "int_from_float": _WHOLE_NUMBER,
    "greater_than_equal": "write {ge} or more",
    "less_than_equal": "write {le} or less",
    "bool_type": _TRUTH,
    "bool_parsing": _TRUTH,
    "timezone_aware": "add the time zone, such as 2026-11-21T09:00:00Z",
    "datetime_type": _MOMENT,
    "datetime_parsing": _MOMENT,
    "datetime_from_date_parsing": _MOMENT,
    "datetime_object_invalid": _MOMENT,
    "date_from_datetime_parsing": _MOMENT,
    "union_tag_not_found": "say in {discriminator} what it is",
}


def worth_telling(flaws: Sequence[_Flaw]) -> list[_Flaw]:
    """The findings without those about the length of a list in which something else is wrong: they count what is left."""
    places = [flaw["loc"] for flaw in flaws]
    return [
        flaw
        for flaw in flaws
        if flaw["type"] != "too_short"
        or not any(place[: len(flaw["loc"])] == flaw["loc"] and place != flaw["loc"] for place in places)
    ]


def in_words(flaw: Mapping[str, Any]) -> str:
    """What to write instead of what pydantic found; `flaw` is one of its `errors()`, with the context."""
    context = flaw.get("ctx") or {}
    match flaw["type"]:
        case "string_too_short" if context["min_length"] == 1:
            return "write something: it is empty"
        case "union_tag_invalid":
            return f"choose {' or '.join(context['expected_tags'].split(', '))} as {context['discriminator']}"
        case kind if kind in _WORDS:
            return _WORDS[kind].format_map(context)
        case _:
            return str(flaw["msg"]).removeprefix("Value error, ")


def place_of(flaw: Mapping[str, Any], *, within: int = 0) -> str:
    """The field's name with those around it, such as `requester.email`; empty for the whole.

    `within` parts at its beginning are ours and not the sender's. A name that the sender made up is shown like a value.
    """
    return shown(".".join(str(part) for part in flaw["loc"][within:]))


def value_of(flaw: Mapping[str, Any]) -> str:
    """What was sent, as an error may repeat it; empty where nothing was."""
    return "" if flaw["type"] == "missing" else shown(flaw.get("input"))


def shown(value: object, longest: int = _LONGEST_VALUE) -> str:
    """A value as an error may repeat it: short, encodable, without card numbers; structures are only named."""
    match value:
        case None:
            return ""
        case dict():
            return "{...}"
        case list():
            return "[...]"
        case tuple():
            text = ", ".join(map(str, value))
        case _:
            text = str(value)
    harmless = redact_card_numbers(text).encode(errors="replace").decode()
    return harmless if len(harmless) <= longest else f"{harmless[:longest]}..."
