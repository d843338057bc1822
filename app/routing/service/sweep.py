"""The net under the router: compares its memory with the tables and names what it missed."""

from uuid import UUID

from prometheus_client import Counter
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.metrics import at_nought
from app.routing.facts import AgentFacts, WorkFacts
from app.routing.models import WorkItem
from app.routing.service import loading

PAGE = 5_000
MISSED = Counter("switchboard_routing_missed_total", "Changes the router had not heard of; target 0", ["kind"])
at_nought(MISSED, ("work", "agent"))

Digest = tuple[object, ...]


class Sweep:
    """A difference counts as missed when it is seen in two sweeps running: the first may only be on its way."""

    def __init__(self) -> None:
        self._works: dict[UUID, int] = {}
        self._agents: dict[UUID, Digest] = {}
        self._suspects: set[tuple[str, UUID, object]] = set()
        self._after = UUID(int=0)

    def note_work(self, facts: WorkFacts) -> None:
        self._works[facts.id] = facts.version

    def forget(self, work_id: UUID) -> None:
        self._works.pop(work_id, None)

    def note_agent(self, facts: AgentFacts) -> None:
        self._agents[facts.id] = _digest(facts)

    async def find_missed(self, session: AsyncSession) -> tuple[set[UUID], set[UUID]]:
        """(works, agents) to read again."""
        seen = await self._differing_works(session) | await self._differing_agents(session)
        missed = seen & self._suspects
        self._suspects = seen - missed
        for kind, _, _ in missed:
            MISSED.labels(kind).inc()
        return _ids(missed, "work"), _ids(missed, "agent")

    async def _differing_works(self, session: AsyncSession) -> set[tuple[str, UUID, object]]:
        """One page of the waiting work a sweep, so that a long queue costs no more than a short one."""
        rows = (
            await session.execute(
                select(WorkItem.id, WorkItem.version)
                .where(WorkItem.state == "queued", WorkItem.id > self._after)
                .order_by(WorkItem.id)
                .limit(PAGE)
            )
        ).all()
        start, self._after = self._after, rows[-1].id if len(rows) == PAGE else UUID(int=0)
        stored: dict[UUID, int] = {row.id: row.version for row in rows}
        end = rows[-1].id if len(rows) == PAGE else None
        known = {
            work_id: version
            for work_id, version in self._works.items()
            if work_id > start and (end is None or work_id <= end)
        }
        differing = stored.items() ^ known.items()
        return {("work", work_id, version) for work_id, version in differing}

    async def _differing_agents(self, session: AsyncSession) -> set[tuple[str, UUID, object]]:
        stored = {loaded.facts.id: _digest(loaded.facts) for loaded in await loading.load_agents(session, None)}
        return {
            ("agent", agent_id, stored.get(agent_id))
            for agent_id in stored.keys() | self._agents.keys()
            if stored.get(agent_id) != self._agents.get(agent_id)
        }


def _digest(facts: AgentFacts) -> Digest:
    skills = tuple(sorted(facts.skills.items()))
    return (facts.routable, facts.ledger, skills, facts.queues, facts.groups)


def _ids(found: set[tuple[str, UUID, object]], kind: str) -> set[UUID]:
    return {subject for found_kind, subject, _ in found if found_kind == kind}
