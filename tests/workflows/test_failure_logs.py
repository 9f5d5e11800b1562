"""What a failing step leaves in the logs: one line where we know what happened, a traceback only where we do not."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from billing.cases import Ending
from billing.failures import FailureCode
from tests.fixtures.temporal import CaseClock
from tests.workflows.office import Office, an_office


def failures(logs: str) -> list[dict[str, Any]]:
    """What was written about activities that failed, by us or by the Temporal SDK."""
    lines = [json.loads(line) for line in logs.splitlines()]
    return [line for line in lines if "failed" in line["event"]]


async def test_a_failure_that_has_a_name_is_one_line_without_a_traceback(
    office: Office, written_logs: Callable[[], str]
) -> None:
    office.provider.fail_next(FailureCode.PROVIDER_BUSY, times=2)
    case = await office.opens(office.world.tenant("acme", duplicated=480), disputed="48.00")
    await case.ending()

    told = failures(written_logs())

    assert [(line["event"], line["level"], line["code"], line["attempt"]) for line in told] == [
        ("activity failed", "warning", "provider_busy", 1),
        ("activity failed", "warning", "provider_busy", 2),
    ]
    assert {line["case_id"] for line in told} == {case.handle.id}
    assert not any("exception" in line for line in told)


async def test_a_failure_that_nobody_foresaw_comes_with_its_traceback(
    engine: Engine, case_clock: CaseClock, tmp_path: Path, written_logs: Callable[[], str]
) -> None:
    class MovedDesk:
        moves = 1

        def note(self, ticket_id: str, op_key: str, text: str) -> None:
            self.moves -= 1
            if self.moves == 0:
                raise RuntimeError("the desk has moved")

    async with an_office(engine, case_clock, tmp_path, tickets=MovedDesk()) as office:
        case = await office.opens(office.world.tenant("acme", duplicated=480), disputed="48.00")
        ended = await case.ending()

    (told,) = failures(written_logs())
    assert ended is Ending.CREDITED
    assert told["case_id"] == case.handle.id
    assert [one["exc_value"] for one in told["exception"]] == ["the desk has moved"]
