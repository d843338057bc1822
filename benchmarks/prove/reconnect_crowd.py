"""The crowd of the reconnect form, in a process of its own: takes orders as JSON lines and answers each with one."""

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.ops.bench.measuring import now
from app.ops.bench.scratch import run
from benchmarks.prove.consoles import PING_SECONDS, Console, Notes

JOIN_AT_ONCE = 20
RETURN_WITHIN_SECONDS = 90.0
PINGS_EVERY_SECONDS = 0.25
LINE_LIMIT = 64 * 1024 * 1024


@dataclass
class Crowd:
    """`teams[i]`: the number of the team that console i sees."""

    address: tuple[str, int]
    tokens: Sequence[str]
    teams: Sequence[int]

    def __post_init__(self) -> None:
        self.notes = Notes()
        self.consoles: list[Console] = []

    async def join(self, upto: int, after: str) -> dict[str, Any]:
        """So many are live when this returns, a few at a time."""
        while len(self.consoles) < upto:
            some = [
                Console(self.address, token, after, self.notes)
                for token in self.tokens[len(self.consoles) : min(len(self.consoles) + JOIN_AT_ONCE, upto)]
            ]
            self.consoles += some
            for console in some:
                console.open()
            await asyncio.gather(*(console.live.wait() for console in some))
        return {"live": len(self.consoles)}

    async def cut(self, how: str) -> dict[str, Any]:
        """Cut all lines at once (`reset`, `silent`) or wait for their loss (`killed`), then for all to be caught up."""
        self.notes = Notes()
        cut_at = now()
        for console in self.consoles:
            console.notes = self.notes
            console.live.clear()
            if how == "reset":
                console.reset()
            elif how == "silent":
                console.fall_silent()
        try:
            async with asyncio.timeout(RETURN_WITHIN_SECONDS):
                await asyncio.gather(*(console.live.wait() for console in self.consoles))
        except TimeoutError:
            self.notes.failed["never_back"] = sum(not console.live.is_set() for console in self.consoles)
        seconds = sorted(self._returned_at(console) - cut_at for console in self.consoles)
        notes = self.notes
        told = {"tries": notes.tries, "failed": dict(notes.failed), "repeated": notes.repeated}
        return {"cut_at": cut_at, "seconds": seconds, **told}

    @staticmethod
    def _returned_at(console: Console) -> float:
        return console.caught_up_at if console.live.is_set() else now()

    async def check(self, expected: Sequence[Sequence[int]], start: int) -> dict[str, Any]:
        """What each console was sent, beside the positions of its team's messages from `start` on."""
        wrong = [
            f"console {index}: {len(console.messages)} messages of {len(expected[team])}"
            for index, (console, team) in enumerate(zip(self.consoles, self.teams, strict=False))
            if [number for number in console.messages if number > start] != list(expected[team])
        ]
        return {"wrong": len(wrong), "first": wrong[:3], "frames": sum(len(each.messages) for each in self.consoles)}

    async def beat(self) -> None:
        """Every console pings at its own moment of the fifteen seconds."""
        parts = int(PING_SECONDS / PINGS_EVERY_SECONDS)
        number = 0
        while True:
            for console in self.consoles[number % parts :: parts]:
                console.ping()
            number += 1
            await asyncio.sleep(PINGS_EVERY_SECONDS)


async def serve() -> None:
    orders = asyncio.StreamReader(limit=LINE_LIMIT)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    first = json.loads(await orders.readline())
    crowd = Crowd(tuple(first["address"]), first["tokens"], first["teams"])
    beating = asyncio.create_task(crowd.beat())
    while line := await orders.readline():
        order = json.loads(line)
        answer = await getattr(crowd, order.pop("do"))(**order)
        print(json.dumps(answer), flush=True)
    beating.cancel()


if __name__ == "__main__":
    run(serve())
