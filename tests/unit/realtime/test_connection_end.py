"""The end of a connection whose writer is gone already."""

import asyncio

from starlette.types import Message

from app.realtime.connection import Connection
from app.realtime.frames import Close


async def test_a_word_to_a_peer_that_left_is_no_error() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    connection = Connection(send)
    writing = asyncio.create_task(connection.write())
    await asyncio.sleep(0)
    writing.cancel()
    await asyncio.wait({writing})
    connection.end("session_ended", Close.NOT_AUTHENTICATED)
    assert connection.ended.is_set()
    assert sent == []
