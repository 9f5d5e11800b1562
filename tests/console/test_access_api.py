"""Gateways ask what a customer may use: with a token for nothing else, by ETag, and also while Postgres is away."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from billing.access import Cause, LiftOrder, Restriction, RestrictionOrder
from billing.failures import BillingFailure, FailureCode
from billing.policy.standard import ACCESS
from console.access_answers import AccessAnswers
from tests.console.caller import Caller

TOKEN = "gateway-token-of-24-characters"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Watch:
    """The clock by which answers grow old, and whether the books can be asked."""

    seconds = 0.0
    away = False

    def measure(self) -> float:
        return self.seconds


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def gateway(caller: Caller, nobody_is_limited: None, watch: Watch) -> Iterator[Caller]:
    """An application whose settings hold two access tokens, as while they rotate, over books that can be away."""
    state = caller.app.state
    tokens = SecretStr(f"{TOKEN},older-{TOKEN}")
    settings = state.desk.settings.model_copy(update={"access_token": tokens})
    state.desk = type(state.desk)(**{**vars(state.desk), "settings": settings})

    class Books:
        def standings(self, tenants: Any) -> Any:
            return self._here().standings(tenants)

        def changed_since(self, mark: int | None) -> Any:
            return self._here().changed_since(mark)

        def _here(self) -> Any:
            if watch.away:
                raise BillingFailure(FailureCode.UNAVAILABLE, "Postgres is not available")
            return caller.desk.books.restrictions

    state.access = AccessAnswers(Books(), ACCESS, lambda: NOON, measure=watch.measure)
    yield caller
    state.access.close()


async def ask(gateway: Caller, tenant: str = "acme", token: str | None = TOKEN, **headers: str) -> httpx.Response:
    sent = headers | ({"Authorization": f"Bearer {token}"} if token is not None else {})
    return await gateway.http.get(f"/access/{tenant}", headers=sent)


def limits(gateway: Caller, restriction: Restriction = Restriction.RATE_LIMITED, step: str = "1") -> None:
    order = RestrictionOrder(
        tenant_id="acme",
        cause=Cause.OVERAGE,
        restriction=restriction,
        rate_share=Decimal("0.5"),
        reason="api_calls reached 120 %",
        case_id="usage-limits/acme/2026-11-01",
        step=step,
    )
    gateway.desk.books.restrictions.restrict(order, NOON)


async def test_a_tenant_that_nobody_limits_may_use_everything(gateway: Caller) -> None:
    answer = await ask(gateway)

    assert answer.status_code == 200
    assert answer.json() == {
        "tenant_id": "acme",
        "restriction": "none",
        "rate_share": 1.0,
        "cause": None,
        "reason": "",
        "since": None,
        "as_of": NOON.isoformat(),
        "stale": False,
    }
    assert answer.headers["Cache-Control"] == "private, max-age=2"
    assert "X-Runbooks-Stale" not in answer.headers


async def test_a_limit_is_told_within_seconds_with_its_share_and_reason(gateway: Caller, watch: Watch) -> None:
    before = await ask(gateway)
    limits(gateway)

    watch.seconds = 2
    after = await ask(gateway)

    assert before.json()["restriction"] == "none"
    body = after.json()
    assert (body["restriction"], body["rate_share"], body["cause"]) == ("rate_limited", 0.5, "overage")
    assert (body["reason"], body["since"]) == ("api_calls reached 120 %", NOON.isoformat())


async def test_an_etag_that_is_known_is_answered_without_a_body_until_something_changes(
    gateway: Caller, watch: Watch
) -> None:
    limits(gateway)
    first = await ask(gateway)
    etag = first.headers["ETag"]

    same = [
        await ask(gateway, **{"If-None-Match": sent}) for sent in (etag, etag.removeprefix("W/"), f'"x", {etag}', "*")
    ]
    other = await ask(gateway, **{"If-None-Match": '"another"'})
    gateway.desk.books.restrictions.lift(
        LiftOrder(tenant_id="acme", cause=Cause.OVERAGE, reason="upgraded", case_id="c", step="2"), NOON
    )
    watch.seconds = 2
    changed = await ask(gateway, **{"If-None-Match": etag})

    assert etag == 'W/"acme-1"'
    assert [(answer.status_code, answer.content) for answer in same] == [(304, b"")] * 4
    assert all(answer.headers["ETag"] == etag for answer in same)
    assert (other.status_code, changed.status_code) == (200, 200)
    assert changed.json()["restriction"] == "none"


async def test_while_postgres_is_away_the_last_answer_is_repeated_and_marked(gateway: Caller, watch: Watch) -> None:
    limits(gateway)
    fresh = await ask(gateway)
    watch.away, watch.seconds = True, 90

    repeated = await ask(gateway)
    unchanged = await ask(gateway, **{"If-None-Match": fresh.headers["ETag"]})
    unheard_of = await ask(gateway, "bolt")

    assert repeated.status_code == 200
    assert repeated.json() == fresh.json() | {"stale": True}
    assert (repeated.headers["X-Runbooks-Stale"], repeated.headers["Age"]) == ("true", "90")
    assert (unchanged.status_code, unchanged.headers["X-Runbooks-Stale"]) == (304, "true")
    assert (unheard_of.status_code, unheard_of.json()["error"]["code"]) == (503, "unavailable")
    assert int(unheard_of.headers["Retry-After"]) > 0
    assert await gateway.count("runbooks_access_stale_total") == 2


async def test_when_postgres_is_back_answers_are_fresh_again(gateway: Caller, watch: Watch) -> None:
    await ask(gateway)
    watch.away, watch.seconds = True, 90
    await ask(gateway)
    limits(gateway)

    watch.away, watch.seconds = False, 91
    answer = await ask(gateway)

    assert (answer.json()["restriction"], answer.json()["stale"]) == ("rate_limited", False)


async def test_an_unknown_tenant_is_not_found_and_a_name_that_is_none_is_refused(gateway: Caller) -> None:
    unknown, misspelt = await ask(gateway, "nobody"), await ask(gateway, "ACME!")

    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "not_found")
    assert (misspelt.status_code, misspelt.json()["error"]["fields"][0]["field"]) == (422, "tenant_id")


@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN[:-1], f"{TOKEN}x", f"{TOKEN},older-{TOKEN}"])
async def test_nobody_is_told_without_an_access_token(gateway: Caller, token: str | None) -> None:
    answer = await ask(gateway, token=token)

    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "not_signed_in")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_an_operator_token_is_no_access_token_and_an_older_one_counts(gateway: Caller) -> None:
    operator = await ask(gateway, token=gateway.desk.tokens["engineering-1"])
    older = await ask(gateway, token=f"older-{TOKEN}")

    assert (operator.status_code, older.status_code) == (401, 200)


async def test_without_a_token_in_the_settings_nobody_may(caller: Caller) -> None:
    answer = await ask(caller, token="")

    assert answer.status_code == 401
