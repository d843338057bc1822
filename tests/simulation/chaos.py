"""Customers, agents and an observer at work, round after round, while everything that can die or hang does."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import httpx

from app.agents.service import groups, people
from app.channels import service as channels
from app.channels.schemas import ChannelAccountIn
from app.core.act import system_act
from app.core.clock import DatabaseClock
from app.core.database import Database
from app.ops import migrate
from app.routing import service as routing
from app.routing.queue_schemas import QueueBody
from tests.access_apps import CHEAP
from tests.journeys.relay import Relay, relay_to
from tests.nats_server import nats_server
from tests.simulation.actors import AgentBot, Observer, Visitor
from tests.simulation.cluster import Cluster, cluster
from tests.simulation.hand import Hand, tend
from tests.simulation.harm import APIS, CLIENTS, WORKERS, Form, Harm, Kind, plan_harm
from tests.simulation.invariants import find_faults
from tests.simulation.line import Line
from tests.simulation.truth import list_unsettled, read_truth

PASSWORD = "a password for the chaos journey"
SETTLE_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Organisation:
    team_id: str
    second_queue_id: str
    key: str


@dataclass(slots=True)
class Story:
    """What a run came to. `faults`: sentences, each a broken promise; the round that has one is the last."""

    harms: Counter[Kind] = field(default_factory=Counter)
    rounds: int = 0
    messages: int = 0
    repeated: int = 0
    drops: int = 0
    """Sockets that the clients themselves cut."""
    faults: list[str] = field(default_factory=list)

    @property
    def kills(self) -> int:
        return sum(count for kind, count in self.harms.items() if kind.startswith("kill"))


@dataclass(frozen=True, slots=True)
class Stage:
    """The installation and the people who stay for every round."""

    form: Form
    served: Cluster
    database: Database
    organisation: Organisation
    line: Line
    hand: Hand
    agents: list[AgentBot]
    observer: Observer

    @property
    def staff(self) -> tuple[AgentBot | Observer, ...]:
        return (self.observer, *self.agents)


async def run_chaos(form: Form, folder: Path) -> Story:
    """Raises AssertionError when it does not come to rest. A failure prints seed, plan and the place of the logs."""
    plan = plan_harm(form)
    with (
        told_on_failure(form, plan, folder),
        nats_server() if form.bus == "nats" else nullcontext() as bus,
        cluster(folder, apis=form.apis, bus=bus, offsets=offsets_of(form)) as served,
    ):
        await migrate.upgrade(served.database_url)
        database = Database(served.database_url, application_name="chaos", pool_size=2)
        try:
            organisation = await furnish(database, form)
            async with lines_of(form, served) as lines:
                served.start()
                story = await play(form, served, database, organisation, lines, plan)
        finally:
            await database.close()
    if story.faults:
        tell(form, plan, folder)
    return story


@contextmanager
def told_on_failure(form: Form, plan: Sequence[list[Harm]], folder: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        tell(form, plan, folder)
        raise


def tell(form: Form, plan: Sequence[list[Harm]], folder: Path) -> None:
    print(f"{form}\nlogs in {folder}")
    for harm in (each for harms in plan for each in harms):
        print(f"  after {harm.after_messages} messages {harm.kind} {harm.whom} for {harm.lasts_seconds:.2f} s")


def offsets_of(form: Form) -> dict[str, float] | None:
    if not form.offset_seconds:
        return None
    ahead, behind = WORKERS
    return dict.fromkeys(APIS, 0.0) | {ahead: form.offset_seconds, behind: -form.offset_seconds}


@asynccontextmanager
async def lines_of(form: Form, served: Cluster) -> AsyncIterator[Mapping[str, Relay]]:
    """Relays by name, where the form cuts lines: every process reaches PostgreSQL and all clients the api by one."""
    async with AsyncExitStack() as stack:
        lines = {}
        for name in form.lines:
            target = served.url if name == CLIENTS else served.postgres_socket
            lines[name] = await stack.enter_async_context(relay_to(target))
            if name != CLIENTS:
                served.reach_postgres_by(name, lines[name].address)
        yield lines


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
                hasher=CHEAP,
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


async def play(
    form: Form,
    served: Cluster,
    database: Database,
    organisation: Organisation,
    lines: Mapping[str, Relay],
    plan: Sequence[list[Harm]],
) -> Story:
    """Round after round, until one breaks a promise."""
    url = lines[CLIENTS].url if lines else served.url
    started, story, gone = monotonic(), Story(), list[Visitor]()
    async with AsyncExitStack() as stack:
        line = Line(
            await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=10)), url, form.patience_seconds
        )
        agents, observer = hire(line, organisation, form)
        hand = Hand(served, lines, story.harms)
        stage = Stage(form, served, database, organisation, line, hand, agents, observer)
        for worker in stage.staff:
            await worker.begin(stack)
        async with asyncio.TaskGroup() as group:
            steady = [group.create_task(agent.work(), name=agent.login) for agent in agents]
            steady += [group.create_task(observer.lose_the_line()), group.create_task(tend(served))]
            for number, harms in enumerate(plan):
                visitors = invite(line, organisation, form, number)
                story.faults += await play_round(stage, harms, visitors, gone)
                gone += visitors
                count_round(story, stage, gone)
                if story.faults or monotonic() - started > form.no_round_after_seconds:
                    break
            for task in steady:
                task.cancel()
    return story


async def play_round(stage: Stage, harms: list[Harm], visitors: list[Visitor], gone: list[Visitor]) -> list[str]:
    """Every customer has said what they came for, everything is at rest, everybody was told: what is wrong then?"""
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        harming = group.create_task(stage.hand.inflict(harms, stage.line.progress))
        talking = [group.create_task(visitor.converse(stack)) for visitor in visitors]
        await asyncio.gather(harming, *talking)
        await settle(stage.database, stage.form.patience_seconds)
        async with stage.database.transaction() as session:
            truth = await read_truth(session)
        for actor in (*stage.staff, *visitors):
            await actor.socket.reach(truth.head, stage.form.patience_seconds)
        faults = find_faults(truth, visitors, stage.agents, stage.observer, gone)
    return [*faults, *stage.line.failures, *find_crashes(stage.served)]


def count_round(story: Story, stage: Stage, visitors: list[Visitor]) -> None:
    story.rounds += 1
    story.messages = stage.line.progress.count
    story.repeated = sum(visitor.repeated for visitor in visitors)
    story.drops = sum(actor.socket.drops for actor in (*stage.staff, *visitors))
    print(
        f"round {story.rounds}: {story.messages} messages, {dict(story.harms)}, {len(story.faults)} faults", flush=True
    )


def find_crashes(served: Cluster) -> list[str]:
    """What nobody in the api was prepared for."""
    lines = [line for api in served.apis for line in api.log.read_text(errors="replace").splitlines()]
    return [line[:500] for line in lines if "Exception in ASGI application" in line]


def hire(line: Line, organisation: Organisation, form: Form) -> tuple[list[AgentBot], Observer]:
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
    return agents, Observer(line, login_of(0), PASSWORD, random.Random(f"observer {form.seed}"))


def invite(line: Line, organisation: Organisation, form: Form, round_number: int) -> list[Visitor]:
    """The customers of one round."""
    dice = random.Random(f"cast {form.seed} {round_number}" if round_number else f"cast {form.seed}")
    in_a_round = form.conversations // form.rounds
    return [
        Visitor(
            line=line,
            key=organisation.key,
            messages=form.messages,
            starts_after_seconds=dice.uniform(0, form.arriving_seconds),
            hands_on=dice.random() < form.hand_on_share,
            dice=random.Random(f"visitor {form.seed} {number}"),
            repeats=random.Random(f"repeats {form.seed} {number}"),
            repeat_share=form.repeat_share,
        )
        for number in range(round_number * in_a_round, (round_number + 1) * in_a_round)
    ]


async def settle(database: Database, patience_seconds: float) -> None:
    """Until nothing is under way any more. Tables have nothing to await, so they are asked again and again."""
    unsettled: dict[str, int] = {}
    try:
        async with asyncio.timeout(patience_seconds):
            while True:
                async with database.transaction() as session:
                    unsettled = await list_unsettled(session)
                if not unsettled:
                    return
                await asyncio.sleep(SETTLE_POLL_SECONDS)
    except TimeoutError:
        raise AssertionError(f"still under way after {patience_seconds} s: {unsettled}") from None
