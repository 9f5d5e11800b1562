"""A look through a whole file before any of its rows is stored: its hash, its lines, and whether it is text at all."""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from billing.failures import BillingFailure, FailureCode

_CHUNK_BYTES = 4 << 20


@dataclass(frozen=True)
class Inspection:
    """SHA-256 of the bytes; how many lines there are, a last one without a line break included."""

    sha256: str
    lines: int
    ends_whole: bool


def refused(path: Path, why: str) -> BillingFailure:
    """The failure that says what is wrong with a file."""
    return BillingFailure(FailureCode.INVALID, f"{path.name}: {why}; nothing of it was stored")


def inspect_text(path: Path, field_at: Callable[[str], str]) -> Inspection:
    """Read a file of lines to its end; raises INVALID when it is empty or not UTF-8. `field_at` names the field that
    follows the beginning of a line."""
    digest, decoder = hashlib.sha256(), codecs.getincrementaldecoder("utf-8")()
    lines, last = 0, b""
    with path.open("rb") as file:
        try:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
                lines += chunk.count(b"\n")
                decoder.decode(chunk)
                last = chunk[-1:]
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            raise refused(path, _not_text(path, field_at)) from None
    if not last:
        raise refused(path, "the file has no bytes")
    return Inspection(digest.hexdigest(), lines + (last != b"\n"), last == b"\n")


def inspect_bytes(path: Path) -> str:
    """The SHA-256 of a file; raises INVALID when it is empty."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        if not file.tell():
            raise refused(path, "the file has no bytes")
    return digest.hexdigest()


def _not_text(path: Path, field_at: Callable[[str], str]) -> str:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                field = field_at(line[: error.start].decode())
                return (
                    f"line {number}, {field}: byte {error.start + 1} of the line is not UTF-8; write the file as UTF-8"
                )
    return "it is not UTF-8"
