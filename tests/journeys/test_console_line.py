"""What happens to an agent's work when the line, the tab, the session or a colleague comes in between."""

from collections.abc import Awaitable, Callable
from uuid import uuid4

from playwright.async_api import Page, expect

from tests.journeys.floor import PASSWORD, Floor, log_in, open_conversation
from tests.journeys.relay import relay_to

OpenPage = Callable[..., Awaitable[Page]]
CUT = ("ERR_CONNECTION", "ERR_EMPTY_RESPONSE", "ERR_SOCKET", "WebSocket", "ERR_INTERNET_DISCONNECTED")


async def test_drafts_survive_switch_reload_and_crash_and_stay_with_their_conversation(
    floor: Floor, open_page: OpenPage
) -> None:
    desk = await floor.desk("anna", "lin")
    first = await floor.owned(desk, "anna", name="First")
    second = await floor.owned(desk, "anna", name="Second")
    page = await open_page()
    await log_in(page, floor.url, desk.login("anna"))
    await open_conversation(page, first.id)
    await page.fill("textarea.reply", "reply to the first")
    await page.keyboard.press("Alt+n")
    await page.fill("textarea.note", "note on the first")
    await expect(page.locator(".saved")).to_have_text("Draft saved")
    await open_conversation(page, second.id)
    assert await page.input_value("textarea.reply") == ""
    assert await page.input_value("textarea.note") == ""
    await page.fill("textarea.reply", "reply to the second")
    await page.reload()  # before the pause after which a draft is saved
    await expect(page.locator("textarea.reply")).to_have_value("reply to the second")
    crashed = page
    page = await open_page(context=crashed.context)
    await crashed.close(run_before_unload=False)
    await page.goto(f"{floor.url}/console#mine/{first.id}")
    await expect(page.locator("textarea.reply")).to_have_value("reply to the first")
    await page.keyboard.press("Alt+n")
    await expect(page.locator("textarea.note")).to_have_value("note on the first")


async def test_enter_during_composition_sends_nothing_and_the_next_sends_once(
    floor: Floor, open_page: OpenPage
) -> None:
    desk = await floor.desk("anna", "lin")
    owned = await floor.owned(desk, "anna")
    page = await open_page(language="zh-CN")
    await log_in(page, floor.url, desk.login("anna"))
    await open_conversation(page, owned.id)
    await page.focus("textarea.reply")
    keyboard = await page.context.new_cdp_session(page)
    await keyboard.send("Input.imeSetComposition", {"text": "nihao", "selectionStart": 5, "selectionEnd": 5})
    enter = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
    await keyboard.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **enter})
    await keyboard.send("Input.dispatchKeyEvent", {"type": "keyUp", **enter})
    assert await page.locator(".message.agent").count() == 0
    await keyboard.send("Input.insertText", {"text": "你好"})
    await page.wait_for_timeout(100)  # past the 50 ms in which Safari's late keydown still belongs to the method
    await page.keyboard.press("Enter")
    await expect(page.locator(".message.agent .body")).to_have_text("你好")
    await expect(page.locator(".message.agent .state")).to_have_text("Sent")
    assert await owned.customer.bodies() == ["hello", "你好"]


async def test_a_reply_is_held_back_when_a_colleague_has_replied_meanwhile(floor: Floor, open_page: OpenPage) -> None:
    desk = await floor.desk("anna", "lin")
    owned = await floor.owned(desk, "anna")
    async with relay_to(floor.url) as relay:
        page = await open_page(expected=CUT)
        await log_in(page, relay.url, desk.login("anna"))
        await open_conversation(page, owned.id)
        relay.hold()
        await owned.lead.reply(owned.id, "I have answered already")
        await page.fill("textarea.reply", "my answer")
        await page.press("textarea.reply", "Enter")
        relay.let_go()
        await expect(page.locator(".warning")).to_contain_text("林薇 replied at")
        await expect(page.locator("textarea.reply")).to_have_value("my answer")
        await page.click("text=See it")
        await expect(page.locator(".message.agent .body")).to_have_text("I have answered already")
        await page.click("text=Send anyway")
        await expect(page.locator(".message.agent .body")).to_have_text(["I have answered already", "my answer"])
        await expect(page.locator(".message.agent .state").last).to_have_text("Sent")
        assert await owned.customer.bodies() == ["hello", "I have answered already", "my answer"]


async def test_a_cut_line_is_told_and_what_came_meanwhile_is_there_once_and_listed(
    floor: Floor, open_page: OpenPage
) -> None:
    desk = await floor.desk("anna", "lin")
    owned = await floor.owned(desk, "anna")
    async with relay_to(floor.url) as relay:
        page = await open_page(expected=CUT)
        await page.clock.install()
        await log_in(page, relay.url, desk.login("anna"))
        await open_conversation(page, owned.id)
        relay.cut()
        await page.clock.run_for(3_000)
        await expect(page.locator(".connection.reconnecting")).to_have_text("Reconnecting")
        await expect(page.locator("sb-conversation-head .button", has_text="Resolve")).to_be_disabled()
        await page.fill("textarea.reply", "written while cut off")
        await page.press("textarea.reply", "Enter")
        await expect(page.locator(".message.agent .state")).to_have_text("Will send when back")
        for number in range(3):
            await owned.customer.write(f"while away {number}")
        relay.mend()
        await page.clock.fast_forward(60_000)
        await expect(page.locator(".connection.live")).to_be_visible()
        await expect(page.locator(".message.customer .body")).to_have_text(
            ["hello", "while away 0", "while away 1", "while away 2"]
        )
        await expect(page.locator(".message.agent .state")).to_have_text("Sent")
        await expect(page.locator(".away")).to_contain_text("While you were away: 3 messages")
        await expect(page.locator(".away a")).to_have_text("Grace Miller")
        assert (await owned.customer.bodies()).count("written while cut off") == 1


async def test_a_lost_network_reads_offline_and_the_line_comes_back_by_itself(
    floor: Floor, open_page: OpenPage
) -> None:
    desk = await floor.desk("anna", "lin")
    owned = await floor.owned(desk, "anna")
    page = await open_page(expected=CUT)
    await log_in(page, floor.url, desk.login("anna"))
    await page.context.set_offline(True)
    await expect(page.locator(".connection.offline")).to_have_text("Offline")
    await owned.customer.write("are you there?")
    await page.context.set_offline(False)
    await expect(page.locator(".connection.live")).to_be_visible()
    await expect(page.locator(".row .preview")).to_have_text("are you there?")


async def test_an_ended_session_asks_for_the_login_over_the_page_and_keeps_what_was_typed(
    floor: Floor, open_page: OpenPage
) -> None:
    desk = await floor.desk("anna", "lin")
    owned = await floor.owned(desk, "anna")
    page = await open_page(expected=("401",))
    await log_in(page, floor.url, desk.login("anna"))
    await open_conversation(page, owned.id)
    await page.fill("textarea.reply", "half a sentence")
    anna = await floor.agent(desk, "anna")
    mine = (await anna.get("/v1/me"))["session_id"]
    for session in (await anna.get("/v1/sessions"))["items"]:
        if session["id"] != mine:
            assert (await anna.client.delete(f"/v1/sessions/{session['id']}")).status_code == 204
    await expect(page.locator(".cover .error")).to_contain_text("Your session ended")
    await page.fill(".cover input[name=login]", desk.login("anna"))
    await page.fill(".cover input[name=password]", PASSWORD)
    await page.click(".cover button[type=submit]")
    await expect(page.locator(".connection.live")).to_be_visible()
    assert await page.input_value("textarea.reply") == "half a sentence"
    await page.press("textarea.reply", "Enter")
    await expect(page.locator(".message.agent .state")).to_have_text("Sent")


async def test_rows_stand_still_under_the_pointer_and_a_click_opens_the_one_below_it(
    floor: Floor, open_page: OpenPage
) -> None:
    desk = await floor.desk("anna", "lin")
    lead = await floor.agent(desk, "lin")
    ids = []
    for number in range(8):
        customer = await floor.customer(desk, f"Customer {number}")
        ids.append(await customer.write("hello"))
        await lead.assign(ids[-1], desk.ids["anna"])
    page = await open_page()
    await log_in(page, floor.url, desk.login("anna"))
    rows = page.locator(".row")
    await expect(rows).to_have_count(8)
    await page.select_option(".plain", "newest")
    order = await rows.evaluate_all("rows => rows.map((row) => row.dataset.key)")
    await rows.nth(3).hover()
    for conversation_id in reversed(order[3:]):
        await lead.note(conversation_id, f"an update {uuid4()}")
        await lead.reply(conversation_id, "the order would change now")
    await expect(page.locator(".row .preview", has_text="the order would change")).to_have_count(5)
    assert await rows.evaluate_all("rows => rows.map((row) => row.dataset.key)") == order
    await page.mouse.down()
    await page.mouse.up()
    assert (await page.evaluate("location.hash")).endswith(order[3])
    await expect(page.locator(".reorder")).to_be_visible()
    await page.click(".reorder")
    assert await rows.evaluate_all("rows => rows.map((row) => row.dataset.key)") != order


async def test_hostile_names_and_words_break_neither_layout_nor_page(floor: Floor, open_page: OpenPage) -> None:
    desk = await floor.desk("anna", "lin")
    name = "<img src=x onerror=alert(1)> \u202egnol\u202c " + "W" * 60
    owned = await floor.owned(desk, "anna", name=name, body="x" * 2_000)
    for body in ("<script>alert(1)</script>", "\u202eright to left\u202c", "&lt;b&gt; {name} ${1}"):
        await owned.customer.write(body)
    for size in ((1280, 800), (375, 667)):
        page = await open_page(size=size)
        await log_in(page, floor.url, desk.login("anna"))
        await open_conversation(page, owned.id)
        await expect(page.locator(".message.customer")).to_have_count(4)
        assert await page.evaluate("document.documentElement.scrollWidth") <= size[0]
        wide = await page.evaluate(
            """() => [...document.querySelectorAll('main *, .list-column *')]
              .filter((one) => !one.closest('.unseen, svg') && one.getBoundingClientRect().right > innerWidth + 1)
              .map((one) => one.className)"""
        )
        assert wide == []
        assert await page.locator("img, main script").count() == 0


async def test_the_console_asks_for_no_more_than_25_things_to_be_usable(floor: Floor, open_page: OpenPage) -> None:
    desk = await floor.desk("anna", "lin")
    await floor.owned(desk, "anna")
    page = await open_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await log_in(page, floor.url, desk.login("anna"))
    await expect(page.locator(".row")).to_have_count(1)
    async with page.expect_response("**/v1/views"):
        pass
    assert len(asked) <= 25, asked
