"""The network's side of a socket: what a reader does not take is bounded, and a line nobody empties is cut."""

import asyncio
import socket

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

SEND_BUFFER_BYTES = 64 * 1024
"""In the system, which doubles it. By itself it would grow to megabytes for each reader that takes nothing."""
CUT_SECONDS = 5.0
"""From the end of our side until what the reader has not taken is thrown away."""


class BoundedLine(WebSocketsSansIOProtocol):
    """uvicorn closes a line when all was taken: a reader that takes nothing would hold it and its memory for ever."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        line = transport.get_extra_info("socket")
        line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        super().on_task_complete(task)
        if self.transport.get_write_buffer_size():
            self.loop.call_later(CUT_SECONDS, self.transport.abort)
