"""Card numbers and secrets turn up nowhere; addresses and letters only where they are needed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from adapters.postgres.engine import open_engine
from billing.cases import Ending
from billing.failures import FailureCode
from tests.adapters.mail.mail_server import MailServer, running_mail_server
from tests.fixtures.stripe_simulator import StripeSimulator
from tests.fixtures.temporal import CaseClock
from tests.safety import canaries
from tests.safety.canaries import a_driven_dispute, breaks
from tests.workflows.office import an_office


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with running_mail_server() as running:
        yield running


def leaks(canaries: Iterable[str], places: dict[str, str]) -> list[str]:
    return [f"{canary} in {place}" for canary in canaries for place, words in places.items() if canary in words]


async def test_a_dispute_with_canaries_leaves_none_where_it_does_not_belong(
    database_url: str,
    case_clock: CaseClock,
    tmp_path: Path,
    stripe_simulator: StripeSimulator,
    mail: MailServer,
    written_logs: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with a_driven_dispute(database_url, case_clock, tmp_path, stripe_simulator, mail) as traces:
        await breaks(traces, monkeypatch)
        ending = Ending(await traces.case.handle.result())
        metrics = (await traces.caller.http.get("/metrics")).text
        public = {"logs": written_logs(), "labels": await traces.labels(), "keys": traces.keys(), "metrics": metrics}
        answers = "\n".join(answer.text for answer in traces.answers)
        inside = {"history": await traces.history(), "tables": traces.tables(), "letters": traces.letters()}
        places = public | inside | {"answers": answers, "stripe": traces.at_stripe()}

    seeds = [token.partition(":")[2] for token in traces.tokens.values()]
    secrets = [canaries.WEBHOOK_SECRET, canaries.STRIPE_KEY, canaries.MAIL_PASSWORD, canaries.DATABASE_PASSWORD, *seeds]
    personal = [canaries.ADDRESS, canaries.NAME, "lead-1@ops.example", canaries.WORDS, canaries.QUESTION]
    assert leaks([canaries.CARD, canaries.CARD.replace(" ", ""), *secrets], places) == []
    assert leaks(personal, public | {"stripe": places["stripe"]}) == []
    # The canaries did fly, and nothing was hushed up.
    assert ending is Ending.CREDITED
    assert [answer.status_code for answer in traces.answers] == [401, 422, 422, 422, 422, 202, 200, 202, 409, 200, 500]
    assert all("card number removed" in inside[place] for place in ("history", "tables", "letters"))
    assert leaks([canaries.ADDRESS, canaries.WORDS, canaries.QUESTION], {"history": inside["history"]}) != []
    assert {"activity failed", "request failed", "decision handed in"} <= events(public["logs"])


async def test_every_line_about_a_case_names_it(
    database_url: str, case_clock: CaseClock, tmp_path: Path, written_logs: Callable[[], str]
) -> None:
    engine = open_engine(database_url)
    async with an_office(engine, case_clock, tmp_path) as office:
        office.provider.fail_next(FailureCode.PROVIDER_BUSY)
        case = await office.opens(office.world.tenant("acme", duplicated=480))
        await case.hours(1)
    engine.dispose()

    lines = [json.loads(line) for line in written_logs().splitlines()]
    about = [line for line in lines if line["logger"] in ("activities", "temporalio.activity", "temporalio.workflow")]
    assert {"info", "warning"} <= {line["level"] for line in about}
    assert {line.get("case_id") for line in about} == {case.handle.id}


def events(logs: str) -> set[str]:
    return {json.loads(line)["event"] for line in logs.splitlines()}
