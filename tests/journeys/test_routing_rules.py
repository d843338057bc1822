"""A supervisor writes a routing rule in the browser, tries it, saves it, and the next customer meets it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from playwright.async_api import Page, expect

from tests.journeys.admin_desk import administrator, enter
from tests.journeys.floor import Agent, Desk, Floor
from tests.journeys.test_admin import REFUSED, part

OpenPage = Callable[..., Awaitable[Page]]
PATH = "/v1/routing-rules"
WAIT_SECONDS = 15


async def work_of(lead: Agent, conversation_id: str) -> dict[str, Any]:
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            explained = await lead.get(f"/v1/conversations/{conversation_id}/explain")
            if explained["work"]:
                return dict(explained["work"])
            await asyncio.sleep(0.05)  # work follows the log; no event is told to an API client without a socket


async def send_on_by_category(lead: Agent, conversation_id: str, there: Agent, other: Desk) -> None:
    """A second rule, over the API; who serves in its queue sees the conversation once the category is given."""
    rules = (await lead.get(PATH))["rules"]
    effects = {"queue_id": str(other.queue_id)}
    billing = {"name": "Billing", "conditions": {"categories": ["billing"]}, "effects": effects}
    assert (await lead.client.put(PATH, json={"rules": [*rules, billing]})).status_code == 200
    path = f"/v1/conversations/{conversation_id}"
    assert (await there.client.get(f"{path}/explain")).status_code == 404
    assert (await lead.client.put(f"{path}/category", json={"category": "billing"})).status_code == 200
    async with asyncio.timeout(WAIT_SECONDS):
        while (await there.client.get(f"{path}/explain")).status_code == 404:
            await asyncio.sleep(0.05)  # as above
    work = await work_of(there, conversation_id)
    assert (work["queue_id"], work["rules"]["fired"][-1]["name"]) == (str(other.queue_id), "Billing")
    assert (await lead.client.put(PATH, json={"rules": rules})).status_code == 200


async def test_a_rule_is_written_tried_saved_and_met_by_the_next_customer(floor: Floor, open_page: OpenPage) -> None:
    desk, other = await floor.desk("lin", "anna"), await floor.desk("chen")
    lead = await floor.agent(desk, "lin")
    before = await (await floor.customer(desk, language="zh-CN")).write("您好")
    assert (await work_of(lead, before))["rules"] is None
    await administrator(floor, desk)
    root = await floor.agent(desk, "root")
    skill = f"Silk {desk.queue_id}"
    await root.post("/v1/skills", {"name": skill})
    page = await open_page(expected=REFUSED)
    page.on("dialog", lambda dialog: asyncio.ensure_future(dialog.accept()))
    try:
        await enter(page, floor, desk.login("lin"), "rules")
        await page.get_by_role("button", name="Versions").click()
        saved = (await lead.get(f"{PATH}/versions"))["items"]
        newest = f"Version {saved[0]['version']}" if saved else "Nothing has been saved yet."
        await expect(page.locator("dialog .history > li").first).to_contain_text(newest)
        await page.keyboard.press("Escape")
        await page.goto(f"{floor.url}/admin#rules/new")
        await part(page, "name").locator("input").fill("Chinese to the second desk")
        await page.get_by_role("button", name="Save").click()
        await expect(part(page, "effects").locator(".wrong").first).to_contain_text("Set at least one thing")
        await part(page, "conditions", "languages").locator("input").fill("zh")
        await part(page, "hours", "zone").locator("input").fill("Mars/Olympus")
        await part(page, "hours", "mon").locator("input").fill("00:00-24:00")
        await part(page, "effects", "queue_id").locator("select").select_option(label=other.queue_name)
        await part(page, "effects", "priority").locator("select").select_option("8")
        await part(page, "effects", "preferred").get_by_label(skill).check()
        await page.get_by_role("button", name="Save").click()
        await expect(part(page, "hours", "zone").locator(".wrong")).to_contain_text("no such time zone")
        await part(page, "hours", "zone").locator("input").fill("")
        await part(page, "hours", "mon").locator("input").fill("")
        await page.locator(".trial [data-part=language] input").fill("en")
        await page.get_by_role("button", name="Which rules fire?").click()
        await expect(page.locator(".trial [role=status]")).to_contain_text("does not fit: Language")
        await page.locator(".trial [data-part=language] input").fill("zh-CN")
        await page.get_by_role("button", name="Which rules fire?").click()
        await expect(page.locator(".trial li[data-became=fired]")).to_contain_text("fires: Queue, Priority")
        await page.get_by_role("button", name="What would move?").click()
        await expect(page.locator(".trial .moves li")).to_contain_text(desk.queue_name)
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator(".bar")).to_contain_text("Saved as version")
        after = await (await floor.customer(desk, language="zh-CN")).write("您好")
        work = await work_of(await floor.agent(other, "chen"), after)
        assert (work["queue_id"], work["priority"]) == (str(other.queue_id), 8)
        assert work["rules"]["fired"][0]["name"] == "Chinese to the second desk"
        plain = await (await floor.customer(desk)).write("hello")
        assert (await work_of(lead, plain))["queue_id"] == str(desk.queue_id)
        await send_on_by_category(lead, plain, await floor.agent(other, "chen"), other)

        await page.get_by_role("link", name="All routing rules").click()
        row = page.locator("tbody tr", has_text="Chinese to the second desk")
        await expect(row).to_contain_text(f"Queue: {other.queue_name}")
        await expect(row).to_contain_text(f"Skills that only rank: {skill}")
        await row.get_by_role("button", name="Turn off").click()
        await expect(row).to_contain_text("Off")
        await page.get_by_role("button", name="Which rules fire?").click()
        await expect(page.locator(".trial .steps li")).to_contain_text("is off")
        await row.get_by_role("button", name="Remove").click()
        await expect(page.locator(".empty")).to_contain_text("There are no rules")
        await page.get_by_role("button", name="Versions").click()
        versions = page.locator("dialog .history > li")
        await expect(versions.first).to_contain_text("Chinese to the second desk")
        await versions.nth(1).get_by_role("button", name="current again").click()
        await expect(row).to_contain_text("Off")
    finally:
        await lead.client.put(PATH, json={"rules": []})
