"""A workflow that does what no runbook may: each way in which it asks for what another replay would answer differently."""

import random
import uuid
from datetime import date, datetime
from pathlib import Path

from temporalio import workflow

COPY = object()


@workflow.defn(name="careless")
class Careless:
    """Asks as it is told; `copy` answers which copy of this module it runs in."""

    @workflow.run
    async def run(self, asks: str) -> str:
        match asks:
            case "the clock":
                return str(datetime.now())  # noqa: DTZ005 - what is refused
            case "the day":
                return str(date.today())  # noqa: DTZ011 - what is refused
            case "chance":
                return str(random.random())
            case "a new id":
                return str(uuid.uuid4())
            case "a file":
                return Path(__file__).read_text()  # noqa: ASYNC240 - what is refused
            case "the clock, a little later":
                workflow.extern_functions()["meanwhile"]()
                return str(datetime.now())  # noqa: DTZ005 - what is refused
            case _:
                return str(id(COPY))
