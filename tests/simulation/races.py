"""Routers of several epochs and many people at once upon the same few offers, on a real PostgreSQL."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from time import monotonic
from uuid import uuid4

import asyncpg
from sqlalchemy import make_url, text

from app.core.database import Database
from app.core.errors import SwitchboardError
from app.core.owners import Deposed, acquire
from app.routing.decisions import Decision
from app.routing.service.matching import ROUTER, commit_decisions
from tests.simulation.race_people import LIVE, PENDING, Named, Others, People, Race
from tests.simulation.race_world import RaceWorld
from tests.simulation.router_truth import WRONG, count_kinds, list_faults, memory_of

SPARE_CONNECTIONS = 10
"""Beyond one for each who races, so that none is opened amid a round."""
STATEMENTS_KEPT = 1_000
"""Prepared on each connection; the driver's hundred are fewer than those of a round."""
TAKE_OVER_SHARE = 0.3
LEASE_OVER_SECONDS = 5
BETWEEN_ROUNDS_SECONDS = 3
ROUTERS = ("owner decides", "takes over", "deposed commits")
WRONG_HERE = {
    **WRONG,
    "due rows that failed, not because somebody was faster": """
        SELECT id, last_error FROM offer WHERE last_error !~ 'changed hands' UNION ALL
        SELECT id, last_error FROM work_item WHERE last_error !~ 'changed hands'""",
}
SCENE = """
    SELECT to_jsonb(one) FROM agent_ledger AS one UNION ALL
    SELECT to_jsonb(one) FROM work_item AS one WHERE ended_at IS NULL UNION ALL
    SELECT to_jsonb(one) FROM offer AS one WHERE state = 'pending' UNION ALL
    SELECT to_jsonb(one) FROM routing_decision AS one
    JOIN work_item AS work ON work.conversation_id = one.conversation_id AND work.ended_at IS NULL
"""
STARVED = frozenset({"55P03", "25P03"})
"""A lock not given within ten seconds, a fenced transaction idle for two: the machine has no time for us."""
Clone = Callable[[], AbstractAsyncContextManager[str]]
"""A fresh database at the head of the migrations, by its address."""


@dataclass(frozen=True, slots=True)
class Form:
    """`rounds_a_day`: then the tables are emptied, so that a round late in the run costs what an early one does."""

    seed: int
    rounds: int
    people: int = 50
    routers: int = 8
    rounds_a_day: int = 250
    no_round_after_seconds: float = 3 * 3600.0


@dataclass(slots=True)
class Story:
    """`kinds`: how often what is to come about did."""

    rounds: int = 0
    acts: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    scene: list[str] = field(default_factory=list)
    """The tables as they stood at the first fault."""


class Races:
    """One day's rounds in a contact centre of its own."""

    def __init__(self, centre: RaceWorld, others: Others, form: Form, story: Story) -> None:
        self.centre, self.world, self.clock, self.random = centre, centre.world, centre.clock, centre.random
        self.others, self.form, self.story = others, form, story
        # Apart from the other draws, of which there are as many as the transactions leave to draw from: so that which
        # rounds see a takeover follows from the seed alone.
        self._taking_over = random.Random(f"{form.seed} takeovers from round {story.rounds}")
        self.epochs: list[int] = []
        self.decided: Sequence[Decision] = ()

    async def begin(self) -> None:
        await self.centre.build()
        for name in ("first", "second"):
            self.clock.advance(LEASE_OVER_SECONDS)
            self.epochs.append(await self.world.acquire_router(name))

    async def round(self) -> None:
        self.clock.advance(BETWEEN_ROUNDS_SECONDS)
        await self.centre.prepare()
        people = People(self.centre, await self.world.execute(PENDING), await self.world.execute(LIVE))
        taking_over = self._taking_over.random() < TAKE_OVER_SHARE
        if taking_over:
            self.clock.advance(LEASE_OVER_SECONDS)
        races = [*people.draw(self.form.people), *self.others.draw(), *self._routers(taking_over)]
        self.random.shuffle(races)
        await asyncio.gather(*(self._run(name, race) for name, race in races))
        # The consumer comes last: it has heard of every status by then.
        await self.centre.follow(people.touched)
        await self._check()
        self.story.rounds += 1

    # The routers

    def _routers(self, taking_over: bool) -> list[Named]:
        """One true owner, at times one that takes over or two that try, the others deposed long since."""
        takers = self.random.choice((1, 2)) if taking_over else 0
        owner = self.epochs[-1]
        races: list[Named] = [("owner decides", lambda: self._decide(owner, is_true=not takers))]
        races += [("takes over", self._take_over) for _ in range(takers)]
        for _ in range(self.form.routers - len(races)):
            epoch = self.random.choice(self.epochs[:-1])
            races.append(("deposed commits", lambda epoch=epoch: self._commit(epoch, self.decided, is_deposed=True)))
        return races

    async def _decide(self, epoch: int, *, is_true: bool = False, is_deposed: bool = False) -> None:
        """As the router does it: a memory of the tables, decisions, their commit; the tables have moved on by then."""
        self.decided = (await memory_of(self.world.database)).decide(self.clock.now())
        await self._commit(epoch, self.decided, is_true=is_true, is_deposed=is_deposed)

    async def _commit(
        self, epoch: int, decided: Sequence[Decision], *, is_true: bool = False, is_deposed: bool = False
    ) -> None:
        """The deposed ones wake with what was last decided, by them or by others: all of it once looked right."""
        try:
            async with self.world.database.transaction() as session:
                committed = await commit_decisions(session, self.world.act("router"), epoch, decided)
        except Deposed:
            self.story.acts["deposed"] += 1
            if is_true:
                self.story.faults.append(f"epoch {epoch} was deposed though nobody took over")
            return
        self.story.acts["commits"] += 1
        self.story.acts["offers"] += len(committed.made)
        for _, rule in committed.stale:
            self.story.refused[f"stale: {rule}"] += 1
        if is_deposed:
            self.story.faults.append(f"epoch {epoch} committed though {self.epochs[-1]} had begun")

    async def _take_over(self) -> None:
        async with self.world.database.transaction() as session:
            epoch = await acquire(session, ROUTER, str(uuid4()), self.clock.now())
        if epoch is None:
            self.story.refused["another took over"] += 1
            return
        before = self.epochs[-1]
        self.epochs.append(epoch)
        self.story.acts["takeovers"] += 1
        await self._decide(epoch, is_true=True)
        await self._commit(before, self.decided, is_deposed=True)

    async def _run(self, name: str, race: Race) -> None:
        self.story.acts[name] += 1
        try:
            await race()
        except SwitchboardError as refusal:
            self.story.refused[f"{name}: {refusal.code}"] += 1
            if name in ROUTERS:
                self.story.faults.append(f"{name}: {refusal.code}: the router would throw its memory away")
        except Exception as error:  # anything else is a fault of the product, and the round goes on
            if is_starved(error):
                self.story.refused[f"{name}: starved"] += 1
            else:
                self.story.faults.append(f"{name}: {error!r}")

    async def _check(self) -> None:
        async with self.world.database.transaction() as session:
            found = await list_faults(session, self.clock.now(), WRONG_HERE)
            if found:
                self.story.scene = [str(row) for row in await session.scalars(text(SCENE))]
        self.story.faults += [f"round {self.story.rounds + 1}: {one}" for one in found]

    async def end(self) -> None:
        async with self.world.database.transaction() as session:
            self.story.kinds += await count_kinds(session)
        self.story.refused["consumer: work_changed"] += self.centre.crossed


def is_starved(error: BaseException | None) -> bool:
    """Whether PostgreSQL gave up for lack of time. Of a connection it ended the driver may only say that it is gone."""
    if error is None:
        return False
    ended = isinstance(error, asyncpg.InternalClientError | asyncpg.InterfaceError | ConnectionError)
    return ended or getattr(error, "sqlstate", None) in STARVED or is_starved(error.__cause__)


async def run_races(form: Form, clone: Clone) -> Story:
    """Ends early at the first fault: what follows from it would only hide it."""
    story, until = Story(), monotonic() + form.no_round_after_seconds
    async with clone() as url:
        kept = make_url(url).update_query_dict({"prepared_statement_cache_size": str(STATEMENTS_KEPT)})
        database = Database(
            kept.render_as_string(hide_password=False),
            application_name="races",
            pool_size=form.people + form.routers + SPARE_CONNECTIONS,
        )
        while story.rounds < form.rounds and not story.faults and monotonic() < until:
            centre = RaceWorld(database, f"{form.seed}/{story.rounds}")
            races = Races(centre, Others(centre, database), form, story)
            await races.begin()
            last = min(story.rounds + form.rounds_a_day, form.rounds)
            while story.rounds < last and not story.faults and monotonic() < until:
                await races.round()
            await races.end()
        await database.close()
    return story
