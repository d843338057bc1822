"""Questions that come while one is being answered share the next answer, and nobody gets another's."""

import asyncio
from collections.abc import Sequence

import pytest

from app.core.errors import Unauthenticated
from app.realtime.service.together import Together


class Desk:
    """Answers when it is let to, and notes what it was asked together."""

    def __init__(self, at_most: int = 10) -> None:
        self.looks: list[list[int]] = []
        self.may_answer = asyncio.Event()
        self.together = Together(self._answer, at_most=at_most)

    async def _answer(self, questions: Sequence[int]) -> list[str | Exception]:
        self.looks.append(list(questions))
        await self.may_answer.wait()
        return [Unauthenticated("no", "No.") if number < 0 else f"answer {number}" for number in questions]

    def ask(self, *numbers: int) -> list[asyncio.Task[str]]:
        return [asyncio.create_task(self.together.ask(number)) for number in numbers]

    async def asked(self) -> None:
        """Everything that was asked has come in."""
        for _ in range(3):
            await asyncio.sleep(0)


async def test_the_first_goes_at_once_and_those_that_come_meanwhile_go_together() -> None:
    desk = Desk()
    first = desk.ask(1)
    await desk.asked()
    others = desk.ask(2, 3, 4)
    await desk.asked()
    assert desk.looks == [[1]]
    desk.may_answer.set()
    assert await asyncio.gather(*first, *others) == ["answer 1", "answer 2", "answer 3", "answer 4"]
    assert desk.looks == [[1], [2, 3, 4]]


async def test_no_look_takes_more_than_its_share() -> None:
    desk = Desk(at_most=2)
    desk.may_answer.set()
    assert await asyncio.gather(*desk.ask(1, 2, 3, 4, 5)) == [f"answer {number}" for number in range(1, 6)]
    assert [len(look) for look in desk.looks] == [2, 2, 1]


async def test_a_fault_in_one_question_is_not_the_others() -> None:
    desk = Desk()
    desk.may_answer.set()
    good, bad = desk.ask(1, -1)
    assert await good == "answer 1"
    with pytest.raises(Unauthenticated):
        await bad


async def test_a_failed_look_fails_those_in_it_and_the_next_one_goes_on() -> None:
    failing = True

    async def answer(questions: Sequence[int]) -> list[int]:
        if failing:
            raise ConnectionError("away")
        return list(questions)

    together = Together(answer, at_most=10)
    for failed in await asyncio.gather(together.ask(1), together.ask(2), return_exceptions=True):
        assert isinstance(failed, ConnectionError)
    failing = False
    assert await together.ask(3) == 3


async def test_who_withdrew_is_not_asked_for() -> None:
    desk = Desk()
    desk.ask(1)
    await desk.asked()
    leaving, staying = desk.ask(2, 3)
    await desk.asked()
    leaving.cancel()
    desk.may_answer.set()
    assert await staying == "answer 3"
    assert desk.looks == [[1], [3]]
