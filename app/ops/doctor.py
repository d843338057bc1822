"""`switchboard doctor`: is this installation fit to run? One function a check, in the order an operator would look."""

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core import nats_bus, partition_drops
from app.core.clock import DatabaseClock
from app.core.config import Settings
from app.core.database import Database
from app.core.partitions import PARTITIONED, list_partition_names, month_of, partition_name
from app.ops import data_folder, migrate

OLDEST_SERVER_VERSION = 150_000
DISK_LOW_BYTES = 2 * 1024**3
DISK_FULL_BYTES = 256 * 1024**2
CLOCK_OFFSET_WARN_SECONDS = 1.0
# The event log looks two days back for late commits (docs: event log); these bounds keep any transaction far below.
TIMEOUT_MAX_SECONDS = 600
MARKS = {"ok": "ok  ", "warning": "warn", "failure": "FAIL"}


@dataclass(frozen=True, slots=True)
class Finding:
    check: str
    result: Literal["ok", "warning", "failure"]
    detail: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def is_healthy(findings: Sequence[Finding]) -> bool:
    return all(finding.result != "failure" for finding in findings)


def as_text(findings: Sequence[Finding]) -> str:
    return "\n".join(f"{MARKS[finding.result]}  {finding.check}: {finding.detail}" for finding in findings)


async def examine(settings: Settings) -> list[Finding]:
    """Every check; a database that does not answer is one failure, and its own checks are left out."""
    return [secret_key(settings), disk_space(settings), await bus(settings), *await _examine_database(settings)]


def secret_key(settings: Settings) -> Finding:
    key = settings.secret_key.get_secret_value()
    if not key and (settings.data_dir / "secret_key").exists():
        key = data_folder.secret_key(settings.data_dir)
    if len(key) < data_folder.SECRET_KEY_MIN_CHARACTERS:
        return Finding("secret key", "failure", "Set SWITCHBOARD_SECRET_KEY to 32 or more random characters.")
    return Finding("secret key", "ok", f"{len(key)} characters")


def disk_space(settings: Settings) -> Finding:
    folder = settings.data_dir if settings.data_dir.exists() else settings.data_dir.absolute().parent
    free = shutil.disk_usage(folder).free
    detail = f"{free / 1024**3:.1f} GiB free for {settings.data_dir}"
    if free < DISK_FULL_BYTES:
        return Finding("disk space", "failure", f"{detail}: make room before the database stops.")
    return Finding("disk space", "warning" if free < DISK_LOW_BYTES else "ok", detail)


async def bus(settings: Settings) -> Finding:
    """A warning and no failure: without it everything goes on, up to a second later."""
    if not settings.bus_url:
        return Finding("bus", "ok", "PostgreSQL")
    trouble = await nats_bus.find_trouble(settings.bus_url)
    if trouble is not None:
        return Finding("bus", "warning", f"NATS does not take us ({trouble}): look at SWITCHBOARD_BUS_URL.")
    return Finding("bus", "ok", "NATS")


async def _examine_database(settings: Settings) -> list[Finding]:
    url = data_folder.database_url(settings)
    if not url:
        return [Finding("database", "failure", "Set DATABASE_URL, or run beside `switchboard up`.")]
    database = Database(url, application_name="doctor", pool_size=2)
    try:
        async with database.engine.connect() as connection:
            findings = [
                await server_version(connection),
                await letters(connection),
                await timeout(connection, "idle_in_transaction_session_timeout"),
                await timeout(connection, "statement_timeout"),
                await prepared_transactions(connection),
                await clock_offset(connection),
            ]
        findings.append(await schema(url))
        if is_healthy(findings):
            findings.append(await months(database, settings))
        return findings
    except (OSError, DBAPIError) as error:
        return [Finding("database", "failure", f"It does not answer: {error}")]
    finally:
        await database.close()


async def server_version(connection: AsyncConnection) -> Finding:
    number = int(await _setting(connection, "server_version_num"))
    shown = await _setting(connection, "server_version")
    if number < OLDEST_SERVER_VERSION:
        return Finding("PostgreSQL version", "failure", f"{shown}: 15 or newer is needed.")
    return Finding("PostgreSQL version", "ok", shown)


async def letters(connection: AsyncConnection) -> Finding:
    """By behaviour and not by name: locale providers differ, but Chinese search needs letters to be letters."""
    row = (
        await connection.execute(
            text(
                "SELECT pg_encoding_to_char(encoding) = 'UTF8', '客' ~ '^\\w$' AND lower('É') = 'é', datctype "
                "FROM pg_database WHERE datname = current_database()"
            )
        )
    ).one()
    if row[0] and row[1]:
        return Finding("letters beyond ASCII", "ok", f"UTF8, {row[2]}")
    return Finding(
        "letters beyond ASCII", "failure", f"LC_CTYPE is {row[2]}: create the database with UTF8 and a UTF-8 locale."
    )


async def timeout(connection: AsyncConnection, name: str) -> Finding:
    """Asked on a connection like every other of ours, since we set these ourselves when we connect."""
    seconds = float(
        await connection.scalar(
            text("SELECT setting::int / 1000.0 FROM pg_settings WHERE name = :name"), {"name": name}
        )
    )
    if not 0 < seconds <= TIMEOUT_MAX_SECONDS:
        detail = f"{seconds:g} s: must lie between 0 and {TIMEOUT_MAX_SECONDS} s, or events may be lost."
        return Finding(name, "failure", detail + " Does a connection pooler drop our settings?")
    return Finding(name, "ok", f"{seconds:g} s")


async def prepared_transactions(connection: AsyncConnection) -> Finding:
    allowed = int(await _setting(connection, "max_prepared_transactions"))
    if allowed:
        detail = f"{allowed}: set it to 0. A prepared transaction may stay open for days, and its events would be lost."
        return Finding("max_prepared_transactions", "failure", detail)
    return Finding("max_prepared_transactions", "ok", "0")


async def clock_offset(connection: AsyncConnection) -> Finding:
    seconds = await DatabaseClock().align(connection)
    if abs(seconds) > CLOCK_OFFSET_WARN_SECONDS:
        detail = f"the database is {seconds:+.1f} s from this machine; we follow the database. Check both with NTP."
        return Finding("clock", "warning", detail)
    return Finding("clock", "ok", f"{seconds * 1000:+.0f} ms from the database")


async def schema(url: str) -> Finding:
    found, wanted = await migrate.current(url), migrate.head()
    if found == wanted:
        return Finding("schema", "ok", f"at {wanted}")
    if found is not None and found not in migrate.known_revisions():
        return Finding("schema", "warning", f"at {found}, newer than this program, which runs with it.")
    return Finding("schema", "failure", f"at {found or 'no revision'}, not {wanted}: run `switchboard migrate`.")


async def months(database: Database, settings: Settings) -> Finding:
    """Those to come are there, and none is kept beyond its time."""
    clock = DatabaseClock()
    async with database.engine.connect() as connection:
        await clock.align(connection)
        there = {name for table in PARTITIONED for name in await list_partition_names(connection, table)}
    results: tuple[Literal["failure", "warning"], ...] = ("failure", "warning")
    for number, result in enumerate(results):
        month = month_of(clock.now()).plus(number)
        if missing := {partition_name(table, month) for table in PARTITIONED} - there:
            detail = f"{', '.join(sorted(missing))} missing: is a worker running? What does its log say?"
            return Finding("months", result, detail)
    async with database.transaction() as session:
        verdicts = await partition_drops.survey(session, keep_months=settings.keep_events_months, now=clock.now())
    overdue = [each for each in verdicts if each.is_due and each.stays]
    if overdue:
        return Finding("months", "warning", f"{overdue[0].partition.name} should be gone: {overdue[0].stays}.")
    return Finding("months", "ok", f"the log is kept for {settings.keep_events_months} months")


async def _setting(connection: AsyncConnection, name: str) -> str:
    return str(await connection.scalar(text("SELECT current_setting(:name)"), {"name": name}))
