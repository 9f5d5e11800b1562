"""`python -m console`: the HTTP side, with the settings of the environment."""

from __future__ import annotations

import asyncio

import structlog
import uvicorn
from fastapi import FastAPI

from adapters.logs import write_logs
from console.app import create_app
from settings import Settings, SettingsError, load_settings
from starters.books import open_books
from starters.connect import connect

log = structlog.get_logger("console")

# Request line and headers together; portal links and operator tokens are some hundred bytes.
LARGEST_HEAD_BYTES = 32 * 1024


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl-C; Temporal and the database may come and go meanwhile."""
    app = create_app(settings, await connect(settings), open_books(settings))
    log.info("console starts", host=settings.api_host, port=settings.api_port)
    await server_for(app, settings.api_host, settings.api_port).serve()


def server_for(app: FastAPI, host: str, port: int) -> uvicorn.Server:
    """The HTTP server; it hangs up on a request whose head is larger than `LARGEST_HEAD_BYTES`, with a plain 400."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        # Another parser would keep another bound, or none.
        http="h11",
        h11_max_incomplete_event_size=LARGEST_HEAD_BYTES,
        access_log=False,
        log_config=None,
        server_header=False,
    )
    return uvicorn.Server(config)


def main() -> None:
    """Exit 1 with a line for each missing setting."""
    write_logs()
    try:
        asyncio.run(serve(load_settings()))
    except SettingsError as error:
        raise SystemExit(f"The console cannot start:\n{error}") from None


if __name__ == "__main__":
    main()
