"""COPY out of Postgres into files, in bounded memory: the server, the reading and the writing each on their own."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from itertools import islice
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import Connection

from adapters.postgres.engine import driver_of
from adapters.postgres.evidence.files import Copy
from adapters.postgres.evidence.pulse import Pulse
from billing.evidence import EvidenceFile

BLOCK_BYTES = 4 << 20
_ROWS_BETWEEN_LOOKS = 5_000
_BLOCKS_WAITING_MAX = 2

_AS_CSV = sql.SQL("copy ({select}) to stdout (format csv, header, force_quote *, encoding 'UTF8')")


def export(
    connection: Connection, select: sql.Composable, parameters: dict[str, Any], copies: Sequence[Copy], pulse: Pulse
) -> list[EvidenceFile]:
    """Write the rows of `select` to each of `copies`; returns the finished files in the same order.

    A thread writes block by block behind the reading, at most two blocks late. What fails there is raised here.
    """
    with ExitStack() as abandoned, ThreadPoolExecutor(1, "evidence-writer") as writer:
        for copy in copies:
            abandoned.callback(copy.abandon)
        rows = _stream(driver_of(connection), _AS_CSV.format(select=select), parameters, copies, writer, pulse)
        files = [copy.finish(rows) for copy in copies]
        abandoned.pop_all()
    return files


def _stream(
    driver: psycopg.Connection[Any],
    statement: sql.Composed,
    parameters: dict[str, Any],
    copies: Sequence[Copy],
    writer: ThreadPoolExecutor,
    pulse: Pulse,
) -> int:
    waiting: deque[Future[None]] = deque()
    megabytes = 0.0
    with driver.cursor() as cursor:
        with cursor.copy(statement, parameters) as received:
            lines = iter(received)
            header = bytes(next(lines))
            for copy in copies:
                copy.header(header)
            for block in _blocks(lines):
                waiting.append(writer.submit(_add, block, copies))
                if len(waiting) > _BLOCKS_WAITING_MAX:
                    waiting.popleft().result()
                megabytes += len(block) / 1e6
                pulse.note(f"exported {megabytes:,.0f} MB")
        for written in waiting:
            written.result()
        return cursor.rowcount


def _blocks(lines: Iterator[bytes | bytearray | memoryview]) -> Iterator[memoryview]:
    """Whole rows together in blocks of about 4 MB; the bytes are copied once, as they arrive."""
    more = True
    while more:
        block = io.BytesIO()
        write = block.write
        while block.tell() < BLOCK_BYTES:
            before = block.tell()
            for line in islice(lines, _ROWS_BETWEEN_LOOKS):
                write(line)
            if block.tell() == before:
                more = False
                break
        if block.tell():
            yield block.getbuffer()


def _add(block: memoryview, copies: Sequence[Copy]) -> None:
    for copy in copies:
        copy.add(block)
