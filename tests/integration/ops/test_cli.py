"""The command line says what it lacks in one sentence, and its exit codes can be relied on."""

import asyncio
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from app.cli import cli
from app.core import logs
from app.core.database import Database
from app.core.partitions import ensure_partitions, month_of, partition_name
from app.ops import migrate

KEPT = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "PORT"}}


def switchboard(folder: Path, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "app.cli", *arguments],
        env={**KEPT, "PYTHONPATH": os.pathsep.join(sys.path), **variables},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("command", "variables", "sentence"),
    [
        ("api", {}, "Set DATABASE_URL"),
        ("worker", {}, "Set DATABASE_URL"),
        ("migrate", {}, "Set DATABASE_URL"),
        ("api", {"DATABASE_URL": "postgresql:///x", "SWITCHBOARD_SECRET_KEY": "short"}, "Set SWITCHBOARD_SECRET_KEY"),
        ("up", {"PORT": "eighty"}, "PORT: Input should be a valid integer"),
    ],
)
def test_what_is_lacking_is_told_with_code_2(
    tmp_path: Path, command: str, variables: dict[str, str], sentence: str
) -> None:
    done = switchboard(tmp_path, command, **variables)
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["up", "migrate"])
def test_a_database_that_does_not_answer_is_told_with_code_1(tmp_path: Path, command: str) -> None:
    done = switchboard(tmp_path, command, DATABASE_URL=f"postgresql://postgres@/x?host={tmp_path}", PORT="0")
    assert (done.returncode, done.stdout) == (1, "")
    assert "could not be migrated" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_doctor_answers_one_json_document_and_code_1_when_something_is_wrong(tmp_path: Path) -> None:
    done = switchboard(tmp_path, "doctor", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["ok"] is False


def test_migrate_brings_a_database_to_the_head(tmp_path: Path, database_url: str) -> None:
    done = switchboard(tmp_path, "migrate", DATABASE_URL=database_url)
    assert done.returncode == 0
    assert str(migrate.head()) in done.stderr


@pytest.mark.parametrize("command", ["up", "api", "worker", "migrate", "doctor", "retention"])
def test_each_command_has_help(command: str) -> None:
    answer = CliRunner().invoke(cli, [command, "--help"])
    assert answer.exit_code == 0
    assert "Usage" in answer.stdout


async def test_retention_says_what_goes_and_then_lets_it_go(
    tmp_path: Path, database: Database, database_url: str
) -> None:
    async with database.engine.begin() as connection:
        at = await connection.scalar(text("SELECT now() - interval '3 years'"))
        await ensure_partitions(connection, at, months_ahead=0)
    oldest = partition_name("event", month_of(at))
    said = []
    for arguments in (["--dry-run", "--json"], ["--json"], ["--json"]):
        done = switchboard(tmp_path, "retention", *arguments, DATABASE_URL=database_url)
        assert done.returncode == 0, done.stderr
        said.append(json.loads(done.stdout))
    months = [{each["name"]: each["stays"] for each in one["partitions"]} for one in said]
    assert months[0][oldest] is None
    assert months[1][oldest] is None
    assert oldest not in months[2]
    assert "kept until" in months[2][partition_name("event", month_of(datetime.now(UTC)))]
    assert {"what": "event log", "kept": "13 months", "setting": "SWITCHBOARD_KEEP_EVENTS_MONTHS"} in said[0]["kept"]
    text_said = switchboard(tmp_path, "retention", "--dry-run", DATABASE_URL=database_url).stdout
    assert "event log: 13 months (SWITCHBOARD_KEEP_EVENTS_MONTHS)" in text_said


async def test_api_and_worker_refuse_an_older_schema_in_one_sentence(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with database.transaction() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = '20261122_0010'"))
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("SWITCHBOARD_SECRET_KEY", "k" * 40)
    # A process of ours sets its logs up for good; this one is the tests', and the stream it would write to is closed.
    monkeypatch.setattr(logs, "configure", lambda level, log_format: None)
    for command in ("api", "worker"):
        answer = await asyncio.to_thread(CliRunner().invoke, cli, [command])
        assert answer.exit_code == 1
        assert "The database is at 20261122_0010" in answer.stderr
        assert "run `switchboard migrate`" in answer.stderr
