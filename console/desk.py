"""What every route works with: Temporal, the books, the settings, the clock and the counters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request
from temporalio.client import Client

from adapters.postgres.books import Books
from console.metrics import Metrics
from settings import Settings


@dataclass(frozen=True)
class Desk:
    """One for the whole process, made when it starts; `now` is turned in tests."""

    settings: Settings
    temporal: Client
    books: Books
    now: Callable[[], datetime]
    metrics: Metrics


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


AtDesk = Annotated[Desk, Depends(_desk)]
