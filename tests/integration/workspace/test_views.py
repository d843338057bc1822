"""Read-only views: each reader sees what the rule lets them see, and no more."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx
import pytest

from app.access.schemas import Principal
from app.access.visibility import may_see
from app.core.database import Database
from app.workspace import api, service
from tests.access_apps import app_of
from tests.clocks import ManualClock
from tests.integration.realtime.world import Person, World, make_world


@pytest.fixture
async def world(database: Database, clock: ManualClock) -> World:
    return await make_world(database, clock)


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app_of(world.database, world.clock, api.router))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as opened:
        yield opened


def as_(person: Person) -> dict[str, str]:
    return {"Authorization": f"Bearer {person.token}"}


async def test_counts_are_what_each_view_would_list(client: httpx.AsyncClient, world: World) -> None:
    agent = await world.add_person("Wu Gang", team_id=world.team_id)
    boss = await world.add_person("Chen", role="supervisor", visibility="all")
    colleague = await world.add_person("Li Na", visibility="team", team_id=world.team_id)
    await world.open(agent)
    await world.open(agent)
    await world.open()
    await world.open(colleague)
    await world.open(team_id=world.other_team_id)
    counts = {
        person.id: (await client.get("/v1/views", headers=as_(person))).json() for person in (agent, boss, colleague)
    }
    assert counts[agent.id] == {"mine": 2, "queue": 1, "team": 3, "all": 3}
    assert counts[colleague.id] == {"mine": 1, "queue": 1, "team": 4, "all": 4}
    assert counts[boss.id] == {"mine": 0, "queue": 2, "team": 0, "all": 5}


async def test_a_customers_timeline_and_conversations_are_paged_and_hide_what_is_not_for_the_reader(
    client: httpx.AsyncClient, world: World
) -> None:
    agent, stranger = await world.add_person("Wu Gang"), await world.add_person("Chen")
    talk = await world.open(agent)
    for index in range(5):
        world.clock.advance(1)
        await world.say(talk, f"message {index}")
    (row,) = await world.rows("SELECT customer_id FROM conversation WHERE id = $1", talk.id)
    path = f"/v1/customers/{row['customer_id']}"
    bodies, cursor = [], None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await client.get(f"{path}/timeline", params=params, headers=as_(agent))).json()
        bodies += [item["message"]["body"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert bodies == [f"message {index}" for index in (4, 3, 2, 1, 0)]
    mine = (await client.get(f"{path}/conversations", headers=as_(agent))).json()
    assert [item["id"] for item in mine["items"]] == [str(talk.id)]
    for view in ("timeline", "conversations"):
        assert (await client.get(f"{path}/{view}", headers=as_(stranger))).json()["items"] == []
        refused = await client.get(f"{path}/{view}", params={"cursor": "nonsense"}, headers=as_(agent))
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_cursor")


async def test_the_desk_of_a_conversation_comes_in_one_answer_or_not_at_all(
    client: httpx.AsyncClient, world: World
) -> None:
    agent, stranger = await world.add_person("Wu Gang"), await world.add_person("Chen")
    talk = await world.open(agent)
    await world.say(talk, "hello")
    desk = (await client.get(f"/v1/workspace/conversations/{talk.id}", headers=as_(agent))).json()
    assert (desk["conversation"]["id"], desk["customer"]["name"]) == (str(talk.id), "Ada")
    assert [message["body"] for message in desk["messages"]] == ["hello"]
    refused = await client.get(f"/v1/workspace/conversations/{talk.id}", headers=as_(stranger))
    assert refused.status_code == 404
    assert (await client.get(f"/v1/workspace/conversations/{talk.id}")).status_code == 401


async def test_the_wallboard_shows_queues_and_the_agents_one_may_see(client: httpx.AsyncClient, world: World) -> None:
    agent = await world.add_person("Wu Gang", team_id=world.team_id)
    boss = await world.add_person("Chen", role="supervisor", visibility="all")
    await world.open(agent)
    board = (await client.get("/v1/wallboard", headers=as_(boss))).json()
    assert [line["queue"]["name"] for line in board["queues"]] == ["General"]
    assert [(line["agent"]["name"], line["conversations"]) for line in board["agents"]] == [("Chen", 0), ("Wu Gang", 1)]
    mine = (await client.get("/v1/wallboard", headers=as_(agent))).json()
    assert [line["agent"]["name"] for line in mine["agents"]] == ["Wu Gang"]


@pytest.mark.parametrize("visibility", ["own", "team", "all"])
async def test_the_count_of_all_agrees_with_the_rule(client: httpx.AsyncClient, world: World, visibility: str) -> None:
    person = await world.add_person("Wu Gang", visibility=visibility, team_id=world.team_id)
    other = await world.add_person("Chen", team_id=world.other_team_id)
    talks = [
        await world.open(owner, team_id=team_id)
        for owner in (None, person, other)
        for team_id in (world.team_id, world.other_team_id)
    ]
    principal = Principal(
        kind="agent",
        id=person.id,
        role="agent",
        scopes=frozenset(),
        visibility=visibility,  # type: ignore[arg-type]
        team_id=person.team_id,
    )
    expected = sum(may_see(principal, talk.rights) for talk in talks)
    assert (await client.get("/v1/views", headers=as_(person))).json()["all"] == expected


async def add_work(world: World, *, state: str, ready: int, ends: int | None = None) -> None:
    """Work that became ready `ready` seconds from now (negative: ago) and was answered, or left, `ends` from now."""
    talk = await world.open()
    now = world.clock.now()
    at = now + timedelta(seconds=ends) if ends is not None else None
    await world.rows(
        "INSERT INTO work_item (id, conversation_id, queue_id, channel, state, units, tier, priority, attempts,"
        " ready_at, due_at, created_at, answered_at, ended_at)"
        " VALUES ($1, $2, $3, 'chat', $4, 25, 1, 3, 0, $5, $5, $5, $6, $7)",
        uuid4(), talk.id, world.queue_id, state, now + timedelta(seconds=ready),
        None if state in ("abandoned", "queued") else at, at,
    )  # fmt: skip


async def board_line(client: httpx.AsyncClient, boss: Person, **params: str) -> dict:
    answer = await client.get("/v1/wallboard", params=params, headers=as_(boss))
    assert answer.status_code == 200, answer.text
    line: dict = answer.json()["queues"][0]
    return line


def levels(line: dict) -> dict[str, tuple[int, int, float | None]]:
    return {one["formula"]: (one["met"], one["of"], one["share"]) for one in line["today"]["service_levels"]}


async def test_the_day_of_a_queue_by_each_formula_and_of_nothing_no_share(
    client: httpx.AsyncClient, world: World
) -> None:
    world.clock.advance((_midnight(world) - world.clock.now()).total_seconds() + 86_400 / 2)
    # Who logged in before might be logged out by noon.
    boss = await world.add_person("Chen", role="supervisor", visibility="all")
    empty = await board_line(client, boss)
    assert levels(empty) == dict.fromkeys(("sl_standard", "sl_answered", "sl_live"), (0, 0, None))
    assert (empty["today"]["wait_p95_seconds"], empty["today"]["wait_max_seconds"]) == (None, None)
    assert empty["measured"] == {"answered": 0, "within_p90": 0, "median_error_seconds": None}
    for waited in (10, 60, 61, 200):  # the target is 60: reached at its very second
        await add_work(world, state="done", ready=-1000, ends=-1000 + waited)
    await add_work(world, state="done", ready=-86_400, ends=-43_201)  # answered yesterday
    await add_work(world, state="done", ready=-43_300, ends=-43_199)  # came yesterday, answered today
    await add_work(world, state="abandoned", ready=-500, ends=-495)  # within the 5 s that do not count
    await add_work(world, state="abandoned", ready=-500, ends=-494)
    await add_work(world, state="queued", ready=-61)
    await add_work(world, state="queued", ready=-60)
    line = await board_line(client, boss)
    today = line["today"]
    assert levels(line) == {"sl_answered": (2, 5, 0.4), "sl_standard": (2, 6, 2 / 6), "sl_live": (2, 7, 2 / 7)}
    assert (today["answered"], today["abandoned"]) == (5, 1)
    assert (today["wait_p50_seconds"], today["wait_p95_seconds"], today["wait_max_seconds"]) == (61, 200, 200)
    assert today["service_levels"][0]["target_seconds"] == 60
    assert [*levels(await board_line(client, boss, service_level="sl_live"))] == ["sl_live"]
    refused = await client.get("/v1/wallboard?service_level=best", headers=as_(boss))
    assert refused.status_code == 422


def _midnight(world: World) -> datetime:
    return world.clock.now().replace(hour=0, minute=0, second=0, microsecond=0)


@pytest.mark.parametrize(
    ("zone", "now", "midnight"),
    [
        ("Asia/Shanghai", "2026-11-22T15:59:59Z", "2026-11-21T16:00:00Z"),
        ("Asia/Shanghai", "2026-11-22T16:00:00Z", "2026-11-22T16:00:00Z"),
        ("America/New_York", "2026-11-01T12:00:00Z", "2026-11-01T04:00:00Z"),  # the clock goes back at two
        ("Africa/Cairo", "2026-04-24T12:00:00Z", "2026-04-23T22:00:00Z"),  # there is no midnight: one follows 23:59
    ],
)
async def test_today_begins_at_midnight_of_the_installations_zone(
    world: World, zone: str, now: str, midnight: str
) -> None:
    boss = Principal("agent", uuid4(), "supervisor", frozenset(), "all")
    async with world.database.transaction() as session:
        board = await service.get_wallboard(session, boss, datetime.fromisoformat(now), zone=ZoneInfo(zone))
    assert (board.sla.since, board.timezone) == (datetime.fromisoformat(midnight), zone)
