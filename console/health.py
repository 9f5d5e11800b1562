"""Whether the parts answer, and the counters (P10)."""

import asyncio

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from console.desk import AtDesk, Desk
from starters import connect

router = APIRouter(tags=["health"])

# A probe asks every few seconds; whoever needs longer than this is not healthy.
ANSWER_WITHIN_SECONDS = 2.0


class Health(BaseModel):
    """Each component and whether it answers; `healthy` when all do."""

    healthy: bool
    database: bool
    temporal: bool


@router.get("/healthz", responses={503: {"model": Health}})
async def healthz(desk: AtDesk, response: Response) -> Health:
    """200 while every component answers, else 503. Tickets are accepted as long as Temporal does."""
    database, temporal = await asyncio.gather(_database(desk), connect.answers(desk.temporal))
    healthy = database and temporal
    response.status_code = 200 if healthy else 503
    return Health(healthy=healthy, database=database, temporal=temporal)


@router.get("/metrics", response_class=Response)
def metrics(desk: AtDesk) -> Response:
    """Prometheus' text format."""
    return Response(generate_latest(desk.metrics.registry), media_type=CONTENT_TYPE_LATEST)


async def _database(desk: Desk) -> bool:
    try:
        async with asyncio.timeout(ANSWER_WITHIN_SECONDS):
            return await asyncio.to_thread(desk.books.answer)
    except TimeoutError:
        return False
