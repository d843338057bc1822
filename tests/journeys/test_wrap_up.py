"""After the conversation: the bar of a wrap-up with its time and its end, and work that needed no answer."""

import re
from collections.abc import Awaitable, Callable

from playwright.async_api import Page, expect
from sqlalchemy import text

from tests.journeys.floor import Desk, Floor, become_ready, log_in, open_conversation

OpenPage = Callable[..., Awaitable[Page]]


async def wrap_up(floor: Floor, desk: Desk, mode: str) -> None:
    lead = await floor.agent(desk, "lin")
    queue = await lead.get(f"/v1/queues/{desk.queue_id}")
    kept = {name: value for name, value in queue.items() if name not in ("id", "version", "synthetic")}
    answer = await lead.client.put(f"/v1/queues/{desk.queue_id}", json={**kept, "wrap_up": mode})
    assert answer.status_code == 200, answer.text


async def resolve(page: Page) -> None:
    await expect(page.locator(".about")).to_contain_text("yours")
    await page.keyboard.press("Alt+Shift+e")
    await page.select_option("dialog select", "solved")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator("dialog")).to_have_count(0)


async def test_a_required_wrap_up_counts_down_and_ends_with_an_outcome(floor: Floor, open_page: OpenPage) -> None:
    desk = await floor.desk("anna", "lin")
    await wrap_up(floor, desk, "required")
    owned, other = await floor.owned(desk, "anna"), await floor.owned(desk, "anna", name="Ada Bell")
    page = await open_page()
    await log_in(page, floor.url, desk.login("anna"))
    await open_conversation(page, owned.id)
    await resolve(page)
    bar = page.locator(".open .wrap-up")
    await expect(bar).to_contain_text("Wrap-up after Grace Miller")
    await expect(bar.locator("[role=timer]")).to_have_text(re.compile(r"^(10:00|9:\d\d)$"))
    anna = await floor.agent(desk, "anna")
    presence = await anna.get("/v1/presence")
    assert (len(presence["wrap_ups"]), presence["used_units"]) == (1, 50)
    # It goes with the agent, and stays through a reload.
    await open_conversation(page, other.id)
    await page.reload()
    aside = page.locator(".banners .wrap-up")
    await expect(aside).to_contain_text("Wrap-up after Grace Miller")
    await page.select_option("sb-console-bar select", "zh-CN")
    await expect(aside).to_contain_text("Grace Miller 的话后处理")
    await aside.locator("select").select_option("solved")
    await aside.locator("button").click()
    await expect(page.locator(".wrap-up")).to_have_count(0)
    presence = await anna.get("/v1/presence")
    assert (presence["wrap_ups"], presence["used_units"]) == ([], 25)


async def test_a_customer_who_writes_during_wrap_up_ends_it(floor: Floor, open_page: OpenPage) -> None:
    desk = await floor.desk("anna", "lin")
    await wrap_up(floor, desk, "timed")
    page = await open_page()
    await log_in(page, floor.url, desk.login("anna"))
    await become_ready(page)
    owned = await floor.owned(desk, "anna")
    await open_conversation(page, owned.id)
    await resolve(page)
    await expect(page.locator(".open .wrap-up select")).to_be_hidden()
    await owned.customer.write("one more thing")
    await expect(page.locator(".wrap-up")).to_have_count(0)
    await expect(page.locator(".about")).to_contain_text("yours")
    await expect(page.locator(".about")).not_to_contain_text("resolved")


async def test_who_needs_not_answer_offers_is_told_what_was_assigned(floor: Floor, open_page: OpenPage) -> None:
    desk = await floor.desk("anna", "lin")
    async with floor.database.transaction() as session:
        await session.execute(text("UPDATE agent SET auto_accept = true WHERE id = :id"), {"id": desk.ids["anna"]})
    page = await open_page()
    await log_in(page, floor.url, desk.login("anna"))
    await become_ready(page)
    conversation_id = await (await floor.customer(desk)).write("hello")
    toast = page.locator(".toast")
    await expect(toast).to_contain_text("Assigned to you: Grace Miller.")
    await expect(page.locator(".offer")).to_have_count(0)
    await toast.locator("button").click()
    await expect(page.locator("sb-message-thread article").first).to_contain_text("hello")
    assert (await page.evaluate("location.hash")).endswith(conversation_id)
