"""The decision log: appended under a lock on its head, verified and exported as a stream (D13).

Triggers and missing rights keep it append-only; the hash chain shows whatever was changed in spite of them. Somebody who
rewrites every row and the head leaves no trace in here: keep the head's hash somewhere else too.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, insert, select, text, update

from adapters.postgres.engine import transaction
from adapters.postgres.tables import decisions, decisions_head
from billing.decisions import GENESIS, Decision, chained, first_flaw

BATCH = 1_000


class DecisionLog:
    """The log as a whole; single lines are appended by whoever reports an effect, in that effect's transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def head(self) -> tuple[int, str]:
        """The last row's number and hash, as the head keeps them: what to anchor outside."""
        with transaction(self._engine) as connection:
            row = connection.execute(select(decisions_head)).one()
        return row.seq, row.sha256

    def lines(self) -> Iterator[Decision]:
        """Every row in order, streamed."""
        with _snapshot(self._engine) as connection:
            yield from _rows(connection)

    def verify(self) -> str | None:
        """The first thing wrong with the log, as a sentence; None when it is whole and ends where its head says."""
        with _snapshot(self._engine) as connection, closing(_rows(connection)) as rows:
            head = connection.execute(select(decisions_head)).one()
            newest = select(decisions.c.sha256).order_by(decisions.c.seq.desc()).limit(1)
            last = connection.execute(newest).scalar_one_or_none() or GENESIS
            flaw = first_flaw(rows, expected_last=head.seq)
        if flaw is None and last != head.sha256:
            return f"row {head.seq} was replaced: its hash is not the one its head keeps"
        return flaw

    def export(self, path: Path) -> int:
        """Write the lines as DECISIONS.log, replacing an older export only when complete; returns how many."""
        unfinished = path.with_name(f"{path.name}.new")
        count = 0
        with unfinished.open("w", encoding="utf-8", newline="\n") as file:
            for decision in self.lines():
                file.write(f"{decision.line}\n")
                count += 1
        unfinished.replace(path)
        return count


def append(connection: Connection, line: str, at: datetime) -> Decision:
    """Add a line at the end of the chain inside the caller's transaction.

    Writers queue on the head from here to their commit, so this comes last in a transaction.
    """
    head = connection.execute(select(decisions_head).with_for_update()).one()
    seq = head.seq + 1
    row = Decision(seq=seq, at=at, line=line, prev_sha256=head.sha256, sha256=chained(head.sha256, seq, line))
    connection.execute(insert(decisions).values(row.model_dump()))
    connection.execute(update(decisions_head).values(seq=row.seq, sha256=row.sha256))
    return row


@contextmanager
def _snapshot(engine: Engine) -> Iterator[Connection]:
    """One view of rows and head, whatever is appended meanwhile."""
    with transaction(engine) as connection:
        connection.execute(text("set transaction isolation level repeatable read, read only"))
        yield connection


def _rows(connection: Connection) -> Generator[Decision, None, None]:
    in_order = select(decisions).order_by(decisions.c.seq)
    with connection.execute(in_order, execution_options={"yield_per": BATCH}) as stream:
        for row in stream:
            yield Decision.model_validate(row._asdict())
