"""A filled installation is brought to our schema while the release before it goes on serving."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from uuid import UUID

import asyncpg
import httpx

from app.core.clock import DatabaseClock
from app.core.database import Database
from app.core.errors import Unavailable
from app.ops import migrate
from app.ops.bench.history import generate
from app.ops.bench.world import Sender, World, drained, make_senders
from app.ops.serve import listen
from app.ops.supervisor import Child, stop_all
from app.routing.repository import checks
from tests.simulation.releases import ROOT, Code, Release, unpack
from tests.simulation.writing import Form, Story, Writers

READY_SECONDS = 120
LOOK_SECONDS = 0.02
SETTLE_TRIES, SETTLE_SECONDS = 60, 0.25
MADE_BY_HISTORY = "00000003-0000-7000-8000-%"
MAKE_WORLD = """
import asyncio, dataclasses, json, os
from app.core.database import Database
from app.ops import migrate
from app.ops.bench.world import make_world

async def make():
    url = os.environ["DATABASE_URL"]
    await migrate.upgrade(url)
    database = Database(url, application_name="fill")
    print(json.dumps(dataclasses.asdict(await make_world(database)), default=str))
    await database.close()

asyncio.run(make())
"""
"""Run by the older release: its schema, and rows as it writes them."""
FAULTS = {
    "conversations whose sequences have gaps": """
        SELECT count(*) FROM conversation c LEFT JOIN (
            SELECT conversation_id, count(*) AS messages, max(sequence) AS last FROM message GROUP BY 1
        ) m ON m.conversation_id = c.id
        WHERE m.messages IS DISTINCT FROM c.last_sequence OR m.last IS DISTINCT FROM c.last_sequence""",
    "messages without their event, or events without their message": f"""
        SELECT abs((SELECT count(*) FROM event WHERE type IN ('message.received', 'message.posted', 'note.added'))
          - (SELECT coalesce(sum(last_sequence), 0) FROM conversation WHERE id::text NOT LIKE '{MADE_BY_HISTORY}'))""",
    "events without a position, or positions with gaps": """
        SELECT abs((SELECT count(*) FROM event) - (SELECT count(*) FROM event_position))
            + coalesce((SELECT max(position) - min(position) + 1 - count(*) FROM event_position), 0)""",
    "parked events": "SELECT count(*) FROM parked_event",
    "indexes broken off": "SELECT count(*) FROM pg_index WHERE NOT indisvalid",
}


async def run_upgrade(release: Release, form: Form, folder: Path, database_url: str) -> Story:
    """The database is empty at the beginning. Raises NotAtHand when the release's code is not to be had."""
    story = Story()
    old = Code(await asyncio.to_thread(unpack, release, folder), database_url, folder)
    new = Code(ROOT, database_url, folder)
    senders = await _fill(old, form)
    if (found := await migrate.current(database_url)) != release.revision:
        story.faults.append(f"{release.name} is at {found}, not {release.revision}")
    try:
        await migrate.refuse_older_schema(database_url)
        story.faults.append("our programs do not refuse the older schema")
    except Unavailable:
        pass
    writers = Writers(senders, form, story)
    with ExitStack() as stack:
        served = stack.enter_context(_serving(old, "old"))
        await served.ready()
        writers.address, writers.step = served.address, "before"
        async with writers.writing(), _watched(database_url, writers, story):
            await _migrate(database_url, writers, story)
            writers.step = "old code, new schema"
            await writers.get_on()
            successor = stack.enter_context(_serving(new, "new"))
            await successor.ready()
            writers.address, writers.step = successor.address, "new code beside the old"
            await writers.get_on()
            await asyncio.to_thread(served.stop)
            writers.step = "new code"
            await writers.get_on()
        story.faults += await _find_faults(database_url, story)
        story.faults += [*served.complaints(), *successor.complaints()]
    return story


async def _fill(old: Code, form: Form) -> list[Sender]:
    made = await asyncio.to_thread(old.run_code, MAKE_WORLD)
    assert made.returncode == 0, made.stderr
    told = json.loads(made.stdout.splitlines()[-1])
    world = World(**{name: UUID(value) if name.endswith("_id") else value for name, value in told.items()})
    await generate(old.database_url, world, DatabaseClock().now(), conversations=form.conversations, messages_each=4)
    return make_senders(world.account_id, form.visitors)


async def _migrate(database_url: str, writers: Writers, story: Story) -> None:
    """Killed in the midst, refused its lock, and then through; customers write all the while."""
    await writers.get_on()
    async with _long_transaction(database_url):
        writers.step = "migration killed"
        story.was_killed_amid = await _kill_amid(database_url)
        await writers.get_on()
        writers.step = "migration waiting for a lock"
        try:
            await migrate.upgrade(database_url)
        except migrate.MigrationFailedError as error:
            story.gave_up_on_lock = "lock timeout" in str(error)
        await writers.get_on()
    writers.step = "migration"
    await migrate.upgrade(database_url)
    if (found := await migrate.current(database_url)) != migrate.head():
        story.faults.append(f"the schema is at {found} and not {migrate.head()}")


@asynccontextmanager
async def _long_transaction(database_url: str) -> AsyncIterator[None]:
    """Somebody's report that has touched every table and takes its time: whatever changes one must wait for it."""
    connection = await asyncpg.connect(database_url)
    try:
        tables = await connection.fetch(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
            " AND relname <> 'alembic_version'"
        )
        async with connection.transaction():
            await connection.execute(f"LOCK TABLE {', '.join(row['relname'] for row in tables)} IN ROW EXCLUSIVE MODE")
            yield
    finally:
        await connection.close()


async def _kill_amid(database_url: str) -> bool:
    """False: it never had to wait for a lock, so nothing of it touches a table in use, and it ended by itself."""
    kill = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'switchboard-migrate'"
        " AND datname = current_database() AND wait_event_type = 'Lock'"
    )
    observer = await asyncpg.connect(database_url)
    migration = asyncio.create_task(migrate.upgrade(database_url))
    try:
        while not migration.done():
            if await observer.fetchval(kill):
                await asyncio.wait({migration})
                return isinstance(migration.exception(), migrate.MigrationFailedError)
            await asyncio.sleep(LOOK_SECONDS)
        await migration
        return False
    finally:
        await observer.close()


@asynccontextmanager
async def _watched(database_url: str, writers: Writers, story: Story) -> AsyncIterator[None]:
    """Notes how long anybody waits for a table's lock."""
    observer = await asyncpg.connect(database_url)
    waits = (
        "SELECT coalesce(max(extract(epoch FROM clock_timestamp() - waitstart)), 0)::float8 FROM pg_locks"
        " JOIN pg_stat_activity USING (pid)"
        " WHERE NOT granted AND locktype = 'relation' AND application_name <> 'switchboard-migrate'"
    )

    async def watch() -> None:
        while True:
            waited, step = await observer.fetchval(waits), writers.step
            story.lock_wait_seconds[step] = max(story.lock_wait_seconds.get(step, 0.0), waited)
            await asyncio.sleep(LOOK_SECONDS)

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
        await observer.close()


@dataclass(slots=True)
class Serving:
    api: Child
    worker: Child
    address: tuple[str, int]

    async def ready(self) -> None:
        url = f"http://{self.address[0]}:{self.address[1]}/readyz"
        async with httpx.AsyncClient() as client, asyncio.timeout(READY_SECONDS):
            while True:
                assert not self.api.ended(), self.api.last_words()
                with suppress(httpx.TransportError):
                    if (await client.get(url)).status_code == HTTPStatus.OK:
                        return
                await asyncio.sleep(LOOK_SECONDS)

    def stop(self) -> None:
        stop_all([self.api, self.worker])

    def complaints(self) -> list[str]:
        """What none of the processes was prepared for."""
        return [
            f"{child.name}: {line[:500]}"
            for child in (self.api, self.worker)
            for line in child.log.read_text(errors="replace").splitlines()
            if "Traceback" in line or '"level": "error"' in line
        ]


@contextmanager
def _serving(code: Code, name: str) -> Iterator[Serving]:
    """An api and a worker of that release."""
    listener = listen("127.0.0.1", 0)
    fd = listener.fileno()
    logs = code.data_dir
    api = Child(
        f"{name} api", code.command("api", "--listen-fd", str(fd)), code.environment, logs / f"{name}-api.log", (fd,)
    )
    worker = Child(f"{name} worker", code.command("worker"), code.environment, logs / f"{name}-worker.log")
    serving = Serving(api, worker, listener.getsockname()[:2])
    try:
        api.start()
        worker.start()
        yield serving
    finally:
        serving.stop()
        listener.close()


async def _settled(observer: "asyncpg.Connection[asyncpg.Record]", query: str) -> int:
    """Timers go on writing events, and a look may fall between a commit and its position."""
    found = 0
    for _ in range(SETTLE_TRIES):
        found = await observer.fetchval(query)
        if not found:
            break
        await asyncio.sleep(SETTLE_SECONDS)
    return found


async def _find_faults(database_url: str, story: Story) -> list[str]:
    """Of what is stored, once every consumer has passed every event."""
    database, observer = Database(database_url, application_name="checks"), await asyncpg.connect(database_url)
    try:
        await drained(observer)
        faults = [f"{what}: {found}" for what, query in FAULTS.items() if (found := await _settled(observer, query))]
        received = await observer.fetchval("SELECT count(*) FROM event WHERE type = 'message.received'")
        if received != story.answered:
            faults.append(f"{story.answered} posts were answered and {received} messages received")
        async with database.transaction() as session:
            faults += [f"{rule}: {subject}" for rule, subject in await checks.list_violations(session)]
        return faults
    finally:
        await observer.close()
        await database.close()
