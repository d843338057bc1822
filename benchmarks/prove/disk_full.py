"""A full disk under PostgreSQL, for real: what customers are told meanwhile, what is kept, and that it comes back."""

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import asyncpg

from app.core.database import Database
from app.ops import migrate
from app.ops.bench.http_load import HttpConnection
from app.ops.bench.measuring import now
from app.ops.bench.scratch import Scratch, run
from app.ops.bench.world import MESSAGES_PATH, Sender, check, drained, let_write, make_senders, make_world
from app.ops.embedded_postgres import EmbeddedPostgres
from benchmarks.prove.records import Outcome, counted

TABLES_MIB, LOG_MIB = 300, 160
CUSTOMERS = 400
HANDS = 8
"""Customers who write at the same time."""
REFUSALS = 40
"""So many must be told of the trouble before it ends."""
ANSWERS = 200
"""So many must be taken in again for it to be over."""
PAUSE_SECONDS = 0.05
PATIENCE_SECONDS = 120.0
BACK_WITHIN_SECONDS = 30.0
SETTINGS = {"min_wal_size": "32MB", "max_wal_size": "64MB", "log_min_messages": "warning"}
PARKED = """
SELECT (SELECT count(*) FROM parked_event) + (SELECT count(*) FROM work_item WHERE parked_at IS NOT NULL)
     + (SELECT count(*) FROM offer WHERE parked_at IS NOT NULL)
     + (SELECT count(*) FROM consumer_cursor WHERE stopped_reason IS NOT NULL)"""
INSIDE = "SWITCHBOARD_PROVE_IN_NAMESPACE"


@dataclass(slots=True)
class Customers:
    """They repeat each message until it is taken in, and remember every answer of success."""

    address: tuple[str, int]
    senders: list[Sender]
    answered: dict[str, str] = field(default_factory=dict)
    """client id to message id"""
    told: Counter[str] = field(default_factory=Counter)
    """Codes of refusals since it was cleared last."""
    faults: list[str] = field(default_factory=list)
    leaving: bool = False

    async def write(self, hand: int) -> None:
        """Until they leave; the last message is answered too."""
        mine = self.senders[hand::HANDS]
        connection = await HttpConnection.open(*self.address, number=hand)
        for turn in count():
            if self.leaving:
                break
            client_id = f"full-{hand}-{turn}"
            request = mine[turn % len(mine)].request(client_id)
            while not await self._post(connection, request, client_id):  # noqa: ASYNC110
                await asyncio.sleep(PAUSE_SECONDS)
        connection.close()

    async def _post(self, connection: HttpConnection, request: bytes, client_id: str) -> bool:
        status, body = await connection.ask(request)
        answer = json.loads(body)
        if status < 300:
            self.answered[client_id] = answer["message_id"]
            return True
        self.told[answer["code"]] += 1
        if status != 503:
            self.faults.append(f"{client_id} was refused with {status} {answer['code']}")
        return False

    async def until(self, reached: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not reached():  # noqa: ASYNC110
                    await asyncio.sleep(PAUSE_SECONDS)
        except TimeoutError:
            raise AssertionError(f"{what} within {PATIENCE_SECONDS:g} s; told since: {dict(self.told)}") from None


@dataclass(frozen=True, slots=True)
class Trouble:
    name: str
    code: str
    """What customers are told."""
    begin: Callable[[], Awaitable[None]]
    end: Callable[[], Awaitable[None]]
    reads: bool = True
    """Whether what is stored can be read meanwhile."""


@dataclass(frozen=True, slots=True)
class Spell:
    """One trouble as it went."""

    name: str
    told: Counter[str]
    taken_in: int
    back_seconds: float


def measure() -> Outcome:
    """In a mount namespace of its own: the two small file systems are gone with it."""
    with tempfile.TemporaryDirectory(prefix="switchboard-full-") as name:
        folder = Path(name)
        tables, log = make_disk(folder / "tables", TABLES_MIB), make_disk(folder / "log", LOG_MIB)
        postgres = EmbeddedPostgres(tables / "postgres", settings=SETTINGS)
        postgres.start()
        installation = Scratch(folder, postgres)
        try:
            move_log(postgres, log)
            asyncio.run(migrate.upgrade(postgres.url))
            senders = run(_prepare(installation))
            address = installation.start_api()
            installation.start_worker()
            # The driver's own loop and not `run`: PostgreSQL dies with the thread that starts it again.
            spells, faults = run(_measure(installation, Customers(address, senders), tables, log))
            return tell(spells, [*faults, *installation.faults()])
        finally:
            installation.stop()
            for disk in (tables, log):
                subprocess.run(["umount", "--lazy", str(disk)], check=True)


def tell(spells: list[Spell], faults: list[str]) -> Outcome:
    figures = [
        counted(
            spell.name.replace(" ", "-"),
            f"{spell.name}: until {ANSWERS} messages were taken in after its end",
            round(spell.back_seconds, 1),
            "s",
            must=BACK_WITHIN_SECONDS,
        )
        for spell in spells
    ]
    notes = [
        f"{spell.name}: customers were told {', '.join(f'{code} {n} times' for code, n in spell.told.most_common())};"
        f" {spell.taken_in} messages were taken in meanwhile"
        for spell in spells
    ]
    how = (
        f"PostgreSQL's tables on a file system in memory of {TABLES_MIB} MiB, its write-ahead log on another of"
        f" {LOG_MIB} MiB, each filled to the last byte by a file beside it"
    )
    return Outcome(figures, faults=faults, notes=[*notes, how])


def make_disk(place: Path, mebibytes: int) -> Path:
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=0755", "tmpfs", str(place)], check=True)
    return place


def move_log(postgres: EmbeddedPostgres, disk: Path) -> None:
    postgres.stop()
    inside = postgres.cluster / "pg_wal"
    shutil.copytree(inside, disk / "pg_wal")
    (disk / "pg_wal").chmod(0o700)
    shutil.rmtree(inside)
    inside.symlink_to(disk / "pg_wal")
    postgres.start()


def fill(disk: Path) -> None:
    """To the last byte."""
    block = bytes(4096)
    with (disk / "filler").open("ab", buffering=0) as filler, suppress(OSError):
        while True:
            filler.write(block)


def make_room(disk: Path) -> None:
    (disk / "filler").unlink()


async def _prepare(installation: Scratch) -> list[Sender]:
    database = Database(installation.url, application_name="prove")
    world = await make_world(database)
    senders = make_senders(world.account_id, CUSTOMERS)
    await let_write(database, senders)
    await database.close()
    return senders


async def _measure(
    installation: Scratch, customers: Customers, tables: Path, log: Path
) -> tuple[list[Spell], list[str]]:
    postgres = installation.postgres
    troubles = [_tables_full(tables), _read_only(postgres), _log_full(postgres, log)]
    spells = []
    async with asyncio.TaskGroup() as group:
        for hand in range(HANDS):
            group.create_task(customers.write(hand))
        await customers.until(lambda: len(customers.answered) >= ANSWERS, "nobody was answered")
        for trouble in troubles:
            spells.append(await _go_through(trouble, customers))
        customers.leaving = True
    async with connected(postgres) as observer:
        await drained(observer)
        return spells, [*customers.faults, *await _find_faults(observer, customers)]


async def _go_through(trouble: Trouble, customers: Customers) -> Spell:
    before = len(customers.answered)
    customers.told.clear()
    await trouble.begin()
    await customers.until(lambda: customers.told[trouble.code] >= REFUSALS, f"nobody was told {trouble.code}")
    taken_in = len(customers.answered) - before
    if trouble.reads and (status := await _read(customers)) != 200:
        customers.faults.append(f"{trouble.name}: reading was answered with {status}")
    told = Counter(customers.told)
    await trouble.end()
    ended, there = now(), len(customers.answered)
    await customers.until(lambda: len(customers.answered) >= there + ANSWERS, f"{trouble.name}: it did not come back")
    return Spell(trouble.name, told, taken_in, now() - ended)


async def _read(customers: Customers) -> int:
    connection = await HttpConnection.open(*customers.address, number=HANDS)
    lines = [f"GET {MESSAGES_PATH} HTTP/1.1", "Host: bench", f"Authorization: Bearer {customers.senders[0].token}"]
    status, _ = await connection.ask("\r\n".join([*lines, "", ""]).encode())
    connection.close()
    return status


def _tables_full(disk: Path) -> Trouble:
    async def begin() -> None:
        await asyncio.to_thread(fill, disk)

    async def end() -> None:
        make_room(disk)

    return Trouble("no room for tables", "database_full", begin, end)


def _read_only(postgres: EmbeddedPostgres) -> Trouble:
    async def refuse(word: str) -> None:
        async with connected(postgres) as observer:
            await observer.execute(f"ALTER SYSTEM SET default_transaction_read_only = {word}")
            await observer.execute("SELECT pg_reload_conf()")

    return Trouble("read-only", "database_read_only", lambda: refuse("on"), lambda: refuse("off"))


def _log_full(postgres: EmbeddedPostgres, disk: Path) -> Trouble:
    """Without room for its log PostgreSQL ends, and cannot start before there is some."""

    async def begin() -> None:
        await asyncio.to_thread(fill, disk)
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            while True:  # what was laid aside for the log is used up
                async with connected(postgres) as observer:
                    await observer.execute("SELECT pg_logical_emit_message(false, 'prove', repeat('x', 1000000))")
                    await observer.execute("SELECT pg_switch_wal()")
        while postgres.pid is not None:  # noqa: ASYNC110
            await asyncio.sleep(PAUSE_SECONDS)

    async def end() -> None:
        make_room(disk)
        postgres.start()  # as `up` does, again and again

    return Trouble("no room for the log", "database_unavailable", begin, end, reads=False)


async def _find_faults(observer: "asyncpg.Connection[asyncpg.Record]", customers: Customers) -> list[str]:
    faults = await check(observer, messages=CUSTOMERS + len(customers.answered))
    rows = await observer.fetch("SELECT client_id, id::text FROM message WHERE client_id LIKE 'full-%'")
    stored = {row["client_id"]: row["id"] for row in rows}
    if stored != customers.answered:
        lost = customers.answered.keys() - stored.keys()
        faults.append(f"{len(lost)} messages were answered and are not stored, of {len(customers.answered)}")
    if parked := await observer.fetchval(PARKED):
        faults.append(f"{parked} events, works or offers were parked, or consumers stopped")
    return faults


@asynccontextmanager
async def connected(postgres: EmbeddedPostgres) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(postgres.url)
    try:
        yield connection
    finally:
        connection.terminate()


def enter_namespace() -> None:
    """Begin again where file systems can be mounted without anybody else seeing them; root is not needed."""
    if INSIDE not in os.environ:
        rights = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        os.environ[INSIDE] = "1"
        os.execvp("unshare", ["unshare", "--mount", *rights, sys.executable, *sys.orig_argv[1:]])


def main() -> int:
    argparse.ArgumentParser(description=__doc__).parse_args()
    enter_namespace()
    outcome = measure()
    print(outcome.as_text())
    return 0 if outcome.holds else 1


if __name__ == "__main__":
    sys.exit(main())
