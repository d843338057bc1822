"""The door that agents come and go by: tokens, names and presence of many sockets in one statement each."""

from collections.abc import Sequence
from uuid import UUID

from app.access.guards import authenticate_tokens, token_not_valid
from app.access.schemas import Principal
from app.agents import service as agents
from app.core.act import Act
from app.core.clock import Clock
from app.core.database import Database
from app.realtime.service.together import Together
from app.routing import service as routing

AT_ONCE = 50


class Door:
    """Every look is at what is there now; nothing is kept, so a revoked session opens nothing."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._checks = Together(self._check, at_most=AT_ONCE)
        self._names = Together(self._find_names, at_most=AT_ONCE)
        self._beats = Together(self._beat, at_most=AT_ONCE)
        self._leaves = Together(self._leave, at_most=AT_ONCE)

    async def check(self, token: str) -> Principal:
        """Whose token it is. Raises Unauthenticated."""
        return await self._checks.ask(token)

    async def name_of(self, agent_id: UUID) -> str:
        """Empty when there is no such agent."""
        return await self._names.ask(agent_id)

    async def beat(self, agent_id: UUID, act: Act) -> None:
        """The agent is there, by a new socket or by an old one."""
        await self._beats.ask((agent_id, act))

    async def leave(self, agent_id: UUID, act: Act) -> None:
        """The agent's last socket here is gone."""
        await self._leaves.ask((agent_id, act))

    async def _check(self, tokens: Sequence[str]) -> list[Principal | Exception]:
        async with self._database.autocommit() as session:
            found = await authenticate_tokens(session, tokens, self._clock.now())
        return [found.get(token) or token_not_valid() for token in tokens]

    async def _find_names(self, agent_ids: Sequence[UUID]) -> list[str | Exception]:
        async with self._database.autocommit() as session:
            names = {each.id: each.name for each in await agents.list_facts(session, set(agent_ids))}
        return [names.get(agent_id, "") for agent_id in agent_ids]

    async def _beat(self, beats: Sequence[tuple[UUID, Act]]) -> list[UUID]:
        acts = dict(beats)
        async with self._database.transaction() as session:
            beaten = await routing.beat(session, self._clock.now(), agent_ids=acts.keys())
        if silent := {agent_id: act for agent_id, act in acts.items() if agent_id not in beaten}:
            # In a transaction of its own: it takes other locks first.
            async with self._database.transaction() as session:
                await routing.connect(session, silent)
        return [agent_id for agent_id, _ in beats]

    async def _leave(self, leaves: Sequence[tuple[UUID, Act]]) -> list[UUID]:
        async with self._database.transaction() as session:
            await routing.disconnect(session, self._clock.now(), agent_ids=dict(leaves).keys())
        return [agent_id for agent_id, _ in leaves]
