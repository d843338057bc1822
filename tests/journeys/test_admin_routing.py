"""Supervisors and administrators shape routing in the browser: queues as versions, members, skills, agents' terms."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from playwright.async_api import Locator, Page, expect

from tests.journeys.admin_desk import administrator, enter
from tests.journeys.floor import Agent, Floor
from tests.journeys.test_admin import REFUSED, part

OpenPage = Callable[..., Awaitable[Page]]


async def add_ring(page: Page, after: str, level: str) -> Locator:
    """A ring that asks for the first skill at this level instead."""
    rings = part(page, "rings")
    await rings.get_by_role("button", name="Add a ring").click()
    ring = rings.locator("> .list > .rows > .item").last
    await ring.locator("[data-part=enter_after_seconds] input").fill(after)
    await ring.get_by_label("Ask for other skills").check()
    await ring.get_by_role("button", name="Add a skill").click()
    await ring.locator("[data-part=level] input").fill(level)
    return ring


async def settings(lead: Agent, queue_id: str) -> dict[str, Any]:
    stored = await lead.get(f"/v1/queues/{queue_id}")
    return {name: value for name, value in stored.items() if name not in ("id", "version", "synthetic")}


async def test_a_queue_is_looked_at_before_it_is_saved_staffed_changed_by_two_and_taken_back(
    floor: Floor, open_page: OpenPage
) -> None:
    desk = await floor.desk("lin", "anna", "chen")
    await administrator(floor, desk)
    root = await floor.agent(desk, "root")
    made = await root.post("/v1/skills", {"name": "Refunds"})
    terms = {"skills": [{"skill_id": made["id"], "proficiency": 4}]}
    assert (await root.client.patch(f"/v1/agents/{desk.ids['anna']}/terms", json=terms)).status_code == 200
    lead = await floor.agent(desk, "lin")
    page = await open_page(expected=REFUSED)
    await enter(page, floor, desk.login("lin"), "queues")
    await expect(page.locator("tr", has_text=desk.queue_name).locator("td").nth(2)).to_have_text("0 / 0")
    await page.get_by_role("button", name="New queue").click()
    verdict = page.locator(".look [role=status]")
    await expect(verdict).to_contain_text("add members once the queue is made")
    await part(page, "name").locator("input").first.fill("Refund desk")
    await page.locator("form").get_by_role("button", name="Add a skill").first.click()
    await part(page, "requirements").first.locator("[data-part=level] input").fill("6")
    ring = await add_ring(page, "1 min", "7")
    await page.get_by_role("button", name="Save").click()
    await expect(ring.locator(".wrong")).to_contain_text("Rings only relax")
    await ring.locator("[data-part=level] input").fill("3")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator(".bar")).to_contain_text("Saved as version 1.")
    queue_id = page.url.rsplit("/", 1)[1]

    await expect(verdict).to_contain_text("nobody who is let in has the skills")
    outside = page.locator(".members fieldset").nth(1)
    await outside.locator("input[type=search]").fill(f"team {desk.number}")
    await outside.get_by_role("button", name="Tick all shown").click()
    await outside.get_by_role("button", name="Add the ticked ones").click()
    await expect(page.locator(".members [role=status]")).to_have_text("3 agents are added.")
    await expect(verdict).to_contain_text("Nobody could take this work at first; somebody could after 1 min")
    assert len((await lead.get(f"/v1/queues/{queue_id}/members"))["agent_ids"]) == 3
    inside = page.locator(".members fieldset").first
    await inside.get_by_label("陈思远").check()
    await inside.get_by_role("button", name="Take the ticked ones out").click()
    await expect(inside.locator("legend")).to_have_text("2 members")

    theirs = await settings(root, queue_id) | {"tier": 0}
    assert (await root.client.put(f"/v1/queues/{queue_id}", json=theirs)).status_code == 200
    await part(page, "target_seconds").locator("input").fill("20 s")
    await page.get_by_role("button", name="Save").click()
    clash = page.locator(".conflict")
    await expect(clash.locator("h3")).to_contain_text("Root saved version 2 at")
    await expect(clash.locator("tr", has_text="Tier").locator("td")).to_have_text(["0", "2"])
    await clash.get_by_role("button", name="Take theirs").click()
    await expect(part(page, "tier").locator("select")).to_have_value("0")
    await expect(part(page, "target_seconds").locator("input")).to_have_value("1 min")

    await page.get_by_role("button", name="Versions").click()
    await expect(page.locator("dialog .edits li")).to_have_text("Tier 2 → 0")
    await page.get_by_role("button", name="Make version 1 current again").click()
    await expect(page.locator(".bar")).to_contain_text("Saved as version 3.")
    await expect(part(page, "tier").locator("select")).to_have_value("2")
    assert (await settings(lead, queue_id))["tier"] == 2


async def test_an_agents_terms_and_skills_in_chinese_and_a_skill_in_use_is_not_retired(
    floor: Floor, open_page: OpenPage
) -> None:
    desk = await floor.desk("lin", "anna")
    page = await open_page(language="zh-CN", expected=REFUSED)
    page.on("dialog", lambda dialog: asyncio.ensure_future(dialog.accept()))
    await enter(page, floor, await administrator(floor, desk), "skills/new", language="zh-CN")
    await part(page, "name").locator("input").first.fill("complaints")
    await part(page, "names").get_by_role("button", name="添加语言").click()
    await part(page, "language").locator("input").fill("zh-CN")
    await part(page, "text").locator("input").fill("投诉处理")
    await page.get_by_role("button", name="保存").click()
    await expect(page.locator(".bar")).to_contain_text("已保存")
    skill_url = page.url
    await expect(page.get_by_role("button", name="停用")).to_be_enabled()

    await page.goto(f"{floor.url}/admin#agents/{desk.ids['anna']}")
    await page.locator("[data-part=skills]").get_by_role("button", name="添加技能").click()
    await page.locator("[data-part=skills] select").select_option(label="投诉处理")
    await page.locator("[data-part=skills] input").fill("8")
    for _ in range(2):
        await part(page, "channel_limits").get_by_role("button", name="添加上限").click()
    limits = part(page, "channel_limits")
    await limits.locator("select").nth(1).select_option("chat")
    await page.get_by_role("button", name="保存").click()
    await expect(limits.locator(".wrong")).to_contain_text("此渠道出现了两次")
    await limits.get_by_role("button", name="删除此上限").nth(1).click()
    await limits.locator("input").fill("2")
    await page.get_by_role("button", name="保存").click()
    await expect(page.locator(".bar")).to_contain_text("已保存")
    lead = await floor.agent(desk, "lin")
    terms = await lead.get(f"/v1/agents/{desk.ids['anna']}/terms")
    assert ([one["proficiency"] for one in terms["skills"]], terms["channel_limits"]) == ([8], {"chat": 2})

    await page.goto(skill_url)
    await expect(page.locator(".use li")).to_have_text("Anna Berg 熟练度 8")
    await expect(page.get_by_role("button", name="停用")).to_be_disabled()
    await expect(page.locator("#skill-in-use")).to_be_visible()
    answer = await lead.client.patch(f"/v1/agents/{desk.ids['anna']}/terms", json={"skills": []})
    assert answer.status_code == 403, "supervisors do not change skills"
    await page.locator(".use li a").click()
    await page.locator("[data-part=skills]").get_by_role("button", name="删除此技能").click()
    await page.get_by_role("button", name="保存").click()
    await expect(page.locator(".bar")).to_contain_text("已保存")
    await page.goto(skill_url)
    await page.get_by_role("button", name="停用").click()
    await expect(page.get_by_role("button", name="新建技能")).to_be_visible()
    await expect(page.get_by_role("link", name="complaints")).to_have_count(0)
