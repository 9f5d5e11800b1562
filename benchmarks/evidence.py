"""How fast the evidence of a million events is: exports and detections against the bare statements, and its memory.

    python -m benchmarks.evidence [--events N] [--rounds N]

It starts a Postgres of its own, plants defects, asserts that every way counts the same, and then measures. The tables
are printed and written to `benchmarks/results/evidence.md`.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

from sqlalchemy import Engine, text

import migrations
from activities.ports import DisputeScope
from adapters.postgres.engine import open_engine
from adapters.postgres.evidence import PostgresEvidenceRoom
from adapters.postgres.evidence.inquiry import Inquiry
from adapters.postgres.exports.reading import PATIENCE
from benchmarks.busy_tenant import Planted, open_dispute, plant
from benchmarks.evidence_ways import Ways
from benchmarks.rounds import HEADS, Duel, machine, play, table
from billing.evidence import UsageFacts
from billing.policy.standard import STANDARD
from sandbox.postgres import PostgresServer

RESULTS = Path(__file__).parent / "results" / "evidence.md"
SPEED_LIMIT = 1.5
TWO_FILES_LIMIT = PARALLEL_LIMIT = 2.0
MEMORY_LIMIT_MB = 300
SMALL = 100_000


def main() -> None:
    """Measure on a server of its own, print the report and keep it under `results/`."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--events", type=int, default=1_000_000, help="events of the busy tenant in the period")
    arguments.add_argument("--rounds", type=int, default=5, help="how often every contender takes its turn")
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="evidence-benchmark-") as home:
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
    """Plant, check, measure, and report in Markdown."""
    engine = open_engine(url, statement_timeout=PATIENCE)
    tenants = [Planted.busy("small", min(SMALL, events)), Planted.busy("busy", events)]
    print(f"planting {events:,} events ...")
    plant(engine, tenants)
    scopes = [open_dispute(engine, tenant.tenant_id) for tenant in tenants]
    collections = [_collected_alone(url, scope, folder) for scope in scopes]
    ways = Ways(engine, Inquiry.about(scopes[-1]), folder)
    duels = _duels(ways)
    for duel in duels:
        duel.warm_up()
    _check(ways, collections[-1].facts, tenants[-1])
    play(duels, rounds)
    return _report(engine, duels, list(zip(tenants, collections, strict=True)), rounds)


def _duels(ways: Ways) -> list[Duel]:
    copy = "bare `COPY` into a file"
    return [
        Duel("CSV: defused, quoted, hashed", copy, SPEED_LIMIT, ways.bare_copy, ways.csv),
        Duel("Parquet: typed, compressed, hashed", copy, SPEED_LIMIT, ways.bare_copy, ways.parquet),
        Duel("both files in one pass", copy, TWO_FILES_LIMIT, ways.bare_copy, ways.csv_and_parquet),
        Duel("roll-up beside the stored one", "bare `GROUP BY` day", SPEED_LIMIT, ways.bare_roll_up, ways.roll_up),
        Duel("duplicates with their rows", "bare `GROUP BY`", SPEED_LIMIT, ways.bare_duplicates, ways.duplicates),
        # A plain SELECT may use parallel workers, the INSERT that keeps the rows may not.
        Duel("missing events with their rows", "bare anti-join", PARALLEL_LIMIT, ways.bare_missing, ways.missing),
    ]


def _check(ways: Ways, facts: UsageFacts, planted: Planted) -> None:
    """Nothing is measured before every way has found the same, and exactly what was planted."""
    in_period = planted.events + planted.duplicates - planted.missing
    assert {ways.counts[name] for name in ("bare copy", "csv", "parquet", "csv and parquet")} == {in_period}
    assert ways.counts["roll-up"] == ways.counts["bare roll-up"]
    assert ways.counts["duplicates"] == ways.counts["bare duplicates"] == planted.duplicates
    assert ways.counts["missing"] == ways.counts["bare missing"] == planted.missing
    assert [found.rows.count for found in facts.duplicates] == [planted.duplicates]
    assert [found.rows.count for found in facts.missing] == [planted.missing]
    assert [found.rows.count for found in facts.misdated] == [planted.shifted]


class Collection:
    """A whole collection: its facts, how long it took, and the peak resident memory before and after it."""

    def __init__(self, url: str, scope: DisputeScope, directory: Path) -> None:
        room = PostgresEvidenceRoom(open_engine(url), directory)
        self.megabytes_before = _peak_megabytes()
        started = time.perf_counter()
        pack = room.collect(scope, STANDARD, lambda note: None)
        self.seconds = time.perf_counter() - started
        self.megabytes = _peak_megabytes()
        self.facts = room.facts(pack.evidence_id)


def _collected_alone(url: str, scope: DisputeScope, directory: Path) -> Collection:
    """In a process of its own, whose peak is nobody else's."""
    with multiprocessing.get_context("spawn").Pool(1) as process:
        return process.apply(Collection, (url, scope, directory))


def _peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _report(engine: Engine, duels: list[Duel], collections: list[tuple[Planted, Collection]], rounds: int) -> str:
    with engine.connect() as connection:
        server = connection.execute(text("show server_version")).scalar_one().split()[0]
    busy = collections[-1][0]
    speed = table(HEADS, [duel.row() for duel in duels])
    memory = table(
        ["events", "whole collection", "peak memory before", "peak memory", "goal"],
        [
            [
                f"{planted.events:,}",
                f"{collection.seconds:.1f} s",
                f"{collection.megabytes_before:.0f} MB",
                f"{collection.megabytes:.0f} MB",
                f"≤ {MEMORY_LIMIT_MB} MB, flat",
            ]
            for planted, collection in collections
        ],
    )
    return (
        f"# Evidence of {busy.events:,} events\n\n"
        f"{machine()}, PostgreSQL {server}; {rounds} interleaved rounds after one to warm up. Found exactly as planted: "
        f"{busy.duplicates:,} duplicates, {busy.shifted:,} shifted and {busy.missing:,} missing events.\n\n"
        f"{speed}\n\n"
        "A whole collection writes the events twice, the requests behind them, the roll-up and the rows of every "
        f"finding, and gathers the facts:\n\n{memory}\n"
    )


if __name__ == "__main__":
    main()
