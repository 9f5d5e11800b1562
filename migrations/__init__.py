"""The schema's history: Alembic revisions, and how a program brings a database to the newest one."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config

HERE = Path(__file__).parent


def configuration(url: str) -> Config:
    """Alembic's configuration for the database at `url`, the same in a checkout and in an installed package."""
    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.attributes["url"] = url
    return config


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the schema to `revision` in one transaction; a second upgrade at the same time waits, then finds it done."""
    command.upgrade(configuration(url), revision)


def downgrade(url: str, revision: str) -> None:
    """Take the schema back to `revision` (`base`: empty). Drops data; for development."""
    command.downgrade(configuration(url), revision)
