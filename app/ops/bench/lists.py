"""P13, and the lists' part of P14: pages of a million conversations, the first beside one 300 days back."""

import http
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID

from app.core.clock import DatabaseClock
from app.core.database import Database
from app.core.http import encode_cursor
from app.ops.bench.history import generate
from app.ops.bench.http_load import HttpConnection, request
from app.ops.bench.measuring import Figure, interleave, now, percentile, slice_seconds, without_limit
from app.ops.bench.program import Report
from app.ops.bench.scratch import Scratch, run, scratch
from app.ops.bench.world import World, make_world

CONVERSATIONS = 1_000_000
MESSAGES_EACH = 4
DEPTH = timedelta(days=300)
PAGE = 50
PAGE_MUST_MS = 50.0


@dataclass(slots=True)
class Pages:
    """Requests for the same page from the top and from 300 days back, as two callers see it."""

    connection: HttpConnection
    seconds: float
    token: str
    deep_cursor: str

    async def first(self) -> float:
        return await self._median_ms({})

    async def deep(self) -> float:
        return await self._median_ms({"cursor": self.deep_cursor})

    async def _median_ms(self, more: dict[str, str]) -> float:
        query = urlencode({"view": "all", "limit": str(PAGE), **more})
        asked, took = request("GET", f"/v1/conversations?{query}", token=self.token), []
        until = now() + self.seconds
        while (started := now()) < until:
            status, body = await self.connection.ask(asked)
            took.append(now() - started)
            if status != http.HTTPStatus.OK or len(json.loads(body)["items"]) != PAGE:
                raise RuntimeError(f"a list answered {status}: {body[:300]!r}")
        return 1000 * percentile(took, 0.5)


def measure(seconds: float) -> Report:
    with scratch() as installation:
        world, at = run(_prepare(installation))
        address = installation.start_api()
        figures = run(_measure(world, address, at - DEPTH, slice_seconds(seconds, 4)))
        notes = [f"{CONVERSATIONS} conversations and {CONVERSATIONS * MESSAGES_EACH} messages, made in SQL"]
        return Report(figures, installation.faults(), notes)


async def _prepare(installation: Scratch) -> tuple[World, datetime]:
    clock = DatabaseClock()
    at = clock.now()
    database = Database(installation.url, application_name="bench")
    world = await make_world(database)
    await database.close()
    await generate(installation.url, world, at, conversations=CONVERSATIONS, messages_each=MESSAGES_EACH)
    return world, at


async def _measure(world: World, address: tuple[str, int], deep_at: datetime, seconds: float) -> list[Figure]:
    connection = await HttpConnection.open(*address)
    cursor = encode_cursor(deep_at.isoformat(), str(UUID(int=2**128 - 1)))
    callers = {"all": world.keys[0], "team": await _log_in(connection, world)}
    pages = {name: Pages(connection, seconds, token, cursor) for name, token in callers.items()}
    parts = [part for each in pages.values() for part in (each.first, each.deep)]
    rounds = [each async for each in interleave(*parts)]
    connection.close()
    what = "a list's page 300 days back, to the first page of the same list"
    figures = [
        Figure(
            f"P13-{name}",
            f"{what}; the caller sees {name}",
            "ms",
            tuple((each[2 * index + 1], each[2 * index]) for each in rounds),
            must=1.5,
            stretch=1.1,
            line="at_most",
        )
        for index, name in enumerate(pages)
    ]
    first_pages = [max(each[0], each[2]) for each in rounds]
    figures.append(
        without_limit(
            "P14-lists", "first page of a list through the API", "ms", first_pages, must=PAGE_MUST_MS, stretch=10
        )
    )
    return figures


async def _log_in(connection: HttpConnection, world: World) -> str:
    body = json.dumps({"login": world.agent_login, "password": world.agent_password}).encode()
    status, answer = await connection.ask(request("POST", "/v1/session", body=body))
    if status >= http.HTTPStatus.BAD_REQUEST:
        raise RuntimeError(f"the log-in answered {status}: {answer!r}")
    token: str = json.loads(answer)["token"]
    return token
