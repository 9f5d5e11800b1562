"""Events of Stripe over HTTP: kept before the answer, once each, from our account alone; listed, shown and tried again."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
import stripe
from pydantic import SecretStr
from temporalio.service import RPCError

from adapters.postgres.books import Books
from adapters.postgres.engine import open_engine
from billing.failures import BillingFailure, FailureCode
from billing.provider_events import CASE_ID, ArrivedEvent, EventState
from console.bodies import LARGEST_BODY_BYTES
from starters import provider_events
from starters.provider_events import HIDDEN, Bell
from tests.console.caller import Caller, calling
from tests.starters.desk import NOBODY_LISTENS, CaseDesk

NEW, OLD = "whsec_new", "whsec_old"


@dataclass
class Door:
    """The webhook as Stripe knocks at it; `rung` counts how often the runbook was woken."""

    caller: Caller
    books: Books
    rung: list[int]
    bell: Bell

    async def gets(self, event: Any, *, secret: str = NEW, late: int = 0, **headers: str) -> httpx.Response:
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        at = int((datetime.now(UTC) - timedelta(seconds=late)).timestamp())
        signature = stripe.WebhookSignature.generate_signature_header(body.decode(), secret, timestamp=at)
        signed = {"Stripe-Signature": signature, "Content-Type": "application/json"} | headers
        return await self.caller.http.post("/webhooks/stripe", content=body, headers=signed)

    def kept(self, event: dict[str, Any]) -> bool:
        return self.books.provider_events.find(event["id"]) is not None


@pytest.fixture
async def door(desk: CaseDesk, books: Books) -> AsyncIterator[Door]:
    settings = desk.settings.model_copy(
        update={
            "stripe_webhook_secret": SecretStr(f"{NEW},{OLD}"),
            "stripe_api_key": SecretStr("sk_test_ours"),
            "task_queue": "nobody-works-here",
        }
    )
    rung: list[int] = []

    async def ring() -> None:
        rung.append(1)

    async with calling(replace(desk, settings=settings)) as caller:
        bell = caller.app.state.stripe_bell = Bell(ring, pause=0)
        yield Door(caller, books, rung, bell)
        await bell.quiet()


def an_event(event_type: str = "invoice.paid", **changes: Any) -> dict[str, Any]:
    about = {"object": "invoice", "id": "in_1", "customer": "cus_acme", "hosted_invoice_url": "https://pay.example/s"}
    plain = {
        "id": f"evt_{uuid4().hex}",
        "object": "event",
        "api_version": "2026-08-26",
        "type": event_type,
        "created": int(datetime.now(UTC).timestamp()),
        "livemode": False,
        "pending_webhooks": 1,
        "data": {"object": about},
    }
    return plain | changes


def fields(answer: httpx.Response) -> dict[str, str]:
    return {one["field"]: one["message"] for one in answer.json()["error"]["fields"]}


async def test_an_event_is_kept_as_it_came_before_the_answer_and_once(door: Door) -> None:
    event = an_event()
    body = json.dumps(event, indent=2).encode()

    first, again = await door.gets(body), await door.gets(body)

    await door.bell.quiet()
    assert (first.status_code, first.json()) == (200, {"event_id": event["id"], "new": True})
    assert (again.status_code, again.json()["new"]) == (200, False)
    found = door.books.provider_events.find(event["id"])
    assert found is not None and found[1].raw == body.decode()
    assert len(door.rung) == 1


async def test_many_events_wake_the_runbook_a_few_times(door: Door) -> None:
    for _ in range(20):
        door.bell.press()

    await door.bell.quiet()
    assert 1 <= len(door.rung) <= 2


async def test_while_a_secret_is_rolled_both_are_believed(door: Door) -> None:
    assert (await door.gets(an_event(), secret=OLD)).status_code == 200


async def test_a_type_that_nobody_knows_is_kept_too(door: Door) -> None:
    event = an_event("v3.something.never_seen")

    assert (await door.gets(event)).status_code == 200
    assert door.kept(event)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"secret": "whsec_guess"}, "does not fit the body"),
        ({"late": 301}, "more than 300 seconds away"),
        ({"late": -360}, "more than 300 seconds away"),
        ({"late": 86_400}, "more than 300 seconds away"),
        ({"Stripe-Signature": "t=1,v1="}, "more than 300 seconds away"),
        ({"Stripe-Signature": ""}, "send the header"),
    ],
)
async def test_what_is_not_signed_by_stripe_just_now_is_refused_by_the_headers_name(
    door: Door, how: dict[str, Any], words: str
) -> None:
    event = an_event()

    answer = await door.gets(event, **how)

    assert answer.status_code == 401
    assert words in fields(answer)["Stripe-Signature"]
    assert not door.kept(event)


async def test_a_body_that_was_cut_does_not_fit_its_signature(door: Door) -> None:
    event = an_event()
    body = json.dumps(event)
    signature = stripe.WebhookSignature.generate_signature_header(body, NEW)

    answer = await door.gets(body[:-20].encode(), **{"Stripe-Signature": signature})

    assert answer.status_code == 401
    assert not door.kept(event)


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"account": "acct_else"}, "account", "another account's"),
        ({"livemode": True}, "livemode", "a key of test mode"),
        ({"livemode": "false"}, "livemode", "true or false"),
        ({"object": "v2.core.event"}, "object", "choose 'event'"),
        ({"id": "evt_\x00"}, "id", "such as evt_1PqR"),
        ({"id": 7}, "id", "as text"),
        ({"type": "Invoice Paid"}, "type", "such as invoice.paid"),
        ({"created": 0}, "created", "or more"),
        ({"created": 10**12}, "created", ""),
        ({"data": {}}, "data.object", "missing"),
        ({"data": {"object": []}}, "data.object", "object"),
    ],
)
async def test_a_signed_event_that_is_not_for_us_is_refused_by_the_fields_name(
    door: Door, changes: dict[str, Any], field: str, words: str
) -> None:
    answer = await door.gets(an_event(**changes))

    assert answer.status_code == 422
    assert words in fields(answer)[field]


async def test_what_is_no_json_is_refused_although_it_is_signed(door: Door) -> None:
    for body in (b"{", b"[" * 100_000, b""):
        assert (await door.gets(body)).json()["error"]["code"] == "malformed_json"


async def test_a_megabyte_is_refused_before_it_is_read(door: Door) -> None:
    event = an_event(padding="x" * 1_000_000)
    assert len(json.dumps(event)) > LARGEST_BODY_BYTES

    answer = await door.gets(event)

    assert answer.status_code == 413
    assert not door.kept(event)


async def test_what_could_not_be_kept_is_not_acknowledged(door: Door) -> None:
    gone = open_engine(f"postgresql://nobody@{NOBODY_LISTENS}/none")
    door.caller.app.state.desk = replace(door.caller.app.state.desk, books=Books.over(gone))

    answer = await door.gets(an_event())

    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert await door.caller.count('runbooks_stripe_events_total{outcome="unavailable"}') == 1


async def test_without_a_secret_nothing_is_taken_and_the_setting_is_named(desk: CaseDesk) -> None:
    settings = desk.settings.model_copy(update={"stripe_webhook_secret": None})
    async with calling(replace(desk, settings=settings)) as caller:
        answer = await caller.http.post("/webhooks/stripe", json=an_event(), headers={"Stripe-Signature": "t=1,v1=ab"})

    assert answer.status_code == 404
    assert "RUNBOOKS_STRIPE_WEBHOOK_SECRET" in answer.json()["error"]["message"]


async def test_while_temporal_is_away_an_event_is_kept_all_the_same(door: Door) -> None:
    async def away() -> None:
        raise BillingFailure(FailureCode.UNAVAILABLE, "Temporal does not answer")

    door.caller.app.state.stripe_bell = bell = Bell(away, pause=0)
    event = an_event()

    answer = await door.gets(event)

    await bell.quiet()
    assert answer.status_code == 200
    assert door.kept(event)


async def test_what_comes_in_is_counted_by_what_became_of_it(door: Door) -> None:
    event = an_event()
    await door.gets(event)
    await door.gets(event)
    await door.gets(event, secret="whsec_guess")

    counted = {
        outcome: await door.caller.count(f'runbooks_stripe_events_total{{outcome="{outcome}"}}')
        for outcome in ("kept", "known", "not_signed")
    }

    assert counted == {"kept": 1, "known": 1, "not_signed": 1}


# -- what became of them ---------------------------------------------------------------------------------------------------


async def test_events_are_listed_and_shown_without_what_opens_doors(door: Door) -> None:
    about = {"object": "invoice", "client_secret": "pi_secret_x", "memo": "card 4242 4242 4242 4242", "lines": [None]}
    event = an_event(data={"object": about | {"hosted_invoice_url": "https://pay.example/s"}})
    await door.gets(event)

    listed = (await door.caller.asks("agent-1", "GET", "/provider-events?state=waiting&limit=1")).json()
    page = (await door.caller.asks("agent-1", "GET", f"/provider-events/{event['id']}")).json()

    assert [one["event_id"] for one in listed] == [event["id"]]
    assert (page["event"]["state"], page["event"]["arrival"]) == ("waiting", "webhook")
    shown = page["sent"]["data"]["object"]
    assert shown["client_secret"] == shown["hosted_invoice_url"] == HIDDEN
    assert "4242 4242" not in shown["memo"]


async def test_a_parked_event_is_tried_again_by_somebody_in_charge_with_the_reason(door: Door) -> None:
    parked, other = an_event(), an_event()
    for event in (parked, other):
        await door.gets(event)
    book = door.books.provider_events
    wish = {"event_ids": [parked["id"]], "reason": "The books were linked."}

    refused = await door.caller.asks("agent-1", "POST", "/provider-events/retry", json=wish)
    unknown = await door.caller.asks(
        "lead-1", "POST", "/provider-events/retry", json=wish | {"event_ids": [parked["id"], "evt_never"]}
    )
    answer = await door.caller.asks("engineering-1", "POST", "/provider-events/retry", json=wish)
    every = await door.caller.asks("lead-1", "POST", "/provider-events/retry", json={"reason": "All of them."})

    assert (refused.status_code, unknown.status_code) == (403, 404)
    assert "evt_never" in unknown.json()["error"]["message"]
    assert (answer.status_code, answer.json()) == (202, {"retried": 1})
    assert every.json() == {"retried": 0}
    found = book.find(parked["id"])
    assert found is not None
    assert (found[0].state, found[0].retried_by) == (EventState.WAITING, "engineering-1")
    with suppress(RPCError):
        await door.caller.desk.client.get_workflow_handle(CASE_ID).terminate()


async def test_an_event_that_never_came_is_not_found(door: Door) -> None:
    answer = await door.caller.asks("agent-1", "GET", "/provider-events/evt_never")
    misspelt = await door.caller.asks("agent-1", "GET", "/provider-events/never")

    assert (answer.status_code, misspelt.status_code) == (404, 422)
    assert "runbooks events list" in answer.json()["error"]["message"]


def test_what_cannot_be_read_is_not_shown() -> None:
    event = ArrivedEvent(
        event_id="evt_1", type="invoice.paid", occurred_at=datetime.now(UTC), raw="{4242 4242 4242 4242"
    )

    assert provider_events.sent_by(event) == "[what was sent cannot be read]"
