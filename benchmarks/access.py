"""What gateways wait for: `GET /access/{tenant_id}` of the whole console against a bare FastAPI route in the same run.

`python -m benchmarks.access [--tenants N] [--seconds S] [--rounds N]`. Both servers are processes of their own under the
same uvicorn; the client keeps connections open, writes raw requests and reads as little of the answers as it can.

Three ways to ask. `steady`: at moments drawn beforehand, and each waits from its moment on, whether or not a connection was
free; `flat out`: connections that ask without pause; `at first`: the same, of a console that was just started and has
nobody's answer yet. For the others everybody was asked for once before.
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
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
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
# Gateways ask before they let a request through: single milliseconds, at a rate that leaves the machine some room.
P99_GOAL, STEADY_RATE = 10, 200
# More than are needed, so that nobody who is to ask waits for a connection.
STEADY_CONNECTIONS = 16

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


# By the way to ask and the contender.
Turns = dict[tuple[str, str], list[Turn]]
AT_FIRST, STEADY, FLAT_OUT = "at first", "steady", "flat out"


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
    turns: Turns = defaultdict(list)
    with ExitStack() as stack:
        server = PostgresServer(Path(stack.enter_context(tempfile.TemporaryDirectory())), durable=False)
        server.start()
        stack.callback(server.stop)
        migrations.upgrade(server.url())
        with psycopg.connect(server.url(), autocommit=True) as session:
            session.execute(_TENANTS, {"tenants": tenants})
            session.execute(_RESTRICTIONS, {"tenants": tenants})
            session.execute("analyze")
        ports = {kind: stack.enter_context(_serving(kind, server.url())) for kind in (BARE, CONSOLE)}
        for kind, port in ports.items():
            turns[AT_FIRST, kind].append(asyncio.run(_flat_out(port, tenants, seconds)))
        asyncio.run(_everybody_once(ports[CONSOLE], tenants))
        for number in range(1, rounds + 1):
            for kind, port in ports.items():
                turns[STEADY, kind].append(asyncio.run(_steady(port, tenants, seconds, number)))
                turns[FLAT_OUT, kind].append(asyncio.run(_flat_out(port, tenants, seconds)))
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


async def _flat_out(port: int, tenants: int, seconds: float) -> Turn:
    """Connections that ask without pause, each time for any tenant."""

    async def ask(seed: int) -> list[float]:
        chance, latencies = random.Random(seed), list[float]()
        async with _connection(port) as connection:
            while (asked := time.perf_counter()) < until:
                await connection.asks(chance.randrange(tenants))
                latencies.append(time.perf_counter() - asked)
        return latencies

    until = time.perf_counter() + seconds
    started = time.perf_counter()
    every = await asyncio.gather(*(ask(seed) for seed in range(CONNECTIONS)))
    return Turn([latency for one in every for latency in one], time.perf_counter() - started)


async def _steady(port: int, tenants: int, seconds: float, seed: int) -> Turn:
    """At moments as strangers choose them, `STEADY_RATE` a second; whoever is asked late has waited since their moment."""
    chance, latencies = random.Random(seed), list[float]()
    moments: asyncio.Queue[float | None] = asyncio.Queue()

    async def ask() -> None:
        async with _connection(port) as connection:
            while (moment := await moments.get()) is not None:
                await connection.asks(chance.randrange(tenants))
                latencies.append(time.perf_counter() - moment)

    async with asyncio.TaskGroup() as asking:
        for _ in range(STEADY_CONNECTIONS):
            asking.create_task(ask())
        started = moment = time.perf_counter()
        while (moment := moment + chance.expovariate(STEADY_RATE)) < started + seconds:
            await asyncio.sleep(max(0.0, moment - time.perf_counter()))
            moments.put_nowait(moment)
        for _ in range(STEADY_CONNECTIONS):
            moments.put_nowait(None)
    return Turn(latencies, time.perf_counter() - started)


async def _everybody_once(port: int, tenants: int) -> None:
    async def ask(first: int) -> None:
        async with _connection(port) as connection:
            for number in range(first, tenants, CONNECTIONS):
                await connection.asks(number)

    await asyncio.gather(*(ask(first) for first in range(CONNECTIONS)))


@dataclass(frozen=True)
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def asks(self, number: int) -> None:
        """For the tenant of this number; every answer has to be a 200."""
        request = f"GET /access/t-{number} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
        self.writer.write(request.encode())
        head = await self.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        await self.reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]))


@asynccontextmanager
async def _connection(port: int) -> AsyncIterator[_Connection]:
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    yield _Connection(reader, writer)
    writer.close()


def _report(turns: Turns, tenants: int, rounds: int) -> str:
    heads = ["asked", "route", "p50", "p99", "requests a second", "against bare", "goal"]
    rows = [
        _row(way, kind, turns, f"p99 < {P99_GOAL} ms" if (way, kind) == (STEADY, CONSOLE) else "")
        for way in (STEADY, FLAT_OUT, AT_FIRST)
        for kind in (BARE, CONSOLE)
    ]
    return (
        f"# Access for gateways\n\n{machine()}; any of {tenants:,} tenants, {rounds} interleaved rounds, their medians.\n\n"
        f"{table(heads, rows)}\n\n"
        f"- *steady*: {STEADY_RATE} requests a second at random moments; each waits from its moment on.\n"
        f"- *flat out*: {CONNECTIONS} connections that ask without pause; client, console and Postgres share the machine.\n"
        "- *at first*: flat out, once, of a console that was just started and knows nobody's answer yet.\n\n"
        "The bare route answers a constant. Ours compares the token with those in force, answers from memory, asks Postgres "
        "once a second what has changed, and counts and times each request.\n"
    )


def _row(way: str, kind: str, turns: Turns, goal: str) -> list[str]:
    def median(of: Callable[[Turn], float], contender: str = kind) -> float:
        return statistics.median(of(turn) for turn in turns[way, contender])

    rate = median(lambda turn: turn.throughput)
    return [
        way,
        "a bare FastAPI route" if kind == BARE else "`GET /access/{tenant_id}`",
        f"{median(lambda turn: turn.quantile(0.5)):.2f} ms",
        f"{median(lambda turn: turn.quantile(0.99)):.2f} ms",
        f"{rate:,.0f}",
        "" if way == STEADY else f"{rate / median(lambda turn: turn.throughput, BARE):.2f}×",
        goal,
    ]


if __name__ == "__main__":
    main()
