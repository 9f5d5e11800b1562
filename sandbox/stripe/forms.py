"""Form-encoded parameters: `a[0][b]=1` becomes nested values of the types that the contract names."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from sandbox.stripe.contract.operations import resolved
from sandbox.stripe.contract.schemas import Schema
from sandbox.stripe.errors import InvalidParameter, missing, unknown

Params = dict[str, Any]
Raw = str | dict[str, "Raw"]

WORDS_LISTED = 12
_STEP = re.compile(r"\[([^\]]*)\]")
_INTEGER = re.compile(r"[+-]?\d+")
_DECIMAL = re.compile(r"[+-]?\d+(\.\d+)?")


def parse(encoded: str) -> dict[str, Raw]:
    """The nested tree behind an encoded form or query; lists stay mappings from their indices."""
    tree: dict[str, Raw] = {}
    for name, value in parse_qsl(encoded, keep_blank_values=True):
        head = name.split("[", 1)[0]
        branch = tree
        steps = [head, *_STEP.findall(name[len(head) :])]
        for step in steps[:-1]:
            inner = branch.setdefault(step or str(len(branch)), {})
            if isinstance(inner, str):
                raise InvalidParameter(f"Invalid object: {name}", param=head)
            branch = inner
        branch[steps[-1] or str(len(branch))] = value
    return tree


def decode(tree: Raw, schema: Schema, name: str = "") -> Any:
    """The tree as typed values; an empty string, which clears a field, becomes None.

    Raises `InvalidParameter` naming the first parameter that is unknown, missing or of the wrong type.
    """
    schema = resolved(schema)
    if "anyOf" in schema:
        return _first_fitting(tree, schema["anyOf"], name)
    if "enum" in schema:
        return _word(tree, schema["enum"], name)
    match schema.get("type"):
        case "object":
            return _object(tree, schema, name)
        case "array":
            return _array(tree, schema["items"], name)
        case "integer":
            return int(_matching(tree, _INTEGER, "integer", name))
        case "number":
            return float(_matching(tree, _DECIMAL, "decimal", name))
        case "boolean":
            return _word(tree, ["true", "false"], name) == "true"
        case "string" if "pattern" in schema:
            return _matching(tree, _DECIMAL, "decimal", name)
    if not isinstance(tree, str):
        raise InvalidParameter(f"Invalid string: {name}", param=name)
    return tree or None


def _first_fitting(tree: Raw, alternatives: list[Schema], name: str) -> Any:
    refusals = []
    for alternative in alternatives:
        try:
            return decode(tree, alternative, name)
        except InvalidParameter as refusal:
            refusals.append(refusal)
    # The refusal that got deepest into the value says most about what is wrong with it.
    raise max(refusals, key=lambda refusal: len(str(refusal.fields["param"])))


def _word(tree: Raw, words: list[Any], name: str) -> str | None:
    if tree not in words:
        named = [str(word) for word in words if word]
        listed = ", ".join(named[:WORDS_LISTED]) + (", ..." if len(named) > WORDS_LISTED else "")
        shown = tree if isinstance(tree, str) else "object"
        raise InvalidParameter(f"Invalid {name}: {shown!r} must be one of {listed}", param=name)
    return str(tree) or None


def _object(tree: Raw, schema: Schema, name: str) -> Params | None:
    if tree == "":
        return None
    if isinstance(tree, str):
        raise InvalidParameter(f"Invalid object: {name}", param=name)
    free = schema.get("additionalProperties")
    known = schema.get("properties", {})
    values: Params = {}
    for key, value in tree.items():
        inner = f"{name}[{key}]" if name else key
        if key not in known and not isinstance(free, dict):
            raise unknown(inner)
        values[key] = decode(value, known.get(key, free), inner)
    for key in schema.get("required", []):
        inner = f"{name}[{key}]" if name else key
        if key not in values:
            raise missing(inner)
        if values[key] is None:
            message = f"You passed an empty string for '{inner}', which cannot be unset."
            raise InvalidParameter(message, code="parameter_invalid_empty", param=inner)
    return values


def _array(tree: Raw, items: Schema, name: str) -> list[Any]:
    if isinstance(tree, str) or not all(index.isdigit() for index in tree):
        raise InvalidParameter("Invalid array", param=name)
    return [decode(tree[index], items, f"{name}[{index}]") for index in sorted(tree, key=int)]


def _matching(tree: Raw, pattern: re.Pattern[str], kind: str, name: str) -> str:
    if isinstance(tree, str) and pattern.fullmatch(tree):
        return tree
    shown = tree if isinstance(tree, str) else "object"
    raise InvalidParameter(f"Invalid {kind}: {shown}", code=f"parameter_invalid_{kind}", param=name)
