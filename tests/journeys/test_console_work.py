"""An agent's hour: offers, what is done with a conversation, and what a supervisor sees of it."""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from playwright.async_api import Page, expect

from tests.journeys.floor import Desk, Floor, Owned, become_ready, log_in, open_conversation
from tests.journeys.relay import relay_to

OpenPage = Callable[..., Awaitable[Page]]
RING = """
  let rung = 0;
  const make = AudioContext.prototype.createOscillator;
  AudioContext.prototype.createOscillator = function () { 
    document.documentElement.dataset.rung = ++rung;
    return make.call(this);
  };
"""
# Playwright looks at a page as if by a gesture; a person's second tab has had none.
UNTOUCHED = "Object.defineProperty(Navigator.prototype, 'userActivation', { get: () => ({ hasBeenActive: false }) });"


async def test_an_offer_is_declined_with_a_reason_and_goes_to_a_colleague(floor: Floor, open_page: OpenPage) -> None:
    desk = await floor.desk("anna")
    page = await open_page()
    await log_in(page, floor.url, desk.login("anna"))
    await become_ready(page)
    conversation_id = await (await floor.customer(desk)).write("Is the lamp in stock?")
    await expect(page.locator(".offer .words")).to_have_text("Is the lamp in stock?")
    await page.keyboard.press("Alt+Shift+y")
    await expect(page.locator(".menu button:focus")).to_have_count(1)
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(page.locator(".offer")).to_have_count(0)
    anna = await floor.agent(desk, "anna")
    assert await anna.get("/v1/offers") == []
    explained = await anna.get(f"/v1/conversations/{conversation_id}/explain")
    assert explained["work"]["agent_id"] is None


async def test_an_offer_keeps_the_servers_deadline_and_passes_on(floor: Floor, open_page: OpenPage) -> None:
    desk = await floor.desk("anna", offer_timeout_seconds=5)
    page = await open_page()
    # The desk's own clock is ten minutes ahead: only the server's counts.
    await page.clock.install(time=datetime.now(UTC) + timedelta(minutes=10))
    await log_in(page, floor.url, desk.login("anna"))
    await become_ready(page)
    await page.focus(".plain")
    await (await floor.customer(desk)).write("hello")
    card = page.locator(".offer")
    await expect(card).to_be_visible()
    (offer,) = await (await floor.agent(desk, "anna")).get("/v1/offers")
    before = datetime.now(UTC)
    left = await page.evaluate("offer => document.querySelector('sb-offer-dock').left(offer)", offer)
    after = datetime.now(UTC)
    deadline = datetime.fromisoformat(offer["deadline_at"])
    assert (deadline - after).total_seconds() - 0.3 <= left <= (deadline - before).total_seconds() + 0.3
    await expect(page.locator("sb-offer-dock .unseen")).to_contain_text("Grace Miller")
    assert await page.evaluate("document.activeElement.className") == "plain"
    await expect(card.locator(".outcome")).to_have_text(re.compile("Passing on|passed on"))
    await expect(card).to_have_count(0)
    await expect(page.locator(".banner:not([hidden])")).to_contain_text("not receiving work")
    await page.click("text=Back to ready")
    await expect(page.locator(".presence.ready")).to_be_visible()


async def test_a_late_accept_says_what_became_of_the_offer(floor: Floor, open_page: OpenPage) -> None:
    desk = await floor.desk("anna", "chen", "lin")
    async with relay_to(floor.url) as relay:
        page = await open_page(expected=("ERR_", "WebSocket"))
        await log_in(page, relay.url, desk.login("anna"))
        await become_ready(page)
        conversation_id = await (await floor.customer(desk)).write("hello")
        await expect(page.locator(".offer")).to_be_visible()
        relay.hold()
        await (await floor.agent(desk, "lin")).assign(conversation_id, desk.ids["chen"])
        await page.keyboard.press("Alt+y")
        await page.keyboard.press("Alt+y")
        await expect(page.locator(".offer .button.filled")).to_be_disabled()
        relay.let_go()
        await expect(page.locator(".offer .outcome")).to_have_text("Withdrawn")
        await expect(page.locator(".offer")).to_have_count(0)
        assert await page.evaluate("location.hash") in ("", "#mine")


async def test_sound_that_the_browser_blocks_is_told_and_cured_and_one_tab_rings(
    floor: Floor, open_page: OpenPage
) -> None:
    desk = await floor.desk("anna")
    first = await open_page()
    await first.add_init_script(RING)
    await log_in(first, floor.url, desk.login("anna"))
    await expect(first.locator(".sound")).to_be_hidden()
    second = await open_page(context=first.context)
    await second.add_init_script(RING + UNTOUCHED)
    await second.goto(f"{floor.url}/console")
    await expect(second.locator(".sound")).to_contain_text("Sound is off")
    # The first touch of the page is the cure, so the button may be gone before a click on it is complete.
    await second.locator(".sound").focus()
    await second.keyboard.press("Enter")
    await expect(second.locator(".sound")).to_be_hidden()
    await become_ready(first)
    await (await floor.customer(desk)).write("hello")
    for page in (first, second):
        await expect(page.locator(".offer")).to_be_visible()
    await expect(first.locator("html")).to_have_attribute("data-rung", re.compile("[2-9]"))
    assert await second.get_attribute("html", "data-rung") is None
    await second.keyboard.press("Alt+y")
    await expect(first.locator(".offer")).to_have_count(0)
    await expect(first.locator(".row")).to_have_count(1)


async def test_why_names_the_agent_and_the_rule_that_the_api_names(floor: Floor, open_page: OpenPage) -> None:
    desk = await floor.desk("anna", "lin")
    page = await open_page()
    await log_in(page, floor.url, desk.login("anna"))
    await become_ready(page)
    conversation_id = await (await floor.customer(desk)).write("hello")
    await page.locator(".offer .link").click()
    await expect(page.locator(".said")).to_have_text("Offered to Anna Berg (you): nobody else could take it.")
    api = await (await floor.agent(desk, "anna")).get(f"/v1/conversations/{conversation_id}/explain")
    offer = next(one for one in api["decisions"] if one["outcome"] == "offer")
    rows = await page.locator(".facts").first.locator("tbody tr").all_inner_texts()
    assert len(rows) == len(offer["trace"]["candidates"])
    assert offer["trace"]["decided_by"] == "only_candidate"
    assert "Chosen: the only one" in rows[0]
    removed = await page.locator(".facts").nth(1).locator("tbody tr").all_inner_texts()
    assert len(removed) == len(offer["trace"]["removed"])
    await page.keyboard.press("Escape")
    await page.keyboard.press("Alt+y")
    await page.select_option("sb-console-bar select", "zh-CN")
    await page.locator("sb-conversation-head [data-icon=question]").click()
    await expect(page.locator(".said")).to_contain_text("没有其他人可以接待")


async def test_setting_aside_snoozing_and_opening_again(floor: Floor, open_page: OpenPage) -> None:
    desk = await floor.desk("anna", "lin")
    owned = await floor.owned(desk, "anna")
    page = await open_page()
    await log_in(page, floor.url, desk.login("anna"))
    await open_conversation(page, owned.id)
    about = page.locator(".about")
    aside = page.locator("sb-conversation-head [data-icon=pause]").first
    await aside.click()
    await page.click("text=Waiting for the customer")
    await expect(about).to_contain_text("pending")
    await page.click("text=Open again")
    await expect(about).not_to_contain_text("pending")
    await aside.click()
    await page.click("text=Snooze for one hour")
    await expect(about).to_contain_text("snoozed until")
    await owned.customer.write("one more thing")
    await expect(about).not_to_contain_text("snoozed")


async def test_resolving_asks_how_it_ended_and_a_resolved_one_can_be_reopened(
    floor: Floor, open_page: OpenPage
) -> None:
    desk = await floor.desk("anna", "lin")
    owned = await floor.owned(desk, "anna")
    page = await open_page()
    await log_in(page, floor.url, desk.login("anna"))
    await open_conversation(page, owned.id)
    await page.keyboard.press("Alt+Shift+e")
    await page.select_option("dialog select", "information")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(".toast")).to_have_text("Resolved")
    await expect(page.locator("textarea.reply")).to_be_editable()
    await page.fill("textarea.reply", "too late")
    await expect(page.locator("sb-message-composer .button.filled")).to_be_disabled()
    await page.click("sb-view-rail a[href='#resolved']")
    await page.click(f".row a[href='#resolved/{owned.id}']")
    await expect(page.locator("sb-customer-panel")).to_contain_text("Information given")
    await page.click("text=Reopen")
    await expect(page.locator(".about")).not_to_contain_text("resolved")


async def test_a_transfer_needs_a_target_and_a_reason(floor: Floor, open_page: OpenPage) -> None:
    desk = await floor.desk("anna", "chen", "lin")
    other = await floor.desk("chen", "lin")
    first = await floor.owned(desk, "anna", name="To a queue")
    second = await floor.owned(desk, "anna", name="To an agent")
    colleague = await open_page()
    await log_in(colleague, floor.url, desk.login("chen"))
    await become_ready(colleague)
    page = await open_page()
    await log_in(page, floor.url, desk.login("anna"))
    for conversation, target in ((first, f"queue_id:{other.queue_id}"), (second, f"agent_id:{desk.ids['chen']}")):
        await open_conversation(page, conversation.id)
        await page.keyboard.press("Alt+Shift+t")
        await page.locator(f"dialog option[value='{target}']").wait_for(state="attached")
        await page.keyboard.press("Control+Enter")
        await expect(page.locator("dialog")).to_be_visible()  # nothing is chosen yet
        await page.locator("dialog select").nth(0).select_option(target)
        await page.locator("dialog select").nth(1).select_option("wrong_queue")
        await page.keyboard.press("Control+Enter")
        await expect(page.locator("dialog")).to_have_count(0)
        await expect(page.locator(f".row.gone a[href$='{conversation.id}']")).to_be_visible()
    await expect(colleague.locator(".row .name")).to_have_text("To an agent")
    moved = await first.lead.client.get(f"/v1/conversations/{first.id}")
    assert moved.status_code == 404 or moved.json()["queue"]["id"] == str(other.queue_id)


async def ask_chen(page: Page, desk: Desk, conversation: Owned, *, note: str) -> None:
    await open_conversation(page, conversation.id)
    await page.keyboard.press("Alt+Shift+t")
    target = f"agent_id:{desk.ids['chen']}"
    await page.locator(f"dialog option[value='{target}']").wait_for(state="attached")
    await expect(page.locator("dialog .check")).to_be_hidden()
    await page.locator("dialog select").nth(0).select_option(target)
    await page.locator("dialog select").nth(1).select_option("needs_skill")
    await page.check("dialog .check input")
    await page.fill("dialog textarea", note)
    await page.keyboard.press("Control+Enter")
    await expect(page.locator("dialog")).to_have_count(0)


async def test_a_colleague_is_asked_first_and_takes_over_with_the_note(
    floor: Floor, open_page: OpenPage, tmp_path: Path
) -> None:
    desk = await floor.desk("anna", "chen", "lin")
    owned = await floor.owned(desk, "anna", body="Where is my lamp?")
    colleague, page = await open_page(language="zh-CN"), await open_page()
    await log_in(colleague, floor.url, desk.login("chen"))
    await become_ready(colleague)
    await log_in(page, floor.url, desk.login("anna"))
    await ask_chen(page, desk, owned, note="Wants it by Friday")
    await expect(colleague.locator(".offer .offer-queue")).to_have_text("Anna Berg请您接手")
    await expect(colleague.locator(".offer .handover")).to_have_text("Wants it by Friday")
    await expect(page.locator(".about")).to_contain_text("yours")
    await page.keyboard.press("Alt+Shift+t")
    await expect(page.locator("dialog")).to_contain_text("being asked")
    await page.screenshot(path=tmp_path / "asking.png")
    await page.keyboard.press("Escape")
    await colleague.screenshot(path=tmp_path / "asked.png")
    await colleague.keyboard.press("Alt+y")
    await expect(colleague.locator(".message.note")).to_contain_text("Wants it by Friday")
    await expect(page.locator(".toasts")).to_contain_text("your colleague has taken over")
    await expect(page.locator(f".row.gone a[href$='{owned.id}']")).to_be_visible()


async def test_a_colleague_who_declines_leaves_it_with_the_owner_and_one_may_be_asked_no_longer(
    floor: Floor, open_page: OpenPage
) -> None:
    desk = await floor.desk("anna", "chen", "lin")
    owned = await floor.owned(desk, "anna")
    colleague, page = await open_page(), await open_page()
    await log_in(colleague, floor.url, desk.login("chen"))
    await become_ready(colleague)
    await log_in(page, floor.url, desk.login("anna"))
    await ask_chen(page, desk, owned, note="")
    await expect(colleague.locator(".offer")).to_be_visible()
    await colleague.keyboard.press("Alt+Shift+y")
    await expect(colleague.locator(".menu button:focus")).to_have_count(1)
    await colleague.keyboard.press("Enter")
    await expect(page.locator(".toasts")).to_contain_text("stays with you: your colleague declined")
    await ask_chen(page, desk, owned, note="")
    await expect(colleague.locator(".offer")).to_be_visible()
    await page.keyboard.press("Alt+Shift+t")
    await page.click("dialog button[type=submit]")
    await expect(page.locator(".toasts")).to_contain_text("no longer asked")
    await expect(colleague.locator(".offer")).to_have_count(0)
    await expect(page.locator(".about")).to_contain_text("yours")


async def test_a_supervisor_sees_the_team_and_takes_over(floor: Floor, open_page: OpenPage) -> None:
    desk = await floor.desk("anna", "lin")
    owned = await floor.owned(desk, "anna")
    agent, lead = await open_page(), await open_page(language="zh-CN", dark=True)
    await log_in(agent, floor.url, desk.login("anna"))
    await open_conversation(agent, owned.id)
    await agent.fill("textarea.reply", "half a sentence")
    assert await agent.locator("sb-view-rail a[href='#team']").count() == 0
    await log_in(lead, floor.url, desk.login("lin"))
    await lead.click("sb-view-rail a[href='#team']")
    await lead.click(f".row a[href='#team/{owned.id}']")
    await lead.click("text=接管")
    await expect(lead.locator(".about")).to_contain_text("由你负责")
    await expect(agent.locator("sb-message-composer .saved")).to_contain_text("You can no longer see this")
    await expect(agent.locator("sb-message-composer .button.filled")).to_be_disabled()
    assert await agent.input_value("textarea.reply") == "half a sentence"


async def test_older_messages_come_in_pages_and_the_reader_stays_where_they_were(
    floor: Floor, open_page: OpenPage
) -> None:
    desk = await floor.desk("anna", "lin")
    owned = await floor.owned(desk, "anna", body="the very first")
    for number in range(260):
        body = {"client_id": str(uuid4()), "body": f"note {number}"}
        await owned.lead.post(f"/v1/conversations/{owned.id}/notes", body)
    page = await open_page()
    await log_in(page, floor.url, desk.login("anna"))
    await open_conversation(page, owned.id)
    articles = page.locator("sb-message-thread article")
    await expect(articles).to_have_count(50)
    await expect(articles.last).to_contain_text("note 259")
    for count in (100, 150, 200, 200):
        await page.locator(".older").scroll_into_view_if_needed()
        first = await articles.first.get_attribute("data-key")
        before = await page.evaluate(
            "() => document.querySelector('sb-message-thread article').getBoundingClientRect().top"
        )
        await page.click(".older")
        await expect(articles).to_have_count(count)
        await expect(articles.first).not_to_have_attribute("data-key", str(first))
        after = await page.evaluate(
            "key => document.querySelector(`[data-key='${key}']`).getBoundingClientRect().top", first
        )
        assert abs(after - before) <= 1
    await page.click(".older")
    await expect(articles.first).to_contain_text("the very first")
    await expect(page.locator(".older")).to_be_hidden()
    await expect(articles).to_have_count(200)
    await page.click(".jump")
    await expect(articles.last).to_contain_text("note 259")


async def test_a_note_never_reaches_the_customer(floor: Floor, open_page: OpenPage) -> None:
    desk = await floor.desk("anna", "lin")
    owned = await floor.owned(desk, "anna")
    page = await open_page()
    await log_in(page, floor.url, desk.login("anna"))
    await open_conversation(page, owned.id)
    await page.keyboard.press("Alt+n")
    await page.fill("textarea.note", "only for us")
    await page.press("textarea.note", "Enter")
    await page.keyboard.press("Alt+r")
    await page.fill("textarea.reply", "for you")
    await page.press("textarea.reply", "Enter")
    await expect(page.locator(".message.agent .state")).to_have_text("Sent")
    assert await owned.customer.bodies() == ["hello", "for you"]
    # With all colour removed they still differ: place, edge and word.
    looks = {}
    for kind in ("note", "agent"):
        looks[kind] = await page.locator(f".message.{kind}").evaluate(
            """(box) => {
              const look = getComputedStyle(box);
              return [look.borderTopStyle, look.borderLeftWidth, look.alignSelf];
            }"""
        )
    assert looks["note"][0] == "dashed"
    assert all(mine != theirs for mine, theirs in zip(looks["note"], looks["agent"], strict=True))
    await expect(page.locator(".message.note .note-title")).to_have_text("Internal note · only your team sees this")
