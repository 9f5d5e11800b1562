"""Limits by hand over HTTP: who may, what is refused, and the same key twice."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.console.caller import Caller

pytestmark = pytest.mark.usefixtures("nobody_is_limited")

TENTH = {"to": "rate_limited", "rate_share": "0.1", "reason": "Their key is abused."}


async def limits(
    caller: Caller, operator: str = "lead-1", tenant: str = "acme", key: str = "", **wish: Any
) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return await caller.asks(operator, "POST", f"/access/{tenant}/limit", json=wish or TENTH, headers=headers)


def reasons(caller: Caller) -> list[str]:
    """Why the service of acme was changed so far, the newest first."""
    return [one.reason for one in caller.desk.books.restrictions.history("acme", 99)]


async def test_a_limit_by_hand_counts_at_once_and_is_lifted_by_hand(caller: Caller) -> None:
    limited = await limits(caller)
    lifted = await caller.asks("lead-1", "POST", "/access/acme/lift", json={"reason": "The key was replaced."})

    assert (limited.status_code, limited.json()["restriction"], limited.json()["rate_share"]) == (
        200,
        "rate_limited",
        "0.1",
    )
    assert [(one["cause"], one["by"], one["reason"]) for one in limited.json()["limits"]] == [
        ("operator", "lead-1", "Their key is abused.")
    ]
    assert (lifted.json()["restriction"], lifted.json()["limits"]) == ("none", [])


async def test_the_same_key_again_changes_nothing(caller: Caller) -> None:
    before = reasons(caller)

    for reason in ("Their key is abused.", "Their key is abused.", "Another reason."):
        await limits(caller, key="from-the-phone", **(TENTH | {"reason": reason}))

    assert reasons(caller)[: len(reasons(caller)) - len(before)] == ["Their key is abused."]


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"to": "deleted"}, "to"),
        ({"to": "none"}, "to"),
        ({"rate_share": "1.5"}, "rate_share"),
        ({"rate_share": "0.0"}, "rate_share"),
        ({"rate_share": None}, "body"),
        ({"to": "suspended"}, "body"),
        ({"reason": " "}, "reason"),
        ({"by": "vp-1"}, "by"),
    ],
)
async def test_what_is_no_limit_is_refused_naming_the_field(caller: Caller, wish: dict[str, Any], field: str) -> None:
    before = reasons(caller)

    answer = await limits(caller, **(TENTH | wish))

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["error"]["fields"]] == [field]
    assert reasons(caller) == before


async def test_who_may_not_and_who_is_unknown_are_told_so(caller: Caller) -> None:
    agent = await limits(caller, operator="agent-1")
    unknown = await limits(caller, tenant="nobody")
    nobody = await caller.http.post("/access/acme/limit", json=TENTH)

    assert (agent.status_code, unknown.status_code, nobody.status_code) == (403, 404, 401)
