"""The HTTP side against its own description: whatever is sent, the answer is one that it announces."""

from __future__ import annotations

import asyncio
import json

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from billing.money import Money
from console.ticket_events import EXAMPLE, TicketCreated, read_event
from tests.console.caller import Caller

EXAMPLES = 5
# To whoever is nobody most doors say no more than that, whatever is sent.
EXAMPLES_OF_NOBODY = 2
# A query that no worker answers holds a request for as long as we are patient with Temporal, and a busy machine for longer.
PATIENCE_SECONDS = 60


def breaks_nothing(
    context: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case
) -> None:
    """No worker looks after what these requests start, so the console may say "not now", with when to ask again."""
    if response.status_code != 503:
        not_a_server_error(context, response, case)
    else:
        assert response.headers["retry-after"]


CHECKS = [breaks_nothing, status_code_conformance, content_type_conformance, response_schema_conformance]


# Every door with every kind of body, twice: minutes on a busy machine.
@pytest.mark.timeout(600)
@pytest.mark.parametrize("operator_id", ["vp-1", None])
async def test_no_request_breaks_the_console_or_gets_an_answer_it_does_not_announce(
    caller: Caller, operator_id: str | None
) -> None:
    headers = {"Authorization": f"Bearer {caller.desk.tokens[operator_id]}"} if operator_id else {}

    def ask_everything() -> list[str]:
        schema = schemathesis.openapi.from_asgi("/openapi.json", caller.app)
        asked = []
        for result in schema.get_all_operations():
            operation = result.ok()
            _fuzz(operation, headers, EXAMPLES if operator_id else EXAMPLES_OF_NOBODY)
            asked.append(operation.label)
        return asked

    asked = await asyncio.to_thread(ask_everything)

    assert len(asked) > 15


def _fuzz(operation: schemathesis.schemas.APIOperation, headers: dict[str, str], examples: int) -> None:
    # Examples are made from the schema, however long that takes, and each asks the whole console and its database; one
    # that fails is short enough to read, and making it shorter would take minutes.
    bounded = settings(
        max_examples=examples,
        phases=[Phase.generate],
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )

    @bounded
    @given(case=operation.as_strategy())
    def fuzzed(case: schemathesis.Case) -> None:
        case.call_and_validate(headers=headers, checks=CHECKS, timeout=PATIENCE_SECONDS)

    fuzzed()


def test_the_example_of_a_ticket_is_one_that_is_read() -> None:
    event = read_event(json.dumps(EXAMPLE).encode())

    assert isinstance(event, TicketCreated)
    assert event.ticket.disputed == Money(minor=48_20, currency="USD")
