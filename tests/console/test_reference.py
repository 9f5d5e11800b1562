"""The page that describes the API to people."""

from __future__ import annotations

import re

from tests.console.caller import Caller


async def test_the_page_names_every_call_and_needs_nothing_from_anywhere(caller: Caller) -> None:
    described = (await caller.http.get("/openapi.json")).json()

    page = await caller.http.get("/docs")

    assert page.status_code == 200
    named = set(re.findall(r"<b>(\w+)</b> <code>([^<]+)</code>", page.text))
    assert named == {(method.upper(), path) for path, calls in described["paths"].items() for method in calls}
    assert not re.findall(r"""(?:src|href)=["'](?:https?:)?//""", page.text)
    assert "<script" not in page.text


async def test_whoever_opens_the_address_is_led_to_the_page(caller: Caller) -> None:
    led = await caller.http.get("/", follow_redirects=False)

    assert (led.status_code, led.headers["location"]) == (307, "/docs")


async def test_a_field_says_what_may_stand_in_it(caller: Caller) -> None:
    page = await caller.http.get("/docs")

    judge = page.text.partition("/judge</code>")[2].partition("</details>")[0]
    assert "<td>resolution</td><td>customer_correct, billing_correct, partial</td><td>needed</td>" in judge
    assert "Idempotency-Key (header)" in judge
