"""Month end against the plainest ways of billing the same tenants: one statement, an ORM loop, and finished rows by COPY.

    python -m benchmarks.month_end [--tenants 1000 10000 100000] [--rounds 5]

Each size has a server of its own. The ways take turns on books that are emptied before each; the totals, lines, numbers
and requests that they write are compared before anything is measured. The figures go to results/month_end.md, the growth to
results/month_end.svg.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from sqlalchemy import text

import migrations
from adapters.postgres.engine import open_engine
from benchmarks.growth_plot import growth_plot
from benchmarks.month_end_orm import bill_one_by_one
from benchmarks.month_end_ways import Books, Workers, workers
from benchmarks.month_end_world import METERS, plant
from benchmarks.rounds import Timing, machine, table
from sandbox.postgres import PostgresServer

RESULTS = Path(__file__).parent / "results"
PATIENCE = timedelta(hours=1)
BY_ORM = 2_000
MEMORY_LIMIT_MB = 250

ALONE, OURS, TWO = "ours, one shard at a time", "ours, one worker", "ours, two workers"
STATEMENT, FLOOR = "one SQL statement", "COPY of finished rows"
AGAIN, FEW, ORM = "ours, once more", f"ours, {BY_ORM:,} tenants", f"ORM loop, {BY_ORM:,} tenants"

# What `worker.BULK_AT_ONCE` gives a worker; a test compares them.
SHARDS_A_WORKER = 2

# A server as one would run it for this work, the same for every way.
TUNED = ("shared_buffers = '2GB'", "max_wal_size = '8GB'", "checkpoint_timeout = '30min'", "autovacuum = off")


@dataclass
class Contest:
    """What one size came to, every way with its turns in order."""

    tenants: int
    lines: int = 0
    megabytes: float = 0.0
    server: str = ""
    turns: dict[str, list[Timing]] = field(default_factory=lambda: defaultdict(list))

    def best(self, way: str) -> float:
        """The shortest turn, in seconds on the wall."""
        return min(turn.wall for turn in self.turns[way])

    def ratio(self, way: str, against: str, *, cpu: bool = False) -> float:
        """The median of the rounds' ratios of time, on the wall or of processors."""
        pairs = zip(self.turns[way], self.turns[against], strict=True)
        return statistics.median((a.cpu / b.cpu) if cpu else (a.wall / b.wall) for a, b in pairs)


def main() -> None:
    """Measure every size and write the report."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--tenants", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    arguments.add_argument("--rounds", type=int, default=5, help="how often every way takes its turn")
    chosen = arguments.parse_args()
    contests = [measured(tenants, chosen.rounds) for tenants in sorted(chosen.tenants)]
    RESULTS.mkdir(exist_ok=True)
    report = _report(contests, chosen.rounds)
    print(report)
    (RESULTS / "month_end.md").write_text(report)
    if len(contests) > 1:
        (RESULTS / "month_end.svg").write_text(_plot(contests))


def measured(tenants: int, rounds: int) -> Contest:
    """Plant, compare, and let the ways take turns."""
    contest = Contest(tenants)
    with (
        planted(tenants) as books,
        workers(books.url, 1, 1) as alone,
        workers(books.url, 1, SHARDS_A_WORKER) as one,
        workers(books.url, 2, SHARDS_A_WORKER) as two,
    ):
        _compare(contest, books, (alone, one, two))
        ways: dict[str, Callable[[], None]] = {
            STATEMENT: books.one_statement,
            ALONE: lambda: books.ours(alone),
            OURS: lambda: books.ours(one),
            FLOOR: books.finished_rows,
            TWO: lambda: books.ours(two),
        }
        for number in range(rounds):
            for way, turn in ways.items():
                books.empty()
                contest.turns[way].append(Timing.of(turn))
                if way == OURS:
                    contest.turns[AGAIN].append(_again(books, one))
            if tenants > BY_ORM:
                _against_the_orm(contest, books, alone)
            _tell(contest, number + 1, rounds)
        contest.megabytes = one.peak_megabytes()
    return contest


@contextmanager
def planted(tenants: int) -> Iterator[Books]:
    """The books of a month that is over, on a server of its own, with nothing billed yet."""
    with tempfile.TemporaryDirectory(prefix="month-end-benchmark-") as home:
        Path(home).chmod(0o711)  # for root, whose server runs as `nobody` and must pass through to stay in here
        server = PostgresServer(Path(home) / "postgres")
        server.start()
        try:
            _tune(server)
            migrations.upgrade(server.url())
            engine = open_engine(server.url(), statement_timeout=PATIENCE)
            print(f"planting {tenants:,} tenants with {tenants * 25 * len(METERS):,} roll-ups ...", flush=True)
            plant(engine, tenants)
            yield Books(engine, server.url(), Path(home))
            engine.dispose()
        finally:
            server.stop()


def _tune(server: PostgresServer) -> None:
    engine = open_engine(server.url())
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for setting in TUNED:
            connection.execute(text(f"alter system set {setting}"))
    engine.dispose()
    server.stop()
    server.start()


def _compare(contest: Contest, books: Books, hired: Sequence[Workers]) -> None:
    """Every way once, unmeasured; nothing is measured before all have written the same."""
    books.empty()
    books.ours(hired[0])
    written = books.written(numbers=True)
    books.keep_finished()
    for turn in (books.one_statement, books.finished_rows):
        books.empty()
        turn()
        assert books.written(numbers=True) == written, turn
    for others in hired[1:]:
        books.empty()
        books.ours(others)
        assert books.written(numbers=False) == written[:-2], others
    contest.lines = int(str(written[1][0]))
    with books.engine.connect() as connection:
        contest.server = connection.execute(text("show server_version")).scalar_one().split()[0]


def _again(books: Books, one: Workers) -> Timing:
    """Another run over the finished month."""
    before = books.written(numbers=True)
    books.open()
    timing = Timing.of(lambda: books.ours(one))
    assert books.written(numbers=True) == before
    return timing


def _against_the_orm(contest: Contest, books: Books, alone: Workers) -> None:
    few = books.shards[: BY_ORM // 1_000]
    with books.engine.connect() as connection:
        asked = text("select tenant_id from tenants where tenant_id <= :last order by tenant_id")
        tenants = list(connection.execute(asked, {"last": few[-1].last}).scalars())
    books.empty()
    contest.turns[FEW].append(Timing.of(lambda: books.ours(alone, few)))
    written = books.written(numbers=True)
    books.empty()
    contest.turns[ORM].append(Timing.of(lambda: bill_one_by_one(books.engine, books.run_id, tenants)))
    assert books.written(numbers=True) == written


def _tell(contest: Contest, number: int, rounds: int) -> None:
    told = ", ".join(f"{way} {turns[-1].wall:.2f} s" for way, turns in contest.turns.items())
    print(f"{contest.tenants:,} tenants, round {number} of {rounds}: {told}", flush=True)


# -- the report -------------------------------------------------------------------------------------------------------


def _report(contests: list[Contest], rounds: int) -> str:
    largest = contests[-1]
    roll_ups = largest.tenants * 25 * len(METERS)
    return (
        f"# Month end of {largest.tenants:,} tenants\n\n"
        f"{machine()}, PostgreSQL {largest.server} with {', '.join(TUNED[:2])}, fsync on; {rounds} interleaved rounds after "
        f"one to compare. The largest month has {roll_ups:,} roll-ups of one event each and {largest.lines:,} lines. Ours "
        "is the real path, rating and finalising every shard, with the audit entry and the effect of every tenant; a worker is "
        f"a process that works on {SHARDS_A_WORKER} shards at once, as in `worker.py`.\n\n"
        f"{table(['ours', 'against', 'tenants', 'theirs, best', 'ours, best', 'ratio', 'of CPU', 'goal'], _rows(contests))}\n\n"
        f"{table(['tenants', ALONE, OURS, TWO, STATEMENT, FLOOR, AGAIN, 'peak memory of the worker'], _sizes(contests))}\n\n"
        f"{_growth(contests)}"
    )


def _rows(contests: list[Contest]) -> list[list[str]]:
    rows = []
    for contest in contests[-2:]:
        duels = [
            (ALONE, STATEMENT, ""),
            (OURS, STATEMENT, "≤ 1.11× (0.9 of its speed)"),
            (TWO, STATEMENT, "≤ 0.67× (1.5 of its speed)"),
            (OURS, FLOOR, "≤ 2.3×"),
            (AGAIN, OURS, "≤ 0.4×"),
        ]
        rows += [_row(contest, *duel) for duel in duels]
        if contest.turns.get(ORM):
            rows.append(_row(contest, FEW, ORM, "≤ 0.04× (25 times as fast)"))
    return rows


def _row(contest: Contest, way: str, against: str, goal: str) -> list[str]:
    return [
        way,
        against,
        f"{contest.tenants:,}",
        f"{contest.best(against):.2f} s",
        f"{contest.best(way):.2f} s",
        f"{contest.ratio(way, against):.3f}×",
        f"{contest.ratio(way, against, cpu=True):.3f}×",
        goal,
    ]


def _sizes(contests: list[Contest]) -> list[list[str]]:
    return [
        [
            f"{contest.tenants:,}",
            *(f"{contest.best(way):.2f} s" for way in (ALONE, OURS, TWO, STATEMENT, FLOOR, AGAIN)),
            f"{contest.megabytes:.0f} MB",
        ]
        for contest in contests
    ]


def _growth(contests: list[Contest]) -> str:
    if len(contests) < 2:
        return ""
    before, after = contests[-2:]
    return (
        f"From {before.tenants:,} to {after.tenants:,} tenants the time grows {after.best(OURS) / before.best(OURS):.1f} "
        f"times (goal for ten times the tenants: at most 11.5), and the worker's memory by "
        f"{after.megabytes / before.megabytes - 1:+.0%} to {after.megabytes:.0f} MB (goals: within 10 %, at most "
        f"{MEMORY_LIMIT_MB} MB).\n\n![Time by number of tenants, on logarithmic axes](month_end.svg)\n"
    )


def _plot(contests: list[Contest]) -> str:
    series = {
        way: [(contest.tenants, contest.best(way)) for contest in contests]
        for way in (STATEMENT, ALONE, OURS, TWO, FLOOR, AGAIN)
    }
    return growth_plot("Billing a month", series, "tenants", "seconds")


if __name__ == "__main__":
    main()
