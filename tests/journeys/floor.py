"""A running installation for the page journeys: desks made at will, and people who act over the public API."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
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
from tests.journeys.processes import processes

PASSWORD = "a password for the journey"
NAMES = {"anna": "Anna Berg", "chen": "陈思远", "lin": "林薇"}


class Person:
    """Somebody who acts over the API: an agent, or a visitor of the shop."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def get(self, path: str) -> Any:
        answer = await self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, body: dict[str, Any]) -> Any:
        answer = await self.client.post(path, json=body)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None


class Customer(Person):
    async def write(self, body: str) -> str:
        """Answers the conversation's id."""
        answer = await self.post("/v1/widget/messages", {"client_id": str(uuid4()), "body": body})
        return str(answer["conversation_id"])

    async def bodies(self) -> list[str]:
        return [item["body"] for item in (await self.get("/v1/widget/messages"))["items"]]


class Agent(Person):
    async def reply(self, conversation_id: str, body: str) -> None:
        await self.post(f"/v1/conversations/{conversation_id}/messages", {"client_id": str(uuid4()), "body": body})

    async def note(self, conversation_id: str, body: str) -> None:
        await self.post(f"/v1/conversations/{conversation_id}/notes", {"client_id": str(uuid4()), "body": body})

    async def assign(self, conversation_id: str, agent_id: UUID) -> None:
        body = {"agent_id": str(agent_id), "override": True}
        await self.post(f"/v1/conversations/{conversation_id}/assign", body)


@dataclass(frozen=True, slots=True)
class Desk:
    """A team with a queue and the chat account that leads into it. `ids` by the short names of its people."""

    number: int
    queue_id: UUID
    queue_name: str
    account_id: UUID
    key: str
    ids: dict[str, UUID]

    def login(self, name: str) -> str:
        return f"{name}{self.number}"


@dataclass(slots=True)
class Floor:
    url: str
    database: Database
    closing: AsyncExitStack = field(default_factory=AsyncExitStack)
    desks: int = 0

    async def desk(self, *names: str, offer_timeout_seconds: int = 60, origins: Sequence[str] = ()) -> Desk:
        """A desk of these people; `lin` leads it, the others are agents. Nobody is ready yet."""
        self.desks += 1
        number = self.desks
        act = system_act(DatabaseClock(), "journey")
        async with self.database.transaction() as session:
            team = await groups.create_team(session, act, name=f"Team {number}")
            queue_name = f"Sales {number}"
            queue = await routing.create_queue(
                session,
                act,
                QueueBody(name=queue_name, team_id=team.id, offer_timeout_seconds=offer_timeout_seconds),
            )
            ids = {}
            for name in names:
                ids[name] = await people.create_agent(
                    session,
                    act,
                    login=f"{name}{number}",
                    password=PASSWORD,
                    hasher=CHEAP,
                    name=NAMES[name],
                    role="supervisor" if name == "lin" else "agent",
                    team_id=team.id,
                    languages=["en", "zh-CN"] if name == "anna" else ["zh-CN", "en"],
                    skills={},
                )
                await routing.add_member(session, act, queue_id=queue.id, agent_id=ids[name])
            account = await channels.create_account(
                session,
                act,
                ChannelAccountIn(name=f"Shop {number}", queue_id=queue.id, allowed_origins=list(origins)),
            )
        return Desk(number, queue.id, queue_name, account.id, account.public_key, ids)

    async def _client(self, token: str) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {token}"}
        return await self.closing.enter_async_context(httpx.AsyncClient(base_url=self.url, headers=headers))

    async def agent(self, desk: Desk, name: str) -> Agent:
        async with httpx.AsyncClient(base_url=self.url) as client:
            answer = await client.post("/v1/session", json={"login": desk.login(name), "password": PASSWORD})
            assert answer.status_code < 300, answer.text
        return Agent(await self._client(answer.json()["token"]))

    async def customer(self, desk: Desk, name: str = "Grace Miller", language: str = "en") -> Customer:
        body = {"key": desk.key, "name": name, "language": language}
        async with httpx.AsyncClient(base_url=self.url) as client:
            answer = await client.post("/v1/widget/visitors", json=body)
            assert answer.status_code == 201, answer.text
        return Customer(await self._client(answer.json()["token"]))

    async def owned(self, desk: Desk, owner: str, *, body: str = "hello", name: str = "Grace Miller") -> "Owned":
        """A conversation that `owner` has, given by lin."""
        lead = await self.agent(desk, "lin")
        customer = await self.customer(desk, name)
        conversation_id = await customer.write(body)
        await lead.assign(conversation_id, desk.ids[owner])
        return Owned(conversation_id, customer, lead)


@dataclass(frozen=True, slots=True)
class Owned:
    id: str
    customer: Customer
    lead: Agent


@asynccontextmanager
async def open_floor(database_url: str, folder: Path, **environment: str) -> AsyncIterator[Floor]:
    """An api and a worker on this database, with these settings."""
    database = Database(database_url, application_name="journey", pool_size=2)
    with processes(database_url, folder, **environment) as served:
        served.api.start()
        served.worker.start()
        await served.ready()
        floor = Floor(served.url, database)
        async with floor.closing:
            yield floor
    await database.close()


async def log_in(page: Page, url: str, login: str, path: str = "/console") -> None:
    await page.goto(url + path)
    await page.fill("input[name=login]", login)
    await page.fill("input[name=password]", PASSWORD)
    await page.click("button[type=submit]")
    await expect(page.locator(".connection.live, .line-state.live")).to_be_visible()


async def open_conversation(page: Page, conversation_id: str) -> None:
    await page.evaluate("id => { location.hash = `mine/${id}`; }", conversation_id)
    await expect(page.locator("sb-message-thread article").first).to_be_visible()


async def become_ready(page: Page) -> None:
    await page.click(".presence")
    await page.locator(".menu button").first.click()
    await expect(page.locator(".presence.ready")).to_be_visible()
