"""Read-only views: each reader sees what the rule lets them see, and no more."""

from collections.abc import AsyncIterator

import httpx
import pytest

from app.access.schemas import Principal
from app.access.visibility import may_see
from app.core.database import Database
from app.workspace import api
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
