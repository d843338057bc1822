"""Script in a message and in every name: kept as it was written, shown as text, run nowhere."""

import re
from pathlib import Path

import httpx
from playwright.async_api import Dialog, Page, expect

from app.core.database import Database
from tests.conftest import fresh_clone
from tests.journeys.browsers import browser, complaints_of
from tests.journeys.processes import processes
from tests.journeys.town import PASSWORD, found

SCRIPT = '<img src=x onerror="window.__pwned=1"><script>window.__pwned=1;alert(1)</script>\'"{{7*7}}'
NAME = "<img src=x onerror=window.__pwned=1>"
PAGES = ("/console", "/wallboard", "/widget/demo", "/docs")


def watch(page: Page) -> list[str]:
    """Complaints of the page and dialogs it opened."""
    found = complaints_of(page)

    async def on_dialog(dialog: Dialog) -> None:
        found.append(f"dialog: {dialog.message}")
        await dialog.dismiss()

    page.on("dialog", on_dialog)
    return found


async def log_in_at(page: Page, url: str) -> None:
    await page.goto(f"{url}/console")
    await page.fill("input[name=login]", "bo")
    await page.fill("input[name=password]", PASSWORD)
    await page.click("button[type=submit]")
    await expect(page.locator(".connection.live")).to_be_visible()


async def is_harmless(page: Page) -> bool:
    return bool(await page.evaluate("window.__pwned === undefined")) and await page.locator("img[src=x]").count() == 0


async def test_script_is_shown_as_text_everywhere(postgres: str, template_database: str, tmp_path: Path) -> None:
    async with fresh_clone(postgres, template_database) as database_url:
        database = Database(database_url, application_name="journey", pool_size=2)
        await found(database, extra_name=NAME)
        await database.close()
        with processes(database_url, tmp_path) as served:
            served.api.start()
            served.worker.start()
            await served.ready()
            await converse(served.url, tmp_path)
            await look_at_headers(served.url)


async def converse(url: str, folder: Path) -> None:
    desk_at = browser(folder / "desk", language="en", width=1280, height=800, dark=False)
    phone_at = browser(folder / "phone", language="en", width=375, height=667, dark=False)
    async with desk_at as desk, phone_at as phone:
        agent, customer = desk.pages[0], phone.pages[0]
        complaints = [watch(agent), watch(customer)]
        await log_in_at(agent, url)
        await agent.click(".presence")
        await agent.locator(".menu button").first.click()
        await expect(agent.locator(".presence.ready")).to_be_visible()
        await customer.goto(f"{url}/widget/demo")
        await customer.click("sb-chat .bubble")
        await customer.fill("sb-chat textarea", SCRIPT)
        await customer.press("sb-chat textarea", "Enter")
        await expect(agent.locator(".offer .words")).to_contain_text("<script>")
        assert await is_harmless(agent)
        await agent.keyboard.press("Alt+y")
        await expect(agent.locator(".message.customer .body")).to_have_text(SCRIPT)
        await agent.fill("textarea.reply", SCRIPT)
        await agent.press("textarea.reply", "Enter")
        await expect(customer.locator("sb-chat .message.agent .body")).to_have_text(SCRIPT)
        for page in (agent, customer):
            await page.reload()
            await page.locator(".message.agent").first.wait_for()
            assert await is_harmless(page)
        await agent.goto(f"{url}/wallboard")
        await expect(agent.locator("body")).to_contain_text(NAME)
        assert await is_harmless(agent)
        cookies = {cookie["name"]: cookie for cookie in await desk.cookies()}
        session = cookies["switchboard_session"]
        assert (session["httpOnly"], session["sameSite"], session["secure"]) == (True, "Strict", False)
        assert complaints == [[], []]


async def look_at_headers(url: str) -> None:
    async with httpx.AsyncClient(base_url=url) as http:
        for path in (*PAGES, "/widget.js", "/healthz", "/openapi.json", "/v1/me", "/nowhere", "/assets/x/nothing.js"):
            headers = (await http.get(path)).headers
            assert headers["x-content-type-options"] == "nosniff", path
            assert headers["x-frame-options"] == "DENY", path
            assert headers["referrer-policy"], path
            assert re.fullmatch(r"[0-9a-f]{32}", headers["x-request-id"]), path
        for path in PAGES:
            policy = (await http.get(path)).headers["content-security-policy"]
            assert "default-src 'none'" in policy, path
            assert "frame-ancestors 'none'" in policy, path
            assert "unsafe" not in re.findall("script-src [^;]*", policy)[0], path


async def test_the_session_cookie_is_secure_where_the_setting_says_so(
    postgres: str, template_database: str, tmp_path: Path
) -> None:
    async with fresh_clone(postgres, template_database) as database_url:
        database = Database(database_url, application_name="journey", pool_size=2)
        await found(database)
        await database.close()
        with processes(database_url, tmp_path, SWITCHBOARD_COOKIE_SECURE="true") as served:
            served.api.start()
            await served.ready()
            async with httpx.AsyncClient(base_url=served.url) as http:
                answer = await http.post("/v1/session", json={"login": "ada", "password": PASSWORD})
            flags = {part.strip().lower() for part in answer.headers["set-cookie"].split(";")[1:]}
            assert {"httponly", "secure", "samesite=strict"} <= flags
