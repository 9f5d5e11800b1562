"""Removing a sandbox's data: its directory and, for root, the database cluster that had to be kept elsewhere.

`python -m sandbox.removal DIR` removes every sandbox below DIR. What is not a sandbox's is left alone.
"""

import shutil
import sys
from contextlib import suppress
from pathlib import Path

from sandbox.part import SandboxError
from sandbox.postgres import POINTER
from sandbox.run_record import only_run

# Every sandbox remembers its ports; without this file a directory is somebody else's.
OURS = "ports.json"


def remove(data: Path) -> bool:
    """Remove the sandbox in `data`; False, with nothing removed, when there is none or it is running."""
    if not (data / OURS).exists():
        return False
    with suppress(SandboxError), only_run(data):
        pointer = data / "postgres" / POINTER
        if pointer.exists():
            shutil.rmtree(Path(pointer.read_text().strip()), ignore_errors=True)
        shutil.rmtree(data)
        return True
    return False


def main(below: Path) -> int:
    """Remove every sandbox in or below the directory; 1 when one of them is running."""
    found = [file.parent for file in (below / OURS, *below.glob(f"*/{OURS}")) if file.exists()]
    running = [data for data in sorted(found, reverse=True) if not remove(data)]
    for data in running:
        print(f"{data} is running: stop it first", file=sys.stderr)  # noqa: T201 - a command's answer
    return 1 if running else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
