"""The folder of a case's evidence: filled out of sight, then there at once and whole, or not there at all."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NOT_PLAIN = re.compile(r"[^A-Za-z0-9._-]")
_NAME_LENGTH = 80
_FINGERPRINT_LENGTH = 12
_UNFINISHED = ".unfinished-"


def folder_of(case_id: str, round_number: int) -> str:
    """The name of one collection, which is also its folder below the evidence directory: `dispute-T-4711/r1`.

    Whatever the case is called, the name is one plain folder: what had to be replaced is told apart by a fingerprint.
    """
    runbook, _, subject = case_id.partition("/")
    wanted = f"{runbook}-{subject}"
    plain = _NOT_PLAIN.sub("_", wanted).lstrip(".")[:_NAME_LENGTH]
    if plain != wanted:
        fingerprint = hashlib.sha256(case_id.encode(errors="surrogatepass")).hexdigest()
        plain = f"{plain}-{fingerprint[:_FINGERPRINT_LENGTH]}"
    return f"{plain}/r{round_number}"


@contextmanager
def new_folder(directory: Path, name: str) -> Iterator[Path]:
    """A folder to fill. At the end of the block it becomes `directory/name` in one step; when the block raises, or the
    process dies, nothing is there. Only one caller at a time may fill the same name: it clears what earlier ones left."""
    final = directory / name
    final.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _clear(final)
    unfinished = Path(
        tempfile.mkdtemp(prefix=f"{_UNFINISHED}{final.name}-", dir=final.parent)
    )  # created with mode 0700
    try:
        yield unfinished
        _sync(unfinished)
        if final.exists():
            # Finished by an attempt that died before it was put on record: nobody relies on it.
            shutil.rmtree(final)
        unfinished.rename(final)
        _sync(final.parent)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def _clear(final: Path) -> None:
    for leftover in final.parent.glob(f"{_UNFINISHED}{final.name}-*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _sync(folder: Path) -> None:
    """Make names as durable as the files they stand for."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
