"""Compares traffic with the contract and keeps every difference, so that a test can fail on it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import jsonschema_rs

from sandbox.stripe.contract.operations import answer_schema, request_schema, resource_schema, schemas
from sandbox.stripe.contract.schemas import Schema

# What a DELETE leaves is not described by the SDK's class of the resource.
TOMBSTONE: Schema = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "object": {"type": "string"}, "deleted": {"const": True}},
    "required": ["id", "object", "deleted"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Violation:
    """One place where traffic and contract disagree."""

    where: str
    """What was being checked, such as `answer to POST /v1/refunds`."""
    field: str
    """Path of the offending field, such as `lines/data/0/amount`; empty for the whole."""
    problem: str


def request_violations(method: str, path: str, params: dict[str, Any]) -> list[Violation]:
    """Differences between decoded parameters and what the SDK may send to this method and path template."""
    return _differences(f"request {method} {path}", request_schema(method, path), params)


def answer_violations(method: str, path: str, body: dict[str, Any]) -> list[Violation]:
    """Differences between a successful answer and what the SDK expects from this method and path template."""
    where = f"answer to {method} {path}"
    schema = TOMBSTONE if body.get("deleted") is True else answer_schema(method, path)
    embedded = [body, *body.get("data", [])] if isinstance(body.get("data"), list) else [body]
    events = [item for item in embedded if item.get("object") == "event"]
    return [*_differences(where, schema, body), *(found for event in events for found in event_violations(event))]


def event_violations(event: dict[str, Any]) -> list[Violation]:
    """Differences in an event and in the resource it carries, which the SDK's class of events leaves open."""
    where = f"event {event.get('type')}"
    if found := _differences(where, resource_schema("event"), event):
        return found
    carried = event["data"]["object"]
    schema = TOMBSTONE if carried.get("deleted") is True else resource_schema(carried["object"])
    return _differences(where, schema, carried)


def _differences(where: str, schema: Schema, instance: dict[str, Any]) -> list[Violation]:
    return [
        Violation(where, "/".join(str(step) for step in error.instance_path), error.message[:300])
        for error in _validator(_key(schema)).iter_errors(instance)
    ]


_SCHEMAS: dict[str, Schema] = {}


def _key(schema: Schema) -> str:
    key = schema.get("$ref") or repr(schema)
    _SCHEMAS.setdefault(key, schema)
    return key


@cache
def _validator(key: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator({**_SCHEMAS[key], "$defs": _reachable(_SCHEMAS[key])})


def _reachable(schema: Schema) -> dict[str, Schema]:
    """Only the definitions a schema leads to: all of them together take a second to compile for every operation."""
    found: dict[str, Schema] = {}
    waiting: list[Any] = [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            reference = part.get("$ref")
            if isinstance(reference, str):
                name = reference.removeprefix("#/$defs/")
                if name not in found:
                    found[name] = schemas().definitions[name]
                    waiting.append(found[name])
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)
    return found
