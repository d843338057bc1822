"""The doctor finds what is wrong, and says what to do."""

from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from app.core.config import Settings
from app.core.database import Database
from app.core.partitions import ensure_partitions, month_of, partition_name
from app.ops import doctor
from tests.conftest import administer
from tests.nats_server import PASSWORD, nats_server

KEY = "k" * 40


def settings(tmp_path: Path, database_url: str, secret_key: str = KEY) -> Settings:
    return Settings(data_dir=tmp_path).model_copy(
        update={"database_url": database_url, "secret_key": Settings(secret_key=secret_key).secret_key}
    )


async def result_of(check: str, given: Settings) -> doctor.Finding:
    return next(finding for finding in await doctor.examine(given) if finding.check == check)


async def test_a_good_installation_is_healthy(tmp_path: Path, database_url: str) -> None:
    findings = await doctor.examine(settings(tmp_path, database_url))
    assert [finding for finding in findings if finding.result == "failure"] == []
    assert doctor.is_healthy(findings)
    assert len(findings) == 11
    assert len(doctor.as_text(findings).splitlines()) == 11


async def test_a_short_secret_key_is_a_failure(tmp_path: Path, database_url: str) -> None:
    found = await result_of("secret key", settings(tmp_path, database_url, "short"))
    assert found.result == "failure"
    assert "SWITCHBOARD_SECRET_KEY" in found.detail


async def test_a_database_that_does_not_answer_is_one_failure(tmp_path: Path) -> None:
    findings = await doctor.examine(settings(tmp_path, f"postgresql://postgres@/x?host={tmp_path}"))
    assert [finding.check for finding in findings if finding.result == "failure"] == ["database"]


async def test_an_older_schema_is_a_failure_and_a_newer_one_a_warning(
    tmp_path: Path, database: Database, database_url: str
) -> None:
    given = settings(tmp_path, database_url)
    async with database.transaction() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = 'of_a_later_release'"))
    assert (await result_of("schema", given)).result == "warning"
    async with database.transaction() as session:
        await session.execute(text("DELETE FROM alembic_version"))
    found = await result_of("schema", given)
    assert found.result == "failure"
    assert "switchboard migrate" in found.detail


async def test_a_database_with_plain_c_letters_is_a_failure(postgres: str, tmp_path: Path) -> None:
    await administer(postgres, "CREATE DATABASE plain_c TEMPLATE template0 LC_CTYPE 'C' LC_COLLATE 'C'")
    url = make_url(postgres).set(database="plain_c").render_as_string(hide_password=False)
    found = await result_of("letters beyond ASCII", settings(tmp_path, url))
    assert found.result == "failure"
    assert "LC_CTYPE is C" in found.detail


@pytest.mark.parametrize("milliseconds", ["0", "86400000"])
async def test_a_timeout_off_or_too_long_is_a_failure(shared_database: Database, milliseconds: str) -> None:
    async with shared_database.engine.connect() as connection:
        await connection.execute(text(f"SET LOCAL statement_timeout = {milliseconds}"))
        assert (await doctor.timeout(connection, "statement_timeout")).result == "failure"
        await connection.rollback()
        assert (await doctor.timeout(connection, "statement_timeout")).result == "ok"


async def test_a_nats_that_takes_us_is_well_and_one_that_does_not_is_a_warning(tmp_path: Path) -> None:
    with nats_server() as server:
        given = settings(tmp_path, "")
        assert await doctor.bus(given) == doctor.Finding("bus", "ok", "PostgreSQL")
        assert (await doctor.bus(given.model_copy(update={"bus_url": server.url}))).result == "ok"
        stranger = await doctor.bus(given.model_copy(update={"bus_url": server.url.replace(PASSWORD, "guessed")}))
        assert (stranger.result, "Authorization" in stranger.detail) == ("warning", True)
        server.kill()
        gone = await doctor.bus(given.model_copy(update={"bus_url": server.url}))
        assert (gone.result, "Connect call failed" in gone.detail) == ("warning", True)
        assert PASSWORD not in gone.detail


@pytest.mark.parametrize(("ahead", "result"), [(0, "failure"), (1, "warning"), (2, "ok")])
async def test_a_month_that_is_missing_is_told_before_it_is_needed(
    tmp_path: Path, database: Database, database_url: str, ahead: int, result: str
) -> None:
    async with database.transaction() as session:
        at = await session.scalar(text("SELECT now()"))
        name = partition_name("message", month_of(at).plus(ahead))
        await session.execute(text(f"DROP TABLE {name}"))
    found = await result_of("months", settings(tmp_path, database_url))
    assert found.result == result
    assert (name in found.detail) is (result != "ok")


async def test_a_month_kept_beyond_its_time_is_told_with_what_keeps_it(
    tmp_path: Path, database: Database, database_url: str
) -> None:
    async with database.engine.begin() as connection:
        at = await connection.scalar(text("SELECT now() - interval '3 years'"))
        await ensure_partitions(connection, at)
        await connection.execute(text("INSERT INTO event_position VALUES (7, :at, 1, :at)"), {"at": at})
        await connection.execute(text("INSERT INTO consumer_cursor (consumer, position) VALUES ('retired', 6)"))
    found = await result_of("months", settings(tmp_path, database_url))
    assert found.result == "warning"
    assert "consumer retired stands at position 6" in found.detail
