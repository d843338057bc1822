"""The socket of agents' pages and of API clients: /v1/socket."""

import asyncio

from fastapi import APIRouter, WebSocket
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.origins import is_same_origin
from app.access.schemas import Principal
from app.core.errors import Forbidden
from app.core.token_bucket import TokenBucket
from app.realtime.audience import Viewer
from app.realtime.commands import AGENT_SIGNALS
from app.realtime.frame_socket import FrameSocket
from app.realtime.frames import AgentHello, Close, Command, Frame, Refused, Result, Who
from app.realtime.service import agent_commands, snapshots
from app.realtime.shapes import AgentIdentity

SIGNALS_A_SECOND = 2.0
SIGNALS_AT_ONCE = 10.0
SESSION_COOKIE = "switchboard_session"

router = APIRouter()


@router.websocket("/v1/socket")
async def agent_socket(socket: WebSocket) -> None:
    token = socket.cookies.get(SESSION_COOKIE)
    if token is not None and not is_same_origin(
        socket.headers.get("origin"),
        host=socket.headers.get("host", ""),
        public_url=socket.app.state.settings.public_url,
    ):
        # A foreign page opened it with our user's cookie. Closing before accepting answers 403.
        await socket.close(Close.NOT_ALLOWED)
        return
    await AgentSocket(socket).run(token)


class AgentSocket(FrameSocket):
    name: str = ""

    def __init__(self, socket: WebSocket) -> None:
        super().__init__(socket)
        self._signal_pace = TokenBucket(a_second=SIGNALS_A_SECOND, at_once=SIGNALS_AT_ONCE)

    @property
    def principal(self) -> Principal:
        assert self.seat is not None
        assert isinstance(self.seat.viewer, Principal)
        return self.seat.viewer

    @staticmethod
    def actor_of(viewer: Viewer) -> str:
        assert isinstance(viewer, Principal)
        return viewer.actor

    async def authenticate(self, token: str) -> Viewer:
        principal = await self.hub.door.check(token)
        if "conversations:read" not in principal.scopes:
            raise Forbidden("scope_missing", "The socket needs the scope conversations:read.")
        return principal

    def has_expired(self) -> bool:
        return self.principal.expires_at is not None and self.principal.expires_at <= self.clock.now()

    async def welcome(self, viewer: Viewer) -> Frame:
        assert isinstance(viewer, Principal)
        self.name = await self.hub.door.name_of(viewer.id) if viewer.kind == "agent" else ""
        identity = AgentIdentity(
            kind=viewer.kind,
            id=viewer.id,
            name=self.name,
            role=viewer.role,
            visibility=viewer.visibility,
            team_id=viewer.team_id,
            scopes=sorted(viewer.scopes),
        )
        return AgentHello(server_time=self.clock.now(), incarnation=self.hub.tail.incarnation, principal=identity)

    async def snapshot(self, session: AsyncSession, viewer: Viewer, position: str) -> Frame:
        assert isinstance(viewer, Principal)
        return await snapshots.agent_snapshot(session, viewer, position)

    async def obey(self, command: Command) -> Result | Refused:
        if command.name in AGENT_SIGNALS:
            return await self._signal(command)
        async with self.database.transaction() as session:
            return await agent_commands.obey(session, self.act, self.principal, command)

    async def on_enter(self, *, first: bool) -> None:
        if self._has_presence and first:
            await self.hub.door.beat(self.principal.id, self.act)

    async def on_beat(self) -> None:
        """Presence goes on; and a session that ended or expired is found out, whoever forgot to tell."""
        assert self.seat is not None
        await self.hub.recheck(self.seat)
        if self._has_presence and not self.connection.ended.is_set():
            await self.hub.door.beat(self.principal.id, self.act)

    async def on_leave(self, *, last: bool) -> None:
        if self._has_presence and last:
            await self.hub.door.leave(self.principal.id, self.act)

    @property
    def _has_presence(self) -> bool:
        return self.principal.kind == "agent" and "work" in self.principal.scopes

    async def _signal(self, command: Command) -> Result:
        given = AGENT_SIGNALS[command.name].model_validate(command.data)
        who = Who(kind="agent", id=self.principal.id, name=self.name)
        if not self._signal_pace.allows(asyncio.get_running_loop().time()):
            return Result(id=command.id, data={"dropped": True}, events=[])
        await self.hub.signals.tell(self.principal, who, command.name, given.conversation_id, on=given.on)
        return Result(id=command.id, data={}, events=[])
