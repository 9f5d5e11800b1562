"""Files that a command writes: there when they are whole, and never over one that was there before without a word."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from adapters.postgres.exports.files import CountedFile, NewFile
from starters.cli.mistakes import BadInputError

STANDARD_OUTPUT = Path("-")


@contextmanager
def new_file(target: Path, *, force: bool) -> Iterator[CountedFile]:
    """A file to write and seal. At the end of the block it takes its name; when the block raises, nothing is left of it.

    `-` is standard output. Raises BadInputError where `target` is taken, unless `force`, or cannot be.
    """
    if target == STANDARD_OUTPUT:
        yield CountedFile("standard output", sys.stdout.buffer)
        return
    _refuse(target, force=force)
    unfinished = target.with_name(f".{target.name}.{uuid4().hex[:8]}.unfinished")
    try:
        file = NewFile(unfinished.parent, unfinished.name)
        try:
            yield file
        finally:
            file.close()
        _put(unfinished, target, force=force)
    finally:
        unfinished.unlink(missing_ok=True)


def _refuse(target: Path, *, force: bool) -> None:
    if target.is_dir():
        raise BadInputError(f"--out {target}: this is a directory, name a file in it")
    if not target.parent.is_dir():
        raise BadInputError(f"--out {target}: there is no directory {target.parent}")
    if target.exists() and not force:
        raise _taken(target)


def _put(unfinished: Path, target: Path, *, force: bool) -> None:
    if force:
        unfinished.replace(target)
        return
    try:
        # Unlike a rename, a second name is refused where there is a file meanwhile.
        os.link(unfinished, target)
    except FileExistsError:
        raise _taken(target) from None


def _taken(target: Path) -> BadInputError:
    return BadInputError(f"--out {target}: there is a file of this name, --force replaces it")
