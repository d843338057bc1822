"""What a breach leaves people to do, in the browser: causes, remedies, tasks, escalations, and what surrounds them."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

from playwright.async_api import Page, expect

from tests.journeys.floor import Agent, Desk, Floor, log_in, open_conversation
from tests.journeys.promises import promise

OpenPage = Callable[..., Awaitable[Page]]
REFUSED = ("status of 409",)
TASK = [{"breach": True, "actions": [{"do": "create_task", "title": "call_back"}]}]
OVERDUE = re.compile("over")


async def strict(lead: Agent, desk: Desk, **body: Any) -> None:
    """An answer is promised within two seconds."""
    await promise(lead, desk, targets=[{"metric": "first_reply", "seconds": 2}], **body)


async def breaches_of(agent: Agent, conversation_id: str) -> list[dict[str, Any]]:
    path = f"/v1/sla/breaches?unanswered=false&conversation_id={conversation_id}"
    items: list[dict[str, Any]] = (await agent.get(path))["items"]
    return items


async def test_a_breach_asks_its_owner_for_the_cause_and_notes_a_remedy_without_taking_the_focus(
    floor: Floor, open_page: OpenPage
) -> None:
    desk = await floor.desk("anna", "lin")
    lead, anna = await floor.agent(desk, "lin"), await floor.agent(desk, "anna")
    await strict(lead, desk)
    owned = await floor.owned(desk, "anna")
    page = await open_page()
    await log_in(page, floor.url, desk.login("anna"))
    await open_conversation(page, owned.id)
    await page.locator("textarea.reply").focus()
    breach = page.locator(".breaches > li")
    await expect(breach).to_contain_text("First reply was missed")
    await expect(page.locator("textarea.reply")).to_be_focused()
    await breach.get_by_role("button", name="Save the cause").click()
    await expect(breach.locator("form").first.get_by_role("alert")).to_have_text("Choose a cause first.")
    await breach.get_by_label("Cause").select_option("staffing")
    await breach.get_by_label("Note", exact=True).first.fill("Two were ill")
    await breach.get_by_role("button", name="Save the cause").press("Enter")
    await expect(breach.locator("summary").first).to_contain_text("Cause:")
    [stored] = await breaches_of(anna, owned.id)
    assert (stored["cause_code"], stored["note"]) == ("staffing", "Two were ill")
    await breach.get_by_text("Note what the customer got for it").click()
    await breach.get_by_label("Remedy").select_option("voucher")
    await breach.get_by_label("Amount").fill("10,50")
    await breach.get_by_role("button", name="Note it").click()
    await expect(breach.get_by_text("Give an amount like 10.50")).to_be_visible()
    await breach.get_by_label("Currency").fill("eur")
    await breach.get_by_role("button", name="Note it").click()
    await expect(breach.locator(".given li")).to_contain_text("Voucher · €10.50")
    [remedy] = await anna.get(f"/v1/sla/clocks/{stored['clock_id']}/remedies")
    assert (remedy["kind"], remedy["amount"], remedy["currency"]) == ("voucher", "10.50", "EUR")


async def test_what_is_typed_into_the_question_survives_what_comes_meanwhile(
    floor: Floor, open_page: OpenPage
) -> None:
    desk = await floor.desk("anna", "lin")
    lead = await floor.agent(desk, "lin")
    await strict(lead, desk)
    owned = await floor.owned(desk, "anna")
    page = await open_page()
    await log_in(page, floor.url, desk.login("anna"))
    await open_conversation(page, owned.id)
    breach = page.locator(".breaches > li")
    await breach.get_by_label("Note", exact=True).first.fill("half a sent")
    await owned.customer.write("are you there?")
    await expect(page.locator("sb-message-thread article")).to_have_count(2)
    [stored] = await breaches_of(lead, owned.id)
    body = {"cause_code": "overlooked", "note": "the lead's"}
    assert (await lead.client.put(f"/v1/sla/clocks/{stored['clock_id']}/cause", json=body)).status_code == 200
    await expect(breach.locator("summary").first).to_contain_text("Cause:")
    await expect(breach.get_by_label("Note", exact=True).first).to_have_value("half a sent")


async def test_tasks_and_escalations_are_done_in_the_panel_and_a_refusal_says_why(
    floor: Floor, open_page: OpenPage
) -> None:
    desk, experts = await floor.desk("anna", "lin"), await floor.desk("chen", "anna")
    lead = await floor.agent(desk, "lin")
    team = (await (await floor.agent(experts, "chen")).get("/v1/me"))["agent"]["team_id"]
    await strict(lead, desk, thresholds=TASK, ladders={"functional": [{"after_seconds": 0, "team_id": team}]})
    expert_owned = await floor.owned(desk, "anna")
    page = await open_page()
    await log_in(page, floor.url, desk.login("anna"))
    await open_conversation(page, expert_owned.id)
    task = page.locator(".mine li", has_text="Task: call back")
    await task.get_by_role("button", name="Done").press("Enter")
    await expect(task).to_have_count(0)
    done = (await lead.get("/v1/sla/tasks?view=all&state=done"))["items"]
    assert [one["title"] for one in done if one["conversation_id"] == expert_owned.id] == ["call_back"]
