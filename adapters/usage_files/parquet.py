"""Usage as Parquet: typed columns, of which a few kinds can be taken without losing anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from adapters.usage_files.blocks import BLOCK_ROWS, Block
from adapters.usage_files.checking import ID, MOMENT, QUANTITY, cast_or_null
from adapters.usage_files.columns import UsageFormat, objection_to
from adapters.usage_files.inspection import inspect_bytes, refused
from billing.failures import BillingFailure, FailureCode

_WHOLE_DIGITS, _DECIMALS = 18, 6


class ParquetUsage:
    """Satisfies `UsageFile`; a row's line is its number. Raises INVALID for a file that is empty, cut, no Parquet, or
    whose schema is not that of usage."""

    format = UsageFormat.PARQUET

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = path.name
        self.sha256 = inspect_bytes(path)
        try:
            with pq.ParquetFile(path) as file:
                schema, self.rows = file.schema_arrow, file.metadata.num_rows
        except (pa.ArrowInvalid, OSError) as error:
            raise refused(path, f"it is no whole Parquet file ({str(error).splitlines()[0]})") from None
        if why := objection_to(schema.names) or next(filter(None, map(_objection, schema)), None):
            raise refused(path, f"the schema is wrong: {why}")

    def blocks(self, start: int = 0) -> Iterator[Block]:
        done = 0
        with pq.ParquetFile(self._path) as file:
            for batch in file.iter_batches(batch_size=BLOCK_ROWS):
                done += len(batch)
                if done > start:
                    rows = batch.slice(max(0, len(batch) - (done - start)))
                    yield self._block(rows, done)

    def _block(self, rows: pa.RecordBatch, end: int) -> Block:
        try:
            rows.validate(full=True)
        except pa.ArrowInvalid as error:
            rows_named = f"rows {end - len(rows) + 1} to {end}"
            raise BillingFailure(
                FailureCode.INVALID, f"{self.name}, {rows_named}: not all text is UTF-8 ({str(error).splitlines()[0]})"
            ) from None
        columns = [_taken(rows.column(place), name) for place, name in enumerate(rows.schema.names)]
        table = pa.table(columns, names=rows.schema.names)
        return Block(table, range(end - len(rows) + 1, end + 1), (), end)


def _objection(field: pa.Field) -> str | None:
    """Why a column's type cannot be taken, as a sentence; None when it can."""
    kind = _plain_type(field.type)
    if _is_text(kind):
        return None
    match field.name:
        case "event_time":
            if pa.types.is_timestamp(kind) and kind.tz is None:
                return f"event_time is {kind} without a zone; write it in UTC and say so, such as timestamp[us, tz=UTC]"
            return None if pa.types.is_timestamp(kind) else _wanted(field, "a timestamp with a zone, or text")
        case "quantity":
            exact = pa.types.is_decimal(kind) or pa.types.is_integer(kind)
            return None if exact else _wanted(field, "a decimal, an integer or text: floats are not exact")
        case "event_id" | "trace_id":
            return None if kind == ID else _wanted(field, "a UUID, 16 bytes or text")
        case _:
            return _wanted(field, "text")


def _wanted(field: pa.Field, what: str) -> str:
    return f"{field.name} is {field.type}, wanted is {what}"


def _taken(column: pa.Array, name: str) -> pa.Array:
    """A column in the type that the checks expect, or as text for them to read."""
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if _is_text(_plain_type(column.type)):
        return column.cast(pa.string())
    if name == "event_time":
        # What is below a microsecond is left out.
        return pc.cast(column, MOMENT, safe=False) if column.type.unit == "ns" else cast_or_null(column, MOMENT)
    if name == "quantity":
        fits = pa.types.is_decimal(column.type) and (
            column.type.scale <= _DECIMALS and column.type.precision - column.type.scale <= _WHOLE_DIGITS
        )
        return pc.cast(column, QUANTITY) if fits else pc.cast(column, pa.string())
    return column


def _plain_type(kind: pa.DataType) -> pa.DataType:
    if isinstance(kind, pa.BaseExtensionType):
        return kind.storage_type
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _is_text(kind: pa.DataType) -> bool:
    """Text, or a column that holds nothing at all."""
    return bool(
        pa.types.is_null(kind)
        or pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
    )
