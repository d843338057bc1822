"""Those who wait see their place and about how long it takes, each in their language; supervisors see the same line."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

from playwright.async_api import Locator, Page, expect

from tests.journeys.floor import Floor, become_ready, log_in

OpenPage = Callable[..., Awaitable[Page]]


async def enter(floor: Floor, page: Page, body: str) -> tuple[Locator, Locator]:
    """A visitor of the shop writes; where their place and their wait stand."""
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
