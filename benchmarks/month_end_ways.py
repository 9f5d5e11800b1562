"""The ways to bill a month that the benchmark compares: ours, one statement, an ORM loop, and finished rows by COPY."""

from __future__ import annotations

import multiprocessing
import resource
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from multiprocessing.pool import Pool
from pathlib import Path

from sqlalchemy import Engine, text

from adapters.postgres.billing_runs import PostgresBillingRuns
from adapters.postgres.engine import driver_of, open_engine
from benchmarks.month_end_statement import ONE_STATEMENT
from benchmarks.month_end_world import NOW, PERIOD
from billing.month_end import RunOrder, Shard
from billing.policy.standard import MONTH_END

WRITTEN = ("invoices", "invoice_lines", "run_entries", "effects")
BLOCK = 1 << 20

_RESET = text(f"truncate {', '.join(WRITTEN)}, run_flags, number_series, credit_applications, billing_runs cascade")

# What every way must have written before anything is measured; digests and moments may differ.
_SAME = (
    "select count(*), sum(total_minor), count(distinct number), min(number), max(number), md5(string_agg(invoice_id || status "
    "|| total_minor || billed_to || service_start || service_end, ',' order by invoice_id)) from invoices",
    "select count(*), sum(amount_minor), md5(string_agg(invoice_id || number || kind || description || "
    "coalesce(meter, '') || trim_scale(quantity) || amount_minor || coalesce(price_id, 0) || coalesce(rate, 0) || "
    "coalesce(service_start::text, '') || coalesce(active_days, 0), ',' order by invoice_id, number)) from invoice_lines",
    "select count(*), sum(total_minor), md5(string_agg(tenant_id || outcome || invoice_id || lines, ',' "
    "order by tenant_id)), min(length(digest)) from run_entries",
    "select count(*), md5(string_agg(op_key || tenant_id || request || request_sha256 || case_id || state, ',' "
    "order by op_key)) from effects",
    "select * from number_series",
)
# Also which number each tenant got: not the same where several shards are issued at once.
_NUMBERS = ("select md5(string_agg(invoice_id || number, ',' order by invoice_id)) from invoices",)

_names = count(1)


class Books:
    """The planted database, emptied before each turn."""

    def __init__(self, engine: Engine, url: str, folder: Path) -> None:
        self.engine, self.url, self._folder = engine, url, folder
        self.run_id = ""
        self.shards: tuple[Shard, ...] = ()

    def empty(self) -> None:
        """Nothing billed, and a new run open."""
        with self.engine.begin() as connection:
            connection.execute(_RESET)
        self.open()

    def open(self) -> None:
        """Another run of the month, beside whatever is in the books."""
        runs = PostgresBillingRuns(self.engine)
        if self.run_id:
            self.execute("update billing_runs set state = 'closed', ended_at = now() where state = 'working'")
        order = RunOrder(period=PERIOD, requested_by="benchmark")
        self.run_id = runs.open(order, f"benchmark-{next(_names)}", MONTH_END, NOW).run_id
        self.shards = runs.shards(self.run_id, "", 1_000_000)

    def written(self, *, numbers: bool) -> list[tuple[object, ...]]:
        """Counts, sums and hashes of everything in the books; with `numbers`, also of who got which."""
        asked = (*_SAME, *_NUMBERS) if numbers else _SAME
        with self.engine.connect() as connection:
            return [tuple(connection.execute(text(question)).one()) for question in asked]

    def execute(self, statement: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement))

    # -- the ways ----------------------------------------------------------------------------------------------------

    def ours(self, workers: Workers, shards: Sequence[Shard] | None = None) -> None:
        """The real path: every shard rated, then every shard issued."""
        for step in (rate, finalise):
            workers.share(step, self.run_id, self.shards if shards is None else shards)

    def one_statement(self) -> None:
        """The best that a single statement does with everything that it may keep in memory."""
        with self.engine.begin() as connection:
            connection.execute(text("set local work_mem = '512MB'"))
            connection.execute(text("set local jit = off"))
            connection.execute(text("set local statement_timeout = 0"))
            connection.execute(ONE_STATEMENT, {"run_id": self.run_id, "now": NOW})

    def keep_finished(self) -> None:
        """Put what is in the books aside for `finished_rows`."""
        with self.engine.connect() as connection:
            for table in (*WRITTEN, "number_series"):
                with (
                    (self._folder / table).open("wb") as file,
                    driver_of(connection).cursor() as cursor,
                    cursor.copy(f"copy {table} to stdout (format binary)") as copy,
                ):
                    for block in copy:
                        file.write(block)

    def finished_rows(self) -> None:
        """The floor: the finished rows of another turn, under the same constraints, in one transaction."""
        with self.engine.begin() as connection:
            connection.execute(text("set local statement_timeout = 0"))
            for table in (*WRITTEN, "number_series"):
                with (
                    (self._folder / table).open("rb") as file,
                    driver_of(connection).cursor() as cursor,
                    cursor.copy(f"copy {table} from stdin (format binary)") as copy,
                ):
                    while block := file.read(BLOCK):
                        copy.write(block)


# -- worker processes -------------------------------------------------------------------------------------------------

_clerk: list[PostgresBillingRuns] = []


class Workers:
    """Processes that have started already, as workers have, each with so many shards at once."""

    def __init__(self, pool: Pool, processes: int, at_once: int) -> None:
        self._pool, self._processes, self._at_once = pool, processes, at_once

    def share(self, step: Callable[[str, Shard], None], run_id: str, shards: Sequence[Shard]) -> None:
        """Do a step for every shard; each process takes its part of them."""
        parts = [(step, run_id, shards[n :: self._processes], self._at_once) for n in range(self._processes)]
        for _ in self._pool.imap_unordered(_do, parts):
            pass

    def peak_megabytes(self) -> float:
        """The most memory that one of them has held."""
        return max(self._pool.map(_peak_megabytes, range(self._processes), chunksize=1))


@contextmanager
def workers(url: str, processes: int, at_once: int) -> Iterator[Workers]:
    """Hire workers, and let them go at the end."""
    with multiprocessing.get_context("spawn").Pool(processes, _hire, (url, at_once)) as pool:
        yield Workers(pool, processes, at_once)


def rate(run_id: str, shard: Shard) -> None:
    """In a worker."""
    _clerk[0].rate(run_id, shard, _still)


def finalise(run_id: str, shard: Shard) -> None:
    """In a worker."""
    _clerk[0].finalise(run_id, shard, NOW, _still)


def _do(part: tuple[Callable[[str, Shard], None], str, Sequence[Shard], int]) -> None:
    step, run_id, shards, at_once = part
    if at_once == 1:
        for shard in shards:
            step(run_id, shard)
        return
    with ThreadPoolExecutor(at_once) as threads:
        for _ in threads.map(lambda shard: step(run_id, shard), shards):
            pass


def _peak_megabytes(_: object) -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _hire(url: str, at_once: int) -> None:
    _clerk.append(PostgresBillingRuns(open_engine(url, pool_size=at_once)))


def _still(_: str) -> None:
    pass
