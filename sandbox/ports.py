"""Loopback ports: free ones, and the same ones again at the next start so that bookmarks keep working."""

from __future__ import annotations

import json
import socket
from pathlib import Path

LOOPBACK = "127.0.0.1"


def is_free(port: int) -> bool:
    """Whether a server could listen on the loopback port now."""
    with socket.socket() as probe:
        # As servers do it: a port whose last connections are only fading out counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """A loopback port nobody listens on. Somebody else may take it before the caller does."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


class RememberedPorts:
    """Port by name, kept in `file` so that a part is found at the same address after a restart."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._ports: dict[str, int] = self._recalled()

    def __getitem__(self, name: str) -> int:
        """The port last used under this name while it is still free, otherwise a new one, which is then kept."""
        port = self._ports.get(name)
        if port is None or not is_free(port):
            port = self._unclaimed()
            self._ports[name] = port
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(json.dumps(self._ports, indent=2, sort_keys=True) + "\n")
        return port

    def _unclaimed(self) -> int:
        while (port := free_port()) in self._ports.values():
            pass
        return port

    def _recalled(self) -> dict[str, int]:
        try:
            stored = json.loads(self._file.read_text())
        except (FileNotFoundError, json.JSONDecodeError):  # a memory that is lost or torn costs new ports, no more
            return {}
        if not isinstance(stored, dict):
            return {}
        return {name: port for name, port in stored.items() if isinstance(port, int) and 0 < port < 65536}
