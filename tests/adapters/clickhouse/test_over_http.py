"""ClickHouse over HTTP: what is sent, and what becomes of it when the answer is none."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal

import httpx
import pytest

from adapters.clickhouse.usage import ClickHouseUsage
from billing.failures import BillingFailure, FailureCode

DAY = (date(2026, 11, 10), date(2026, 11, 11))
LINE = {"tenant_id": "acme", "meter": "api_calls", "day": "2026-11-10", "quantity": "2.500000", "events": 1}


def usage(answer: Callable[[httpx.Request], httpx.Response]) -> ClickHouseUsage:
    client = httpx.Client(transport=httpx.MockTransport(answer), base_url="http://clickhouse.example")
    return ClickHouseUsage(client, database="metering")


def test_values_are_bound_by_the_server_and_the_answer_is_exact() -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, text=json.dumps(LINE) + "\n")

    [total] = usage(answer).day_totals("Europe/Berlin", ["acme", "o'neill"], *DAY)

    asked = dict(sent[0].url.params)
    assert total.quantity == Decimal("2.5")
    assert asked["param_tenants"] == "['acme','o\\'neill']"
    assert asked["param_starts"] == "2026-11-09 23:00:00.000000"
    assert asked["param_ends"] == "2026-11-10 23:00:00.000000"
    assert (asked["database"], asked["wait_end_of_query"]) == ("metering", "1")
    assert "acme" not in sent[0].content.decode()


def test_an_account_travels_as_a_header_and_never_in_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = ClickHouseUsage.at("https://metering:s%3Acret@clickhouse.example:8443/usage")

    headers, address = seen._client.headers, str(seen._client.base_url)

    assert (headers["X-ClickHouse-User"], headers["X-ClickHouse-Key"]) == ("metering", "s:cret")
    assert "s:cret" not in address + base64.b64encode(b"s:cret").decode()
    assert address == "https://clickhouse.example:8443/"
    seen.close()


@pytest.mark.parametrize(
    ("status", "exception", "code"),
    [
        (500, "159", FailureCode.UNAVAILABLE),
        (500, "202", FailureCode.UNAVAILABLE),
        (500, "241", FailureCode.UNAVAILABLE),
        (502, None, FailureCode.UNAVAILABLE),
        (200, "241", FailureCode.UNAVAILABLE),
        (404, "60", FailureCode.INVALID),
        (500, "47", FailureCode.INVALID),
        (403, "516", FailureCode.INVALID),
        (400, None, FailureCode.INVALID),
    ],
)
def test_every_failure_says_whether_asking_again_may_help(
    status: int, exception: str | None, code: FailureCode
) -> None:
    headers = {"X-ClickHouse-Exception-Code": exception} if exception else {}
    broken = usage(lambda request: httpx.Response(status, text="Code: 1. DB::Exception: why\nmore", headers=headers))

    with pytest.raises(BillingFailure) as failure:
        list(broken.day_totals("UTC", ["acme"], *DAY))

    assert failure.value.code is code
    assert "DB::Exception: why" in str(failure.value)
    assert "more" not in str(failure.value)


def test_a_server_that_is_away_is_said_to_be_away() -> None:
    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(BillingFailure, match="ClickHouse is not available: ConnectError") as failure:
        list(usage(away).day_totals("UTC", ["acme"], *DAY))

    assert failure.value.code is FailureCode.UNAVAILABLE
