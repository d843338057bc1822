"""A visitor who writes while the shop is closed reads in the widget when to expect an answer."""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from playwright.async_api import Browser, Page, expect

from tests.journeys.floor import Floor, log_in, open_conversation

OpenPage = Callable[..., Awaitable[Page]]
SHANGHAI = "Asia/Shanghai"
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


async def test_the_widget_tells_in_chinese_when_to_expect_an_answer_and_the_console_marks_it_automatic(
    floor: Floor, open_page: OpenPage, chromium: Browser
) -> None:
    desk = await floor.desk("lin")
    lead = await floor.agent(desk, "lin")
    today = datetime.now(UTC).astimezone(ZoneInfo(SHANGHAI)).date().isoformat()
    spec = {"timezone": SHANGHAI, "weekly": {day: ["09:00-17:00"] for day in DAYS}, "closed": [today]}
    calendar = await lead.post("/v1/sla/calendars", {"name": "Closed today", "spec": spec})
    body = {
        "position": 1,
        "conditions": {"queue_ids": [str(desk.queue_id)]},
        "calendar_id": calendar["id"],
        "targets": [{"metric": "first_reply", "seconds": 3600}],
    }
    await lead.post("/v1/sla/policies", {"name": "Shop hours", "body": body})

    traveller = await chromium.new_context(locale="zh-CN", timezone_id="Asia/Tokyo")
    shop = await open_page(context=traveller)
    await shop.goto(f"{floor.url}/widget/demo")
    await shop.click("sb-chat .bubble")
    await shop.fill("sb-chat textarea", "壶裂了")
    await shop.press("sb-chat textarea", "Enter")
    automatic = shop.locator("sb-chat .message.bot")
    # Ten in Shanghai is eleven in Tokyo; a journey over midnight meets the day on which the shop opens.
    told = re.compile(rf"您好，您的消息已收到，Shop {desk.number}将在(今天|明天) 11:00 前回复您。")
    await expect(automatic.locator(".body")).to_have_text(told)
    await expect(automatic.locator("b")).to_have_text("自动回复")

    [waiting] = (await lead.get("/v1/conversations?view=all"))["items"]
    assert (waiting["preview"], waiting["unanswered_since"] is not None) == ("壶裂了", True)
    await lead.assign(waiting["id"], desk.ids["lin"])
    console = await open_page()
    await log_in(console, floor.url, desk.login("lin"))
    await open_conversation(console, waiting["id"])
    await expect(console.locator(".message.bot .author")).to_have_text("自动回复")
    clocks = (await lead.get(f"/v1/sla/conversations/{waiting['id']}/clocks"))["clocks"]
    assert [clock["state"] for clock in clocks if clock["metric"] == "first_reply"] == ["running"]
    await shop.reload()
    await expect(automatic.locator(".body")).to_have_text(told)
    await traveller.close()
