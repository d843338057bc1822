"""A crowd passes a few at a time, in the order it came, and nobody is left outside."""

import asyncio

from app.realtime.service.turnstile import Turnstile

LONG_SECONDS = 3_600
SHORT_SECONDS = 0.01


async def crowd(turnstile: Turnstile, number: int, passed: list[int]) -> list[asyncio.Task[None]]:
    async def go(who: int) -> None:
        await turnstile.go()
        passed.append(who)

    tasks = [asyncio.create_task(go(who)) for who in range(number)]
    for _ in range(5):
        await asyncio.sleep(0)
    return tasks


async def test_no_more_than_it_lets_in_pass_before_the_time_is_over() -> None:
    passed: list[int] = []
    tasks = await crowd(Turnstile(3, LONG_SECONDS), 8, passed)
    assert passed == [0, 1, 2]
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def test_everybody_passes_in_turn_and_who_gave_up_keeps_no_place() -> None:
    passed: list[int] = []
    tasks = await crowd(Turnstile(2, SHORT_SECONDS), 7, passed)
    tasks[4].cancel()
    await asyncio.wait(tasks)
    assert passed == [0, 1, 2, 3, 5, 6]
