"""COPY out of Postgres into files, in bounded memory: the server, the reading and the writing each on their own."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from itertools import islice
from typing import Any, Protocol

import psycopg
from psycopg import sql
from sqlalchemy import Connection

from adapters.postgres.engine import driver_of
from adapters.postgres.exports.files import Copy
from billing.evidence import EvidenceFile
from billing.wording import counted

BLOCK_BYTES = 4 << 20
_ROWS_BETWEEN_LOOKS = 5_000
_BLOCKS_WAITING_MAX = 2

AS_CSV = sql.SQL("copy ({select}) to stdout (format csv, header, force_quote *, encoding 'UTF8')")
# An object a line: JSON writes control characters as escapes, so nothing in it is ever a delimiter or a quote.
AS_JSON_LINES = sql.SQL(r"""
    copy (select row_to_json(written) from ({select}) as written) to stdout
    (format csv, header, delimiter E'\x01', quote E'\x02', encoding 'UTF8')
""")


class Noting(Protocol):
    """Whoever wants to know how far an export is."""

    def note(self, words: str) -> None:
        """Take what is being done now; what it raises ends the export."""


def export(
    connection: Connection,
    select: sql.Composable,
    parameters: dict[str, Any],
    copies: Sequence[Copy],
    pulse: Noting,
    *,
    form: sql.SQL = AS_CSV,
) -> list[EvidenceFile]:
    """Write the rows of `select`, in one of the forms above, to each of `copies`; returns the finished files in the same
    order.

    A thread writes block by block behind the reading, at most two blocks late. What fails there is raised here.
    """
    with ExitStack() as abandoned, ThreadPoolExecutor(1, "export-writer") as writer:
        for copy in copies:
            abandoned.callback(copy.abandon)
        rows = _stream(driver_of(connection), form.format(select=select), parameters, copies, writer, pulse)
        files = [copy.finish(rows) for copy in copies]
        abandoned.pop_all()
    return files


def _stream(
    driver: psycopg.Connection[Any],
    statement: sql.Composed,
    parameters: dict[str, Any],
    copies: Sequence[Copy],
    writer: ThreadPoolExecutor,
    pulse: Noting,
) -> int:
    waiting: deque[Future[None]] = deque()
    megabytes = 0.0
    with driver.cursor() as cursor:
        with cursor.copy(statement, parameters) as received:
            lines = iter(received)
            header = bytes(next(lines))
            for copy in copies:
                copy.header(header)
            for block, exported in _blocks(lines):
                waiting.append(writer.submit(_add, block, copies))
                if len(waiting) > _BLOCKS_WAITING_MAX:
                    waiting.popleft().result()
                megabytes += len(block) / 1e6
                pulse.note(f"exported {counted(exported, 'row')}, {megabytes:,.0f} MB")
        for written in waiting:
            written.result()
        return cursor.rowcount


def _blocks(lines: Iterator[bytes | bytearray | memoryview]) -> Iterator[tuple[memoryview, int]]:
    """Whole rows together in blocks of about 4 MB, each with the rows so far; the bytes are copied once, as they arrive."""
    rows, more = 0, True
    numbered = enumerate(lines, start=1)
    while more:
        block = io.BytesIO()
        write = block.write
        while block.tell() < BLOCK_BYTES:
            before = block.tell()
            for rows, line in islice(numbered, _ROWS_BETWEEN_LOOKS):  # noqa: B007 - the last one's number is yielded
                write(line)
            if block.tell() == before:
                more = False
                break
        if block.tell():
            yield block.getbuffer(), rows


def _add(block: memoryview, copies: Sequence[Copy]) -> None:
    for copy in copies:
        copy.add(block)
