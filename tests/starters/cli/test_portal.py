"""Links into the customers' portal, made from a terminal."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from starters.portal_links import Seal, read_link
from tests.starters.cli.conftest import Terminal

SECRET = "a-secret-for-the-portal-of-tests"


@pytest.fixture
def with_a_portal(terminal: Terminal) -> Terminal:
    file = terminal.data / "sandbox.json"
    settings = json.loads(file.read_text())["settings"]
    portal = {"RUNBOOKS_PORTAL_SECRET": SECRET, "RUNBOOKS_PUBLIC_URL": "https://billing.provider.example/"}
    file.write_text(json.dumps({"settings": settings | portal}))
    return terminal


async def test_a_link_is_printed_once_and_opens_for_as_long_as_was_asked(with_a_portal: Terminal) -> None:
    made = await with_a_portal.types("portal", "link", "acme", "--days", "3", "--as", "agent-1")

    address = made.stdout.splitlines()[-1]
    link = read_link(
        Seal([SECRET]), address.removeprefix("https://billing.provider.example/portal/"), datetime.now(UTC)
    )
    assert (made.exit_code, link.tenant_id) == (0, "acme")
    assert timedelta(days=2, hours=23) < link.expires_at - datetime.now(UTC) <= timedelta(days=3)


async def test_a_program_gets_the_link_as_json(with_a_portal: Terminal) -> None:
    made = await with_a_portal.types("portal", "link", "acme", "--as", "lead-1", "--json")

    answer = json.loads(made.stdout)
    assert answer["tenant_id"] == "acme"
    assert answer["url"].startswith("https://billing.provider.example/portal/")
    assert datetime.fromisoformat(answer["expires_at"]) > datetime.now(UTC)


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("acme", "--as", "engineering-1"), 1, "may not give a customer a link into the portal"),
        (("acme", "--as", "vp-1"), 1, "it takes one of: account_manager, agent, lead"),
        (("acme",), 2, "say who you are"),
        (("nobody", "--as", "agent-1"), 2, "nobody is not a customer"),
        (("acme", "--days", "91", "--as", "agent-1"), 2, "less than or equal to 90"),
    ],
)
async def test_who_or_what_may_not_have_a_link_is_said(
    with_a_portal: Terminal, words: tuple[str, ...], code: int, sentence: str
) -> None:
    refused = await with_a_portal.types("portal", "link", *words)

    assert refused.exit_code == code
    assert sentence in " ".join(refused.output.split())
    assert "/portal/" not in refused.output


async def test_without_a_secret_the_missing_setting_is_named(terminal: Terminal) -> None:
    refused = await terminal.types("portal", "link", "acme", "--as", "agent-1")

    assert refused.exit_code == 2
    assert "RUNBOOKS_PORTAL_SECRET is not set" in refused.output
