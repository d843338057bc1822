"""The wallboard is live, or says that it is not; those who wait are told from the same line."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

from playwright.async_api import Locator, Page, expect

from tests.journeys.floor import Floor, become_ready, log_in
from tests.journeys.relay import relay_to

OpenPage = Callable[..., Awaitable[Page]]
CUT = ("ERR_CONNECTION", "ERR_EMPTY_RESPONSE", "ERR_SOCKET", "WebSocket")


async def enter(floor: Floor, page: Page, body: str) -> tuple[Locator, Locator]:
    """A visitor of the shop writes; where their place and their wait stand. The shop embeds the first desk's chat."""
    await page.goto(f"{floor.url}/widget/demo")
    await page.click("sb-chat .bubble")
    await page.fill("sb-chat textarea", body)
    await page.press("sb-chat textarea", "Enter")
    return page.locator("sb-chat .queue p").first, page.locator("sb-chat .queue .sub")


async def test_who_waits_sees_place_and_wait_and_the_line_move(
    floor: Floor, open_page: OpenPage, tmp_path: Path
) -> None:
    desk = await floor.desk("anna", "lin")
    lead = await floor.agent(desk, "lin")
    english, chinese, console = await open_page(), await open_page(language="zh-CN"), await open_page()
    for _ in range(4):
        await floor.owned(desk, "anna")
    await log_in(console, floor.url, desk.login("anna"))
    first_place, first_wait = await enter(floor, english, "Where is my order?")
    await expect(first_place).to_have_text("You are number 1 in line")
    await expect(first_wait).to_be_empty()  # nobody is ready: nothing can be said
    await become_ready(console)
    await expect(first_wait).to_have_text("About 2 to 6 minutes")
    second_place, second_wait = await enter(floor, chinese, "我的订单在哪里？")
    await expect(second_place).to_have_text("您排在第 2 位")
    await expect(second_wait).to_have_text("大约需要 5 到 10 分钟")
    await english.screenshot(path=tmp_path / "widget-en.png")
    await chinese.screenshot(path=tmp_path / "widget-zh-CN.png")
    boards = [await open_page(size=(1600, 900)), await open_page(size=(1600, 900), language="zh-CN")]
    for board, language in zip(boards, ("en", "zh-CN"), strict=True):
        await log_in(board, floor.url, desk.login("lin"), "/wallboard")
        row = board.locator("tr", has_text=desk.queue_name)
        await expect(row.locator("td.eta")).to_have_text(re.compile(r"^7–14 "))
        await expect(row.locator("td.service_level")).to_have_text("100%")
        await expect(row.locator("td.service_level")).to_have_attribute("title", re.compile("sl_standard$"))
        await expect(board.locator('.tile[data-name="service_level"]')).to_have_attribute(
            "title", re.compile("sl_standard$")
        )
        await board.locator("header select").first.select_option("sl_answered")
        await expect(row.locator("td.service_level")).to_have_attribute("title", re.compile("sl_answered$"))
        await board.screenshot(path=tmp_path / f"wallboard-{language}.png")
    (queue,) = [one for one in (await lead.get("/v1/wallboard"))["queues"] if one["queue"]["id"] == str(desk.queue_id)]
    assert (queue["waiting"], queue["ready"], queue["busy"], queue["away"]) == (2, 1, 1, 1)  # lin looks on
    assert queue["eta_p50_seconds"] > 60
    waiting = await lead.get("/v1/conversations?view=queue&sort=newest")
    await lead.assign(waiting["items"][1]["id"], desk.ids["anna"])
    await expect(english.locator("sb-chat .queue")).to_be_hidden()
    await expect(second_place).to_have_text("您排在第 1 位")
    await expect(second_wait).to_have_text("大约需要 2 到 6 分钟")


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
    await expect(table.get_by_text("Offline", exact=True)).to_have_count(0)  # else they would still move
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
