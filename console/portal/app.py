"""The portal put together: an application of its own, so that its answers are pages and its paths stay out of logs."""

from pathlib import Path

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from console.desk import Desk
from console.portal import contest, dashboard, disputes, documents, drill_down, overdue
from console.portal.fence import Fence
from console.portal.refusals import refuse_in_words

HERE = Path(__file__).parent


def portal_app(desk: Desk) -> FastAPI:
    """The portal over the console's desk, to be mounted; without a portal secret every page says that it is closed."""
    app = FastAPI(title="Customer portal", openapi_url=None)
    app.state.desk = desk
    refuse_in_words(app)
    app.add_middleware(Fence)
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    for part in (dashboard, drill_down, documents, contest, disputes, overdue):
        app.include_router(part.router)
    return app
