"""Service times on the console: the chip, the panel, the reasons, and who is told."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

from playwright.async_api import Page, expect

from tests.journeys.floor import Agent, Desk, Floor, log_in, open_conversation

OpenPage = Callable[..., Awaitable[Page]]
REST_AT = """async ([face, instants]) => {
  const { restOf } = await import(`${document.body.dataset.assets}/shared/rest.js`);
  return instants.map((at) => restOf(face, Date.parse(at)));
}"""
CHIP_SECONDS = re.compile(r"(\d+):(\d\d)")


async def promise(lead: Agent, desk: Desk, calendar: dict[str, Any] | None = None, **targets: int) -> None:
    """A policy of this desk's queue alone, before the shipped ones."""
    body: dict[str, Any] = {
        "position": 1,
        "conditions": {"queue_ids": [str(desk.queue_id)]},
        "targets": [{"metric": metric, "seconds": seconds} for metric, seconds in targets.items()],
        "thresholds": [
            {"percent": 75, "actions": [{"do": "notify", "to": "owner"}]},
            {"breach": True, "actions": [{"do": "notify", "to": "owner"}]},
        ],
    }
    if calendar is not None:
        made = await lead.post("/v1/sla/calendars", {"name": f"Hours {desk.number}", "spec": calendar})
        body["calendar_id"] = made["id"]
    await lead.post("/v1/sla/policies", {"name": f"Desk {desk.number}", "body": body})


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
    await promise(lead, desk, requester_wait=1200)
    owned = await floor.owned(desk, "anna")
    page = await open_page()
    await log_in(page, floor.url, desk.login("anna"))
    await open_conversation(page, owned.id)
    await (await floor.agent(desk, "anna")).reply(owned.id, "one moment")
    panel = page.locator("sb-customer-panel .clocks li", has_text="Requester wait")
    await expect(page.locator("sb-customer-panel .clocks li", has_text="First reply")).to_contain_text("in time")
    chip = page.locator("sb-conversation-head .sla-chip")
    await expect(chip).to_be_hidden()  # more than half is left
    await page.screenshot(path="/tmp/chips/1.png")
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
    await page.screenshot(path="/tmp/chips/2.png")
    await owned.customer.write("and another thing")
    await expect(chip).to_be_hidden()
    state, rest = await rest_by_api(lead, owned.id, "requester_wait")
    assert state == "running"
    assert abs(await seconds_of(panel.locator(".sla-chip")) - rest) <= 1
