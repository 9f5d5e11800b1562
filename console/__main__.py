"""`python -m console`: the HTTP side, with the settings of the environment."""

from __future__ import annotations

import asyncio

import structlog
import uvicorn

from adapters.logs import write_logs
from console.app import create_app
from settings import Settings, SettingsError, load_settings
from starters.books import open_books
from starters.connect import connect

log = structlog.get_logger("console")


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl-C; Temporal and the database may come and go meanwhile."""
    app = create_app(settings, await connect(settings), open_books(settings))
    log.info("console starts", host=settings.api_host, port=settings.api_port)
    config = uvicorn.Config(
        app, host=settings.api_host, port=settings.api_port, access_log=False, log_config=None, server_header=False
    )
    await uvicorn.Server(config).serve()


def main() -> None:
    """Exit 1 with a line for each missing setting."""
    write_logs()
    try:
        asyncio.run(serve(load_settings()))
    except SettingsError as error:
        raise SystemExit(f"The console cannot start:\n{error}") from None


if __name__ == "__main__":
    main()
