"""What a log line says, and what it never says."""

from __future__ import annotations

import json
import logging
import logging.config
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import structlog
from pydantic import BaseModel
from uvicorn.config import LOGGING_CONFIG

Logs = Callable[[], str]

CARD = "4111 1111 1111 1111"


class Letter(BaseModel):
    to: str = "accounts@acme.example"
    card: str = CARD


def lines(logs: Logs) -> list[dict[str, Any]]:
    return [json.loads(line) for line in logs().splitlines()]


def test_a_line_is_one_json_object_in_utc_with_its_case(written_logs: Logs) -> None:
    log = structlog.get_logger("activities")

    log.info("activity done", case_id="dispute/T-1042", attempt=2)

    (line,) = lines(written_logs)
    moment = datetime.fromisoformat(line.pop("timestamp"))
    assert moment.utcoffset() == timedelta(0)
    assert line == {
        "event": "activity done",
        "case_id": "dispute/T-1042",
        "attempt": 2,
        "level": "info",
        "logger": "activities",
    }


@pytest.mark.parametrize("about", ["temporal_activity", "temporal_workflow"])
def test_what_the_temporal_sdk_logs_carries_the_case_too(written_logs: Logs, about: str) -> None:
    log = logging.getLogger("temporalio.activity")

    log.warning("Completing activity as failed", extra={about: {"workflow_id": "dispute/T-1042", "attempt": 1}})

    (line,) = lines(written_logs)
    assert line["case_id"] == "dispute/T-1042"
    assert line["level"] == "warning"


@pytest.mark.parametrize(
    "name", ["token", "operator_token", "webhook_secrets", "password", "Authorization", "api_key", "signature", "body",
             "reply_text", "html", "email", "to_emails"]
)  # fmt: skip
def test_a_field_with_the_name_of_a_secret_is_hidden_at_any_depth(written_logs: Logs, name: str) -> None:
    log = structlog.get_logger("any")

    log.info("said", **{name: "canary"}, request={"headers": [{name: "canary"}]})

    (line,) = lines(written_logs)
    assert "canary" not in json.dumps(line)
    assert line[name] == "[hidden]"


@pytest.mark.parametrize(
    "private",
    [
        "accounts@acme.example",
        "o'neil+bills@mail.acme.example",
        "名前@acme.example",
        CARD,
        CARD.replace(" ", ""),
        "sk_live_51Habc123",
        "rk_test_51Habc123",
        "runbooks:PASSWORD",
    ],
)
@pytest.mark.parametrize("standard", [True, False], ids=["standard library", "structlog"])
def test_what_looks_private_is_hidden_in_anybodys_sentence(written_logs: Logs, private: str, standard: bool) -> None:
    sentence = f"550 <{private}> refused at postgresql://{private}@db.example/runbooks"
    log = logging.getLogger("other") if standard else structlog.get_logger("other")

    log.warning(sentence)

    (line,) = lines(written_logs)
    assert private not in json.dumps(line, ensure_ascii=False).replace("<runbooks:PASSWORD>", "")
    assert "550" in line["event"]


def test_an_object_is_told_without_what_is_private_in_it(written_logs: Logs) -> None:
    log = structlog.get_logger("other")

    log.info("sending", letter=Letter(), letters=(Letter(),))

    written = written_logs()
    assert "acme.example" not in written
    assert CARD not in written


def test_a_traceback_names_its_lines_and_no_variable(written_logs: Logs) -> None:
    log = structlog.get_logger("console")

    try:
        _refuse(f"the words of a letter to {CARD}")
    except ValueError as error:
        log.error("request failed", exc_info=error)

    (line,) = lines(written_logs)
    (told,) = line["exception"]
    assert (told["exc_type"], told["exc_value"]) == ("ValueError", "no such recipient: [hidden]")
    assert [frame["name"] for frame in told["frames"]][-1] == "_refuse"
    assert "the words of a letter" not in json.dumps(line)


@pytest.mark.parametrize(
    "plain",
    [
        "dispute/T-1042/credit/r1.1/a1",
        "lead-1",
        "0190b7d2-4f5e-7c2a-9a11-3f2b1c0d9e8f",
        "2026-11-21T09:00:00.123456+00:00",
        "order 1234567890123456",
        "USD 1,234.50",
    ],
)
def test_what_people_look_for_in_a_log_stays(written_logs: Logs, plain: str) -> None:
    log = structlog.get_logger("other")

    log.info("seen", context=plain, next_step=plain)

    (line,) = lines(written_logs)
    assert (line["context"], line["next_step"]) == (plain, plain)


@pytest.mark.parametrize("chatty", ["httpx", "stripe", "uvicorn.access"])
def test_libraries_that_repeat_requests_speak_only_of_trouble(written_logs: Logs, chatty: str) -> None:
    log = logging.getLogger(chatty)

    log.info("POST /v1/credit_notes?customer=cus_1")
    log.warning("gave up")

    assert [line["event"] for line in lines(written_logs)] == ["gave up"]


@pytest.mark.parametrize("name", ["uvicorn", "uvicorn.error", "uvicorn.access"])
def test_a_server_that_set_up_its_own_logs_writes_ours_from_now_on(request: pytest.FixtureRequest, name: str) -> None:
    logging.config.dictConfig(LOGGING_CONFIG)
    written_logs: Logs = request.getfixturevalue("written_logs")

    logging.getLogger(name).warning("letter to accounts@acme.example lost")

    assert [line["event"] for line in lines(written_logs)] == ["letter to [hidden] lost"]


def _refuse(letter: str) -> None:
    raise ValueError("no such recipient: accounts@acme.example")
