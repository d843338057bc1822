"""Questions that come while one is being answered are answered together: one look for many sockets."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")

LONGEST_REST_SECONDS = 0.05


class Together(Generic[Q, A]):
    """`answer` gets at most `at_most` questions, in the order they came, and gives an answer or an exception for each.

    A question is never answered by a look that began before it was asked. A single one waits for nothing. While more
    are waiting it rests between two looks for as long as the last one took: a crowd that returns at once leaves half
    of the time to those who never left.
    """

    def __init__(self, answer: Callable[[Sequence[Q]], Awaitable[Sequence[A | Exception]]], *, at_most: int) -> None:
        self._answer = answer
        self._at_most = at_most
        self._waiting: deque[tuple[Q, asyncio.Future[A]]] = deque()
        self._working: asyncio.Task[None] | None = None

    async def ask(self, question: Q) -> A:
        """Raises what the look raised, or what it gave for this question. Cancelling withdraws the question."""
        asked: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, asked))
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work())
        return await asked

    async def _work(self) -> None:
        clock = asyncio.get_running_loop().time
        while batch := self._take():
            begun = clock()
            await self._settle(batch)
            if self._waiting:
                await asyncio.sleep(min(clock() - begun, LONGEST_REST_SECONDS))

    def _take(self) -> list[tuple[Q, asyncio.Future[A]]]:
        batch: list[tuple[Q, asyncio.Future[A]]] = []
        while self._waiting and len(batch) < self._at_most:
            question, asked = self._waiting.popleft()
            if not asked.done():
                batch.append((question, asked))
        return batch

    async def _settle(self, batch: list[tuple[Q, asyncio.Future[A]]]) -> None:
        answers: Sequence[A | Exception]
        try:
            answers = await self._answer([question for question, _ in batch])
        except Exception as error:
            answers = [error] * len(batch)
        for (_, asked), answer in zip(batch, answers, strict=True):
            if asked.done():
                continue
            if isinstance(answer, Exception):
                asked.set_exception(answer)
            else:
                asked.set_result(answer)
