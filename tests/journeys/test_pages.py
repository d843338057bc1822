"""The five pages in a real browser: they open without a complaint, fit their screens and speak their language."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.async_api import expect

from app.core.http import Manners, install_error_handlers
from app.ops.asyncapi import api as asyncapi
from app.ops.asyncapi.document import asyncapi_document
from app.pages import api
from tests.journeys.browsers import browser, complaints_of

VIEWPORTS = [(1280, 800), (1024, 768), (768, 1024), (375, 667)]
LANGUAGES = ["en", "zh-CN"]
PAGES = ["/console", "/wallboard", "/admin", "/widget/demo"]
OPENING = {
    "/console": "form",
    "/wallboard": "form",
    "/admin": "form",
    "/widget/demo": "#shop",
    "/docs": ".swagger-ui .info",
}


def pages_only() -> FastAPI:
    """The pages with nothing behind them: what they show before anybody logs in."""
    app = FastAPI(docs_url=None)

    @app.get("/widget/demo/config.json")
    async def config() -> dict[str, str]:
        return {"key": "demo"}

    app.include_router(api.router)
    app.include_router(asyncapi.router)
    install_error_handlers(app)
    app.add_middleware(Manners)
    return app


@pytest.fixture(scope="module")
async def address() -> AsyncIterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(pages_only(), log_level="error", ws="websockets-sansio"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    await serving


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("width", "height"), VIEWPORTS)
async def test_pages_open_without_a_complaint_and_fit(
    address: str, tmp_path: Path, language: str, width: int, height: int
) -> None:
    async with browser(tmp_path, language=language, width=width, height=height, dark=width % 512 == 0) as context:
        page = context.pages[0]
        complaints = complaints_of(page)
        for path in PAGES:
            await page.goto(address + path)
            await page.wait_for_selector(OPENING[path])
            assert await page.get_attribute("html", "lang") == language, path
            assert await page.evaluate("document.documentElement.scrollWidth") <= width, path
            assert await page.locator("h1").count() == 1, path
            text = await page.inner_text("body")
            assert not any(f"{prefix}." in text for prefix in ("common", "console", "wallboard", "admin", "shop")), path
        assert complaints == []


async def test_the_documentation_opens_without_a_complaint(address: str, tmp_path: Path) -> None:
    async with browser(tmp_path, language="en", width=1280, height=800, dark=False) as context:
        page = context.pages[0]
        complaints = complaints_of(page)
        await page.goto(f"{address}/docs")
        await page.wait_for_selector(OPENING["/docs"])
        assert complaints == []


async def test_the_sockets_page_shows_every_message_with_its_example_and_schema(address: str, tmp_path: Path) -> None:
    async with browser(tmp_path, language="en", width=1024, height=768, dark=False) as context:
        page = context.pages[0]
        complaints = complaints_of(page)
        await page.goto(f"{address}/docs/sockets")
        await page.wait_for_selector("main details")
        shown = set(await page.locator("summary code").all_inner_texts())
        assert {name.partition(".")[2] for name in asyncapi_document()["components"]["messages"]} == shown
        await page.click("summary:has-text('command.offer.accept')")
        written = page.locator("details[open] pre")
        await expect(written).to_have_count(2)  # the browser tells that it unfolded after the click has returned
        example, schema = await written.all_inner_texts()
        assert json.loads(example)["name"] == json.loads(schema)["properties"]["name"]["const"] == "offer.accept"
        assert complaints == []


async def test_chinese_text_has_glyphs(address: str, tmp_path: Path) -> None:
    """A missing glyph is drawn as a box, the same for every character: two different ones then look alike."""
    async with browser(tmp_path, language="zh-CN", width=1280, height=800, dark=False) as context:
        page = context.pages[0]
        await page.goto(f"{address}/console")
        await page.wait_for_selector("form")
        drawn = await page.evaluate(
            """() => [...'坐席'].map((character) => {
              const canvas = document.createElement('canvas');
              const pen = canvas.getContext('2d');
              pen.font = '32px ' + getComputedStyle(document.body).fontFamily;
              pen.fillText(character, 4, 40);
              return canvas.toDataURL();
            })"""
        )
        assert drawn[0] != drawn[1]


async def test_the_widget_stays_closed_and_silent_until_asked(address: str, tmp_path: Path) -> None:
    async with browser(tmp_path, language="en", width=1280, height=800, dark=False) as context:
        page = context.pages[0]
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("websocket", lambda opened: asked.append(opened.url))
        await page.goto(f"{address}/widget/demo")
        await page.wait_for_selector("sb-chat .bubble")
        assert [url for url in asked if "/v1/" in url or "panel" in url] == []
        assert await page.get_attribute("sb-chat .bubble", "aria-expanded") == "false"
        assert await context.cookies() == []


async def test_enter_during_composition_sends_nothing(address: str, tmp_path: Path) -> None:
    async with browser(tmp_path, language="zh-CN", width=375, height=667, dark=False) as context:
        page = context.pages[0]
        await page.goto(f"{address}/widget/demo")
        await page.click("sb-chat .bubble")
        field = page.locator("sb-chat textarea")
        await field.focus()
        keyboard = await context.new_cdp_session(page)
        await keyboard.send("Input.imeSetComposition", {"text": "nihao", "selectionStart": 5, "selectionEnd": 5})
        enter = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
        await keyboard.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **enter})
        await keyboard.send("Input.dispatchKeyEvent", {"type": "keyUp", **enter})
        assert await page.locator("sb-chat .message").count() == 0
        await keyboard.send("Input.insertText", {"text": "你好"})
        await page.wait_for_timeout(100)  # past the 50 ms in which Safari's late keydown still belongs to the method
        await page.keyboard.press("Enter")
        await page.wait_for_selector("sb-chat .message.own")
        assert await page.locator("sb-chat .message.own .body").all_inner_texts() == ["你好"]
        assert await field.input_value() == ""


SPANS = {
    "1 h 30 min": 5400,
    "90s": 90,
    "2 d": 172_800,
    "1.5 h": 5400,
    "1 小时 30 分钟": 5400,
    "2天3时": 183_600,
    "0 s": 0,
    "30": None,
    "soon": None,
    "1 h and more": None,
    "": None,
}


async def test_spans_of_time_are_read_as_people_write_them(address: str, tmp_path: Path) -> None:
    for language in LANGUAGES:
        async with browser(tmp_path / language, language=language, width=1280, height=800, dark=False) as context:
            page = context.pages[0]
            await page.goto(f"{address}/admin")
            await page.wait_for_selector("form")
            read = """async (texts) => {
              const durations = await import(`${document.body.dataset.assets}/admin/durations.js`);
              const textOf = (given) => typeof given === 'string' ? given : durations.durationText(given);
              return texts.map((given) => durations.parseDuration(textOf(given)));
            }"""
            assert await page.evaluate(read, list(SPANS)) == list(SPANS.values())
            assert await page.evaluate(read, [0, 59, 60, 3661, 90_061]) == [0, 59, 60, 3661, 90_061]


async def test_a_moved_policy_lands_in_its_place_whatever_the_positions_were(address: str, tmp_path: Path) -> None:
    async with browser(tmp_path, language="en", width=1280, height=800, dark=False) as context:
        page = context.pages[0]
        await page.goto(f"{address}/admin")
        await page.wait_for_selector("form")
        wrong = await page.evaluate(
            """async () => {
              const { moved } = await import(`${document.body.dataset.assets}/admin/policies.js`);
              const wrong = [];
              for (const places of [[10, 20, 30], [1, 2, 3], [0, 0, 0], [0, 1, 1], [5, 5, 6], [0, 1, 100000]]) {
                for (const [id, step] of [["a", 1], ["b", -1], ["b", 1], ["c", -1]]) {
                  const ids = ["a", "b", "c"], positions = new Map(ids.map((one, index) => [one, places[index]]));
                  const wanted = ids.filter((one) => one !== id);
                  wanted.splice(ids.indexOf(id) + step, 0, id);
                  const then = new Map([...positions, ...moved(ids, positions, id, step)]);
                  const order = [...ids].sort((p, q) => then.get(p) - then.get(q) || (p < q ? -1 : 1));
                  const allowed = [...then.values()].every((value) => value >= 0 && value <= 100000);
                  if (order.join() !== wanted.join() || !allowed) wrong.push([places, id, step, [...then]]);
                }
              }
              return wrong;
            }"""
        )
        assert wrong == []


async def test_a_downloaded_table_runs_nothing_in_a_spreadsheet(address: str, tmp_path: Path) -> None:
    async with browser(tmp_path, language="en", width=1280, height=800, dark=False) as context:
        page = context.pages[0]
        await page.goto(f"{address}/admin")
        await page.wait_for_selector("form")
        text = await page.evaluate(
            """async () => {
              const { csvText } = await import(`${document.body.dataset.assets}/admin/csv.js`);
              return csvText([["=1+1", "-x", 'say "a, b"', -3, "陈"]]);
            }"""
        )
        assert text == '\ufeff"\'=1+1","\'-x","say ""a, b""","-3","陈"\r\n'
