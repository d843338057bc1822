"""Fifty conversations while everything that can die does: nothing lost, nothing doubled, nothing owned twice."""

import asyncio
import random
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from app.agents.service import groups, people
from app.channels import service as channels
from app.channels.schemas import ChannelAccountIn
from app.core.act import system_act
from app.core.clock import DatabaseClock
from app.core.database import Database
from app.ops import migrate
from app.routing import service as routing
from app.routing.schemas import QueueBody
from tests.simulation.actors import PATIENCE_SECONDS, AgentBot, Line, Observer, Visitor
from tests.simulation.cluster import Cluster, cluster
from tests.simulation.harm import Form, Harm, inflict, plan_harm, tend
from tests.simulation.invariants import find_faults, list_unsettled, read_truth

PASSWORD = "a password for the chaos journey"
SHORT = Form(seed=5)
SETTLE_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Organisation:
    team_id: str
    second_queue_id: str
    key: str


async def test_nothing_is_lost_or_doubled_while_processes_die_and_freeze(tmp_path: Path) -> None:
    await run_chaos(SHORT, tmp_path)


async def run_chaos(form: Form, folder: Path) -> None:
    """Raises AssertionError with every broken promise, the seed, the plan and the place of the logs."""
    plan = plan_harm(form)
    with told_on_failure(form, plan, folder), cluster(folder) as served:
        await migrate.upgrade(served.database_url)
        database = Database(served.database_url, application_name="chaos", pool_size=2)
        try:
            organisation = await furnish(database, form)
            served.start()
            await play(served, database, organisation, form, plan)
        finally:
            await database.close()


@contextmanager
def told_on_failure(form: Form, plan: list[Harm], folder: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        print(f"{form}\nlogs in {folder}")
        for harm in plan:
            print(
                f"  after {harm.after_messages} messages {harm.kind} {harm.worker or ''} for {harm.lasts_seconds:.2f} s"
            )
        raise


async def furnish(database: Database, form: Form) -> Organisation:
    """Agents of one team who serve a front and a second queue; the second one's team is empty."""
    act = system_act(DatabaseClock(), "chaos")
    async with database.transaction() as session:
        front_team = await groups.create_team(session, act, name="Front")
        back_team = await groups.create_team(session, act, name="Second line")
        front = await routing.create_queue(
            session, act, QueueBody(name="Front", team_id=front_team.id, offer_timeout_seconds=8)
        )
        second = await routing.create_queue(
            session, act, QueueBody(name="Second line", team_id=back_team.id, offer_timeout_seconds=8)
        )
        account = await channels.create_account(session, act, ChannelAccountIn(name="Shop", queue_id=front.id))
        for number in range(form.agents + 1):
            agent_id = await people.create_agent(
                session,
                act,
                login=login_of(number),
                password=PASSWORD,
                name=login_of(number),
                role="admin" if number == 0 else "agent",
                team_id=front_team.id if number else None,
                languages=["en"],
                skills={},
            )
            for queue in (front, second) if number else ():
                await routing.add_member(session, act, queue_id=queue.id, agent_id=agent_id)
    return Organisation(str(front_team.id), str(second.id), account.public_key)


def login_of(number: int) -> str:
    return f"agent{number}" if number else "observer"


async def play(served: Cluster, database: Database, organisation: Organisation, form: Form, plan: list[Harm]) -> None:
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=served.url, timeout=10))
        line = Line(http, served.url)
        visitors, agents, observer = cast(line, organisation, form)
        for worker in (observer, *agents):
            await worker.begin(stack)
        async with asyncio.TaskGroup() as group:
            steady = [group.create_task(agent.work(), name=agent.login) for agent in agents]
            steady.append(group.create_task(observer.lose_the_line()))
            tending = group.create_task(tend(served))
            harming = group.create_task(inflict(served, plan, line.progress))
            talking = [group.create_task(visitor.converse(stack)) for visitor in visitors]
            await asyncio.gather(harming, *talking)
            await settle(database)
            for task in (*steady, tending):
                task.cancel()
        async with database.transaction() as session:
            truth = await read_truth(session)
        for actor in (observer, *agents, *visitors):
            await actor.socket.reach(truth.head, PATIENCE_SECONDS)
        faults = [*find_faults(truth, visitors, agents, observer), *line.failures, *find_crashes(served)]
        assert not faults, "\n".join(faults)


def find_crashes(served: Cluster) -> list[str]:
    """What nobody in the api was prepared for."""
    lines = served.api.log.read_text(errors="replace").splitlines()
    return [line[:500] for line in lines if "Exception in ASGI application" in line]


def cast(line: Line, organisation: Organisation, form: Form) -> tuple[list[Visitor], list[AgentBot], Observer]:
    dice = random.Random(f"cast {form.seed}")
    visitors = [
        Visitor(
            line=line,
            key=organisation.key,
            messages=form.messages,
            starts_after_seconds=dice.uniform(0, form.arriving_seconds),
            hands_on=dice.random() < form.hand_on_share,
            dice=random.Random(f"visitor {form.seed} {number}"),
        )
        for number in range(form.conversations)
    ]
    agents = [
        AgentBot(
            line=line,
            login=login_of(number),
            password=PASSWORD,
            team_id=organisation.team_id,
            messages=form.messages,
            second_queue_id=organisation.second_queue_id,
            dice=random.Random(f"agent {form.seed} {number}"),
        )
        for number in range(1, form.agents + 1)
    ]
    return visitors, agents, Observer(line, login_of(0), PASSWORD, random.Random(f"observer {form.seed}"))


async def settle(database: Database) -> None:
    """Until nothing is under way any more. Tables have nothing to await, so they are asked again and again."""
    unsettled: dict[str, int] = {}
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                async with database.transaction() as session:
                    unsettled = await list_unsettled(session)
                if not unsettled:
                    return
                await asyncio.sleep(SETTLE_POLL_SECONDS)
    except TimeoutError:
        pytest.fail(f"still under way after {PATIENCE_SECONDS} s: {unsettled}")
