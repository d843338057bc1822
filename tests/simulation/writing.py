"""Customers who write without a pause while an installation changes under them, and what they were answered."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from time import monotonic

from app.ops.bench.http_load import HttpConnection
from app.ops.bench.world import Sender


@dataclass(frozen=True, slots=True)
class Form:
    """`conversations`: of history, four messages each. `posts_between`: answered between one step and the next."""

    conversations: int
    writers: int = 2
    visitors: int = 400
    posts_between: int = 10
    pause_seconds: float = 0.1
    """Of a writer between an answer and its next message: load enough to be met, not to measure."""
    patience_seconds: float = 120


@dataclass(slots=True)
class Story:
    """What was seen. `answer_seconds`: by step, how long each post took."""

    faults: list[str] = field(default_factory=list)
    answered: int = 0
    answer_seconds: dict[str, list[float]] = field(default_factory=dict)
    lock_wait_seconds: dict[str, float] = field(default_factory=dict)
    """By step, the longest that a statement was seen to wait for a table's lock."""
    was_killed_amid: bool = False
    gave_up_on_lock: bool = False


class Writers:
    """Customers who write to whichever api is served, one message after the other, until stopped."""

    def __init__(self, senders: list[Sender], form: Form, story: Story) -> None:
        self._senders, self._form, self._story = senders, form, story
        self._numbers = count()
        self._progress = asyncio.Condition()
        self.address: tuple[str, int] = ("", 0)
        self.step = ""

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        stop = asyncio.Event()
        tasks = [asyncio.create_task(self._write(stop, number)) for number in range(self._form.writers)]
        try:
            yield
        finally:
            stop.set()
            await asyncio.gather(*tasks)

    async def _write(self, stop: asyncio.Event, number: int) -> None:
        address, connection = self.address, await HttpConnection.open(*self.address, number=number)
        while not stop.is_set():
            if address != self.address:
                connection.close()
                address, connection = self.address, await HttpConnection.open(*self.address, number=number)
            await self._post(connection)
            await asyncio.sleep(self._form.pause_seconds)
        connection.close()

    async def _post(self, connection: HttpConnection) -> None:
        message, step, began = next(self._numbers), self.step, monotonic()
        sender = self._senders[message % len(self._senders)]
        try:
            status, body = await connection.ask(sender.request(f"m{message}"))
        except ConnectionError as error:
            status, body = 0, repr(error).encode()
        if not 200 <= status < 300:
            self._story.faults.append(f"{step}: a post was answered {status} {body.decode(errors='replace')[:300]}")
        self._story.answer_seconds.setdefault(step, []).append(monotonic() - began)
        async with self._progress:
            self._story.answered += 200 <= status < 300
            self._progress.notify_all()

    async def get_on(self) -> None:
        """Until some more were answered. Raises TimeoutError."""
        enough = self._story.answered + self._form.posts_between
        async with asyncio.timeout(self._form.patience_seconds), self._progress:
            await self._progress.wait_for(lambda: self._story.answered >= enough)
