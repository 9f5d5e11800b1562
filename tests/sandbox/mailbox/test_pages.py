"""The page to read mail shows whatever came and runs none of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from httpx import ASGITransport, AsyncClient

from sandbox.mailbox.faults import Fault, FaultKind, Script
from sandbox.mailbox.pages import mailbox_app
from sandbox.mailbox.store import MailStore

HOSTILE = """<script>alert(1)</script>"><img src=x onerror=alert(1)>"""


@pytest.fixture
def store() -> Iterator[MailStore]:
    store = MailStore()
    yield store
    store.close()


@pytest.fixture
def script() -> Script:
    return Script()


@pytest_asyncio.fixture
async def browser(store: MailStore, script: Script) -> AsyncIterator[AsyncClient]:
    transport = ASGITransport(mailbox_app(store, script))
    async with AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


def received(store: MailStore, *, subject: str = "Update", html: str | None = None, name: str = "a.csv") -> None:
    lines = [f"Subject: {subject}", "From: billing@provider.example", f"X-Note: {subject}", "MIME-Version: 1.0"]
    lines += ['Content-Type: multipart/mixed; boundary="b"', ""]
    lines += ["--b", "Content-Type: text/plain; charset=utf-8", "", f"text {subject}"]
    lines += ["--b", "Content-Type: text/html; charset=utf-8", "", html] if html else []
    lines += [
        "--b",
        "Content-Type: text/csv",
        f"Content-Disposition: attachment; filename*=utf-8''{name}",
        "",
        "1,2",
        "--b--",
    ]
    store.receive("billing@provider.example", [f"{subject}@acme.example"], "\r\n".join(lines).encode())


@pytest.mark.parametrize(
    "path", ["/", "/mails/1?part=text", "/mails/1?part=headers", "/mails/1?part=html", f"/?q={HOSTILE}"]
)
async def test_nothing_in_a_mail_becomes_part_of_the_page(browser: AsyncClient, store: MailStore, path: str) -> None:
    received(store, subject=HOSTILE, html=HOSTILE, name="%3Cimg%20src%3Dx%3E.csv")

    page = (await browser.get(path)).text

    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;alert(1)" in page


async def test_the_html_part_is_confined_twice(browser: AsyncClient, store: MailStore) -> None:
    received(store, html=HOSTILE)

    page, part = await browser.get("/mails/1"), await browser.get("/mails/1/html")

    assert '<iframe sandbox src="/mails/1/html"' in page.text
    assert part.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert "script-src" not in part.headers["content-security-policy"]
    assert "'unsafe-inline'" not in page.headers["content-security-policy"]


async def test_a_page_from_elsewhere_that_points_its_name_here_reads_nothing(
    browser: AsyncClient, store: MailStore
) -> None:
    received(store)

    answer = await browser.get("/api/mails", headers={"Host": "rebound.example"})

    assert answer.status_code == 400


async def test_programs_read_the_same_mails_oldest_first(browser: AsyncClient, store: MailStore) -> None:
    received(store, subject="one", html="<p>one</p>")
    received(store, subject="two")

    everything = (await browser.get("/api/mails")).json()
    for_two = (await browser.get("/api/mails", params={"to": "two@acme.example"})).json()

    assert [mail["subject"] for mail in everything] == ["one", "two"]
    assert everything[0]["html"].strip() == "<p>one</p>"
    assert everything[0]["attachments"] == [{"name": "a.csv", "content_type": "text/csv", "size": 3}]
    assert [mail["id"] for mail in for_two] == [2]


async def test_a_search_finds_subjects_and_addresses(browser: AsyncClient, store: MailStore) -> None:
    received(store, subject="overdue")
    received(store, subject="resolved")

    page = (await browser.get("/", params={"q": "OVERDUE@acme"})).text

    assert 'href="/mails/1?q=OVERDUE%40acme"' in page
    assert 'href="/mails/2' not in page


async def test_an_unknown_mail_is_said_to_be_unknown(browser: AsyncClient) -> None:
    answer = await browser.get("/api/mails/7")

    assert answer.status_code == 404
    assert answer.json() == {"detail": "There is no mail 7; `GET /api/mails` lists those there are."}


async def test_faults_are_scripted_over_http_and_shown_on_the_page(browser: AsyncClient, script: Script) -> None:
    added = await browser.post("/api/faults", json={"kind": "deferred", "to": "*@acme.example", "attempts": [1, 2]})
    refused = await browser.post("/api/faults", json={"kind": "lost"})

    assert added.status_code == 201
    assert refused.status_code == 422
    assert script.faults == [Fault(kind=FaultKind.DEFERRED, to="*@acme.example", attempts=frozenset({1, 2}))]
    assert "<b>deferred</b> for *@acme.example" in (await browser.get("/")).text

    await browser.delete("/api/faults")
    assert (await browser.get("/api/faults")).json() == []


async def test_an_empty_mailbox_says_so(browser: AsyncClient) -> None:
    assert "No mail yet" in (await browser.get("/")).text
