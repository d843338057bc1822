"""A customer on a phone and an agent at a desk, two browsers: one conversation over the whole product."""

import re
import struct
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from app.agents.service import groups, people
from app.channels import service as channels
from app.channels.schemas import ChannelAccountIn
from app.core.act import system_act
from app.core.clock import DatabaseClock
from app.core.database import Database
from app.routing import service as routing
from app.routing.queue_schemas import QueueBody
from tests.access_apps import CHEAP
from tests.conftest import fresh_clone
from tests.journeys.browsers import browser, complaints_of
from tests.journeys.processes import processes

LOGIN = "siyuan"
PASSWORD = "a password for the journey"


async def furnish(database_url: str) -> None:
    """A team, an agent who serves a queue, and a chat account that leads into it."""
    database = Database(database_url, application_name="journey", pool_size=2)
    act = system_act(DatabaseClock(), "journey")
    async with database.transaction() as session:
        team = await groups.create_team(session, act, name="Service")
        agent_id = await people.create_agent(
            session,
            act,
            login=LOGIN,
            password=PASSWORD,
            hasher=CHEAP,
            name="陈思远",
            role="supervisor",
            team_id=team.id,
            languages=["en", "zh-CN"],
            skills={},
        )
        queue = await routing.create_queue(session, act, QueueBody(name="Sales", team_id=team.id))
        await routing.add_member(session, act, queue_id=queue.id, agent_id=agent_id)
        await channels.create_account(session, act, ChannelAccountIn(name="Shop", queue_id=queue.id))
    await database.close()


@pytest.fixture(scope="module")
async def address(
    postgres: str, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[str]:
    async with fresh_clone(postgres, template_database) as database_url:
        await furnish(database_url)
        with processes(database_url, tmp_path_factory.mktemp("processes")) as served:
            served.api.start()
            served.worker.start()
            await served.ready()
            yield served.url


async def log_in(page: Page, address: str) -> None:
    await page.goto(f"{address}/console")
    await page.fill("input[name=login]", LOGIN)
    await page.fill("input[name=password]", PASSWORD)
    await page.click("button[type=submit]")
    await expect(page.locator(".connection.live")).to_be_visible()


async def bodies_of(page: Page, selector: str) -> list[str]:
    return await page.locator(f"{selector} .message .body").all_inner_texts()


async def test_a_customer_writes_and_the_right_agent_answers(address: str, tmp_path: Path) -> None:
    desk_at = browser(tmp_path / "desk", language="en", width=1280, height=800, dark=False)
    phone_at = browser(tmp_path / "phone", language="zh-CN", width=375, height=667, dark=False)
    async with desk_at as desk, phone_at as phone:
        agent, customer = desk.pages[0], phone.pages[0]
        complaints = [complaints_of(agent), complaints_of(customer)]
        await log_in(agent, address)
        await agent.click(".presence")
        await agent.locator(".menu button").first.click()
        await expect(agent.locator(".presence.ready")).to_be_visible()

        await customer.goto(f"{address}/widget/demo")
        await customer.click("sb-chat .bubble")
        await customer.fill("sb-chat textarea", "你好 <b>壶</b>")
        await customer.keyboard.press("Enter")
        await expect(agent.locator(".offer .words")).to_have_text("你好 <b>壶</b>")
        await agent.keyboard.press("Alt+y")
        await expect(agent.locator(".message.customer .body")).to_have_text("你好 <b>壶</b>")

        await agent.fill("textarea.reply", "Good morning")
        await agent.press("textarea.reply", "Enter")
        await expect(customer.locator("sb-chat .message.agent .body")).to_have_text("Good morning")
        await agent.keyboard.press("Alt+n")
        await agent.fill("textarea.note", "only for us")
        await agent.press("textarea.note", "Enter")
        await expect(agent.locator(".message.note .body")).to_have_text("only for us")
        await agent.locator(".message.agent .state.read").wait_for()

        await customer.reload()
        await agent.reload()
        await customer.locator("sb-chat .message.agent").wait_for()
        await customer.fill("sb-chat textarea", "谢谢")
        await customer.press("sb-chat textarea", "Enter")
        await expect(agent.locator(".message.customer .body")).to_have_text(["你好 <b>壶</b>", "谢谢"])
        await expect(customer.locator("sb-chat .message.own")).to_have_count(2)

        assert await bodies_of(agent, "sb-message-thread") == ["你好 <b>壶</b>", "Good morning", "only for us", "谢谢"]
        assert await bodies_of(customer, "sb-chat") == ["你好 <b>壶</b>", "Good morning", "谢谢"]
        await agent.keyboard.press("Alt+Shift+e")
        await agent.click("dialog button[type=submit]")
        await expect(agent.locator(".about")).to_have_text(re.compile("resolved"))
        await expect(customer.locator("sb-chat .ended")).not_to_be_empty()
        assert complaints == [[], []]


def png(width: int, height: int) -> bytes:
    """A grey picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress((b"\0" + b"\x80" * width) * height)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


# As a paste or a drop brings files: no test can put one on the system's clipboard.
BRING = """(field, [kind, name, text]) => {
  const data = new DataTransfer();
  data.items.add(new File([text], name));
  const options = { bubbles: true, composed: true, cancelable: true };
  field.dispatchEvent(kind === "paste" ? new ClipboardEvent("paste", { ...options, clipboardData: data })
    : new DragEvent("drop", { ...options, dataTransfer: data }));
}"""


async def test_files_go_both_ways_and_a_notes_stay_inside(address: str, tmp_path: Path) -> None:
    desk_at = browser(tmp_path / "desk", language="en", width=1280, height=800, dark=False)
    phone_at = browser(tmp_path / "phone", language="zh-CN", width=375, height=667, dark=False)
    async with desk_at as desk, phone_at as phone:
        agent, customer = desk.pages[0], phone.pages[0]
        complaints = [complaints_of(agent), complaints_of(customer)]
        await log_in(agent, address)
        if await agent.locator(".presence.ready").count() == 0:
            await agent.click(".presence")
            await agent.locator(".menu button").first.click()
        await expect(agent.locator(".presence.ready")).to_be_visible()

        await customer.goto(f"{address}/widget/demo")
        await customer.click("sb-chat .bubble")
        picture = {"name": "茶壶.png", "mimeType": "image/png", "buffer": png(400, 300)}
        page = {"name": "fake.png", "mimeType": "image/png", "buffer": b"<html><script>alert(1)</script></html>"}
        await customer.set_input_files("sb-chat input[type=file]", [picture])  # type: ignore[list-item]
        await expect(customer.locator("sb-chat .send")).to_be_enabled()
        await customer.set_input_files("sb-chat input[type=file]", [page])  # type: ignore[list-item]
        await expect(customer.locator("sb-chat .tray li.failed")).to_contain_text("不能发送此类文件")
        await expect(customer.locator("sb-chat .send")).to_be_disabled()
        await customer.locator("sb-chat .tray li.failed .file-remove").click()
        await customer.locator("sb-chat textarea").evaluate(BRING, ["paste", "pasted.txt", "words"])
        await customer.locator("sb-chat textarea").evaluate(BRING, ["drop", "dropped.txt", "words"])
        await expect(customer.locator("sb-chat .tray li")).to_have_count(3)
        await expect(customer.locator("sb-chat .send")).to_be_enabled()
        await customer.screenshot(path=tmp_path / "tray.png")
        await customer.click("sb-chat .send")
        await expect(agent.locator(".offer .words")).to_contain_text("茶壶.png")
        await agent.keyboard.press("Alt+y")
        await expect(agent.locator(".message.customer .picture img")).to_have_js_property("naturalWidth", 400)
        names = agent.locator(".message.customer .file-name")
        await expect(names).to_have_text(["茶壶.png", "pasted.txt", "dropped.txt"])
        async with agent.expect_download() as started:
            await names.nth(1).click()
        download = await started.value
        assert (download.suggested_filename, (await download.path()).read_text()) == ("pasted.txt", "words")

        await agent.locator("textarea.reply").evaluate(BRING, ["paste", "offer.txt", "for you"])
        await agent.keyboard.press("Alt+n")
        await agent.locator("textarea.note").evaluate(BRING, ["drop", "secret.txt", "for us"])
        await expect(agent.locator(".foot .filled")).to_be_enabled()
        await expect(agent.locator(".tray:visible li")).to_have_count(1)
        await agent.locator(".foot .filled").click()
        await expect(agent.locator(".message.note .file-name")).to_have_text("secret.txt")
        await agent.locator(".tab.reply").click()
        await expect(agent.locator(".foot .filled")).to_be_enabled()
        await agent.screenshot(path=tmp_path / "console.png")
        await agent.locator(".foot .filled").click()
        await expect(customer.locator("sb-chat .message.agent .file-name")).to_have_text("offer.txt")

        await customer.reload()
        await expect(customer.locator("sb-chat .message.own .picture img")).to_have_js_property("naturalWidth", 400)
        await customer.screenshot(path=tmp_path / "thread.png")
        await expect(customer.locator("sb-chat .message .file-name")).to_have_text(
            ["茶壶.png", "pasted.txt", "dropped.txt", "offer.txt"]
        )
        # The refused upload is the one thing the browser itself tells of.
        assert [text for text in complaints[0] + complaints[1] if "422" not in text] == []
