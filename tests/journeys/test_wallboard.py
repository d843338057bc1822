"""The wallboard is live, or says that it is not."""

import re
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


async def test_breached_promises_are_counted_and_each_count_opens_its_list(floor: Floor, open_page: OpenPage) -> None:
    desk = await floor.desk("anna", "lin")
    lead = await floor.agent(desk, "lin")
    await lead.post(
        "/v1/sla/policies",
        {
            "name": f"Desk {desk.number}",
            "body": {
                "position": 1,
                "conditions": {"queue_ids": [str(desk.queue_id)]},
                "targets": [{"metric": "first_reply", "seconds": 2}],
            },
        },
    )
    owned = [await floor.owned(desk, "anna", name=name) for name in ("Grace Miller", "李梅", "Omar")]
    page = await open_page()
    await log_in(page, floor.url, desk.login("lin"), "/wallboard")
    count = page.locator("tr", has_text=desk.queue_name).locator("td.breached button")
    await expect(count).to_have_text("3")
    await count.click()
    dialog = page.locator("dialog")
    await expect(dialog.locator("h2")).to_have_text(f"Breached in {desk.queue_name}: 3")
    await expect(dialog.locator("tbody tr")).to_have_count(3)
    await expect(dialog.locator(".chip").first).to_contain_text("over")
    await page.keyboard.press("Escape")
    tile = page.locator(".tile", has_text="Breached, open")
    total = int(await tile.locator("b").inner_text())
    await tile.click()
    await expect(dialog.locator("tbody tr")).to_have_count(total)
    listed = await lead.get("/v1/workspace/clocks?standing=breached&limit=100")
    assert len(listed["items"]) == total
    await page.keyboard.press("Escape")
    await (await floor.agent(desk, "anna")).reply(owned[0].id, "sorry")
    await expect(count).to_have_text("2")
    kept = page.locator("button.tile", has_text="SLA kept today")
    # The day is counted every ten seconds; before that nothing was due yet.
    await expect(kept.locator(".note")).to_contain_text(re.compile(r" of [1-9]"))
    least = int((await kept.locator(".note").inner_text()).split(" of ")[1].split()[0])
    await kept.click()
    lines = dialog.locator("tbody tr")
    await expect(lines.first).to_be_visible()
    due = [int(text) for text in await dialog.locator("tbody tr td:last-child").all_inner_texts()]
    await page.keyboard.press("Escape")
    board = await lead.get("/v1/wallboard")
    assert 0 < least <= sum(due) <= board["sla"]["due"]
