"""Printed documents as files, each under the SHA-256 of its bytes: what is there is right, what is not can be made again."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path


class DocumentFiles:
    """A directory of PDFs, `ab/cdef….pdf`; several processes may share it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def keep(self, content: bytes) -> str:
        """Write the file, whole or not at all, and answer its SHA-256; one that is there already stays."""
        sha256 = hashlib.sha256(content).hexdigest()
        file = self._file(sha256)
        if file.exists():
            return sha256
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, unfinished = tempfile.mkstemp(dir=file.parent, prefix=".unfinished-")
        with os.fdopen(descriptor, "wb") as writing:
            writing.write(content)
        Path(unfinished).rename(file)
        return sha256

    def read(self, sha256: str) -> bytes | None:
        """The file's bytes; None when it is missing or is no longer what its name says."""
        try:
            content = self._file(sha256).read_bytes()
        except FileNotFoundError:
            return None
        return content if hashlib.sha256(content).hexdigest() == sha256 else None

    def _file(self, sha256: str) -> Path:
        return self._directory / sha256[:2] / f"{sha256[2:]}.pdf"
