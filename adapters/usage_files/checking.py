"""Which rows can be usage at all, checked column by column: ids, times, quantities and words in the form we keep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from adapters.usage_files.blocks import Block, Flaw
from adapters.usage_files.columns import COLUMNS, OPTIONAL, REQUIRED

ID = pa.binary(16)
MOMENT = pa.timestamp("us", "UTC")
QUANTITY = pa.decimal128(24, 6)
KINDS = {"event_id": ID, "trace_id": ID, "event_time": MOMENT, "quantity": QUANTITY}

LONGEST_WORD = 200
_DASHES = (8, 13, 18, 23)
_HEX_ID = "^[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}$"


@dataclass(frozen=True)
class TimeBounds:
    """The moments an event may have happened at, both inclusive, and why not at others."""

    earliest: datetime
    latest: datetime


@dataclass(frozen=True)
class Checked:
    """The sound rows with the types of `KINDS` and every column of `COLUMNS`, their places in the block and in the file,
    and what keeps the other rows out."""

    table: pa.Table
    lines: Sequence[int]
    flaws: tuple[Flaw, ...]
    source: Block
    places: Sequence[int]

    def as_sent(self, position: int) -> dict[str, str | None]:
        """The row at `position` of `table` as it came, as text by column."""
        return row_as_sent(self.source.table, self.places[position])


class _Findings:
    """The first thing found wrong with each row."""

    def __init__(self, block: Block) -> None:
        self._block = block
        self.flaws: dict[int, Flaw] = {}

    def add(self, bad: pa.Array, field: str, reason: str | Callable[[str], str]) -> None:
        """Note the rows of the mask `bad` that nothing was found wrong with before; `reason` may quote what was sent."""
        if not pc.any(bad).as_py():
            return
        for place in pc.indices_nonzero(bad).to_pylist():
            if place in self.flaws:
                continue
            row = row_as_sent(self._block.table, place)
            words = reason if isinstance(reason, str) else reason(_quoted(row.get(field)))
            self.flaws[place] = Flaw(self._block.lines[place], field, words, row)


def check(block: Block, bounds: TimeBounds) -> Checked:
    """Type every column and set aside the rows that have something missing, unreadable, negative or out of time."""
    found = _Findings(block)
    columns = {name: _column(block.table, name) for name in COLUMNS}
    for name in REQUIRED:
        found.add(_missing(columns[name]), name, "is missing")
    for name in ("event_id", "trace_id"):
        columns[name] = _typed(columns[name], ids_or_null)
        found.add(pc.is_null(columns[name]), name, lambda sent: f"is no UUID: {sent}")
    columns["event_time"] = _typed(columns["event_time"], lambda words: cast_or_null(words, MOMENT))
    found.add(
        pc.is_null(columns["event_time"]),
        "event_time",
        lambda sent: f"is unreadable: {sent}; write it with its zone, such as 2026-10-31T23:59:59Z",
    )
    _check_bounds(columns["event_time"], bounds, found)
    columns["quantity"] = cast_or_null(columns["quantity"], QUANTITY)
    found.add(
        pc.is_null(columns["quantity"]),
        "quantity",
        lambda sent: f"is no number of at most 18 digits and 6 decimals: {sent}",
    )
    negative = pc.less(columns["quantity"], pa.scalar(0, QUANTITY))
    found.add(negative.fill_null(False), "quantity", lambda sent: f"is negative: {sent}")
    for name in COLUMNS:
        if name not in KINDS:
            found.add(_unkeepable(columns[name]), name, f"is longer than {LONGEST_WORD} characters or holds a NUL")
    for name in OPTIONAL:
        columns[name] = pc.if_else(pc.equal(columns[name], ""), None, columns[name])
    return _sound(block, pa.table(columns), found.flaws)


def cast_or_null(words: pa.Array, kind: pa.DataType) -> pa.Array:
    """Cast a column; a value that cannot be cast becomes null instead of failing its neighbours."""
    try:
        return pc.cast(words, kind)
    except pa.ArrowInvalid:
        if len(words) == 1:
            return pa.nulls(1, kind)
        middle = len(words) // 2
        return pa.concat_arrays([cast_or_null(words[:middle], kind), cast_or_null(words[middle:], kind)])


def ids_or_null(words: pa.Array) -> pa.Array:
    """UUIDs of 32 digits, with their four dashes or without, as 16 bytes; anything else becomes null."""
    if (raw := _plain_ids(words)) is not None:
        return raw
    sound = pc.match_substring_regex(words, _HEX_ID).fill_null(False)
    digits = pc.replace_substring(pc.if_else(sound, words, "0" * 32), "-", "")
    raw = _bytes_of_digits("".join(digits.to_pylist()), len(words))
    return pc.if_else(sound, raw, pa.scalar(None, ID))


def row_as_sent(table: pa.Table, place: int) -> dict[str, str | None]:
    """One row as text by column."""
    return {name: _as_text(table.column(name)[place]) for name in table.column_names}


def _plain_ids(words: pa.Array) -> pa.Array | None:
    """The quick way for a column of nothing but UUIDs as everybody writes them; None when it is anything else."""
    if not len(words) or words.null_count or pc.min_max(pc.binary_length(words)).as_py() != {"min": 36, "max": 36}:
        return None
    text = _characters(words)
    if any(text[place::36].strip(b"-") for place in _DASHES):
        return None
    try:
        return _bytes_of_digits(text.replace(b"-", b"").decode("ascii"), len(words))
    except ValueError:
        return None


def _characters(words: pa.Array) -> bytes:
    """All values of a column behind each other."""
    together: str = pc.binary_join(pa.ListArray.from_arrays([0, len(words)], words), "")[0].as_py()
    return together.encode()


def _bytes_of_digits(digits: str, count: int) -> pa.Array:
    raw = bytes.fromhex(digits)
    if len(raw) != 16 * count:
        raise ValueError("some ids are shorter than others")
    return pa.Array.from_buffers(ID, count, [None, pa.py_buffer(raw)])


def _column(table: pa.Table, name: str) -> pa.Array:
    if name not in table.column_names:
        return pa.nulls(len(table), pa.string())
    column = table.column(name).combine_chunks()
    column = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
    return column.storage if isinstance(column, pa.ExtensionArray) else column


def _typed(column: pa.Array, read: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """A column that came as text, read; one that a typed file brought along stays as it is."""
    return read(column) if pa.types.is_string(column.type) else column


def _missing(column: pa.Array) -> pa.Array:
    return pc.equal(column, "").fill_null(True) if pa.types.is_string(column.type) else pc.is_null(column)


def _check_bounds(times: pa.Array, bounds: TimeBounds, found: _Findings) -> None:
    edges = pc.min_max(times)
    if not edges["min"].is_valid:
        return
    if pc.greater(edges["max"], pa.scalar(bounds.latest, MOMENT)).as_py():
        late = pc.greater(times, pa.scalar(bounds.latest, MOMENT)).fill_null(False)
        found.add(late, "event_time", lambda sent: f"is in the future: {sent}; the latest is {_moment(bounds.latest)}")
    if pc.less(edges["min"], pa.scalar(bounds.earliest, MOMENT)).as_py():
        early = pc.less(times, pa.scalar(bounds.earliest, MOMENT)).fill_null(False)
        found.add(early, "event_time", lambda sent: f"is too long ago: {sent}; kept is from {_moment(bounds.earliest)}")


def _unkeepable(words: pa.Array) -> pa.Array:
    long = pc.greater(pc.utf8_length(words), LONGEST_WORD)
    return pc.or_(long, pc.match_substring(words, "\0")).fill_null(False)


def _sound(block: Block, table: pa.Table, flaws: dict[int, Flaw]) -> Checked:
    if not flaws:
        return Checked(table, block.lines, block.flaws, block, range(len(table)))
    places = [place for place in range(len(table)) if place not in flaws]
    lines = [block.lines[place] for place in places]
    kept = table.take(pa.array(places, pa.int64()))
    return Checked(kept, lines, (*block.flaws, *flaws.values()), block, places)


def _as_text(sent: pa.Scalar) -> str | None:
    try:
        value = sent.as_py()
    except (OverflowError, ValueError):  # a moment that calendars do not know
        return f"{sent.value} {sent.type.unit}"
    match value:
        case None | "":
            return None
        case bytes():
            return value.hex()
        case datetime():
            return value.astimezone(UTC).isoformat()
        case _:
            return str(value)


def _quoted(sent: str | None) -> str:
    words = sent or ""
    return f"{words[:40]!r}{'...' if len(words) > 40 else ''}"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
