"""The wallboard is live, or says that it is not."""

from collections.abc import Awaitable, Callable

from playwright.async_api import Page, expect

from tests.journeys.floor import Floor, log_in
from tests.journeys.relay import relay_to

OpenPage = Callable[..., Awaitable[Page]]
CUT = ("ERR_CONNECTION", "ERR_EMPTY_RESPONSE", "ERR_SOCKET", "WebSocket")


async def test_who_waits_is_seen_and_old_figures_look_old_until_the_line_is_back(
    floor: Floor, open_page: OpenPage
) -> None:
    desk = await floor.desk("anna", "lin")
    async with relay_to(floor.url) as relay:
        page = await open_page(expected=CUT, language="zh-CN")
        await page.clock.install()
        await log_in(page, relay.url, desk.login("lin"), "/wallboard")
        row = page.locator("tr", has_text=desk.queue_name)
        await expect(row.locator("td.waiting")).to_have_text("0")
        await (await floor.customer(desk)).write("hello")
        await expect(row.locator("td.waiting")).to_have_text("1")
        await page.evaluate("window.notReloaded = true")
        relay.cut()
        await page.clock.fast_forward(11_000)
        await expect(page.locator("#root.stale")).to_be_visible()
        await expect(page.locator(".stale-banner")).to_be_hidden()
        await page.clock.fast_forward(55_000)
        await expect(page.locator(".stale-banner")).to_be_visible()
        await (await floor.customer(desk)).write("hello")
        relay.mend()
        await page.clock.fast_forward(20_000)
        await expect(row.locator("td.waiting")).to_have_text("2")
        await expect(page.locator(".stale-banner")).to_be_hidden()
        await expect(page.locator("#root.stale")).to_have_count(0)
        assert await page.evaluate("window.notReloaded")


async def test_agents_keep_their_places_under_the_pointer(floor: Floor, open_page: OpenPage) -> None:
    desk = await floor.desk("anna", "chen", "lin")
    page = await open_page()
    await log_in(page, floor.url, desk.login("lin"), "/wallboard")
    consoles = [await open_page(), await open_page()]
    for console, name in zip(consoles, ("anna", "chen"), strict=True):
        await log_in(console, floor.url, desk.login(name))
    table = page.locator("section").nth(1)
    names = table.locator("tbody th")
    await expect(names).to_have_count(3)
    order = await names.all_inner_texts()
    last = order[-1]
    await names.first.hover()
    lead = await floor.agent(desk, "lin")
    by_name = {"Anna Berg": "anna", "陈思远": "chen", "林薇": "lin"}
    answer = await lead.client.put(f"/v1/agents/{desk.ids[by_name[last]]}/presence", json={"readiness": "ready"})
    assert answer.status_code == 200, answer.text
    await expect(table.locator("tr", has_text=last).locator(".chip")).to_have_text("Ready")
    assert await names.all_inner_texts() == order
    await page.hover("h1")
    await expect(names.first).to_have_text(last)
