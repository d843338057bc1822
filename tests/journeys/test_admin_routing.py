"""Supervisors and administrators shape routing in the browser: queues as versions, members, skills, agents' terms."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.async_api import Locator, Page, expect

from app.routing.queue_schemas import QueueBody
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
    far = f"{datetime.now(UTC) + timedelta(days=9):%Y-%m-%d}"
    fair = {"timezone": "UTC", "weekly": {}, "open": {far: ["09:00-17:00"]}}
    await lead.post("/v1/sla/calendars", {"name": f"Fair {desk.number}", "spec": fair})
    page = await open_page(expected=REFUSED)
    await enter(page, floor, desk.login("lin"), "queues")
    await expect(page.locator("tr", has_text=desk.queue_name).locator("td").nth(2)).to_have_text("0 / 0")
    await page.get_by_role("button", name="New queue").click()
    verdict = page.locator(".look [role=status]")
    await expect(verdict).to_contain_text("add members once the queue is made")
    await part(page, "name").locator("input").first.fill("Refund desk")
    await part(page, "calendar_id").locator("select").select_option(label=f"Fair {desk.number}")
    await expect(page.locator(".look")).to_contain_text(f"counted in the opening hours of Fair {desk.number}")
    await part(page, "calendar_id").locator("select").select_option(index=0)
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


async def test_saving_one_setting_of_a_queue_keeps_all_the_others(floor: Floor, open_page: OpenPage) -> None:
    desk, other = await floor.desk("lin"), await floor.desk()
    await administrator(floor, desk)
    root, lead = await floor.agent(desk, "root"), await floor.agent(desk, "lin")
    first, second = [(await root.post("/v1/skills", {"name": name}))["id"] for name in ("Returns", "Claims")]
    spec = {"timezone": "Europe/Berlin", "weekly": {"mon": ["09:00-17:00"]}}
    calendar = await lead.post("/v1/sla/calendars", {"name": "Mondays", "spec": spec})
    body = {
        "name": "All that there is",
        "names": {"zh-CN": "全部", "en": "All", "fr": "Tout"},
        "team_id": (await lead.get("/v1/me"))["agent"]["team_id"],
        "tier": 1,
        "priority": 7,
        "target_seconds": 90,
        "offer_timeout_seconds": 45,
        "auto_accept": True,
        "wrap_up": "required",
        "wrap_up_seconds": 240,
        "requirements": {first: 6},
        "preferred": [second, first],
        "fading": {first: {"step_seconds": 30, "floor": 3}, second: {"step_seconds": 90, "floor": 1}},
        "rings": [{"enter_after_seconds": 200, "requirements": {first: 2}, "groups": []}],
        "policy": "longest_idle",
        "overflow": [
            {"when": {"tries_exhausted": True}, "do": {"message": {"zh-CN": "请稍候", "en": "Wait", "de": "Moment"}}},
            {"when": {"longer_than": 30}, "do": {"queue": str(other.queue_id)}},
            {"when": {"estimated_wait_over_seconds": 600}, "do": {"message": {"en": "It takes long."}}},
            {"when": {"nobody_staffed": True}, "do": {"queue": str(other.queue_id)}},
            {"when": {"outside_hours": True}, "do": {"message": {"zh-CN": "已下班"}}},
        ],
        "calendar_id": calendar["id"],
        "last_agent_memory_seconds": 0,
        "last_agent_hold_seconds": 20,
    }
    assert body.keys() == QueueBody.model_fields.keys(), "a new setting: give it here, and show it on the page"
    queue_id = (await root.post("/v1/queues", body))["id"]
    page = await open_page()
    await enter(page, floor, desk.login("lin"), f"queues/{queue_id}")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator(".bar")).to_contain_text("Nothing")
    await part(page, "target_seconds").locator("input").fill("20 s")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator(".bar")).to_contain_text("Saved as version 2.")
    assert await settings(lead, queue_id) == body | {"target_seconds": 20}


async def test_where_work_goes_that_waits_and_what_follows_it_is_written_in_chinese(
    floor: Floor, open_page: OpenPage
) -> None:
    desk, other = await floor.desk("lin"), await floor.desk("chen")
    await administrator(floor, desk)
    root, lead = await floor.agent(desk, "root"), await floor.agent(desk, "lin")
    skill = (await root.post("/v1/skills", {"name": "Spoken Dutch"}))["id"]
    back = {"when": {"age_over_seconds": 60}, "do": {"queue": str(desk.queue_id)}}
    theirs = await settings(lead, str(other.queue_id)) | {"overflow": [back]}
    assert (await root.client.put(f"/v1/queues/{other.queue_id}", json=theirs)).status_code == 200
    page = await open_page(language="zh-CN", expected=REFUSED)
    await enter(page, floor, desk.login("lin"), f"queues/{desk.queue_id}", language="zh-CN")

    steps = part(page, "overflow")
    for _ in range(2):
        await steps.get_by_role("button", name="添加步骤").click()
    item = steps.locator("> .list > .rows > .item")
    for place, text in enumerate(["We are busy.", "现在较忙，请稍候。"]):
        await item.nth(0).locator("textarea").nth(place).fill(text)
    await item.nth(1).locator("[data-part=trigger] select").select_option("longer_than")
    await item.nth(1).locator("[data-part=longer_than] input").fill("0")
    await item.nth(1).locator("[data-part=kind] select").select_option("queue")
    await item.nth(1).locator("[data-part=queue] select").select_option(str(other.queue_id))
    await page.get_by_role("button", name="保存").click()
    await expect(item.nth(1).locator("[data-part=longer_than] .wrong")).to_have_text("不能小于 1。")
    await item.nth(1).locator("[data-part=longer_than] input").fill("12")
    await page.get_by_role("button", name="保存").click()
    await expect(steps.locator("> .wrong")).to_contain_text(f"会话会回到原处：Sales {desk.number} → Sales")
    theirs = await settings(lead, str(other.queue_id)) | {"overflow": []}
    assert (await root.client.put(f"/v1/queues/{other.queue_id}", json=theirs)).status_code == 200

    await item.nth(1).get_by_role("button", name="上移").click()
    await expect(item.nth(0).get_by_role("button", name="下移")).to_be_focused()
    fading = part(page, "fading")
    await fading.get_by_role("button", name="添加技能").click()
    await fading.locator("[data-part=skill] select").select_option(skill)
    await fading.locator("[data-part=floor] input").fill("5")
    requirements = page.locator("form .form-body > [data-part=requirements]")
    await requirements.get_by_role("button", name="添加技能").click()
    await requirements.locator("[data-part=skill] select").select_option(skill)
    await requirements.locator("[data-part=level] input").fill("4")
    await part(page, "wrap_up").locator("select").select_option("timed")
    await part(page, "wrap_up_seconds").locator("input").fill("90 秒")
    await page.get_by_role("button", name="保存").click()
    await expect(fading.locator("[data-part=floor] .wrong")).to_have_text("必须低于所要求的级别。")
    await fading.locator("[data-part=floor] input").fill("2")
    await page.get_by_role("button", name="保存").click()
    await expect(page.locator(".bar")).to_contain_text("第 2 版")
    stored = await settings(lead, str(desk.queue_id))
    assert stored["overflow"] == [
        {"when": {"longer_than": 12}, "do": {"queue": str(other.queue_id)}},
        {"when": {"age_over_seconds": 300}, "do": {"message": {"en": "We are busy.", "zh-CN": "现在较忙，请稍候。"}}},
    ]
    assert stored["fading"] == {skill: {"step_seconds": 60, "floor": 2}}
    assert (stored["wrap_up"], stored["wrap_up_seconds"]) == ("timed", 90)

    await page.get_by_role("button", name="历史版本").click()
    edits = page.locator("dialog .edits li")
    await expect(edits.filter(has_text="溢出")).to_contain_text(f"排位在此之后 12：转到队列 “{other.queue_name}”")
    await expect(edits.filter(has_text="到时自动结束")).to_contain_text("话后处理 无 → ")
    await expect(edits.filter(has_text="话后处理最长")).to_contain_text("10 分钟 → 1 分钟 30 秒")


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
    await part(page, "auto_accept").locator("input").check()
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
    assert terms["auto_accept"] is True

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
