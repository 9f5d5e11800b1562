"""What gateways wait for: `GET /access/{tenant_id}` of the whole console against a bare FastAPI route in the same run.

`python -m benchmarks.access [--tenants N] [--seconds S] [--rounds N]`. Both servers are processes of their own under the
same uvicorn; the client keeps connections open, writes raw requests and reads as little of the answers as it can.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from fastapi import FastAPI
from pydantic import SecretStr
from temporalio.client import Client

import migrations
from adapters.postgres.books import Books
from adapters.postgres.engine import open_engine
from benchmarks.rounds import machine, table
from console.__main__ import server_for
from console.app import create_app
from sandbox.ports import LOOPBACK, free_port
from sandbox.postgres import PostgresServer
from settings import Settings

RESULTS = Path(__file__).parent / "results" / "access.md"
TOKEN = "gateway-token-of-24-characters"  # noqa: S105 - of this run
CONNECTIONS = 8
CONSOLE, BARE = "console", "bare"
# Gateways ask before they let a request through: single milliseconds.
P99_GOAL = 10

# One in ten is limited, as it would be in a bad month.
_TENANTS = """
    insert into tenants (tenant_id, name, tier, currency, zone, country, locale, billing_email)
    select 't-' || n, 'Tenant ' || n, 'pro', 'USD', 'UTC', 'US', 'en-US', 'billing@tenant.example'
    from generate_series(0, %(tenants)s - 1) as n
"""
_RESTRICTIONS = """
    insert into restrictions (tenant_id, restriction, rate_share, cause, reason, since, revision)
    select 't-' || n, 'rate_limited', 0.5, 'overage', 'api_calls reached 120 %% of 5,000', now(), 1
    from generate_series(0, %(tenants)s - 1, 10) as n
"""


@dataclass(frozen=True)
class Turn:
    """One contender's turn: latencies in seconds, and how long it took on the wall."""

    latencies: list[float]
    wall: float

    @property
    def throughput(self) -> float:
        """Requests a second."""
        return len(self.latencies) / self.wall

    def quantile(self, share: float) -> float:
        """In milliseconds."""
        return sorted(self.latencies)[int(len(self.latencies) * share)] * 1_000


def main() -> None:
    """Measure and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tenants", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long a turn takes")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--serve", choices=[CONSOLE, BARE], help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve:
        asyncio.run(_serve(chosen.serve, chosen.port, chosen.url))
    else:
        _measure(chosen.tenants, chosen.seconds, chosen.rounds)


def _measure(tenants: int, seconds: float, rounds: int) -> None:
    with ExitStack() as stack:
        server = PostgresServer(Path(stack.enter_context(tempfile.TemporaryDirectory())), durable=False)
        server.start()
        stack.callback(server.stop)
        migrations.upgrade(server.url())
        with psycopg.connect(server.url()) as session:
            session.execute(_TENANTS, {"tenants": tenants})
            session.execute(_RESTRICTIONS, {"tenants": tenants})
        ports = {kind: stack.enter_context(_serving(kind, server.url())) for kind in (BARE, CONSOLE)}
        turns: dict[str, list[Turn]] = {kind: [] for kind in ports}
        for number in range(rounds + 1):
            for kind, port in ports.items():
                turn = asyncio.run(_load(port, tenants, seconds))
                if number:  # the first warms up
                    turns[kind].append(turn)
            print(f"round {number} of {rounds}", flush=True)
    report = _report(turns, tenants, rounds)
    print(report)
    RESULTS.write_text(report)


@contextmanager
def _serving(kind: str, url: str) -> Iterator[int]:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.access", "--serve", kind, "--port", str(port), "--url", url]
    with subprocess.Popen(command) as process:
        try:
            asyncio.run(_answers(port))
            yield port
        finally:
            process.terminate()


async def _serve(kind: str, port: int, url: str) -> None:
    app = _bare() if kind == BARE else await _console(url)
    await server_for(app, LOOPBACK, port).serve()


def _bare() -> FastAPI:
    app = FastAPI()

    @app.get("/access/{tenant_id}")
    async def access(tenant_id: str) -> dict[str, object]:
        return {
            "tenant_id": tenant_id,
            "restriction": "rate_limited",
            "rate_share": 0.5,
            "cause": "overage",
            "reason": "api_calls reached 120 % of 5,000",
            "since": "2026-11-20T14:00:03+00:00",
            "as_of": "2026-11-21T09:12:44+00:00",
            "stale": False,
        }

    return app


async def _console(url: str) -> FastAPI:
    settings = Settings(
        database_url=SecretStr(url),
        access_token=SecretStr(TOKEN),
        ticket_webhook_secret=SecretStr("not used here"),
        _env_file=None,
    )
    nobody = await Client.connect(f"{LOOPBACK}:1", lazy=True)
    return create_app(settings, nobody, Books.over(open_engine(url)))


async def _answers(port: int) -> None:
    """Return once the server answers."""
    for _ in range(300):
        try:
            _, writer = await asyncio.open_connection(LOOPBACK, port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
    raise TimeoutError(f"nothing listens on port {port}")


async def _load(port: int, tenants: int, seconds: float) -> Turn:
    until = time.perf_counter() + seconds
    started = time.perf_counter()
    every = await asyncio.gather(*(_ask_on(port, tenants, until, seed) for seed in range(CONNECTIONS)))
    return Turn([latency for one in every for latency in one], time.perf_counter() - started)


async def _ask_on(port: int, tenants: int, until: float, seed: int) -> list[float]:
    """One connection that asks without pause, each time for any tenant."""
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    chance, latencies = random.Random(seed), list[float]()
    while (asked := time.perf_counter()) < until:
        path = f"/access/t-{chance.randrange(tenants)}"
        writer.write(f"GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]))
        latencies.append(time.perf_counter() - asked)
    writer.close()
    return latencies


def _report(turns: dict[str, list[Turn]], tenants: int, rounds: int) -> str:
    heads = ["route", "p50, median", "p99, median", "requests a second, median", "against bare", "goal"]
    bare = statistics.median(turn.throughput for turn in turns[BARE])
    rows = [
        [
            name,
            f"{statistics.median(turn.quantile(0.5) for turn in turns[kind]):.2f} ms",
            f"{statistics.median(turn.quantile(0.99) for turn in turns[kind]):.2f} ms",
            f"{statistics.median(turn.throughput for turn in turns[kind]):,.0f}",
            f"{statistics.median(turn.throughput for turn in turns[kind]) / bare:.2f}×",
            f"p99 < {P99_GOAL} ms" if kind == CONSOLE else "",
        ]
        for kind, name in ((BARE, "a bare FastAPI route"), (CONSOLE, "`GET /access/{tenant_id}`"))
    ]
    return (
        f"# Access for gateways\n\n{machine()}; {CONNECTIONS} connections that ask without pause for any of {tenants:,} "
        f"tenants, {rounds} interleaved rounds after one to warm up.\n\n{table(heads, rows)}\n\n"
        "The bare route answers a constant. Ours compares the token with those in force, reads every answer older than two "
        "seconds from Postgres, many at once, and counts and times each request.\n"
    )


if __name__ == "__main__":
    main()
