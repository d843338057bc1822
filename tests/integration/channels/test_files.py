import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from app.channels.chat import api as chat
from app.channels.chat.guards import WidgetCors
from app.channels.chat.service import ChatFront
from app.channels.files import api as files
from app.channels.files import service
from app.channels.files.service import FileFront, open_store
from app.channels.intake import Intake
from app.channels.replies import api as replies
from app.conversations import api as conversations
from app.core.bus import PostgresBus
from app.core.storage import LocalObjectStore
from app.workspace import api as workspace
from tests.access_apps import browser, log_in, make_account, make_app
from tests.integration.channels.world import World

SECRET = "a secret of at least thirty-two bytes"
SHOP = {"Origin": "https://shop.example"}
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 50


@dataclass
class Desk:
    """An app with files, an administrator's client, and visitors."""

    world: World
    http: httpx.AsyncClient
    store: LocalObjectStore
    folder: Path

    async def visitor(self) -> dict[str, str]:
        answer = await self.http.post("/v1/widget/visitors", json={"key": self.world.public_key}, headers=SHOP)
        return {"Authorization": f"Bearer {answer.json()['token']}", **SHOP}

    async def upload(
        self, content: bytes = PNG, name: str = "photo.png", visitor: dict[str, str] | None = None
    ) -> httpx.Response:
        path = "/v1/widget/attachments" if visitor else "/v1/attachments"
        return await self.http.post(path, files={"file": (name, content, "image/png")}, headers=visitor)

    async def uploaded(self, visitor: dict[str, str] | None = None, content: bytes = PNG) -> str:
        answer = await self.upload(content, visitor=visitor)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def write(self, visitor: dict[str, str], client_id: str, *attachments: str, body: str = "") -> httpx.Response:
        sent = {"client_id": client_id, "body": body, "attachments": attachments}
        return await self.http.post("/v1/widget/messages", json=sent, headers=visitor)

    async def link(self, attachment_id: str, visitor: dict[str, str] | None = None) -> httpx.Response:
        place = "widget/attachments" if visitor else "attachments"
        return await self.http.get(f"/v1/{place}/{attachment_id}/link", headers=visitor)

    def objects(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if path.is_file()]


@pytest.fixture
async def desk(world: World, intake: Intake, database_url: str, tmp_path: Path) -> AsyncIterator[Desk]:
    bus = PostgresBus(database_url)
    await bus.start()
    app = make_app(world.database, world.clock, bus)
    for api in (chat, files, replies, conversations):
        app.include_router(api.router)
    app.include_router(workspace.conversations_router)
    app.add_middleware(WidgetCors)
    app.state.intake, app.state.chat = intake, ChatFront(SECRET, world.database)
    store = open_store(tmp_path)
    app.state.files = FileFront(SECRET, store)
    account_id = await make_account(world.database, world.clock, "root", "admin")
    await world.rows(
        "INSERT INTO agent (id, name, languages, updated_at) VALUES ($1, 'Root', '{en}', $2)",
        account_id, world.clock.now(),
    )  # fmt: skip
    async with browser(app, token=await log_in(app, "root")) as client:
        yield Desk(world, client, store, tmp_path)
    await bus.close()


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_a_visitors_picture_reaches_the_agent_and_comes_back_as_a_download(desk: Desk) -> None:
    ada = await desk.visitor()
    uploaded = (await desk.upload(name="../发票 1.png", visitor=ada)).json()
    assert uploaded == {"id": uploaded["id"], "name": "发票 1.png", "media_type": "image/png", "size_bytes": len(PNG)}
    sent = await desk.write(ada, "c1", uploaded["id"])
    assert sent.status_code == 201, sent.text

    conversation_id = sent.json()["conversation_id"]
    listed = (await desk.http.get(f"/v1/conversations/{conversation_id}/messages")).json()["items"]
    assert listed[0]["attachments"] == [uploaded]
    assert (await desk.http.get(f"/v1/conversations/{conversation_id}")).json()["preview"] == "发票 1.png"

    link = (await desk.link(uploaded["id"])).json()
    answer = await desk.http.get(link["url"], headers={"Authorization": ""})
    assert (answer.status_code, answer.content) == (200, PNG)
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["content-disposition"].startswith("attachment; filename=\"__ 1.png\"; filename*=UTF-8''%E5")


async def test_a_raw_body_is_taken_with_its_name(desk: Desk) -> None:
    answer = await desk.http.post("/v1/attachments?name=notes.txt", content=b"plain words")
    assert (answer.status_code, answer.json()["media_type"]) == (201, "text/plain")


async def test_an_agents_reply_and_note_carry_files_and_the_notes_never_reaches_the_visitor(desk: Desk) -> None:
    ada = await desk.visitor()
    conversation = f"/v1/conversations/{(await desk.write(ada, 'c1', body='hi')).json()['conversation_id']}"
    public, internal = await desk.uploaded(), await desk.uploaded()
    reply = await desk.http.post(f"{conversation}/messages", json={"client_id": "r1", "attachments": [public]})
    note = await desk.http.post(f"{conversation}/notes", json={"client_id": "n1", "attachments": [internal]})
    assert (reply.status_code, note.status_code) == (201, 201)
    seen = (await desk.http.get("/v1/widget/messages", headers=ada)).json()["items"]
    assert [[file["id"] for file in message["attachments"]] for message in seen] == [[], [public]]
    assert (await desk.link(public, ada)).status_code == 200
    assert code(await desk.link(internal, ada)) == (404, "attachment_not_found")
    assert (await desk.link(internal)).status_code == 200


async def test_only_ones_own_upload_can_be_attached(desk: Desk) -> None:
    ada, eve = await desk.visitor(), await desk.visitor()
    adas, agents = await desk.uploaded(ada), await desk.uploaded()
    for named in ([adas], [agents], [str(uuid4())]):
        assert code(await desk.write(eve, uuid4().hex, *named)) == (422, "attachment_not_found")
    sent = await desk.write(ada, "c1", adas)
    conversation = f"/v1/conversations/{sent.json()['conversation_id']}"
    stolen = await desk.http.post(f"{conversation}/messages", json={"client_id": "r", "attachments": [adas]})
    assert code(stolen) == (422, "attachment_not_found")
    assert code(await desk.link(adas, eve)) == (404, "attachment_not_found")
    assert await desk.world.value("SELECT count(*) FROM message") == 1


async def test_a_file_goes_into_one_message_and_a_resend_is_the_same_one(desk: Desk) -> None:
    ada = await desk.visitor()
    one = await desk.uploaded(ada)
    first, again = [await desk.write(ada, "c1", one) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["message_id"] == first.json()["message_id"]
    assert code(await desk.write(ada, "c2", one)) == (409, "attachment_used")
    assert code(await desk.write(ada, "c3", *[await desk.uploaded(ada)] * 2)) == (422, "attachment_not_found")

    conversation = f"/v1/conversations/{first.json()['conversation_id']}"
    mine = {"client_id": "r1", "attachments": [await desk.uploaded()]}
    posted = [await desk.http.post(f"{conversation}/messages", json=mine) for _ in range(2)]
    assert [answer.json()["duplicate"] for answer in posted] == [False, True]
    assert code(await desk.http.post(f"{conversation}/notes", json=mine | {"client_id": "n1"})) == (
        409,
        "attachment_used",
    )
    assert await desk.world.value("SELECT count(*) FROM message") == 2


async def test_of_two_messages_at_once_with_one_file_one_is_refused_and_others_pass(desk: Desk) -> None:
    ada, bob = await desk.visitor(), await desk.visitor()
    one = await desk.uploaded(ada)
    answers = await asyncio.gather(
        desk.write(ada, "c1", one), desk.write(ada, "c2", one), desk.write(bob, "c1", body="hello")
    )
    assert sorted(answer.status_code for answer in answers) == [201, 201, 409]
    assert answers[2].status_code == 201


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [("photo.png", b"<html><script>alert(1)</script>", (422, "file_type_not_allowed")),
     ("photo.png", b"MZ\x90\0", (422, "file_type_not_allowed")), ("x.svg", b"words", (422, "file_type_not_allowed")),
     ("photo.png", b"", (422, "file_empty")), ("big.bin", b"\1" * (20 * 2**20 + 1), (413, "file_too_large"))],
)  # fmt: skip
async def test_a_refused_file_leaves_nothing(desk: Desk, name: str, content: bytes, told: tuple[int, str]) -> None:
    ada = await desk.visitor()
    assert code(await desk.upload(content, name, ada)) == told
    assert desk.objects() == []
    assert await desk.world.value("SELECT count(*) FROM attachment") == 0


async def test_strangers_and_foreign_pages_upload_nothing(desk: Desk) -> None:
    ada = await desk.visitor()
    assert (await desk.http.post("/v1/widget/attachments", content=PNG)).status_code == 401
    assert (await desk.http.post("/v1/attachments", content=PNG, headers={"Authorization": ""})).status_code == 401
    foreign = await desk.upload(visitor=ada | {"Origin": "https://evil.example"})
    assert code(foreign) == (403, "origin_not_allowed")
    assert desk.objects() == []


async def test_bad_forms_are_told(desk: Desk) -> None:
    for body, kind, told in (
        (b"x", "multipart/form-data", "malformed_form"),
        (b"x", "multipart/form-data; boundary=b", "malformed_form"),
        (b"--b\r\n", "multipart/form-data; boundary=b", "malformed_form"),
    ):
        answer = await desk.http.post("/v1/attachments", content=body, headers={"Content-Type": kind})
        assert code(answer) == (422, told)
    assert desk.objects() == []


async def test_a_link_ends_after_ten_minutes_and_cannot_be_made_up(desk: Desk) -> None:
    url = (await desk.link(await desk.uploaded())).json()["url"]
    desk.world.clock.advance(599)
    assert (await desk.http.get(url)).status_code == 200
    desk.world.clock.advance(2)
    assert code(await desk.http.get(url)) == (403, "link_expired")
    for made_up in (url[:-3] + "abc", "/v1/files/x", "/v1/files/" + "x" * 500):
        assert code(await desk.http.get(made_up)) == (404, "file_not_found")


async def test_who_may_not_see_the_conversation_gets_no_link(desk: Desk) -> None:
    sent = await desk.write(await desk.visitor(), "c1", body="hi")
    one = await desk.uploaded()
    await desk.http.post(
        f"/v1/conversations/{sent.json()['conversation_id']}/messages", json={"client_id": "r", "attachments": [one]}
    )
    app: Any = desk.http._transport.app  # type: ignore[attr-defined]
    await make_account(desk.world.database, desk.world.clock, "other")
    async with browser(app, token=await log_in(app, "other")) as other:
        answer = await other.get(f"/v1/attachments/{one}/link")
    assert code(answer) == (404, "attachment_not_found")


async def test_too_many_uploads_are_slowed(desk: Desk) -> None:
    ada = await desk.visitor()
    answers = [await desk.upload(visitor=ada) for _ in range(21)]
    assert [answer.status_code for answer in answers] == [201] * 20 + [429]


async def test_a_store_that_cannot_be_written_is_503(desk: Desk) -> None:
    (desk.folder / "objects").write_bytes(b"in the way")
    assert code(await desk.upload()) == (503, "storage_unavailable")
    assert await desk.world.value("SELECT count(*) FROM attachment") == 0


async def test_what_no_message_took_is_forgotten_after_a_day(desk: Desk) -> None:
    ada = await desk.visitor()
    kept, same_bytes, alone = [await desk.uploaded(ada, content) for content in (PNG, PNG, b"other words")]
    await desk.write(ada, "c1", kept)
    clock, database = desk.world.clock, desk.world.database
    assert await service.forget_unattached(database, desk.store, clock.now()) == 0
    clock.advance(timedelta(hours=25).total_seconds())
    assert await service.forget_unattached(database, desk.store, clock.now()) == 2
    left = await desk.world.rows("SELECT id FROM attachment")
    assert [row["id"] for row in left] == [UUID(kept)]
    assert len(desk.objects()) == 1
    for gone in (same_bytes, alone):
        assert code(await desk.write(ada, uuid4().hex, gone)) == (422, "attachment_not_found")
    assert (await desk.http.get((await desk.link(kept, ada)).json()["url"])).content == PNG


async def test_uploads_during_the_forgetting_keep_their_bytes(desk: Desk) -> None:
    for _ in range(5):
        await desk.uploaded()
        desk.world.clock.advance(timedelta(hours=25).total_seconds())
        now, database = desk.world.clock.now(), desk.world.database
        token = {"Authorization": f"Bearer {await log_in(desk.http._transport.app, 'root')}"}  # type: ignore[attr-defined]
        desk.http.headers.update(token)
        answer, _ = await asyncio.gather(desk.upload(), service.forget_unattached(database, desk.store, now))
        assert answer.status_code in (201, 503)
        rows = await desk.world.value("SELECT count(*) FROM attachment")
        assert (rows, len(desk.objects())) in ((1, 1), (0, 0))
