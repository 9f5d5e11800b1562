"""`runbooks access`: operators see what a customer is limited to, limit and lift by hand, and set caps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import text

from billing.access import Cause, Restriction, RestrictionOrder
from tests.starters.cli.conftest import Terminal


@pytest.fixture
def beside(terminal: Terminal) -> Iterator[Terminal]:
    """The books are those of every test in this process, so whatever was limited before is taken away."""
    with terminal.desk.books.engine.begin() as connection:
        for table in ("restriction_limits", "restriction_log", "restrictions", "usage_caps"):
            connection.execute(text(f"delete from {table}"))  # noqa: S608 - names of ours
    yield terminal


def overdue(beside: Terminal) -> None:
    order = RestrictionOrder(
        tenant_id="acme",
        cause=Cause.DELINQUENCY,
        restriction=Restriction.RATE_LIMITED,
        rate_share=Decimal("0.1"),
        reason="INV-7 is unpaid",
        case_id="delinquency/acme/1",
        step="limited",
    )
    beside.desk.books.restrictions.restrict(order, datetime.now(UTC))


LIMIT = ("access", "limit", "acme", "--to", "suspended", "--reason", "Their key is abused.")


async def test_a_limit_by_hand_stands_beside_others_and_lifts_alone(beside: Terminal) -> None:
    overdue(beside)

    limited = await beside.types(*LIMIT, "--as", "lead-1")
    listed = await beside.types("access", "list")
    of_operators = await beside.types("access", "list", "--cause", "operator", "--json")
    lifted = await beside.types("access", "lift", "acme", "--reason", "The key was replaced.", "--as", "lead-1")

    assert (limited.exit_code, limited.output) == (0, "acme: suspended (operator)\n")
    assert listed.output.splitlines()[1].split("\t")[:3] == ["acme", "suspended", "operator"]
    assert [one["tenant_id"] for one in json.loads(of_operators.output)] == ["acme"]
    assert lifted.output == "acme: limited to 10 % of the usual rate (delinquency)\n"


async def test_a_customer_is_shown_with_who_asks_for_it_its_caps_and_the_changes(beside: Terminal) -> None:
    overdue(beside)
    await beside.types(*LIMIT, "--as", "engineering-1")
    await beside.types(
        "access", "cap", "acme", "api_calls", "--units", "20000", "--reason", "Agreed.", "--as", "lead-1"
    )

    shown = await beside.types("access", "show", "acme")
    as_json = json.loads((await beside.types("access", "show", "acme", "--json")).output)

    lines = shown.output.splitlines()
    assert lines[0] == "service\tsuspended"
    assert lines[2] == "because\tTheir key is abused."
    assert lines[3] == "cap on api_calls\tapi_calls is capped at 20,000, Agreed. (lead-1)"
    assert [line.split("\t")[0] for line in lines[6:8]] == ["delinquency", "operator"]
    assert [change["by"] for change in as_json["changes"]] == ["engineering-1", "runbook"]
    assert as_json["standing"]["revision"] == 2
    assert as_json["caps"][0]["cap"] == "20000.000000"


async def test_a_rate_limit_needs_its_share(beside: Terminal) -> None:
    limit = ("access", "limit", "acme", "--reason", "Abuse.", "--as", "lead-1", "--to")

    given = await beside.types(*limit, "rate_limited", "--share", "0.25")
    missing = await beside.types(*limit, "rate_limited")
    too_many = await beside.types(*limit, "suspended", "--share", "0.1")
    wrong = [await beside.types(*limit, "rate_limited", "--share", share) for share in ("1", "0", "a tenth", "NaN")]

    assert given.output == "acme: limited to 25 % of the usual rate (operator)\n"
    assert [one.exit_code for one in (missing, too_many, *wrong)] == [2] * 6
    assert "--share: a rate limit needs one" in missing.output + missing.stderr
    assert all("--share" in one.output + one.stderr for one in wrong)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--units", "20000"), "api_calls is capped at 20,000"),
        (("--unlimited",), "api_calls has no cap"),
        (("--as-contracted",), "api_calls is capped at what the contract includes"),
    ],
)
async def test_a_cap_is_set_in_place_of_the_contracts(beside: Terminal, options: tuple[str, ...], words: str) -> None:
    done = await beside.types("access", "cap", "acme", "api_calls", *options, "--reason", "Agreed.", "--as", "lead-1")

    assert done.exit_code == 0
    assert done.output == f"acme: {words}; `runbooks schedules trigger usage-limits` checks usage now\n"


@pytest.mark.parametrize(
    "options", [(), ("--units", "1", "--unlimited"), ("--units", "0"), ("--units", "many"), ("--units", "-3")]
)
async def test_a_cap_that_says_nothing_or_too_much_is_refused(beside: Terminal, options: tuple[str, ...]) -> None:
    done = await beside.types("access", "cap", "acme", "api_calls", *options, "--reason", "Agreed.", "--as", "lead-1")

    assert done.exit_code == 2
    assert "--units" in done.output + done.stderr


@pytest.mark.parametrize("who", ["agent-1", None])
async def test_only_who_may_limit_does(beside: Terminal, who: str | None) -> None:
    done = await beside.types(*LIMIT, *(("--as", who) if who else ()))

    assert done.exit_code != 0
    assert beside.desk.books.restrictions.standing("acme").restriction is Restriction.NONE


async def test_nobody_gives_a_deleted_account_its_service_back(beside: Terminal) -> None:
    deleted = RestrictionOrder(
        tenant_id="acme",
        cause=Cause.OPERATOR,
        restriction=Restriction.DELETED,
        reason="this account has been deleted",
        case_id="retention/1",
        step="deleted",
    )
    beside.desk.books.restrictions.restrict(deleted, datetime.now(UTC))

    refused = [
        await beside.types("access", "lift", "acme", "--reason", "Oops.", "--as", "lead-1"),
        await beside.types(*LIMIT, "--as", "lead-1"),
    ]

    assert [one.exit_code for one in refused] == [1, 1]
    assert all("acme is deleted" in one.output + one.stderr for one in refused)
    assert beside.desk.books.restrictions.standing("acme").restriction is Restriction.DELETED


@pytest.mark.parametrize("command", [("show", "nobody"), ("lift", "nobody", "--reason", "x", "--as", "lead-1")])
async def test_a_customer_that_is_not_there_is_named(beside: Terminal, command: tuple[str, ...]) -> None:
    done = await beside.types("access", *command)

    assert done.exit_code == 2
    assert "there is no tenant nobody" in done.output + done.stderr
