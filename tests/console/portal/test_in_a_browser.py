"""The portal in a real browser: without JavaScript, on a desk and on a telephone, by day and by night."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
import uvicorn
from playwright.async_api import Browser, Page, async_playwright

from sandbox.ports import LOOPBACK, free_port
from tests.console.portal.customer import Customer
from tests.console.portal.usage import BUSY_DAY, LONG_DAY

CHROMIUM = Path("/usr/bin/chromium")
DESK, TELEPHONE = (1200, 900), (360, 740)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no browser at {CHROMIUM}"),
]


@dataclass(frozen=True)
class Shown:
    """A browser, and the address of the portal's first page."""

    browser: Browser
    address: str

    async def page(self, size: tuple[int, int] = DESK, *, scheme: str = "light", script: bool = False) -> Page:
        context = await self.browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if scheme == "dark" else "light",
            java_script_enabled=script,
        )
        return await context.new_page()


@pytest_asyncio.fixture
async def shown(customer: Customer) -> AsyncIterator[Shown]:
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(customer.app, LOOPBACK, port, log_config=None, lifespan="off"))
    serving = asyncio.create_task(server.serve())
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield Shown(browser, f"http://{LOOPBACK}:{port}{customer.at()}")
        await browser.close()
    server.should_exit = True
    await serving


async def test_a_customer_looks_closer_and_contests_without_javascript(shown: Shown, customer: Customer) -> None:
    page = await shown.page()

    await page.goto(shown.address)
    await page.locator("#api_calls .chart a").nth(BUSY_DAY.day - 1).click()
    day = await page.locator("h1").inner_text()
    await page.get_by_text("All events of this day").click()
    await page.get_by_text("Next 200").click()
    events = await page.locator("tbody tr").count()
    await page.goto(shown.address)
    await page.get_by_role("link", name="Contest", exact=True).click()
    await page.fill("#amount", "twelve")
    await page.fill("#description", "We count less.")
    await page.get_by_text("The usage is counted wrongly").click()
    await page.get_by_role("button", name="Send").click()
    flaw = await page.locator("#amount-flaw").inner_text()
    await page.fill("#amount", "262,00")
    await page.get_by_role("button", name="Send").click()
    reference = page.url.split("/disputes/")[1].split("?")[0]
    headline = await page.locator("h1").inner_text()
    await page.get_by_text("Withdraw this dispute").click()
    await page.get_by_role("button", name="Withdraw it").click()

    assert (day, events) == ("Tuesday, 20 October 2026", 200)
    assert flaw == "Write an amount such as 1.234,50."
    assert headline == "We collect the evidence"
    assert await page.locator("h1").inner_text() == "You withdrew it; nothing was changed"
    assert len(await customer.desk.timeline(reference)) == 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, TELEPHONE], ids=["desk", "telephone"])
async def test_no_page_is_wider_than_its_window_and_its_colours_load(
    shown: Shown, size: tuple[int, int], scheme: str
) -> None:
    page = await shown.page(size, scheme=scheme, script=True)
    wide, grounds = [], set()

    for path in (
        "",
        f"/usage/api_calls/{LONG_DAY}",
        f"/usage/api_calls/{LONG_DAY}/events",
        "/contest?month=2026-10",
        "/no",
    ):
        await page.goto(shown.address + path)
        if await page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            wide.append(path)
        grounds.add(await page.evaluate("getComputedStyle(document.body).backgroundColor"))

    assert not wide
    assert grounds == {"rgb(18, 20, 25)" if scheme == "dark" else "rgb(245, 246, 249)"}


async def test_nothing_in_the_data_runs_and_nothing_is_fetched_from_elsewhere(shown: Shown) -> None:
    page = await shown.page(script=True)
    fetched: list[str] = []
    ran: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    page.on("dialog", lambda dialog: ran.append(dialog.message))
    page.on("console", lambda message: complaints.append(message.text))

    for path in ("", f"/usage/api_calls/{LONG_DAY}", f"/usage/api_calls/{LONG_DAY}/events", "/contest?month=2026-10"):
        await page.goto(shown.address + path)

    assert not ran
    assert not complaints
    assert {url.split("/portal/")[0] for url in fetched} == {shown.address.split("/portal/")[0]}
