"""Columns as the bytes of a binary COPY: rows are joined in one pass over the columns, and no value becomes an object.

Each field is its length in four bytes and its value, both with the high byte first.
"""

from __future__ import annotations

import sys
from array import array
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"

_BINARY = pa.binary()
_EPOCH = int(datetime(2000, 1, 1, tzinfo=UTC).timestamp() * 1_000_000)
# Quantities have 18 digits before the point and 6 behind it: five and two groups of four, filled up to whole words.
_GROUPS, _FIRST_WEIGHT, _SCALE = 8, 4, 6
_MICRO, _GROUP = 1_000_000, 10_000
_NO_VALUE = b"\xff\xff\xff\xff"


def encoded(table: pa.Table, *, numbered: bool = False) -> memoryview:
    """The rows of a checked table for COPY into columns of the same order; `numbered` puts a number before each, from 0."""
    parts: list[pa.Array | pa.Scalar] = [_constant((len(table.column_names) + numbered).to_bytes(2, "big"))]
    if numbered:
        parts += [_length(4), _swapped("i", array("i", range(len(table))))]
    for name in table.column_names:
        column = table.column(name).combine_chunks()
        parts += _field(column.chunk(0) if isinstance(column, pa.ChunkedArray) else column)
    rows = pc.binary_join_element_wise(*parts, _constant(b""), null_handling="replace", null_replacement=b"")
    return memoryview(rows.buffers()[2])[: pc.sum(pc.binary_length(rows)).as_py() or 0]


def _field(column: pa.Array) -> list[pa.Array | pa.Scalar]:
    kind = column.type
    if pa.types.is_fixed_size_binary(kind):
        return [_length(kind.byte_width), column.cast(_BINARY)]
    if pa.types.is_timestamp(kind):
        return [_length(8), _swapped("q", _words(pc.subtract(column.cast(pa.int64()), _EPOCH)))]
    if pa.types.is_decimal(kind):
        return _quantity(column)
    return _text(column)


def _quantity(column: pa.Array) -> list[pa.Array | pa.Scalar]:
    """Postgres' numeric: how many groups of four digits, the first one's weight, sign, scale, and the groups."""
    before = pc.trunc(column)
    whole = pc.cast(before, pa.int64())
    behind = pc.cast(pc.multiply(pc.cast(pc.subtract(column, before), pa.decimal128(7, _SCALE)), _MICRO), pa.int64())
    groups = [*_digits(whole, _FIRST_WEIGHT + 1), *_digits(pc.multiply(behind, 100), 2)]
    zero = pa.scalar(0, pa.int64())
    head = b"".join(number.to_bytes(2, "big") for number in (_GROUPS, _FIRST_WEIGHT, 0, _SCALE))
    return [
        _constant((8 + 2 * _GROUPS).to_bytes(4, "big") + head),
        _swapped("q", _words(_packed(groups[0:4]))),
        _swapped("q", _words(_packed([*groups[4:7], zero]))),
    ]


def _digits(number: pa.Array, groups: int) -> list[pa.Array]:
    """A number as groups of four digits, the highest first."""
    found = []
    for _ in range(groups - 1):
        rest = pc.divide(number, _GROUP)
        found.append(pc.subtract(number, pc.multiply(rest, _GROUP)))
        number = rest
    return [number, *reversed(found)]


def _packed(groups: list[pa.Array]) -> pa.Array:
    """Four groups of 16 bits in one word."""
    word = groups[0]
    for group in groups[1:]:
        word = pc.add(pc.multiply(word, 1 << 16), group)
    return word


def _text(column: pa.Array) -> list[pa.Array | pa.Scalar]:
    values = column.cast(_BINARY)
    lengths = _swapped("i", _words(pc.binary_length(values).fill_null(-1)))
    return [lengths, values]


def _words(numbers: pa.Array) -> array[int]:
    words = array("q" if numbers.type == pa.int64() else "i")
    words.frombytes(
        memoryview(numbers.buffers()[1])[numbers.offset * words.itemsize :][: len(numbers) * words.itemsize]
    )
    return words


def _swapped(kind: str, words: array[int]) -> pa.Array:
    """Numbers as binary values with the high byte first."""
    if sys.byteorder == "little":
        words.byteswap()
    width = pa.binary(words.itemsize)
    return pa.Array.from_buffers(width, len(words), [None, pa.py_buffer(words.tobytes())]).cast(_BINARY)


def _length(size: int) -> pa.Scalar:
    return _constant(size.to_bytes(4, "big"))


def _constant(value: bytes) -> pa.Scalar:
    return pa.scalar(value, _BINARY)
