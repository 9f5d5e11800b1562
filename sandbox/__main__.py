"""Run the sandbox's services alone: `python -m sandbox --data DIR`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from rich.console import Console

from sandbox.parts import SandboxOptions
from sandbox.progress import Board
from sandbox.up import run_sandbox


def main() -> int:
    """Read the command line and run until stopped."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(".runbooks"), help="where everything is kept (%(default)s)")
    data = parser.parse_args().data
    return asyncio.run(run_sandbox(data, SandboxOptions(), Board(Console())))


if __name__ == "__main__":
    sys.exit(main())
