"""The limit of intake: one message as five plain statements in a transaction, by eight clients of their own tables."""

import asyncio
import random
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg

from app.ops.bench.measuring import now
from app.ops.bench.world import BODY

CLIENTS = 8
CUSTOMERS = 200_000
SOME_TIME = "'2026-01-01T00:00:00Z'::timestamptz"
"""Our own code asks no database for the time, and neither does the limit; rows move on from it."""

TABLES = """
CREATE TABLE contact (channel int, address text, customer_id bigint NOT NULL, PRIMARY KEY (channel, address));
CREATE TABLE talk (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer_id bigint NOT NULL,
  open boolean NOT NULL DEFAULT true, last_sequence int NOT NULL, last_message_at timestamptz NOT NULL)
  WITH (fillfactor = 80);
CREATE UNIQUE INDEX ON talk (customer_id) WHERE open;
CREATE TABLE said (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, talk_id bigint NOT NULL, sequence int NOT NULL,
  body text NOT NULL, arrived_at timestamptz NOT NULL);
CREATE UNIQUE INDEX ON said (talk_id, sequence);
CREATE TABLE outgoing (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, type text NOT NULL, payload jsonb NOT NULL);
CREATE TABLE due (talk_id bigint PRIMARY KEY, due_at timestamptz) WITH (fillfactor = 80);
CREATE INDEX ON due (due_at);
INSERT INTO contact SELECT 1, 'visitor-' || n, n FROM generate_series(1, {customers}) n;
INSERT INTO talk (customer_id, last_sequence, last_message_at)
  SELECT n, 1, {at} FROM generate_series(1, {customers}) n;
INSERT INTO due SELECT id, {at} FROM talk;
"""

FIND = "SELECT customer_id FROM contact WHERE channel = 1 AND address = $1"
JOIN = (
    f"INSERT INTO talk (customer_id, last_sequence, last_message_at) VALUES ($1, 1, {SOME_TIME})"
    " ON CONFLICT (customer_id) WHERE open"
    " DO UPDATE SET last_sequence = talk.last_sequence + 1,"
    " last_message_at = talk.last_message_at + interval '1 second'"
    " RETURNING id, last_sequence"
)
STORE = f"INSERT INTO said (talk_id, sequence, body, arrived_at) VALUES ($1, $2, $3, {SOME_TIME})"
TELL = (
    "INSERT INTO outgoing (type, payload) VALUES ('message.received',"
    " jsonb_build_object('talk_id', $1::bigint, 'sequence', $2::int, 'body', $3::text))"
)
MOVE = "UPDATE due SET due_at = due_at + interval '1 hour' WHERE talk_id = $1"

SCRIPT = """\\set n random(1, {customers})
BEGIN;
SELECT customer_id FROM contact WHERE channel = 1 AND address = 'visitor-' || :n::text \\gset
{join} \\gset
{store};
{tell};
{move};
COMMIT;
"""


class FiveStatements:
    """By pgbench where it is installed, else by asyncpg, which is slower: the limit is then easier to come near."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url = url
        self._script = folder / "five_statements.sql"
        self._pgbench = shutil.which("pgbench")

    @property
    def by(self) -> str:
        return "pgbench" if self._pgbench else "asyncpg (pgbench is not on PATH)"

    async def prepare(self) -> None:
        connection = await asyncpg.connect(self._url)
        await connection.execute(TABLES.format(customers=CUSTOMERS, at=SOME_TIME))
        await connection.execute("VACUUM ANALYZE")
        await connection.close()
        self._script.write_text(
            SCRIPT.format(
                customers=CUSTOMERS,
                join=JOIN.replace("$1", ":customer_id"),
                store=_inlined(STORE),
                tell=_inlined(TELL),
                move=MOVE.replace("$1", ":id"),
            )
        )

    async def rate(self, seconds: float) -> float:
        """Transactions a second."""
        if self._pgbench is None:
            return await self._rate_by_asyncpg(seconds)
        return await asyncio.to_thread(self._rate_by_pgbench, self._pgbench, seconds)

    def _rate_by_pgbench(self, program: str, seconds: float) -> float:
        parts = urlsplit(self._url)
        target = ["-h", parse_qs(parts.query)["host"][0], "-U", parts.username or "postgres", parts.path.lstrip("/")]
        options = [
            "-n",
            "-M",
            "prepared",
            "-c",
            str(CLIENTS),
            "-T",
            str(max(round(seconds), 1)),
            "-f",
            str(self._script),
        ]
        done = subprocess.run([program, *options, *target], capture_output=True, text=True, check=True)
        found = re.search(r"tps = ([0-9.]+)", done.stdout)
        if found is None:
            raise RuntimeError(f"pgbench said no rate: {done.stdout}")
        return float(found[1])

    async def _rate_by_asyncpg(self, seconds: float) -> float:
        connections = [await asyncpg.connect(self._url) for _ in range(CLIENTS)]
        started = now()
        counts = await asyncio.gather(*(_drive(connection, started + seconds) for connection in connections))
        took = now() - started
        await asyncio.gather(*(connection.close() for connection in connections))
        return sum(counts) / took


async def _drive(connection: "asyncpg.Connection[asyncpg.Record]", until: float) -> int:
    done = 0
    while now() < until:
        async with connection.transaction():
            customer_id = await connection.fetchval(FIND, f"visitor-{random.randint(1, CUSTOMERS)}")  # noqa: S311
            talk_id, sequence = await connection.fetchrow(JOIN, customer_id)
            await connection.execute(STORE, talk_id, sequence, BODY)
            await connection.execute(TELL, talk_id, sequence, BODY)
            await connection.execute(MOVE, talk_id)
        done += 1
    return done


def _inlined(statement: str) -> str:
    return statement.replace("$1", ":id").replace("$2", ":last_sequence").replace("$3", f"'{BODY}'")
