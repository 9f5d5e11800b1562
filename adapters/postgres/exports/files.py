"""Evidence files as they are written: CSV as Postgres sends it, and Parquet from the same bytes; hashed on the way."""

from __future__ import annotations

import hashlib
import io
import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Protocol

import pyarrow as pa
from pyarrow import csv, parquet

from billing.evidence import EvidenceFile
from billing.failures import BillingFailure, FailureCode

# Worth a dictionary in Parquet: the same few words again and again. Ids are not.
TEXT = pa.dictionary(pa.int32(), pa.string())
MOMENT = pa.timestamp("us", tz="UTC")
QUANTITY = pa.decimal128(24, 6)
ID = pa.string()

_WRITE_BYTES = 4 << 20


class CountedFile(io.RawIOBase):
    """A stream that is counted and hashed while it is written; closing it leaves the stream open."""

    def __init__(self, name: str, file: BinaryIO) -> None:
        self._name = name
        self._file = file
        self._hash = hashlib.sha256()
        self._size = 0

    @property
    def called(self) -> str:
        """The name it was given."""
        return self._name

    def writable(self) -> bool:
        """Always; Arrow asks before it writes."""
        return True

    def write(self, block: object) -> int:
        """Take the whole block; returns its bytes, all of them."""
        view = memoryview(block)  # type: ignore[arg-type]  # typeshed and the buffer protocol of 3.11
        self._file.write(view)
        self._hash.update(view)
        self._size += view.nbytes
        return view.nbytes

    def seal(self, media_type: str, rows: int) -> EvidenceFile:
        """Hand everything on and say what was written."""
        self._file.flush()
        self.close()
        return EvidenceFile(
            name=self._name,
            media_type=media_type,
            rows=rows,
            size_bytes=self._size,
            sha256=self._hash.hexdigest(),
        )


class NewFile(CountedFile):
    """A file that did not exist before, readable by its owner only."""

    def __init__(self, folder: Path, name: str) -> None:
        descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        super().__init__(name, os.fdopen(descriptor, "wb"))

    def seal(self, media_type: str, rows: int) -> EvidenceFile:
        """Bring everything to the disk and say what was written."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return super().seal(media_type, rows)

    def close(self) -> None:
        """Let go of the file as it is; only `seal` brings it to the disk first."""
        self._file.close()
        super().close()


class Copy(Protocol):
    """One file that an export fills with blocks of whole CSV rows; `abandon` is for an export that failed."""

    def header(self, line: bytes) -> None:
        """Take the line with the names of the columns, which comes once, before any row."""

    def add(self, block: memoryview) -> None:
        """Take whole rows of UTF-8 CSV, values quoted, NULL bare; raises INVALID for what the file cannot hold."""

    def finish(self, rows: int) -> EvidenceFile:
        """Bring the file to the disk and describe it; nothing is taken afterwards."""

    def abandon(self) -> None:
        """Let go of an unfinished file without raising; whoever made the folder throws it away."""


class CsvCopy:
    """Satisfies `Copy` with the rows byte for byte, under a header."""

    def __init__(self, file: CountedFile) -> None:
        self._file = file

    def header(self, line: bytes) -> None:
        self._file.write(line)

    def add(self, block: memoryview) -> None:
        self._file.write(block)

    def finish(self, rows: int) -> EvidenceFile:
        return self._file.seal("text/csv", rows)

    def abandon(self) -> None:
        self._file.close()


class ParquetCopy:
    """Satisfies `Copy` with types, compressed; each block is a row group."""

    def __init__(self, file: CountedFile, schema: pa.Schema) -> None:
        self._schema = schema
        self._file = file
        dictionaries = [field.name for field in schema if pa.types.is_dictionary(field.type)]
        # Every write from Arrow into Python waits for the thread that reads from Postgres: so few and large ones.
        self._buffer = pa.BufferedOutputStream(pa.PythonFile(self._file, mode="w"), _WRITE_BYTES)
        self._writer = parquet.ParquetWriter(self._buffer, schema, compression="zstd", use_dictionary=dictionaries)

    def header(self, line: bytes) -> None:
        """Parquet names its columns by the schema."""

    def add(self, block: memoryview) -> None:
        try:
            self._writer.write_table(typed(block, self._schema))
        except pa.ArrowInvalid as failure:
            raise BillingFailure(
                FailureCode.INVALID,
                f"{self._file.called} cannot hold these rows, correct them and collect again: {str(failure).splitlines()[0]}",
            ) from failure

    def finish(self, rows: int) -> EvidenceFile:
        self._writer.close()
        self._buffer.flush()
        return self._file.seal("application/vnd.apache.parquet", rows)

    def abandon(self) -> None:
        with suppress(OSError, pa.ArrowException):  # the file is thrown away, and its disk may be full
            self._writer.close()
        self._file.close()


def typed(block: memoryview, schema: pa.Schema) -> pa.Table:
    """Whole rows of CSV as COPY writes them, in the types of `schema`; raises ArrowInvalid for what does not fit them."""
    return csv.read_csv(
        pa.BufferReader(pa.py_buffer(block)),
        # In one piece: a block is small already, and each piece would bring dictionaries of its own. On one thread: an
        # export keeps two cores busy as it is.
        read_options=csv.ReadOptions(column_names=schema.names, block_size=block.nbytes + 1, use_threads=False),
        parse_options=csv.ParseOptions(newlines_in_values=True),
        # COPY quotes every value and leaves NULL bare, so an empty text is told from no text.
        convert_options=csv.ConvertOptions(
            column_types=schema,
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            null_values=[""],
        ),
    )
