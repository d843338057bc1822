"""Service times on the console: the chip, the panel, the reasons, and who is told."""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.async_api import Page, expect

from app.sla.business_hours import BusinessHours
from app.sla.calendar_spec import CalendarSpec
from tests.journeys.floor import Agent, Floor, log_in, open_conversation
from tests.journeys.promises import promise

OpenPage = Callable[..., Awaitable[Page]]
REST_AT = """async ([face, instants]) => {
  const { restOf } = await import(`${document.body.dataset.assets}/shared/rest.js`);
  return instants.map((at) => restOf(face, Date.parse(at)));
}"""
CHIP_SECONDS = re.compile(r"(\d+):(\d\d)")


WARNED = [
    {"percent": 75, "actions": [{"do": "notify", "to": "owner"}]},
    {"breach": True, "actions": [{"do": "notify", "to": "owner"}]},
]


def target(metric: str, seconds: int) -> list[dict[str, Any]]:
    return [{"metric": metric, "seconds": seconds}]


async def rest_by_api(lead: Agent, conversation_id: str, metric: str) -> tuple[str, float]:
    answer = await lead.get(f"/v1/sla/conversations/{conversation_id}/clocks")
    [clock] = [one for one in answer["clocks"] if one["metric"] == metric]
    return clock["state"], clock["rest_seconds"]


async def seconds_of(chip: Any) -> float:
    found = CHIP_SECONDS.search(await chip.inner_text())
    assert found, await chip.inner_text()
    return int(found[1]) * 60 + int(found[2])


async def test_the_chip_agrees_with_the_api_through_running_and_pause(floor: Floor, open_page: OpenPage) -> None:
    desk = await floor.desk("anna", "lin")
    lead = await floor.agent(desk, "lin")
    await promise(lead, desk, targets=target("requester_wait", 1200))
    owned = await floor.owned(desk, "anna")
    page = await open_page()
    await log_in(page, floor.url, desk.login("anna"))
    await open_conversation(page, owned.id)
    await (await floor.agent(desk, "anna")).reply(owned.id, "one moment")
    panel = page.locator("sb-customer-panel .clocks li", has_text="Requester wait")
    await expect(page.locator("sb-customer-panel .clocks li", has_text="First reply")).to_contain_text("in time")
    chip = page.locator("sb-conversation-head .sla-chip")
    await expect(chip).to_be_hidden()  # more than half is left
    state, rest = await rest_by_api(lead, owned.id, "requester_wait")
    assert state == "running"
    assert abs(await seconds_of(panel.locator(".sla-chip")) - rest) <= 1
    await page.locator("sb-conversation-head [data-icon=pause]").first.click()
    await page.click("text=Waiting for the customer")
    await expect(chip).to_have_text("pending")
    await expect(chip.locator("svg")).to_have_attribute("data-icon", "pause")
    await expect(panel.locator(".sla-chip")).to_contain_text("pending")
    state, rest = await rest_by_api(lead, owned.id, "requester_wait")
    assert state == "paused"
    assert abs(await seconds_of(panel.locator(".sla-chip")) - rest) <= 1
    await owned.customer.write("and another thing")
    await expect(chip).to_be_hidden()
    state, rest = await rest_by_api(lead, owned.id, "requester_wait")
    assert state == "running"
    assert abs(await seconds_of(panel.locator(".sla-chip")) - rest) <= 1


async def test_the_rest_on_the_screen_stands_still_while_the_office_is_closed(
    floor: Floor, open_page: OpenPage
) -> None:
    desk = await floor.desk("anna", "lin")
    lead = await floor.agent(desk, "lin")
    week = {day: ["08:00-12:00", "13:00-18:00"] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
    calendar = {"timezone": "Europe/Berlin", "weekly": week}
    made = await lead.post("/v1/sla/calendars", {"name": f"Hours {desk.number}", "spec": calendar})
    await promise(lead, desk, calendar_id=made["id"], targets=target("requester_wait", 14 * 3600))
    owned = await floor.owned(desk, "anna")
    await (await floor.agent(desk, "anna")).reply(owned.id, "one moment")
    page = await open_page()
    await log_in(page, floor.url, desk.login("anna"))
    await open_conversation(page, owned.id)
    await expect(page.locator("sb-customer-panel .clocks li", has_text="Requester wait")).to_be_visible()
    faces = await lead.get(f"/v1/sla/conversations/{owned.id}/faces")
    [face] = [one for one in faces if one["metric"] == "requester_wait"]
    hours = BusinessHours(CalendarSpec.model_validate(calendar).as_calendar())
    began, due = datetime.fromisoformat(face["counted_at"]), datetime.fromisoformat(face["due_at"])
    instants = [began + timedelta(minutes=minutes) for minutes in range(0, 4 * 24 * 60, 7)]
    shown = await page.evaluate(REST_AT, [face, [instant.isoformat() for instant in instants]])
    for instant, rest in zip(instants, shown, strict=True):
        left = 14 * 3600 - hours.between(began, instant).total_seconds()
        assert (rest["look"] == "bad") == (instant >= due), instant
        expected = (instant - due).total_seconds() if instant >= due else left
        assert abs(rest["seconds"] - expected) <= 1, instant


async def test_the_reasons_add_up_and_name_the_policy_that_won(floor: Floor, open_page: OpenPage) -> None:
    desk = await floor.desk("anna", "lin")
    lead = await floor.agent(desk, "lin")
    await promise(lead, desk, name=f"Desk {desk.number}", targets=target("first_reply", 3600))
    owned = await floor.owned(desk, "anna")
    await lead.post(f"/v1/conversations/{owned.id}/notes", {"client_id": "n1", "body": "only for us"})
    page = await open_page()
    await log_in(page, floor.url, desk.login("anna"))
    await open_conversation(page, owned.id)
    await page.click("sb-customer-panel .clocks + .link")
    dialog = page.locator("dialog")
    await expect(dialog.locator(".said")).to_contain_text("First reply")
    api = await lead.get(f"/v1/sla/conversations/{owned.id}/clocks")
    [clock] = [one for one in api["clocks"] if one["metric"] == "first_reply"]
    rows = dialog.locator("table").first.locator("tbody tr")
    assert await rows.count() == len(clock["segments"]) == 1
    assert await dialog.locator("svg .theirs").count() == 1
    await expect(dialog.locator("table").nth(1).locator("tbody tr").first).to_contain_text(f"Desk {desk.number}")
    verdicts = await dialog.locator("table").nth(1).locator("tbody tr td").all_inner_texts()
    assert len(verdicts) == len([one for one in api["policies"] if one["family"] == "reply"])
    assert [verdict for verdict in verdicts if verdict.startswith("Won")] == verdicts[:1]
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await dialog.get_by_role("button", name="Copy as text").click()
    await expect(dialog.get_by_role("button", name="Copied")).to_be_visible()
    copied = await page.evaluate("navigator.clipboard.readText()")
    assert f"Desk {desk.number}" in copied


async def test_a_breach_that_names_me_is_shown_until_it_is_answered(floor: Floor, open_page: OpenPage) -> None:
    desk = await floor.desk("anna", "chen", "lin")
    lead = await floor.agent(desk, "lin")
    await promise(lead, desk, targets=target("first_reply", 4), thresholds=WARNED)
    page, other = await open_page(), await open_page()
    await log_in(page, floor.url, desk.login("anna"))
    await log_in(other, floor.url, desk.login("chen"))
    owned = await floor.owned(desk, "anna")
    row = page.locator(f".row a[href$='{owned.id}']")
    await expect(row.locator(".sla-chip")).to_contain_text("over")
    await expect(page.locator(".banner.late")).to_contain_text("Grace Miller: First reply is overdue")
    assert await other.locator(".banner.late").count() == 0
    before = datetime.now(UTC)
    due = datetime.fromisoformat((await lead.get(f"/v1/conversations/{owned.id}"))["sla"]["due_at"])
    over = await seconds_of(row.locator(".sla-chip"))
    after = datetime.now(UTC)
    assert (before - due).total_seconds() - 1.5 <= over <= (after - due).total_seconds() + 1
    await page.locator(".banner.late a").click()
    await open_conversation(page, owned.id)
    await page.click("sb-conversation-head .sla-chip")
    await expect(page.locator("dialog .said")).to_contain_text("over")
    await page.keyboard.press("Escape")
    await (await floor.agent(desk, "anna")).reply(owned.id, "here I am")
    await expect(row.locator(".sla-chip")).to_be_hidden()
    await expect(page.locator("sb-conversation-head .sla-chip")).to_be_hidden()
    await expect(page.locator("sb-customer-panel .clocks")).to_contain_text("late")


async def test_an_escalation_is_accepted_where_it_is_told_and_waits_for_who_was_away(
    floor: Floor, open_page: OpenPage
) -> None:
    desk, experts = await floor.desk("anna", "lin"), await floor.desk("chen")
    lead = await floor.agent(desk, "lin")
    steps = [{"after_seconds": 0, "agent_id": str(experts.ids["chen"])}]
    await promise(lead, desk, targets=target("first_reply", 2), ladders={"functional": steps})
    page = await open_page()
    await log_in(page, floor.url, experts.login("chen"))
    owned = await floor.owned(desk, "anna")
    notice = page.locator(".banner.late")
    await expect(notice).to_contain_text("升级给你")
    await page.reload()
    await notice.get_by_role("button", name="接受升级").click()
    await expect(notice).to_have_count(0)
    await expect(page.locator(f".row a[href$='{owned.id}']")).to_be_visible()
    assert (await lead.get(f"/v1/conversations/{owned.id}"))["owner"]["id"] == str(experts.ids["chen"])
