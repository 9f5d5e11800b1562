"""What is wrong with a field, as the person or machine that sent it reads it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from starters.flaws import in_words, place_of, shown, value_of, worth_telling

CARD = "4111 1111 1111 1111"


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Small(BaseModel):
    model_config = ConfigDict(extra="forbid")

    size: int


class Left(BaseModel):
    way: Literal["left"]


class Right(BaseModel):
    way: Literal["right"]


WAY = Annotated[Left | Right, Field(discriminator="way")]


def flaw_of(kind: Any, value: object) -> dict[str, Any]:
    """The first thing that pydantic finds wrong."""
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(kind).validate_python(value)
    return dict(refused.value.errors()[0])


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        (Small, {}, "it is missing"),
        (Small, {"size": 1, "colour": 1}, "there is no such field: leave it out"),
        (Small, [], "write an object with its fields, in braces"),
        (str, 12.5, "write it as text, in quotes"),
        (str, None, "write it as text, in quotes"),
        (Annotated[str, StringConstraints(max_length=2)], "\ud800", "write it as text, in UTF-8"),
        (Annotated[str, StringConstraints(min_length=3)], "x", "write 3 characters or more"),
        (Annotated[str, StringConstraints(min_length=1)], "", "write something: it is empty"),
        (Annotated[str, StringConstraints(max_length=2)], "abc", "write 2 characters or fewer"),
        (Annotated[list[int], Field(min_length=1)], [], "name 1 or more"),
        (Annotated[list[int], Field(max_length=1)], [1, 2], "name 1 or fewer"),
        (tuple[int, ...], "1", "write a list, in brackets"),
        (list[int], "1", "write a list, in brackets"),
        (Colour, "green", "choose 'red' or 'blue'"),
        (Literal["a", "b"], "c", "choose 'a' or 'b'"),
        (int, "a few", "write a whole number"),
        (int, 1.5, "write a whole number"),
        (int, [], "write a whole number"),
        (Annotated[int, Field(ge=1)], 0, "write 1 or more"),
        (Annotated[int, Field(le=9)], 10, "write 9 or less"),
        (bool, "perhaps", "write true or false"),
        (bool, [], "write true or false"),
        (AwareDatetime, "2026-11-21T09:00:00", "add the time zone, such as 2026-11-21T09:00:00Z"),
        (AwareDatetime, "soon", "write a moment with its time zone, such as 2026-11-21T09:00:00Z"),
        (AwareDatetime, "2026-11-21", "add the time zone, such as 2026-11-21T09:00:00Z"),
        (AwareDatetime, {}, "write a moment with its time zone, such as 2026-11-21T09:00:00Z"),
        (WAY, {}, "say in 'way' what it is"),
        (WAY, {"way": "up"}, "choose 'left' or 'right' as 'way'"),
    ],
)
def test_every_finding_says_what_to_write_instead(kind: Any, value: object, words: str) -> None:
    assert in_words(flaw_of(kind, value)) == words


def test_what_a_rule_of_ours_says_stands_as_it_is() -> None:
    assert in_words({"type": "value_error", "msg": "Value error, write an amount"}) == "write an amount"
    assert in_words({"type": "unheard_of", "msg": "Input should be a teapot"}) == "Input should be a teapot"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("12,00", "12,00"),
        (12.5, "12.5"),
        (None, ""),
        (("api_calls", "storage"), "api_calls, storage"),
        ({"a": 1}, "{...}"),
        ([1], "[...]"),
        ("x" * 81, f"{'x' * 80}..."),
        (f"card {CARD}", "card [card number removed]"),
        ("a\ud800b", "a?b"),
    ],
)
def test_a_value_is_repeated_short_and_without_what_must_not_be_repeated(value: object, words: str) -> None:
    assert shown(value) == words


def test_what_was_not_sent_has_no_value() -> None:
    assert value_of(flaw_of(Small, {})) == ""
    assert value_of(flaw_of(Small, {"size": "big"})) == "big"


def test_a_field_is_named_by_its_way_even_where_the_sender_made_the_name_up() -> None:
    nested = flaw_of(dict[str, Small], {"a": {"size": "big"}})
    made_up = flaw_of(Small, {"size": 1, CARD: 1})

    assert place_of(nested) == "a.size"
    assert place_of(nested, within=1) == "size"
    assert place_of(made_up) == "[card number removed]"
    assert place_of(flaw_of(Small, [])) == ""


def test_a_list_with_something_wrong_in_it_is_not_called_too_short_as_well() -> None:
    class Order(BaseModel):
        sizes: Annotated[tuple[Small, ...], Field(min_length=1)]
        colours: Annotated[tuple[Colour, ...], Field(min_length=1)]

    with pytest.raises(ValidationError) as refused:
        Order.model_validate({"sizes": [{}], "colours": []})

    assert [place_of(flaw) for flaw in worth_telling(refused.value.errors())] == ["sizes.0.size", "colours"]
