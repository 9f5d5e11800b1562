"""Run the mailbox until it is told to stop: `python -m sandbox.mailbox --smtp-port 1025 --http-port 8025 --data DIR`."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from sandbox.mailbox.server import running_mailbox


async def serve(smtp_port: int, http_port: int, data: Path | None) -> None:
    """Receive and show mail until SIGINT or SIGTERM."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with running_mailbox(smtp_port, http_port, data) as mailbox:
        sys.stdout.write(f"Mail is taken on {mailbox.host}:{mailbox.smtp_port} and shown at {mailbox.page}\n")
        sys.stdout.flush()
        await stopped.wait()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.mailbox", description=__doc__)
    parser.add_argument("--smtp-port", type=int, default=0, help="loopback port for SMTP; any free one by default")
    parser.add_argument("--http-port", type=int, default=0, help="loopback port for the page; any free one by default")
    parser.add_argument("--data", type=Path, help="directory to keep mail in; in memory by default")
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.smtp_port, arguments.http_port, arguments.data))


if __name__ == "__main__":
    main()
