"""How fast usage comes in: files parsed, checked, deduplicated and stored, against a bare binary COPY of the same events.

    python -m benchmarks.usage_load [--events N] [--rounds N]

It starts a Postgres of its own. Every turn loads another slice of a month into the same partitioned, indexed table; five
of a hundred rows of our files stand in them twice. The table is printed and written to `benchmarks/results/usage_load.md`.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg

import migrations
from adapters.postgres.engine import open_engine
from adapters.postgres.usage_intake import STATEMENT_TIMEOUT, UsageIntake
from adapters.usage_files import UsageFormat, open_usage_file
from adapters.usage_files.columns import COLUMNS
from benchmarks.rounds import HEADS, Contender, Duel, machine, play, table
from benchmarks.usage_files import Slices
from billing.policy.standard import USAGE_INTAKE
from sandbox.postgres import PostgresServer

RESULTS = Path(__file__).parent / "results" / "usage_load.md"
# At least half the speed of a bare COPY; random ids at least 0.85 times as fast as ordered ones.
BARE_LIMIT, RANDOM_LIMIT = 2.0, round(1 / 0.85, 2)
NOW = datetime(2026, 11, 15, tzinfo=UTC)
_BLOCK_BYTES = 1 << 20


def main() -> None:
    """Measure on a server of its own, print the report and keep it under `results/`."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--events", type=int, default=200_000, help="new events of every turn")
    arguments.add_argument("--rounds", type=int, default=5, help="how often every contender takes its turn")
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="usage-benchmark-") as home:
        Path(home).chmod(0o711)  # for root, whose server runs as `nobody` and must pass through to stay in here
        server = PostgresServer(Path(home) / "postgres")
        server.start()
        try:
            migrations.upgrade(server.url())
            report = measured(server.url(), chosen.events, chosen.rounds, Path(home))
        finally:
            server.stop()
    print(report)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(report)


def measured(url: str, events: int, rounds: int, folder: Path) -> str:
    """Write the files, let everybody load theirs in turns, and report in Markdown."""
    slices = Slices(url, folder, events)
    slices.found()
    turns = rounds + 1
    print(f"writing {8 * turns} files of {events:,} events ...", flush=True)
    engine = open_engine(url, statement_timeout=STATEMENT_TIMEOUT)
    intake = UsageIntake(engine, USAGE_INTAKE, lambda: NOW)

    def bare() -> Contender:
        return _in_turn([slices.bare() for _ in range(turns)], lambda path: _copy(url, path, events))

    def ours(written_as: UsageFormat, *, ordered: bool = False) -> Contender:
        files = [slices.sent(written_as, ordered=ordered) for _ in range(turns)]
        return _in_turn(files, lambda path: _load(intake, path, events, slices.doubled))

    duels = [
        Duel("CSV", "bare COPY", BARE_LIMIT, bare(), ours(UsageFormat.CSV)),
        Duel("Parquet", "bare COPY", BARE_LIMIT, bare(), ours(UsageFormat.PARQUET)),
        Duel("JSON lines", "bare COPY", BARE_LIMIT, bare(), ours(UsageFormat.JSON_LINES)),
        Duel(
            "CSV, random ids", "CSV, ordered ids", RANDOM_LIMIT,
            ours(UsageFormat.CSV, ordered=True), ours(UsageFormat.CSV),
        ),
    ]  # fmt: skip
    for duel in duels:
        duel.warm_up()
    play(duels, rounds)
    engine.dispose()
    return _report(url, duels, events, rounds)


def _in_turn(files: list[Path], load: Callable[[Path], None]) -> Contender:
    """A contender that takes the next of its files each time."""
    waiting: Iterator[Path] = iter(files)
    return lambda: load(next(waiting))


def _copy(url: str, path: Path, events: int) -> None:
    statement = f"copy usage_events ({', '.join(COLUMNS)}) from stdin (format binary)"
    with psycopg.connect(url) as session, session.cursor() as cursor, path.open("rb") as file:
        with cursor.copy(statement.encode()) as copy:
            while block := file.read(_BLOCK_BYTES):
                copy.write(block)
        assert cursor.rowcount == events


def _load(intake: UsageIntake, path: Path, events: int, doubled: int) -> None:
    report = intake.load(open_usage_file(path), "benchmark", lambda so_far: None)
    assert (report.stored, report.known, report.quarantined) == (events, doubled, 0)


def _report(url: str, duels: list[Duel], events: int, rounds: int) -> str:
    with psycopg.connect(url) as session:
        server = session.execute("show server_version").fetchone()
        stored = session.execute("select count(*) from usage_events").fetchone()
    assert server and stored
    return (
        f"# Loading {events:,} usage events at a time\n\n"
        f"{machine()}, PostgreSQL {server[0].split()[0]}; {rounds} interleaved rounds after one to warm up, "
        f"{stored[0]:,} events stored in the end. Each file has {events:,} new events and {events // 20:,} rows that "
        "repeat one of them; a bare COPY has the new ones only.\n\n"
        f"{table(HEADS, [duel.row() for duel in duels])}\n\n"
        "Ours read and hash the file, check its encoding, parse it, check every field of every row, find repeats, look "
        "tenants and meters up, store what is new, mark the days to roll up and note how far the load is, a transaction "
        "for each block. Reading the next block overlaps with storing the last one.\n"
    )


if __name__ == "__main__":
    main()
