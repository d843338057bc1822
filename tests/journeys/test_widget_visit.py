"""A customer's visit: reloads, tabs, broken lines and phones."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.journeys.floor import Agent, Desk, Floor
from tests.journeys.relay import relay_to

OpenPage = Callable[..., Awaitable[Page]]
CUT = ("ERR_CONNECTION", "ERR_EMPTY_RESPONSE", "ERR_SOCKET", "WebSocket", "ERR_INTERNET_DISCONNECTED")
LOADER_MOST_BYTES = 6_000
PANEL_MOST_BYTES = 45_000
REQUESTS_MOST = 8


@pytest.fixture(scope="module")
async def desk(floor: Floor) -> Desk:
    """The shop embeds the oldest chat account: this one."""
    return await floor.desk("anna", "lin")


@pytest.fixture(scope="module")
async def lead(floor: Floor, desk: Desk) -> Agent:
    return await floor.agent(desk, "lin")


async def visit(page: Page, url: str) -> None:
    await page.goto(f"{url}/widget/demo")
    await page.click("sb-chat .bubble")
    await expect(page.locator("sb-chat textarea")).to_be_focused()


async def say(page: Page, body: str) -> None:
    await page.fill("sb-chat textarea", body)
    await page.press("sb-chat textarea", "Enter")


def bodies(page: Page) -> Callable[[list[str]], Awaitable[None]]:
    return lambda wanted: expect(page.locator("sb-chat .message .body")).to_have_text(wanted)


async def newest(lead: Agent) -> str:
    """The conversation that waits, given to anna so that somebody may reply."""
    return str((await lead.get("/v1/conversations?view=all&sort=newest&limit=1"))["items"][0]["id"])


async def test_the_strict_shop_reports_no_violation_and_a_reload_shows_the_same_once(
    floor: Floor, open_page: OpenPage, lead: Agent
) -> None:
    page = await open_page()
    await page.add_init_script(
        "document.addEventListener('securitypolicyviolation', (event) => console.error(event.violatedDirective));"
    )
    await visit(page, floor.url)
    await say(page, "first")
    await expect(page.locator("sb-chat .message.own")).to_contain_text("Sent")
    await lead.reply(await newest(lead), "an answer")
    await bodies(page)(["first", "an answer"])
    await page.fill("sb-chat textarea", "a draft")
    await page.reload()
    await bodies(page)(["first", "an answer"])
    await expect(page.locator("sb-chat textarea")).to_have_value("a draft")
    await page.press("sb-chat textarea", "Escape")
    await expect(page.locator("sb-chat .panel")).to_be_hidden()
    await expect(page.locator("sb-chat .bubble")).to_be_focused()


async def test_two_tabs_of_the_shop_hold_one_socket_and_show_the_same(
    floor: Floor, open_page: OpenPage, desk: Desk
) -> None:
    first = await open_page()
    sockets: list[str] = []
    first.on("websocket", lambda opened: sockets.append(opened.url))
    await visit(first, floor.url)
    await say(first, "from the first tab")
    second = await open_page(context=first.context)
    second.on("websocket", lambda opened: sockets.append(opened.url))
    await visit(second, floor.url)
    await bodies(second)(["from the first tab"])
    await say(second, "from the second tab")
    for page in (first, second):
        await bodies(page)(["from the first tab", "from the second tab"])
    assert len(sockets) == 1
    await first.close()
    await say(second, "the second tab leads now")
    await expect(second.locator("sb-chat .message.own").last).to_contain_text("Sent")
    assert len(sockets) == 2


async def test_what_is_typed_without_a_line_waits_survives_a_reload_and_arrives_once(
    floor: Floor, open_page: OpenPage, lead: Agent
) -> None:
    async with relay_to(floor.url) as relay:
        page = await open_page(expected=CUT)
        await visit(page, relay.url)
        await say(page, "before")
        await expect(page.locator("sb-chat .message.own")).to_contain_text("Sent")
        relay.cut()
        await say(page, "meanwhile")
        await expect(page.locator("sb-chat .status")).to_have_text("Reconnecting…")
        await expect(page.locator("sb-chat .message.own").last).to_contain_text("Waiting for the connection")
        relay.mend()
        await page.reload()
        await bodies(page)(["before", "meanwhile"])
        await expect(page.locator("sb-chat .message.own").last).to_contain_text("Sent")
        kept = (await lead.get(f"/v1/conversations/{await newest(lead)}/messages"))["items"]
        assert [message["body"] for message in kept] == ["before", "meanwhile"]


async def test_a_visitor_who_ends_the_chat_is_asked_once_and_begins_anew_by_writing(
    floor: Floor, open_page: OpenPage, lead: Agent
) -> None:
    page = await open_page(language="zh-CN", size=(375, 667))
    await visit(page, floor.url)
    end = page.locator("sb-chat header").get_by_role("button", name="结束会话")
    await expect(end).to_be_hidden()
    await say(page, "没事了")
    await expect(page.locator("sb-chat .message.own")).to_contain_text("已发送")
    conversation_id = await newest(lead)
    await end.focus()
    await end.press("Enter")
    question = page.locator("sb-chat").get_by_role("group", name="确定结束本次会话吗？")
    await expect(question.get_by_role("button", name="结束会话")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(question).to_have_count(0)
    await expect(end).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(question.get_by_role("button", name="结束会话")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("sb-chat .ended")).to_have_text("本次会话已结束。再次留言即可重新开始。")
    await expect(question).to_have_count(0)
    await expect(page.locator("sb-chat textarea")).to_be_focused()
    await expect(end).to_be_hidden()
    ended = await lead.get(f"/v1/conversations/{conversation_id}")
    assert (ended["status"], ended["disposition"]) == ("resolved", "ended_by_customer")
    await say(page, "还有一个问题")
    await expect(page.locator("sb-chat .queue")).to_be_visible()
    await expect(page.locator("sb-chat .ended")).to_be_hidden()
    await expect(end).to_be_visible()
    assert (await lead.get(f"/v1/conversations/{conversation_id}"))["status"] == "open"


async def test_on_a_phone_it_fills_the_screen_above_the_keyboard_and_gives_the_page_back(
    floor: Floor, open_page: OpenPage, desk: Desk
) -> None:
    page = await open_page(size=(375, 667), language="zh-CN")
    await page.goto(f"{floor.url}/widget/demo")
    await page.locator("sb-chat .bubble").wait_for()
    await page.evaluate("scrollTo(0, 300)")
    before = await page.evaluate("scrollY")
    await page.click("sb-chat .bubble")
    box = await page.locator("sb-chat .panel").bounding_box()
    assert box == {"x": 0, "y": 0, "width": 375, "height": 667}
    # A phone's keyboard takes room from what is visible and not from the page.
    await page.evaluate(
        """() => {
          Object.defineProperty(VisualViewport.prototype, 'height', { configurable: true, get: () => 367 });
          visualViewport.dispatchEvent(new Event('resize'));
        }"""
    )
    field = await page.locator("sb-chat textarea").bounding_box()
    assert field is not None
    assert field["y"] + field["height"] <= 367
    assert await page.locator("sb-chat textarea").evaluate("(field) => getComputedStyle(field).fontSize") == "16px"
    await page.click("sb-chat header .icon-button")
    assert await page.evaluate("scrollY") == before


async def test_the_widget_stays_within_its_budget(floor: Floor, open_page: OpenPage, desk: Desk) -> None:
    page = await open_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "shop" not in request.url else None)
    await visit(page, floor.url)
    await expect(page.locator("sb-chat .greeting")).to_be_visible()
    own = [url for url in asked if "/widget.js" in url or "/assets/" in url]
    own = [url for url in own if not url.endswith((".svg", "tokens.css"))]  # the shop's own
    sizes = {}
    async with httpx.AsyncClient(headers={"Accept-Encoding": "gzip"}) as client:
        for url in own:
            async with client.stream("GET", url) as answer:
                sizes[url] = sum([len(chunk) async for chunk in answer.aiter_raw()])
    assert len(own) <= REQUESTS_MOST, own
    assert next(size for url, size in sizes.items() if url.endswith("/widget.js")) <= LOADER_MOST_BYTES
    assert sum(sizes.values()) <= PANEL_MOST_BYTES


@asynccontextmanager
async def strange_shop(floor: Floor, *, is_open: bool) -> AsyncIterator[str]:
    """The address of a page that is not ours. Its own origin is among the account's when it `is_open`."""
    html = b""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n" + html)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        desk = await floor.desk("anna", origins=[origin if is_open else "https://elsewhere.example"])
        tag = f'<script src="{floor.url}/widget.js" data-key="{desk.key}"></script>'
        html = f'<!doctype html><link rel="icon" href="data:,"><title>Shop</title>{tag}'.encode()
        yield origin


@pytest.mark.parametrize("is_open", [True, False])
async def test_a_closed_origin_is_refused_with_a_hint_for_its_developer_only(
    floor: Floor, open_page: OpenPage, is_open: bool
) -> None:
    async with strange_shop(floor, is_open=is_open) as address:
        page = await open_page(expected=() if is_open else ("403", "CORS", "ERR_FAILED", "allowed origins"))
        hints: list[str] = []
        page.on("console", lambda message: hints.append(message.text))
        await page.goto(address)
        await page.click("sb-chat .bubble")
        if is_open:
            await say(page, "hello from elsewhere")
            await expect(page.locator("sb-chat .message.own")).to_contain_text("Sent")
        else:
            await expect(page.locator("sb-chat .failure")).to_contain_text("The chat cannot be opened now.")
            assert any("allowed origins" in hint for hint in hints)
        await page.close()


async def test_it_can_be_read_by_a_screen_reader(floor: Floor, open_page: OpenPage, desk: Desk) -> None:
    page = await open_page()
    await page.goto(f"{floor.url}/widget/demo")
    await page.get_by_role("button", name="Chat with us").click()
    dialog = page.get_by_role("dialog", name="Chat with us")
    await expect(dialog.get_by_role("log")).to_be_attached()
    await expect(dialog.get_by_role("textbox", name="Write a message")).to_be_focused()
    await expect(dialog.get_by_role("button", name="Send")).to_be_disabled()
