"""A client's socket that keeps everything it was told, in the order it came."""

import asyncio
import contextlib

from websockets.asyncio.client import ClientConnection

from app.ops.socket_client import Frame, ResumingSocket

ASK_AGAIN_SECONDS = 0.2


class RecordingSocket(ResumingSocket):
    """`told`: snapshots, events and removals as they were applied, each position once."""

    def __init__(self, url: str, token: str, *, origin: str | None = None) -> None:
        super().__init__(url, token, origin=origin)
        self.told: list[Frame] = []
        self.resyncs: list[str] = []
        self.drops = 0
        self._reached = 0

    async def reach(self, position: int, timeout: float) -> None:
        """Wait until the server says that everything up to `position` has been put on this socket."""
        async with asyncio.timeout(timeout):
            while self._reached < position:
                await self._send({"type": "ping"})
                with contextlib.suppress(TimeoutError):
                    await self.wait_for(lambda: self._reached >= position, ASK_AGAIN_SECONDS)

    def cut(self) -> None:
        """As `drop`, from code that cannot wait."""
        if self._connection is not None:
            self.drops += 1
            self._connection.transport.abort()

    async def _apply(self, connection: ClientConnection, frame: Frame) -> None:
        known = len(self.events), len(self.removed), len(self.snapshots)
        if frame["type"] == "pong" and frame["position"] is not None:
            self._reached = number_of(frame["position"])
        elif frame["type"] == "resync_required":
            self.resyncs.append(frame["reason"])
        await super()._apply(connection, frame)
        if (len(self.events), len(self.removed), len(self.snapshots)) != known:
            self.told.append(frame)


def number_of(position: str) -> int:
    return int(position.partition("-")[2])
