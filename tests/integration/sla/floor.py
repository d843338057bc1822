"""People beside the clocks, and routing that hears what SLA says: the world in which actions have effects."""

from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID, uuid4

from app.access.permissions import ROLE_SCOPES
from app.access.schemas import Principal
from app.core import event_log, ids
from app.core.act import Act
from app.routing import consumers as routing
from app.routing.repository import checks
from app.routing.service import presences
from app.wiring import HOURS
from tests.integration.sla.world import World

Role = Literal["agent", "supervisor", "admin"]


@dataclass
class Floor:
    world: World
    heard: int = 0
    """Up to which position routing has followed the log."""

    async def add_team(self, name: str = "") -> UUID:
        team_id = uuid4()
        await self.world.execute(
            "INSERT INTO team (id, name, created_at) VALUES (:id, :name, :now)",
            id=team_id,
            name=name or f"Team {team_id}",
            now=self.world.clock.now(),
        )
        return team_id

    async def add_agent(
        self, *, team_id: UUID | None = None, role: Role = "agent", disabled: bool = False, visibility: str = "own"
    ) -> UUID:
        """Connected and ready."""
        agent_id, now = ids.new_id(self.world.clock.now()), self.world.clock.now()
        await self.world.execute(
            "INSERT INTO account (id, login, password_hash, role, visibility, team_id, created_at, disabled_at)"
            " VALUES (:id, :login, '', :role, :visibility, :team, :now, :disabled_at)",
            id=agent_id,
            login=str(agent_id),
            role=role,
            visibility=visibility,
            team=team_id,
            now=now,
            disabled_at=now if disabled else None,
        )
        await self.world.execute(
            "INSERT INTO agent (id, name, languages, updated_at) VALUES (:id, 'Ada', '{en}', :now)",
            id=agent_id,
            now=now,
        )
        async with self.world.database.transaction() as session:
            act = Act(now, "tests")
            await presences.connect(session, {agent_id: act})
            await presences.set_presence(session, act, agent_id=agent_id, readiness="ready")
        return agent_id

    async def open_owned(self, owner_id: UUID, *, team_id: UUID | None = None) -> UUID:
        """A conversation that waits for its owner's answer."""
        conversation_id = await self.world.open()
        await self.world.execute(
            "UPDATE conversation SET owner_id = :owner, team_id = :team WHERE id = :id",
            id=conversation_id,
            owner=owner_id,
            team=team_id,
        )
        await self.settle()
        return conversation_id

    async def settle(self) -> None:
        """SLA and routing have heard everything."""
        await self.world.follow()
        await self.route()
        await self.world.follow()

    async def route(self) -> None:
        await self.world.position()
        while events := [
            event
            for event in await event_log.read(self.world.log.connection, event_log.ZERO, limit=100_000)
            if event.position > self.heard
        ]:
            async with self.world.database.transaction() as session:
                await routing.handle(session, Act(self.world.clock.now(), "routing"), events, hours=HOURS)
            self.heard = events[-1].position
            await self.world.position()

    async def advance(self, seconds: float) -> None:
        """Time passes, the timers ring, and everybody hears of it."""
        self.world.clock.advance(seconds)
        await self.world.ring()
        await self.settle()

    async def owner(self, conversation_id: UUID) -> UUID | None:
        [row] = await self.world.execute("SELECT owner_id FROM conversation WHERE id = :id", id=conversation_id)
        return row.owner_id  # type: ignore[no-any-return]

    async def work(self, conversation_id: UUID) -> Any:
        rows = await self.world.execute(
            "SELECT * FROM work_item WHERE conversation_id = :id ORDER BY created_at DESC, ended_at NULLS FIRST",
            id=conversation_id,
        )
        return rows[0]

    async def used_units(self, agent_id: UUID) -> int:
        [row] = await self.world.execute("SELECT used_units FROM agent_ledger WHERE agent_id = :id", id=agent_id)
        return int(row.used_units)

    async def escalations(self) -> list[Any]:
        return await self.world.execute("SELECT * FROM sla_escalation ORDER BY asked_at, step")

    async def principal(self, agent_id: UUID) -> Principal:
        [row] = await self.world.execute("SELECT role, visibility, team_id FROM account WHERE id = :id", id=agent_id)
        return Principal("agent", agent_id, row.role, ROLE_SCOPES[row.role], row.visibility, row.team_id)

    async def assert_sound(self) -> None:
        async with self.world.database.transaction() as session:
            assert await checks.find_drift(session) == []
            assert await checks.list_violations(session) == []
