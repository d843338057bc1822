"""The router: one process at a time holds the engine in memory, follows the log and commits what it decides."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from app.core import event_log, tracing
from app.core.act import system_act
from app.core.clock import Clock
from app.core.database import Database
from app.core.driver import raise_if_cancelled
from app.core.event_log import Position, StoredEvent
from app.core.log_reader import LogReader
from app.core.log_signal import NET_SECONDS, LogSignal
from app.core.owners import Deposed, Ownership
from app.core.token_bucket import TokenBucket
from app.routing import decisions
from app.routing.engine import Engine
from app.routing.facts import AgentFacts, WorkFacts
from app.routing.rings import COOL_DOWN_ALONE_SECONDS, COOL_DOWN_SECONDS
from app.routing.service import gauges, loading
from app.routing.service.matching import ROUTER, Committed, commit_decisions
from app.routing.service.sweep import Sweep

log = structlog.get_logger(__name__)

DECISIONS_PER_COMMIT = 100
"""A commit holds the locks of all its agents; more of them would let answers wait."""
SWEEP_SECONDS = 5.0
REBUILD_PAUSE_SECONDS = 0.5
VAIN_LOOKS_A_SECOND, VAIN_LOOKS_AT_ONCE = 100.0, 10
"""Most of a busy log is nothing to the router. A look that finds something is not counted: it takes a transaction, and
meanwhile the next events gather by themselves."""
MAX_CAUSES = 1_000
"""Of more work that waits, the oldest traces end where it waits."""


@dataclass
class Changed:
    """Which rows to read again. Events only tell where to look; the rows are the truth."""

    works: set[UUID] = field(default_factory=set)
    agents: set[UUID] = field(default_factory=set)
    queues: set[UUID] = field(default_factory=set)
    everybody: bool = False

    def __bool__(self) -> bool:
        return bool(self.works or self.agents or self.queues or self.everybody)

    def add(self, event: StoredEvent) -> None:
        payload = event.payload
        if event.type in WORK_TYPES:
            self.works.add(UUID(payload["work_id"]))
            if payload.get("agent_id"):
                self.agents.add(UUID(payload["agent_id"]))
        elif event.type in TRANSFER_TYPES:
            self.agents.add(UUID(payload["to_agent_id"]))
        elif event.type in AGENT_TYPES:
            self.agents.add(UUID(payload["agent_id"]))
        elif event.type == "queue.changed":
            self.queues.add(UUID(payload["queue_id"]))
            # A change of members touches any number of agents; it is rare.
            self.everybody = self.everybody or payload["change"] == "members"


WORK_TYPES = frozenset({"work.changed", "offer.ended"})
TRANSFER_TYPES = frozenset({"transfer.offered", "transfer.ended"})
AGENT_TYPES = frozenset({"presence.changed", "agent.created", "agent.updated", "agent.disabled"})


class Router:
    """Any doubt (an error, a gap in the log) throws the memory away and rebuilds it from the tables."""

    def __init__(
        self, database: Database, clock: Clock, signal: LogSignal, *, holder: str, reader: LogReader | None = None
    ) -> None:
        """`reader`: one to share with the consumers of the process."""
        self._database = database
        self._clock = clock
        self._signal = signal
        self._ownership = Ownership(database, clock, ROUTER, holder=holder)
        self._log = reader or LogReader(database.url, application_name="switchboard-router")
        self._engine = Engine()
        self._position: Position = event_log.ZERO
        self._heard = 0
        self._logins: dict[UUID, tuple[datetime, datetime]] = {}
        self._sweep = Sweep()
        self._sweep_at = clock.now()
        self._own_events: set[UUID] = set()
        """Of our own commits, until they come by in the log: the memory holds what they tell."""
        self._causes: dict[UUID, str] = {}
        """By work, the request id of the event that brought it, where a trace goes on with it."""

    async def run(self) -> None:
        try:
            await self._ownership.run(self.lead)
        finally:
            self._log.close()

    async def lead(self, epoch: int) -> None:
        """Route until deposed or cancelled."""
        try:
            await self._lead(epoch)
        finally:
            gauges.forget_waiting()

    async def _lead(self, epoch: int) -> None:
        while True:
            try:
                await self.rebuild()
                await self._follow(epoch)
            except Deposed:
                log.info("router_deposed", epoch=epoch)
                return
            except Exception:
                raise_if_cancelled()
                log.warning("router_rebuilds", epoch=epoch, exc_info=True)
                await asyncio.sleep(REBUILD_PAUSE_SECONDS)

    async def _follow(self, epoch: int) -> None:
        vain_looks = TokenBucket(a_second=VAIN_LOOKS_A_SECOND, at_once=VAIN_LOOKS_AT_ONCE)
        loop = asyncio.get_running_loop()
        in_vain = False
        while True:
            if await self.step(epoch):
                in_vain = False
                continue
            rest = vain_looks.rest_seconds(loop.time()) if in_vain else 0.0
            await self._idle()
            in_vain = True
            await asyncio.sleep(rest)

    async def rebuild(self) -> None:
        """The position first, then the tables: what changes in between is read again, which is harmless."""
        gauges.REBUILDS.inc()
        with gauges.REBUILD_TIME.time():
            async with self._log.use() as connection:
                self._position = await event_log.head(connection)
            self._engine = Engine()
            self._sweep = Sweep()
            self._own_events.clear()
            async with self._database.transaction() as session:
                for queue in await loading.load_queues(session, None):
                    self._engine.put_queue(queue)
                for agent in await loading.load_agents(session, None):
                    self._put_agent(agent)
                for work in await loading.load_waiting(session, None):
                    self._put_work(work)
        self._sweep_at = self._clock.now() + timedelta(seconds=SWEEP_SECONDS)

    async def step(self, epoch: int) -> bool:
        """Read what is new, decide, commit. True when there may be more to do at once."""
        read = await self._catch_up()
        if self._clock.now() >= self._sweep_at:
            await self._run_sweep()
        with gauges.DECIDING.time():
            decided = self._engine.decide(self._clock.now(), limit=DECISIONS_PER_COMMIT)
        gauges.WAITING.set(self._engine.waiting)
        # Standing in line behind others like it leaves nothing to store, and may be told of a whole queue at once.
        worth_storing = [each for each in decided if not isinstance(each, decisions.Wait) or each.trace is not None]
        for first in range(0, len(worth_storing), DECISIONS_PER_COMMIT):
            await self._commit(epoch, worth_storing[first : first + DECISIONS_PER_COMMIT])
        return bool(worth_storing) or read

    async def _commit(self, epoch: int, decided: list[decisions.Decision]) -> None:
        act = system_act(self._clock, ROUTER)
        causes = {each.work_id: self._causes[each.work_id] for each in decided if each.work_id in self._causes}
        with tracing.batch("router.commit", causes.values(), decisions=len(decided)):
            async with self._database.transaction() as session:
                committed = await commit_decisions(session, act, epoch, decided, causes=causes)
        # Only now: the transaction holds.
        await self._remember(committed)
        for each in decided:
            if isinstance(each, decisions.Unroutable):
                gauges.UNROUTABLE.labels(each.reason).inc()

    async def _remember(self, committed: Committed) -> None:
        made = set(committed.made)
        self._own_events.update(committed.events)
        gauges.OFFERS.inc(len(made))
        for work_id in committed.made:
            self._engine.confirm(work_id)
            self._sweep.forget(work_id)
        changed = Changed()
        for stale, rule in committed.stale:
            gauges.STALE.labels(rule).inc()
            self._engine.undo(stale.work_id)
            changed.works.add(stale.work_id)
            changed.agents.add(stale.agent_id)
        for agent in committed.agents:
            self._put_agent(agent)
        if changed:
            await self._reload(changed)

    async def _catch_up(self) -> bool:
        """Follow the log to its end; True if anything was new."""
        self._heard = self._signal.position
        changed = Changed()
        while True:
            events = await self._log.read(self._position, limit=event_log.READ_LIMIT)
            for event in events:
                if event.uuid in self._own_events:
                    self._own_events.remove(event.uuid)
                    continue
                changed.add(event)
                if tracing.is_carried(event.request_id):
                    self._note_cause(event)
            if events:
                self._position = events[-1].cursor
            if len(events) < event_log.READ_LIMIT:
                break
        if changed:
            await self._reload(changed)
        return bool(changed)

    def _note_cause(self, event: StoredEvent) -> None:
        if event.type not in WORK_TYPES:
            return
        if len(self._causes) >= MAX_CAUSES:
            del self._causes[next(iter(self._causes))]
        self._causes[UUID(event.payload["work_id"])] = event.request_id

    async def _reload(self, changed: Changed) -> None:
        async with self._database.transaction() as session:
            queues = await loading.load_queues(session, changed.queues) if changed.queues else []
            agent_ids: Collection[UUID] | None = None if changed.everybody else changed.agents
            agents = await loading.load_agents(session, agent_ids) if changed.agents or changed.everybody else []
            waiting = await loading.load_waiting(session, changed.works) if changed.works else []
        for queue in queues:
            self._engine.put_queue(queue)
        for queue_id in changed.queues - {queue.id for queue in queues}:
            self._engine.remove_queue(queue_id)
        for agent in agents:
            self._put_agent(agent)
        for agent_id in changed.agents - {agent.facts.id for agent in agents}:
            self._engine.remove_agent(agent_id)
        for work in waiting:
            self._put_work(work)
        for work_id in changed.works - {work.id for work in waiting}:
            self._engine.remove_work(work_id)
            self._causes.pop(work_id, None)
            self._sweep.forget(work_id)

    def _put_agent(self, loaded: loading.LoadedAgent) -> None:
        facts = self._with_login(loaded)
        self._engine.put_agent(facts)
        self._sweep.note_agent(facts)

    def _with_login(self, loaded: loading.LoadedAgent) -> AgentFacts:
        """A fresh login stands in the middle of the line, if that is later than its last work."""
        facts, at = loaded.facts, loaded.connected_at
        if at is None or not facts.connected:
            return facts
        known = self._logins.get(facts.id)
        if known is None or known[0] != at:
            median = self._engine.median_idle_since(facts.queues) or at
            known = self._logins[facts.id] = (at, median)
        return replace(facts, idle_since_at=max(facts.idle_since_at, known[1]))

    def _put_work(self, facts: WorkFacts) -> None:
        """Stored cool-downs are the long ones; whoever would be alone with the work is asked again sooner."""
        self._engine.put_work(facts)
        self._sweep.note_work(facts)
        shorter = timedelta(seconds=COOL_DOWN_SECONDS - COOL_DOWN_ALONE_SECONDS)
        now = self._clock.now()
        alone = {
            agent_id: until - shorter
            for agent_id, until in facts.cool_downs.items()
            if until > now and not self._engine.others_eligible(facts.id, agent_id, now)
        }
        if alone:
            self._engine.put_work(replace(facts, cool_downs={**facts.cool_downs, **alone}))

    async def _run_sweep(self) -> None:
        self._sweep_at = self._clock.now() + timedelta(seconds=SWEEP_SECONDS)
        gauges.show_waiting(self._engine.waiting_by_queue(), self._clock.now())
        async with self._database.transaction() as session:
            works, agents = await self._sweep.find_missed(session)
        if works or agents:
            log.warning("router_sweep_repaired", works=len(works), agents=len(agents))
            await self._reload(Changed(works=works, agents=agents))

    async def _idle(self) -> None:
        """Until the log grows, an engine's timer is due or the sweep is."""
        now = self._clock.now()
        until = self._sweep_at
        timer = self._engine.next_timer(now)
        if timer is not None:
            until = min(until, timer)
        seconds = max((until - now).total_seconds(), 0.0)
        await self._signal.wait(self._heard, min(seconds, NET_SECONDS))
