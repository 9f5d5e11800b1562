"""Who gets in, and what the door looks like to everybody else."""

from __future__ import annotations

import base64
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from billing.cases import Opening
from console.portal.fence import HEADERS
from starters.disputes import open_dispute
from starters.portal_links import LONGEST_DAYS, PortalLinkError, Seal, new_link, read_link
from tests.console.portal.customer import PORTAL_SECRET, PUBLIC_URL, SEAL, Customer, Page, reference_in, visiting
from tests.console.portal.usage import BUSY_DAY, WRONG_DAY, Meridian
from tests.starters.desk import CaseDesk, ticket

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
PAGES = [
    "",
    "?month=2026-10",
    f"/usage/api_calls/{BUSY_DAY}",
    f"/usage/api_calls/{BUSY_DAY}/events",
    "/contest?month=2026-10",
    "/disputes/T-1",
]
FORMS = ["/contest?month=2026-10", "/disputes/T-1/reply", "/disputes/T-1/withdraw"]


def sealed(seal: Seal, content: object, **options: Any) -> str:
    """A token over any content, as somebody with this seal would make it."""
    payload = base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()
    mac = base64.urlsafe_b64encode(seal.mac(options.get("purpose", "portal link"), payload)).rstrip(b"=").decode()
    return f"{payload}.{mac}"


def bad_tokens() -> dict[str, str]:
    good, _ = new_link(SEAL, "meridian", datetime.now(UTC))
    payload, mac = good.split(".")
    other, _ = new_link(SEAL, "rival", datetime.now(UTC))
    ours = {"tenant": "meridian", "exp": int(time.time()) + 3600}
    return {
        "another secret": sealed(Seal(["another-secret-of-some-length"]), ours),
        "another purpose": sealed(SEAL, ours, purpose="form"),
        "another tenant's payload under our mac": f"{other.split('.')[0]}.{mac}",
        "no mac": payload,
        "an empty mac": f"{payload}.",
        "a truncated mac": good[:-1],
        "a truncated payload": f"{payload[:-4]}.{mac}",
        "one letter changed": f"{'f' if payload[0] == 'e' else 'e'}{payload[1:]}.{mac}",
        "padding added": f"{good}=",
        "a second mac": f"{good}.{mac}",
        "letters of another script": f"{payload}.ä{mac}",
        "a tenant that is gone": sealed(SEAL, ours | {"tenant": "nobody"}),
        "very long": f"{payload}.{mac * 100}",
        "expired": new_link(SEAL, "meridian", datetime.now(UTC) - timedelta(days=8))[0],
    }


@pytest.mark.parametrize("why", bad_tokens())
async def test_a_link_that_is_not_ours_opens_no_page_and_takes_no_form(customer: Customer, why: str) -> None:
    token = bad_tokens()[why]

    seen = [await customer.http.get(f"/portal/{token}{path}") for path in PAGES]
    sent = [await customer.http.post(f"/portal/{token}{path}", data={"text": "x"}) for path in FORMS]

    assert [answer.status_code for answer in (*seen, *sent)] == [403] * (len(PAGES) + len(FORMS))
    assert all("Meridian" not in answer.text and token not in answer.text for answer in (*seen, *sent))
    headline = "This link has expired" if why == "expired" else "This link is not valid"
    assert {headline in answer.text for answer in seen} == {True}


def test_a_link_opens_until_the_second_it_expires() -> None:
    token, link = new_link(SEAL, "meridian", NOW, days=7)

    inside = read_link(SEAL, token, link.expires_at - timedelta(seconds=1))
    with pytest.raises(PortalLinkError) as refusal:
        read_link(SEAL, token, link.expires_at)

    assert (inside.tenant_id, inside.expires_at) == ("meridian", NOW + timedelta(days=7))
    assert refusal.value.expired


def test_links_of_the_older_secret_open_while_secrets_rotate_and_close_when_it_is_gone() -> None:
    token, _ = new_link(Seal(["the-older-secret-of-the-portal"]), "meridian", NOW)

    rotating = read_link(Seal([PORTAL_SECRET, "the-older-secret-of-the-portal"]), token, NOW)

    assert rotating.tenant_id == "meridian"
    with pytest.raises(PortalLinkError):
        read_link(SEAL, token, NOW)


@pytest.mark.parametrize("days", [0, -1, LONGEST_DAYS + 1])
def test_no_link_lasts_for_ever(days: int) -> None:
    with pytest.raises(ValueError, match="1 to 90 days"):
        new_link(SEAL, "meridian", NOW, days=days)


async def test_nothing_of_another_tenant_is_ever_shown(customer: Customer, meridian: Meridian, desk: CaseDesk) -> None:
    async with visiting(desk, "rival") as rival:
        theirs = reference_in(await rival.contests(amount="262.00"))
        await rival.looks(f"/disputes/{theirs}")

        pages = [await customer.looks(path) for path in [*PAGES, f"/usage/api_calls/{WRONG_DAY}"]]
        events = await customer.looks(f"/usage/api_calls/{WRONG_DAY}/events?route={meridian.secret_route}")
        guesses = [await customer.looks(f"/disputes/{theirs}"), await customer.looks("/disputes/T-never-was")]
        form = await rival.looks(f"/disputes/{theirs}")
        pushed = [
            await customer.sends(f"/disputes/{theirs}/{deed}", {"token": form.fields["token"], "text": "Ours now."})
            for deed in ("reply", "withdraw")
        ]

    assert meridian.secret_route not in "".join(page.html for page in pages)
    assert not events.rows
    assert "rival" not in "".join(page.words.lower() for page in pages)
    assert [page.status for page in guesses] == [404, 404]
    assert guesses[0].html == guesses[1].html
    assert [answer.status_code for answer in pushed] == [404, 404]
    assert len(await desk.timeline(theirs)) == 1


async def test_a_dispute_that_came_through_the_desk_is_seen_by_its_own_tenant_alone(
    customer: Customer, desk: CaseDesk
) -> None:
    mine, others = ticket(tenant_id="meridian", currency="EUR"), ticket(tenant_id="acme")
    for one in (mine, others):
        await open_dispute(desk.client, Opening(ticket=one), task_queue=desk.settings.task_queue)

    seen = [(await customer.looks(f"/disputes/{one.ticket_id}")).status for one in (mine, others)]

    assert seen == [200, 404]


@pytest.mark.parametrize("path", [*PAGES, "/usage/nothing/2026-10-01", "/nope"])
async def test_every_answer_is_fenced(customer: Customer, path: str) -> None:
    answer = await customer.http.get(customer.at(path))
    page = Page(answer)

    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "script" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert not {"script", "iframe", "style", "object", "embed", "base"} & page.tags()
    assert not [
        attributes for _, attributes in page.elements if any(name.startswith(("on", "style")) for name in attributes)
    ]
    loaded = [value for _, known in page.elements for name, value in known.items() if name in {"src", "href", "action"}]
    assert not [value for value in loaded if not value.startswith(("/portal/", "#"))]


async def test_the_link_is_in_no_log_whatever_happens(
    customer: Customer, desk: CaseDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object) -> None:
        raise RuntimeError("something of ours")

    with capture_logs() as logs:
        await customer.looks()
        await customer.contests()
        monkeypatch.setattr(type(customer.desk.books.usage), "months", breaks)
        broken = await customer.looks()

    assert broken.status == 500
    assert "Something broke on our side" in broken.words
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["portal page failed"]
    assert customer.token not in str(logs)
    assert customer.token.split(".")[1] not in (await customer.http.get("/metrics")).text


async def test_without_a_secret_there_is_no_portal(desk: CaseDesk) -> None:
    async with visiting(desk, "meridian", portal_secret=None) as somebody:
        page = await somebody.looks()

    assert page.status == 404
    assert "There is no portal here" in page.words


async def test_whoever_speaks_to_customers_makes_links_and_nobody_else(customer: Customer) -> None:
    wish = {"tenant_id": "meridian", "days": 3}

    async def made_by(operator_id: str | None) -> int:
        headers = {"Authorization": f"Bearer {customer.desk.tokens[operator_id]}"} if operator_id else {}
        return (await customer.http.post("/portal-links", json=wish, headers=headers)).status_code

    found = {name: await made_by(name) for name in ("agent-1", "lead-1", "engineering-1", "finance-1", "vp-1", None)}

    assert found == {
        "agent-1": 201, "lead-1": 201, "engineering-1": 403, "finance-1": 403, "vp-1": 403, None: 401,
    }  # fmt: skip


async def test_a_link_that_an_operator_made_opens_the_portal(customer: Customer) -> None:
    headers = {"Authorization": f"Bearer {customer.desk.tokens['lead-1']}"}

    made = (await customer.http.post("/portal-links", json={"tenant_id": "meridian"}, headers=headers)).json()
    nobody = await customer.http.post("/portal-links", json={"tenant_id": "nobody"}, headers=headers)
    endless = await customer.http.post("/portal-links", json={"tenant_id": "meridian", "days": 91}, headers=headers)
    page = await customer.looks(made["url"].removeprefix(PUBLIC_URL))

    assert made["url"].startswith(f"{PUBLIC_URL}/portal/")
    assert datetime.fromisoformat(made["expires_at"]) - datetime.now(UTC) > timedelta(days=6, hours=23)
    assert page.status == 200
    assert (nobody.status_code, endless.status_code) == (404, 422)
