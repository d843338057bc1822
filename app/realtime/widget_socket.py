"""The socket of the chat widget: /v1/widget/socket?key=PUBLIC_KEY, for one visitor's own conversation."""

import re

from fastapi import APIRouter, WebSocket
from sqlalchemy.ext.asyncio import AsyncSession

from app.channels import service as channels
from app.channels.chat.service import ChatFront
from app.channels.chat.visitor_tokens import VisitorPrincipal
from app.channels.schemas import AccountFacts
from app.core.errors import Forbidden, NotFound, Unauthenticated, Unavailable
from app.core.http import problem_of, problem_response, request_id_of
from app.realtime.audience import Viewer, Visitor
from app.realtime.frame_socket import FrameSocket
from app.realtime.frames import Close, Command, Frame, Refused, Result, VisitorHello
from app.realtime.service import snapshots, visitor_commands
from app.realtime.shapes import VisitorIdentity

PUBLIC_KEY = re.compile(r"[A-Za-z0-9_-]{1,100}")

router = APIRouter()


@router.websocket("/v1/widget/socket")
async def widget_socket(socket: WebSocket, key: str = "") -> None:
    try:
        account = await find_account(socket, key)
    except (NotFound, Forbidden):
        # Before accepting: the browser of a page that may not embed us gets a plain 403.
        await socket.close(Close.NOT_ALLOWED)
        return
    except Exception as error:
        problem = problem_of(error)
        if not isinstance(problem, Unavailable):
            raise
        await socket.send_denial_response(problem_response(problem, request_id_of(socket)))
        return
    await WidgetSocket(socket, account).run(None)


async def find_account(socket: WebSocket, key: str) -> AccountFacts:
    """The account the page names, if the page may use it. Raises NotFound, Forbidden."""
    if not PUBLIC_KEY.fullmatch(key):
        raise NotFound("channel_account_not_found", "Name the channel account by its public key.")
    async with socket.app.state.database.transaction() as session:
        account = await channels.get_facts_by_key(session, key)
    front: ChatFront = socket.app.state.chat
    front.check_origin(account, socket.headers.get("origin"), socket.headers.get("host", ""))
    return account


class WidgetSocket(FrameSocket):
    def __init__(self, socket: WebSocket, account: AccountFacts) -> None:
        super().__init__(socket)
        self._account = account
        self._front: ChatFront = socket.app.state.chat
        self._visitor: VisitorPrincipal | None = None

    @property
    def visitor(self) -> VisitorPrincipal:
        assert self._visitor is not None
        return self._visitor

    @staticmethod
    def actor_of(viewer: Viewer) -> str:
        assert isinstance(viewer, Visitor)
        return f"visitor:{viewer.contact_point_id}"

    async def authenticate(self, token: str) -> Viewer:
        visitor = self._front.tokens.read(token, self.clock.now())
        if visitor.channel_account_id != self._account.id:
            raise Unauthenticated("visitor_token_invalid", "The visitor token is of another channel account.")
        self._visitor = visitor
        return Visitor(contact_point_id=visitor.contact_point_id, channel_account_id=visitor.channel_account_id)

    def has_expired(self) -> bool:
        return self.visitor.expires_at <= self.clock.now()

    async def welcome(self, viewer: Viewer) -> Frame:
        identity = VisitorIdentity(id=self.visitor.id)
        return VisitorHello(server_time=self.clock.now(), incarnation=self.hub.tail.incarnation, principal=identity)

    async def snapshot(self, session: AsyncSession, viewer: Viewer, position: str) -> Frame:
        assert isinstance(viewer, Visitor)
        return await snapshots.visitor_snapshot(session, viewer, position)

    async def obey(self, command: Command) -> Result | Refused:
        if command.name == "message.send":
            address = self.socket.client.host if self.socket.client else ""
            self._front.take_message(self.visitor, address, self.clock.now())
            return await visitor_commands.send(
                self.database, self.socket.app.state.intake, self.visitor, command, request_id=self.act.request_id
            )
        async with self.database.transaction() as session:
            return await visitor_commands.obey(session, self.act, self.visitor, self.hub.signals, command)
