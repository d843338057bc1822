"""What the hub runs beside the log ends when it is told to: a hub that waits for it would never begin again."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any
from uuid import uuid4

import pytest

from app.events.routing import QueueChanged
from app.realtime.roster import Roster
from app.realtime.service.board import Boards
from app.realtime.service.lines import Lines
from tests.integration.realtime.world import PATIENCE_SECONDS, World

Work = tuple[Callable[[], Coroutine[Any, Any, None]], Callable[[], None]]


async def nothing(*_: Any) -> Any:
    raise AssertionError("nobody watches the board")


def lines(world: World) -> Work:
    made = Lines(world.database, world.clock, Roster())
    return made.run, lambda: made.look(QueueChanged(queue_id=uuid4(), change="updated"))


def boards(world: World) -> Work:
    made = Boards(world.database, world.clock, Roster(), nothing)
    return made.run, made.ask


@pytest.mark.parametrize("made", [lines, boards])
async def test_they_end_however_near_the_end_comes_to_something_to_do(
    world: World, made: Callable[[World], Work]
) -> None:
    for turns in range(6):
        run, wake = made(world)
        task = asyncio.create_task(run())
        for _ in range(3):
            await asyncio.sleep(0)
        wake()
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=PATIENCE_SECONDS)
        assert done, f"still running when told to end {turns} turns of the loop after the news"
