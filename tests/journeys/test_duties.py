"""What a breach leaves people to do, in the browser: causes, remedies, tasks, escalations, and what surrounds them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from playwright.async_api import Page, Route, expect

from app.channels.acknowledgement.settings import check_placeholders
from tests.journeys.admin_desk import administrator, enter
from tests.journeys.floor import Agent, Desk, Floor, log_in, open_conversation
from tests.journeys.promises import promise

OpenPage = Callable[..., Awaitable[Page]]
REFUSED = ("status of 409",)
TASK = [{"breach": True, "actions": [{"do": "create_task", "title": "call_back"}]}]

JUDGE = """async (texts) => {
  const { isFillable } = await import(`${document.body.dataset.assets}/admin/acknowledgement-editor.js`);
  return texts.map(isFillable);
}"""


def is_fillable(text: str) -> bool:
    try:
        return check_placeholders(text) == text
    except ValueError:
        return False


JUDGED = ("", "{due}", "{name_of_brand}{due}", "{ due}", "{DUE}", "{}", "{", "}", "{{due}}", "{due", "a}b{c", "ä{due}")
TEXTS = {text: is_fillable(text) for text in JUDGED}


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


async def test_what_is_typed_into_the_question_survives_what_comes_meanwhile(floor: Floor, open_page: OpenPage) -> None:
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
    other = await floor.owned(desk, "anna", name="Otto Heller")
    await open_conversation(page, other.id)
    await expect(page.locator("sb-customer-panel h2")).to_have_text("Otto Heller")
    await expect(breach.get_by_label("Note", exact=True).first).to_have_value("")
    await open_conversation(page, owned.id)
    await expect(breach.get_by_label("Note", exact=True).first).to_have_value("half a sent")


async def test_a_task_is_done_in_the_panel_by_keyboard(floor: Floor, open_page: OpenPage) -> None:
    desk = await floor.desk("anna", "lin")
    lead = await floor.agent(desk, "lin")
    await strict(lead, desk, thresholds=TASK)
    owned = await floor.owned(desk, "anna")
    page = await open_page()
    await log_in(page, floor.url, desk.login("anna"))
    await open_conversation(page, owned.id)
    task = page.locator(".mine li", has_text="Task: call back")
    await task.get_by_role("button", name="Done").press("Enter")
    await expect(task).to_have_count(0)
    await expect(page.locator(".duties h3")).to_be_focused()
    done = (await lead.get("/v1/sla/tasks?view=all&state=done"))["items"]
    assert [one["title"] for one in done if one["conversation_id"] == owned.id] == ["call_back"]


async def test_an_escalation_that_a_colleague_accepted_first_says_so(floor: Floor, open_page: OpenPage) -> None:
    desk, experts = await floor.desk("anna", "lin"), await floor.desk("anna", "chen", "lin")
    lead, colleague = await floor.agent(desk, "lin"), await floor.agent(experts, "chen")
    team_id = (await colleague.get("/v1/me"))["agent"]["team_id"]
    await strict(lead, desk, ladders={"functional": [{"after_seconds": 0, "team_id": team_id}]})
    another = await floor.owned(experts, "anna")
    page = await open_page(expected=REFUSED)
    await log_in(page, floor.url, experts.login("anna"))
    await open_conversation(page, another.id)
    await floor.owned(desk, "anna")
    asked = page.locator(".mine li", has_text="escalated to you to take over")
    held, let_go = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        held.set()
        await let_go.wait()
        await route.continue_()

    await page.route("**/accept", hold)
    await asked.get_by_role("button", name="Accept").click()
    await held.wait()
    [escalation] = (await colleague.get("/v1/sla/escalations"))["items"]
    await colleague.post(f"/v1/sla/escalations/{escalation['id']}/accept", {})
    let_go.set()
    await expect(page.locator(".duties > .error")).to_have_text("A colleague has accepted it already.")
    await expect(asked).to_have_count(0)


async def test_the_category_is_set_beside_the_conversation_and_follows_others(
    floor: Floor, open_page: OpenPage
) -> None:
    desk = await floor.desk("anna", "lin")
    lead = await floor.agent(desk, "lin")
    await promise(lead, desk, targets=[{"metric": "first_reply", "seconds": 3600}])
    owned = await floor.owned(desk, "anna")
    page = await open_page()
    await log_in(page, floor.url, desk.login("anna"))
    await open_conversation(page, owned.id)
    category, say = page.get_by_label("Category"), page.get_by_role("button", name="Set", exact=True)
    await category.fill("late/delivery")
    await say.click()
    await expect(page.locator(".category .error")).to_contain_text("Use letters a to z")
    await category.fill("Late delivery")
    await category.press("Enter")
    await expect(category).to_have_value("late_delivery")
    await expect(say).to_be_hidden()
    assert (await lead.get(f"/v1/conversations/{owned.id}"))["category"] == "late_delivery"
    answer = await lead.client.put(f"/v1/conversations/{owned.id}/category", json={"category": "billing"})
    assert answer.status_code == 200
    await expect(category).to_have_value("billing")


async def test_a_supervisor_has_tasks_done_and_accepts_what_was_escalated(floor: Floor, open_page: OpenPage) -> None:
    desk = await floor.desk("anna", "lin")
    lead, anna = await floor.agent(desk, "lin"), await floor.agent(desk, "anna")
    agent_id = str(desk.ids["lin"])
    await strict(lead, desk, thresholds=TASK, ladders={"hierarchical": [{"after_seconds": 0, "agent_id": agent_id}]})
    console = await open_page()
    await log_in(console, floor.url, desk.login("anna"))
    owned = await floor.owned(desk, "anna")
    await open_conversation(console, owned.id)
    await console.locator(".mine li", has_text="Task: call back").wait_for()
    page = await open_page()
    await enter(page, floor, desk.login("lin"), "duties")
    await page.get_by_role("button", name="Accept").click()
    await expect(page.locator(".place > [role=status]")).to_contain_text("responsible beside the owner")
    await expect(page.locator(".place")).to_contain_text("No escalation waits for anybody.")
    await expect(page.locator("h2")).to_be_focused()
    await page.get_by_label("Whose").select_option("mine")
    await expect(page.locator(".place")).to_contain_text("There are no such tasks.")
    await page.get_by_label("Whose").select_option("all")
    row = page.locator("tr", has_text="call back")
    await expect(row).to_contain_text("Anna Berg")
    await row.get_by_role("button", name="Done").click()
    await expect(page.locator(".place > [role=status]")).to_have_text("The task is done.")
    await expect(console.locator(".mine li")).to_have_count(0)
    await page.get_by_label("Tasks").select_option("done")
    await expect(page.locator("tr", has_text="call back").first).to_be_visible()
    assert (await anna.get("/v1/sla/tasks"))["items"] == []


async def test_a_cause_is_added_given_by_the_supervisor_and_counted(floor: Floor, open_page: OpenPage) -> None:
    desk = await floor.desk("anna", "lin")
    lead = await floor.agent(desk, "lin")
    await strict(lead, desk)
    console = await open_page()
    await log_in(console, floor.url, desk.login("anna"))
    owned = await floor.owned(desk, "anna")
    await open_conversation(console, owned.id)
    await expect(console.locator(".breaches > li")).to_contain_text("Why?")
    page = await open_page()
    await enter(page, floor, desk.login("lin"), "causes/new")
    form = page.locator("form.editor")
    await form.get_by_label("Code").fill("Power cut")
    await form.get_by_label("Name").first.fill("Power cut")
    await page.get_by_role("button", name="Save").click()
    await expect(form.locator("[data-part=code] .wrong")).to_contain_text("Use letters, digits and _ only")
    await form.get_by_label("Code").fill(f"power_cut_{desk.number}")
    await page.get_by_role("button", name="Save").click()
    await expect(form.locator("[data-part=text] .wrong")).to_have_text("This is needed.")
    await form.get_by_label("Name").nth(1).fill("停电")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator(".bar")).to_contain_text("Saved.")
    await page.get_by_role("link", name="All causes").click()
    row = page.locator("tr", has_text="Anna Berg")
    await row.get_by_label("Cause").select_option(label="Power cut")
    await row.get_by_role("button", name="Save").click()
    await expect(row).to_have_count(0)
    counted = page.locator(".place section").first.locator("tr", has_text="Power cut")
    await expect(counted.locator("td").first).to_have_text("1")
    await expect(console.locator(".breaches summary").first).to_contain_text("Cause: Power cut")
    await console.get_by_label("Language").select_option("zh-CN")
    await expect(console.locator(".breaches summary").first).to_contain_text("原因：停电")


async def test_an_acknowledgement_is_worded_beside_what_the_customer_reads(floor: Floor, open_page: OpenPage) -> None:
    desk = await floor.desk("anna", "lin")
    page = await open_page()
    await enter(page, floor, await administrator(floor, desk), f"acknowledgement/{desk.account_id}")
    preview = page.locator(".preview")
    await expect(preview).to_contain_text(f"Shop {desk.number} will answer tomorrow by 09:30.")
    judged: list[bool] = await page.evaluate(JUDGE, list(TEXTS))
    assert dict(zip(TEXTS, judged, strict=True)) == TEXTS
    await page.get_by_role("button", name="Add a language").click()
    text = page.get_by_label("Text", exact=True)
    await text.fill("{name_of_brand} writes {dew}")
    wrong = page.locator("[data-part=text] .wrong")
    await expect(wrong).to_contain_text("In braces there can only be: {due}; {name_of_brand}")
    await page.get_by_role("button", name="Save").click()
    await expect(text).to_be_focused()
    await text.fill("{name_of_brand} writes {due}")
    await expect(preview).to_contain_text(f"Shop {desk.number} writes tomorrow by 09:30")
    await page.get_by_label("Sent").select_option("always")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator(".bar")).to_contain_text("Saved as version 2.")
    await page.get_by_label("Sent").select_option("never")
    await expect(preview).to_contain_text("Nothing is sent.")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator(".bar")).to_contain_text("Saved as version 3.")
    await page.get_by_role("link", name="All channel accounts").click()
    await expect(page.locator("tr", has_text=f"Shop {desk.number}")).to_contain_text("Never")


async def test_a_supervisor_is_told_what_only_administrators_change(floor: Floor, open_page: OpenPage) -> None:
    desk = await floor.desk("anna", "lin")
    page = await open_page()
    await enter(page, floor, desk.login("lin"), "acknowledgement")
    await expect(page.locator("main")).to_contain_text("by administrators only")
    await page.get_by_role("link", name="Team leads").click()
    await expect(page.locator("main")).to_contain_text("Only an administrator may change a lead.")
    await expect(page.locator("tr", has_text=f"Team {desk.number}")).to_contain_text("No lead")
    other = await open_page()
    await enter(other, floor, await administrator(floor, desk), "teams")
    await other.get_by_label(f"Lead of Team {desk.number}", exact=True).select_option(value=str(desk.ids["lin"]))
    await expect(other.locator(".place > [role=status]")).to_contain_text("has its lead")
    lead = await floor.agent(desk, "lin")
    teams = (await lead.get("/v1/teams?limit=100"))["items"]
    assert [one["lead_id"] for one in teams if one["name"] == f"Team {desk.number}"] == [str(desk.ids["lin"])]
