"""Day totals of usage from ClickHouse, over its HTTP interface."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Self

import httpx

from adapters.clickhouse.statements import DAY_TOTALS
from billing.failures import BillingFailure, FailureCode
from billing.periods import local_midnight
from billing.usage import UsageDay

ANSWERS_WITHIN = 60.0
DEFAULT_TABLE = "usage_events"

_EXCEPTION = "X-ClickHouse-Exception-Code"
# Timed out, too much at once, not enough memory, being loaded: the same question may be answered later.
_BUSY = frozenset({"159", "160", "202", "209", "210", "241", "242", "252", "999"})


class ClickHouseUsage:
    """Satisfies `UsageTotals`. Raises UNAVAILABLE when ClickHouse is away or busy, INVALID when it refuses the question:
    wrong account, no such table."""

    def __init__(self, client: httpx.Client, *, database: str, table: str = DEFAULT_TABLE) -> None:
        self._client = client
        self._database = database
        self._table = table

    @classmethod
    def at(cls, url: str) -> Self:
        """At `https://account:password@host:8443/database`; the account and the password travel as a header."""
        address = httpx.URL(url)
        headers = {"X-ClickHouse-User": address.username or "default", "X-ClickHouse-Key": address.password}
        server = address.copy_with(username="", password="", path="/")
        client = httpx.Client(base_url=server, headers=headers, timeout=ANSWERS_WITHIN)
        return cls(client, database=address.path.strip("/") or "default")

    def day_totals(self, zone: str, tenants: Sequence[str], first: date, end: date) -> Iterator[UsageDay]:
        """Asked at once and answered whole: an answer that breaks off is a failure, never a smaller total."""
        asked = {
            "table": self._table,
            "zone": zone,
            "tenants": _array(tenants),
            "starts": _moment(local_midnight(first, zone)),
            "ends": _moment(local_midnight(end, zone)),
        }
        for line in self._answer(DAY_TOTALS, asked).splitlines():
            yield UsageDay.model_validate_json(line)

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def _answer(self, statement: str, parameters: Mapping[str, str]) -> str:
        bound: dict[str, Any] = {f"param_{name}": value for name, value in parameters.items()}
        # Until the whole answer is there the server may still say that it failed.
        settings = {"database": self._database, "wait_end_of_query": "1", "readonly": "1"}
        try:
            response = self._client.post("/", params=settings | bound, content=statement.encode())
        except httpx.HTTPError as error:
            raise BillingFailure(
                FailureCode.UNAVAILABLE, f"ClickHouse is not available: {type(error).__name__}"
            ) from error
        if response.status_code == 200 and _EXCEPTION not in response.headers:
            return response.text
        raise _refusal(response)


def _refusal(response: httpx.Response) -> BillingFailure:
    code = response.headers.get(_EXCEPTION, "")
    words = response.text.strip().splitlines()[:1] or ["no reason given"]
    busy = code in _BUSY or (not code and response.status_code >= 500)
    return BillingFailure(
        FailureCode.UNAVAILABLE if busy else FailureCode.INVALID,
        f"ClickHouse {'is busy' if busy else 'refused the question'} ({response.status_code}): {words[0][:300]}",
    )


def _array(words: Sequence[str]) -> str:
    quoted = (word.replace("\\", "\\\\").replace("'", "\\'") for word in words)
    return "[" + ",".join(f"'{word}'" for word in quoted) + "]"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"
