"""Those who are not cut: customers who go on writing, and a few consoles that tell when each message came."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.ops.bench.http_load import HttpConnection
from app.ops.bench.measuring import now, percentile
from benchmarks.prove.consoles import PING_SECONDS, Console, Notes
from benchmarks.prove.reconnect_world import Floor

POSTS_A_SECOND = 50.0
CONSOLES = 5
CONNECTIONS = 8
AGAIN_SECONDS = 0.2
SETTLE_SECONDS = 30.0
CLIENT_ID = re.compile(rb'"client_id":"([^"]+)"')
ACCEPTED = range(200, 300)


class Live:
    def __init__(self, address: tuple[str, int], floor: Floor) -> None:
        self._address, self._floor = address, floor
        self._connections: asyncio.Queue[HttpConnection | None] = asyncio.Queue()
        for _ in range(CONNECTIONS):
            self._connections.put_nowait(None)
        self.consoles: list[Console] = []
        self._due: dict[bytes, float] = {}
        self._missing: dict[bytes, int] = {}
        self._samples: list[tuple[float, float]] = []
        self._resting = asyncio.Event()
        self.posted = 0
        self.retried = 0
        self.faults: list[str] = []

    @classmethod
    @asynccontextmanager
    async def on(cls, address: tuple[str, int], floor: Floor, after: str) -> AsyncIterator["Live"]:
        live = cls(address, floor)
        token = floor.world.keys[0]
        live.consoles = [Console(address, token, after, Notes(), live._note) for _ in range(CONSOLES)]
        for console in live.consoles:
            console.open()
        await asyncio.gather(*(console.live.wait() for console in live.consoles))
        works = [asyncio.create_task(live._write()), asyncio.create_task(live._beat())]
        try:
            yield live
        finally:
            for work in works:
                work.cancel()
            for console in live.consoles:
                console.close()

    def latencies(self, begun: float, ended: float) -> tuple[float, float]:
        """(p50, p99), seconds, of the posts that were due between these instants."""
        seconds = [took for due, took in self._samples if begun <= due <= ended]
        # What has not come yet is at least as late as that.
        seconds += [now() - self._due[each] for each in self._missing if begun <= self._due[each] <= ended]
        return percentile(seconds, 0.5), percentile(seconds, 0.99)

    async def settled(self) -> None:
        """Until every message posted by now has come to every live console."""
        waiting = dict(self._missing)
        until = now() + SETTLE_SECONDS
        while any(client_id in self._missing for client_id in waiting):
            if now() > until:
                self.faults.append(f"{len(self._missing)} messages did not come within {SETTLE_SECONDS:g} s")
                return
            await asyncio.sleep(0.05)

    async def rest(self) -> None:
        self._resting.set()
        await self.settled()

    def _note(self, frame: bytes) -> None:
        found = CLIENT_ID.search(frame)
        if found is None or found[1] not in self._missing:
            return
        self._samples.append((self._due[found[1]], now() - self._due[found[1]]))
        self._missing[found[1]] -= 1
        if not self._missing[found[1]]:
            del self._missing[found[1]]

    async def _write(self) -> None:
        """At fixed times, whatever the answers do."""
        started, number = now(), 0
        teams = len(self._floor.senders)
        async with asyncio.TaskGroup() as sending:
            while not self._resting.is_set():
                due = started + number / POSTS_A_SECOND
                await asyncio.sleep(max(0.0, due - now()))
                senders, client_id = self._floor.senders[number % teams], f"live-{number}"
                wanted = senders[number // teams % len(senders)].request(client_id)
                sending.create_task(self._post(wanted, client_id.encode(), due))
                number += 1

    async def _post(self, wanted: bytes, client_id: bytes, due: float) -> None:
        self._due[client_id], self._missing[client_id] = due, CONSOLES
        connection = await self._connections.get()
        while True:
            try:
                connection = connection or await HttpConnection.open(*self._address, number=self.posted)
                status, _ = await connection.ask(wanted)
                if status in ACCEPTED:
                    break
                self.retried += 1
            except OSError:
                connection = None
                self.retried += 1
            await asyncio.sleep(AGAIN_SECONDS)
        self.posted += 1
        self._connections.put_nowait(connection)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(PING_SECONDS)
            for console in self.consoles:
                with contextlib.suppress(OSError):
                    console.ping()
