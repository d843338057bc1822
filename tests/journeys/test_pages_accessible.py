"""The pages against the rules of axe-core, in both themes: WCAG 2.2 A and AA, inside shadow roots as well."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.journeys.admin_desk import administrator, enter
from tests.journeys.floor import Floor, become_ready, log_in, open_conversation
from tests.journeys.promises import promise

OpenPage = Callable[..., Awaitable[Page]]
AXE = Path(__file__).parents[2] / ".real-parts/node_modules/axe-core/axe.min.js"
STRICT = {
    "position": 2,
    "targets": [{"metric": "first_reply", "seconds": 1}],
    "thresholds": [{"breach": True, "actions": [{"do": "notify", "to": "owner"}, {"do": "raise_priority", "to": 9}]}],
}
ADMIN_SECTIONS = {
    "calendars": "tbody tr",
    "calendars/new": ".preview td.day",
    "policies": "td.acts",
    "policies/new": ".trial",
    "adoption": ".card",
    "attainment": ".tile",
    "duties": "[data-t='admin.duties.tasks']",
    "causes": "tbody tr",
    "causes/new": ".by-language",
    "acknowledgement": ".empty",
    "teams": "tbody tr",
    "rules": ".trial",
    "rules/new": ".trial",
    "queues": "tbody tr",
    "queues/new": ".look td",
    "skills": ".empty",
    "agents": "tbody tr",
}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]

pytestmark = pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: run `make setup-real-parts`")


async def violations(page: Page) -> list[str]:
    await page.evaluate(f"() => {{ {AXE.read_text('utf-8')} }}")
    found: list[dict[str, Any]] = await page.evaluate(
        "async (tags) => (await axe.run(document, { runOnly: tags })).violations", RULES
    )
    return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]


@pytest.mark.parametrize(("dark", "language"), [(False, "en"), (True, "zh-CN")])
async def test_the_console_breaks_no_rule_in_any_of_its_states(
    floor: Floor, open_page: OpenPage, dark: bool, language: str
) -> None:
    desk = await floor.desk("anna", "lin")
    owned = await floor.owned(desk, "anna")
    page = await open_page(dark=dark, language=language)
    await page.goto(f"{floor.url}/console")
    await page.locator("form").wait_for()
    found = {"log-in": await violations(page)}
    await log_in(page, floor.url, desk.login("anna"))
    found["empty"] = await violations(page)
    await become_ready(page)
    await open_conversation(page, owned.id)
    await page.fill("textarea.reply", "an answer")
    await page.press("textarea.reply", "Enter")
    await owned.lead.note(owned.id, "only for us")
    await page.keyboard.press("Alt+n")
    await page.fill("textarea.note", "another")
    await (await floor.customer(desk)).write("hello")
    await expect(page.locator(".offer")).to_be_visible()
    await expect(page.locator(".message.note")).to_be_visible()
    found["conversation and offer"] = await violations(page)
    await page.click(".presence")
    await page.locator(".menu button").first.wait_for()
    found["menu"] = await violations(page)
    await page.keyboard.press("Escape")
    for name, keys in (("transfer", "Alt+Shift+t"), ("resolve", "Alt+Shift+e"), ("keys", "Control+/")):
        await page.keyboard.press(keys)
        await page.locator("dialog").wait_for()
        found[name] = await violations(page)
        await page.keyboard.press("Escape")
    await page.locator("sb-conversation-head [data-icon=question]").click()
    await page.locator(".said").wait_for()
    found["why"] = await violations(page)
    await page.keyboard.press("Escape")
    await page.locator(".clocks + .link").click()
    await page.locator(".clock-line").wait_for()
    found["why this time"] = await violations(page)
    await page.keyboard.press("Escape")
    await promise(owned.lead, desk, targets=[{"metric": "requester_wait", "seconds": 1}])
    late = await floor.owned(desk, "anna", name="Otto Heller")
    await open_conversation(page, late.id)
    await page.locator(".breaches details details summary").click()
    found["a breach and its cause"] = await violations(page)
    assert {name: told for name, told in found.items() if told} == {}


@pytest.mark.parametrize(("dark", "language"), [(False, "en"), (True, "zh-CN")])
async def test_widget_and_wallboard_break_no_rule(floor: Floor, open_page: OpenPage, dark: bool, language: str) -> None:
    desk = await floor.desk("anna", "lin")
    board = await open_page(dark=dark, language=language)
    await log_in(board, floor.url, desk.login("lin"), "/wallboard")
    await board.locator("tbody tr").first.wait_for()
    found = {"wallboard": await violations(board)}
    await board.locator("button.tile").first.click()
    await board.locator("dialog .list > :not([hidden])").first.wait_for()
    found["list behind a figure"] = await violations(board)
    shop = await open_page(dark=dark, language=language)
    await shop.goto(f"{floor.url}/widget/demo")
    await shop.click("sb-chat .bubble")
    await shop.locator("sb-chat .greeting").wait_for()
    found["greeting"] = await violations(shop)
    await shop.fill("sb-chat textarea", "hello")
    await shop.press("sb-chat textarea", "Enter")
    await shop.locator("sb-chat .queue:not([hidden])").wait_for()
    found["waiting"] = await violations(shop)
    assert {name: told for name, told in found.items() if told} == {}


@pytest.mark.parametrize(("dark", "language"), [(False, "en"), (True, "zh-CN")])
async def test_the_administration_breaks_no_rule_in_any_of_its_states(
    floor: Floor, open_page: OpenPage, dark: bool, language: str
) -> None:
    desk = await floor.desk("anna", "lin")
    owned = await floor.owned(desk, "anna")
    await owned.lead.post("/v1/sla/policies", {"name": f"Strict {language}", "body": STRICT})
    page = await open_page(dark=dark, language=language, expected=("status of 422", "status of 412"))
    page.on("dialog", lambda dialog: asyncio.ensure_future(dialog.accept()))
    await enter(page, floor, desk.login("lin"), "calendars", language=language)
    found = {}
    own = {f"queues/{desk.queue_id}": ".look td", f"agents/{desk.ids['anna']}": ".bar"}
    for section, shown in (ADMIN_SECTIONS | own).items():
        await page.goto(f"{floor.url}/admin#{section}")
        await page.locator(shown).first.wait_for()
        found[section] = await violations(page)
    await page.goto(f"{floor.url}/admin#policies")
    await page.get_by_role("link", name=f"Strict {language}").click()
    await page.locator(".editor .duration").first.fill("?")
    await page.locator(".bar .filled").click()
    await page.locator(".wrong").wait_for()
    found["wrong"] = await violations(page)
    await page.locator(".bar [data-icon=clock]").click()
    await page.locator("dialog .history li").wait_for()
    found["versions"] = await violations(page)
    await page.keyboard.press("Escape")
    [stored] = [one for one in await owned.lead.get("/v1/sla/policies") if one["name"] == f"Strict {language}"]
    changed = {"name": stored["name"], "body": stored["body"] | {"bot_answers": True}}
    assert (await owned.lead.client.put(f"/v1/sla/policies/{stored['id']}", json=changed)).status_code == 200
    await page.locator(".editor .duration").first.fill("2 s")
    await page.locator(".bar .filled").click()
    await page.locator(".conflict tbody tr").first.wait_for()
    found["conflict"] = await violations(page)
    await page.locator(".trial .button").click()
    await page.locator(".trial [role=status] p").first.wait_for()
    found["trial"] = await violations(page)
    admin = await open_page(dark=dark, language=language)
    admin_login = await administrator(floor, desk)
    await enter(admin, floor, admin_login, f"acknowledgement/{desk.account_id}", language=language)
    await admin.locator("[data-part=texts] .add").click()
    await admin.locator(".by-language textarea").fill("{dew}")
    await admin.locator(".wrong").wait_for()
    found["a wrong placeholder"] = await violations(admin)
    refused = await open_page(dark=dark, language=language)
    await enter(refused, floor, desk.login("anna"), language=language)
    found["refused"] = await violations(refused)
    assert {name: told for name, told in found.items() if told} == {}


@pytest.mark.parametrize("dark", [False, True])
async def test_the_sockets_page_breaks_no_rule(floor: Floor, open_page: OpenPage, dark: bool) -> None:
    page = await open_page(dark=dark)
    await page.goto(f"{floor.url}/docs/sockets")
    await page.locator("summary").first.click()
    await page.locator("details[open] pre").first.wait_for()
    assert await violations(page) == []
