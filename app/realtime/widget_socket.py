"""The socket of the chat widget: /v1/widget/socket?key=PUBLIC_KEY, for one visitor's own conversation."""

import asyncio

from fastapi import APIRouter, WebSocket
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.origins import is_same_origin
from app.channels import service as channels
from app.channels.chat.visitor_tokens import VisitorPrincipal, VisitorTokens
from app.channels.schemas import AccountFacts
from app.core.database import Database
from app.core.errors import NotFound, Unauthenticated
from app.realtime.audience import Viewer, Visitor
from app.realtime.frame_socket import FrameSocket
from app.realtime.frames import Close, Command, Frame, Hello, Refused, Result
from app.realtime.pace import Pace
from app.realtime.service import snapshots, visitor_commands

MESSAGES_A_SECOND = 1.0
MESSAGES_AT_ONCE = 20.0
MAX_KEY_CHARACTERS = 100

router = APIRouter()


@router.websocket("/v1/widget/socket")
async def widget_socket(socket: WebSocket, key: str = "") -> None:
    account = await find_account(socket.app.state.database, key)
    if account is None or not is_allowed_origin(socket, account):
        # Before accepting: the browser of a page that may not embed us gets a plain 403.
        await socket.close(Close.NOT_ALLOWED)
        return
    await WidgetSocket(socket, account).run(None)


async def find_account(database: Database, key: str) -> AccountFacts | None:
    if not 0 < len(key) <= MAX_KEY_CHARACTERS:
        return None
    try:
        async with database.transaction() as session:
            return await channels.get_facts_by_key(session, key)
    except NotFound:
        return None


def is_allowed_origin(socket: WebSocket, account: AccountFacts) -> bool:
    """A page the account names, or one of our own (the demo shop)."""
    origin = socket.headers.get("origin", "")
    public_url = socket.app.state.settings.public_url
    own = is_same_origin(origin, host=socket.headers.get("host", ""), public_url=public_url)
    return own or origin.lower() in account.allowed_origins


class WidgetSocket(FrameSocket):
    def __init__(self, socket: WebSocket, account: AccountFacts) -> None:
        super().__init__(socket)
        self._account = account
        self._tokens = VisitorTokens(socket.app.state.settings.secret_key.get_secret_value())
        self._visitor: VisitorPrincipal | None = None
        self._message_pace = Pace(a_second=MESSAGES_A_SECOND, at_once=MESSAGES_AT_ONCE)

    @property
    def visitor(self) -> VisitorPrincipal:
        assert self._visitor is not None
        return self._visitor

    @staticmethod
    def actor_of(viewer: Viewer) -> str:
        assert isinstance(viewer, Visitor)
        return f"visitor:{viewer.contact_point_id}"

    async def authenticate(self, session: AsyncSession, token: str) -> Viewer:
        visitor = self._tokens.read(token, self.clock.now())
        if visitor.channel_account_id != self._account.id:
            raise Unauthenticated("visitor_token_invalid", "The visitor token is of another channel account.")
        self._visitor = visitor
        return Visitor(contact_point_id=visitor.contact_point_id, channel_account_id=visitor.channel_account_id)

    def has_expired(self) -> bool:
        return self.visitor.expires_at <= self.clock.now()

    async def welcome(self, viewer: Viewer) -> Frame:
        return Hello(
            server_time=self.clock.now(),
            incarnation=self.hub.incarnation,
            principal={"kind": "visitor", "id": str(self.visitor.id)},
        )

    async def snapshot(self, session: AsyncSession, viewer: Viewer, position: str) -> Frame:
        assert isinstance(viewer, Visitor)
        return await snapshots.visitor_snapshot(session, viewer, position)

    async def obey(self, command: Command) -> Result | Refused:
        if command.name == "message.send":
            visitor_commands.keep_pace(self._message_pace.allows(asyncio.get_running_loop().time()))
            return await visitor_commands.send(
                self.socket.app.state.intake, self.visitor, command, request_id=self.act.request_id
            )
        async with self.database.transaction() as session:
            return await visitor_commands.obey(session, self.act, self.visitor, self.hub.signals, command)
