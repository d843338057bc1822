"""A supervisor plans service times in the browser: calendars, policies, adoption, and what was kept of them."""

import asyncio
import csv
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest
from playwright.async_api import Locator, Page, Route, expect

from tests.journeys.admin_desk import enter
from tests.journeys.floor import Agent, Floor

OpenPage = Callable[..., Awaitable[Page]]
SECTIONS = (
    *("calendars", "calendars/new", "policies", "policies/new", "adoption", "attainment"),
    *("duties", "causes", "causes/new", "acknowledgement", "teams", "rules", "rules/new"),
    *("queues", "queues/new", "skills", "agents"),
)
REFUSED = ("status of 422", "status of 412", "status of 409")
SEPTEMBER = datetime(2026, 9, 15, 8, tzinfo=UTC)
WAIT_SECONDS = 15


def part(page: Page, *names: str) -> Locator:
    found = page.locator("form")
    for name in names:
        found = found.locator(f"[data-part='{name}']")
    return found


async def has_clocks(lead: Agent, conversation_id: str) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not (await lead.get(f"/v1/sla/conversations/{conversation_id}/clocks"))["clocks"]:
            await asyncio.sleep(0.05)  # the clocks follow the log; no event is told to an API client without a socket


async def test_golden_week_and_its_make_up_saturday_are_seen_before_the_calendar_is_saved(
    floor: Floor, open_page: OpenPage
) -> None:
    desk = await floor.desk("lin")
    page = await open_page()
    await page.clock.set_fixed_time(SEPTEMBER)
    await enter(page, floor, desk.login("lin"), "calendars/new")
    await part(page, "name").locator("input").fill("Shanghai")
    await part(page, "timezone").locator("input").fill("Asia/Shanghai")
    await part(page, "country").locator("select").select_option("CN")
    monday = part(page, "weekly", "mon")
    await monday.locator("input").first.fill("830")
    await monday.locator("input").nth(1).fill("12:00")
    await monday.get_by_role("button", name="Add hours").click()
    await monday.locator("input").nth(2).fill("13:30")
    await monday.locator("input").nth(3).fill("17:30")
    await page.get_by_role("button", name="Tuesday to Friday as Monday").click()
    await page.get_by_role("button", name="Later").click()
    await expect(page.locator(".preview [role=status] >> nth=0")).to_have_text("October 2026")
    await expect(page.locator("td.holiday")).to_have_count(7)
    make_up = page.locator("td.make_up")
    await expect(make_up).to_have_count(1)
    await expect(make_up).to_contain_text(
        "Saturday, October 10: Make-up working day · 08:30-12:00, 13:30-17:30", use_inner_text=False
    )
    await page.get_by_role("button", name="Whole year").click()
    await expect(page.locator("table.small")).to_have_count(12)
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator("h2")).to_have_text("Shanghai")
    await expect(page.locator(".bar")).to_contain_text("Saved as version 1.")
    await part(page, "closed").get_by_role("button", name="Add a date").click()
    await part(page, "closed").locator("input").fill("2026-10-12")
    await page.get_by_role("button", name="Later").click()
    await expect(page.locator("td.own_closed")).to_have_count(1)
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator(".bar")).to_contain_text("Saved as version 2.")
    await page.get_by_role("button", name="Versions").click()
    newest = page.locator("dialog .history > li").first
    await expect(newest).to_contain_text("Version 2")
    await expect(newest).to_contain_text("林薇")
    await expect(newest.locator(".edits")).to_contain_text("Closed on – → 2026-10-12")
    await page.keyboard.press("Escape")
    await page.get_by_role("link", name="All calendars").click()
    await expect(page.locator("tr", has_text="Shanghai")).to_contain_text("China")


async def test_what_is_wrong_with_a_calendar_is_told_at_its_field(floor: Floor, open_page: OpenPage) -> None:
    desk = await floor.desk("lin")
    page = await open_page(expected=REFUSED)
    await enter(page, floor, desk.login("lin"), "calendars/new")
    await part(page, "timezone").locator("input").fill("Mars/Olympus")
    await part(page, "weekly", "tue").get_by_role("button", name="Add hours").click()
    await part(page, "weekly", "tue").locator("input").nth(2).fill("10:00")
    await part(page, "weekly", "tue").locator("input").nth(3).fill("11:00")
    await page.get_by_role("button", name="Save").click()
    await expect(part(page, "name").locator(".wrong")).to_have_text("This is needed.")
    await expect(part(page, "timezone").locator(".wrong")).to_contain_text("There is no such time zone")
    await expect(part(page, "weekly", "tue").locator(".wrong")).to_contain_text("These hours overlap")
    await expect(part(page, "name").locator("input")).to_be_focused()
    assert await part(page, "name").locator("input").get_attribute("aria-invalid") == "true"
    await part(page, "name").locator("input").fill("round the clock")
    await part(page, "timezone").locator("input").fill("UTC")
    await part(page, "weekly", "tue").get_by_role("button", name="Remove these hours").nth(1).click()
    await page.get_by_role("button", name="Save").click()
    await expect(part(page, "name").locator(".wrong")).to_contain_text("Another one has this name")
    await expect(page.locator(".wrong")).to_have_count(1)


async def test_a_policy_is_told_what_is_wrong_tried_dry_saved_adopted_and_reported(
    floor: Floor, open_page: OpenPage
) -> None:
    desk = await floor.desk("lin")
    lead = await floor.agent(desk, "lin")
    conversation_id = await (await floor.customer(desk)).write("hello")
    await has_clocks(lead, conversation_id)
    page = await open_page(expected=REFUSED)
    page.on("dialog", lambda dialog: asyncio.ensure_future(dialog.accept()))
    await enter(page, floor, desk.login("lin"), "policies/new")
    await part(page, "name").locator("input").fill("Impatient")
    await part(page, "position").locator("input").fill("1")
    await part(page, "channels").locator("input").fill("chat， email")
    within = part(page, "targets", "seconds")
    await within.locator("input").fill("soon")
    await page.get_by_role("button", name="Save").click()
    await expect(within.locator(".wrong")).to_contain_text("Write a time with its unit")
    await within.locator("input").fill("0 s")
    for name in ("functional", "hierarchical"):
        await part(page, "ladders", name).get_by_role("button", name="Add a step").click()
    who = part(page, "functional").locator("[data-part~=team_id] select")
    await who.select_option(label="Lead of the conversation's team")
    await page.get_by_role("button", name="Save").click()
    await expect(within.locator(".wrong")).to_have_text("It must be more than 0.")
    await expect(part(page, "hierarchical").locator(".wrong")).to_have_text("Choose somebody.")
    await part(page, "hierarchical").get_by_role("button", name="Remove this step").click()
    await within.locator("input").fill("1 s")
    await part(page, "thresholds").get_by_role("button", name="Add a moment").click()
    await part(page, "thresholds").get_by_role("button", name="Add an action").click()
    await part(page, "thresholds", "to").locator("select").select_option("team")
    await page.get_by_role("button", name="Try it").click()
    await expect(page.locator(".trial [role=status]")).to_contain_text("told differently")
    await expect(page.locator(".trial tr", has_text="First reply").locator("td.differs").first).to_contain_text("→")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator(".bar")).to_contain_text("Saved as version 1.")
    [stored] = [one for one in await lead.get("/v1/sla/policies") if one["name"] == "Impatient"]
    assert stored["body"]["targets"][0]["seconds"] == 1
    assert stored["body"]["conditions"]["channels"] == ["chat", "email"]
    assert stored["body"]["thresholds"][0]["actions"] == [{"do": "notify", "to": "team", "team_id": None}]
    assert stored["body"]["ladders"]["functional"] == [
        {"after_seconds": 600, "team_id": None, "agent_id": None, "lead": True}
    ]

    await page.get_by_role("link", name="Adoption").click()
    await page.get_by_role("button", name="Count what would change").click()
    await expect(page.locator(".card [role=status]")).to_contain_text("would change")
    await page.get_by_role("button", name="Let them adopt").click()
    await expect(page.locator(".card [role=status]")).to_contain_text("Done")
    clocks = (await lead.get(f"/v1/sla/conversations/{conversation_id}/clocks"))["clocks"]
    assert {clock["metric"]: clock["policy"] for clock in clocks}["first_reply"] == "Impatient", clocks

    await page.get_by_role("link", name="Attainment").click()
    await page.get_by_label("By").select_option("policy")
    await page.get_by_role("button", name="Show").click()
    row = page.locator(".report tr", has_text="Impatient")
    await expect(row.locator("td").nth(1)).to_have_text("0")
    await expect(row.locator("td").nth(3)).to_have_text("0%")
    async with page.expect_download() as started:
        await page.get_by_role("button", name="Download as CSV").click()
    lines = list(csv.reader((await (await started.value).path()).read_text("utf-8-sig").splitlines()))
    assert lines[0] == ["What", "Group", "Kept", "Due", "Share"]
    assert ["First reply", "Impatient", "0"] in [line[:3] for line in lines]
    answer = await lead.client.delete(f"/v1/sla/policies/{stored['id']}")
    assert answer.status_code == 204


async def test_nothing_due_is_a_dash_and_no_share(floor: Floor, open_page: OpenPage) -> None:
    desk = await floor.desk("lin")
    page = await open_page()
    await enter(page, floor, desk.login("lin"), "attainment")
    for name in ("From", "To"):
        await page.get_by_label(name).fill("2020-01-01")
    await page.get_by_role("button", name="Show").click()
    await expect(page.locator(".tile b")).to_have_text("–")
    await expect(page.locator(".report .empty")).to_contain_text("Nothing was due")


async def test_who_was_slower_sees_both_texts_and_loses_none(floor: Floor, open_page: OpenPage) -> None:
    desk = await floor.desk("lin")
    lead = await floor.agent(desk, "lin")
    spec = {"timezone": "UTC", "weekly": {"mon": ["09:00-17:00"]}}
    made = await lead.post("/v1/sla/calendars", {"name": "Disputed", "spec": spec})
    page = await open_page(expected=REFUSED)
    await enter(page, floor, desk.login("lin"), f"calendars/{made['id']}")
    await part(page, "timezone").locator("input").fill("Europe/Berlin")
    path = f"/v1/sla/calendars/{made['id']}"
    faster = {"name": "Disputed", "spec": spec | {"timezone": "Asia/Tokyo"}}
    assert (await lead.client.put(path, json=faster)).status_code == 200
    await page.get_by_role("button", name="Save").click()
    row = page.locator(".conflict tbody tr")
    await expect(row).to_have_count(1)
    assert await row.locator("th, td").all_inner_texts() == ["Time zone", "Asia/Tokyo", "Europe/Berlin"]
    await expect(part(page, "timezone").locator("input")).to_have_value("Europe/Berlin")
    await page.get_by_role("button", name="Save mine over it").click()
    await expect(page.locator(".bar")).to_contain_text("Saved as version 3.")
    assert (await lead.get(f"{path}/versions"))["items"][0]["spec"]["timezone"] == "Europe/Berlin"


async def test_a_policy_moves_in_the_order_by_keyboard_and_keeps_the_focus(floor: Floor, open_page: OpenPage) -> None:
    desk = await floor.desk("lin")
    page = await open_page()
    await enter(page, floor, desk.login("lin"), "policies")
    names = page.locator("tbody").first.locator("th")
    before = await names.all_inner_texts()
    row = page.locator("tbody tr", has=page.get_by_role("link", name="E-mail"))
    at = before.index("E-mail")
    await row.get_by_role("button", name="Move up").focus()
    await page.keyboard.press("Enter")
    await expect(names.nth(at - 1)).to_have_text("E-mail")
    await expect(row.get_by_role("button", name="Move up")).to_be_focused()
    await row.get_by_role("button", name="Move down").click()
    await expect(names.nth(at)).to_have_text("E-mail")
    assert await names.all_inner_texts() == before


async def test_an_agent_is_told_that_they_may_not(floor: Floor, open_page: OpenPage) -> None:
    desk = await floor.desk("anna")
    page = await open_page()
    await enter(page, floor, desk.login("anna"))
    await expect(page.locator("main")).to_contain_text("Ask a supervisor")
    await expect(page.locator("nav")).to_be_hidden()


@pytest.mark.parametrize("language", ["en", "zh-CN"])
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1024, 768), (768, 1024), (375, 667)])
async def test_every_section_fits_and_speaks_its_language(
    floor: Floor, open_page: OpenPage, language: str, width: int, height: int
) -> None:
    desk = await floor.desk("lin")
    page = await open_page(size=(width, height), dark=width == 1024)
    await enter(page, floor, desk.login("lin"), language=language)
    for section in SECTIONS:
        await page.goto(f"{floor.url}/admin#{section}")
        await page.locator(f"nav a[data-name={section.partition('/')[0]}][aria-current=page]").wait_for()
        await page.locator(f".place[data-section='{section}'] h2").wait_for()
        assert await page.evaluate("document.documentElement.scrollWidth") <= width, section
        assert await page.locator("h1").count() == 1, section
        text = await page.inner_text("body")
        assert not any(f"{prefix}." in text for prefix in ("admin", "common")), section


@pytest.mark.parametrize("width", [320, 1280])
async def test_hostile_names_break_neither_layout_nor_page(floor: Floor, open_page: OpenPage, width: int) -> None:
    desk = await floor.desk("lin")
    lead = await floor.agent(desk, "lin")
    name = f"<img src=x onerror=alert({width})>" + "W" * 80
    calendar = {"name": name, "spec": {"timezone": "UTC", "weekly": {"mon": ["00:00-24:00"]}}}
    made = await lead.post("/v1/sla/calendars", calendar)
    target = {"metric": "first_resolution", "seconds": 86_400 * 30}
    conditions = {"channels": ["X" * 60], "brands": ["\u202eY"], "segments": ["Z" * 64]}
    body = {"position": 90, "calendar_id": made["id"], "conditions": conditions, "targets": [target]}
    policy = await lead.post("/v1/sla/policies", {"name": name, "body": body})
    page = await open_page(size=(width, 640))
    await enter(page, floor, desk.login("lin"))
    for section in (*SECTIONS, f"calendars/{made['id']}", f"policies/{policy['id']}"):
        await page.goto(f"{floor.url}/admin#{section}")
        await page.locator(f".place[data-section='{section}'] h2").wait_for()
        assert await page.evaluate("document.documentElement.scrollWidth") <= width, section
    await expect(page.locator("h2")).to_have_text(name)
    assert (await lead.client.delete(f"/v1/sla/policies/{policy['id']}")).status_code == 204


async def test_a_slow_section_does_not_come_over_the_one_looked_at_meanwhile(floor: Floor, open_page: OpenPage) -> None:
    desk = await floor.desk("lin")
    page = await open_page()
    await enter(page, floor, desk.login("lin"), "adoption")
    asked, let_go = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        asked.set()
        await let_go.wait()
        await route.continue_()

    await page.route("**/v1/sla/calendars", hold)
    await page.get_by_role("link", name="Calendars").click()
    await asked.wait()
    await expect(page.locator("main")).to_have_text("Loading")
    await page.get_by_role("link", name="Adoption").click()
    await expect(page.locator(".card")).to_be_visible()
    async with page.expect_response("**/v1/sla/calendars"):
        let_go.set()
    await expect(page.locator("h2")).to_have_text("Adoption")
    await page.get_by_role("link", name="Calendars").click()
    await expect(page.locator("tbody tr").first).to_be_visible()


async def test_another_language_keeps_what_was_typed(floor: Floor, open_page: OpenPage) -> None:
    desk = await floor.desk("lin")
    page = await open_page()
    await enter(page, floor, desk.login("lin"), "calendars/new")
    await part(page, "name").locator("input").fill("Half done")
    await page.get_by_label("Language").select_option("zh-CN")
    await expect(page.locator("h1")).to_have_text("管理后台")
    await expect(page.get_by_role("button", name="保存")).to_be_visible()
    await expect(part(page, "name").locator("input")).to_have_value("Half done")
    await expect(part(page, "country").locator("option[value=CN]")).to_have_text("中国 (CN)")
