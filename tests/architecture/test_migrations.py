"""The migrations are one line, lead to the models exactly, and can be walked both ways."""

import ast
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from app.core.database import Database, sqlalchemy_url
from app.ops import migrate
from tests.conftest import fresh_clone

OBJECTS = text(
    "SELECT c.relkind::text, c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,"
    " pg_get_expr(d.adbin, d.adrelid), pg_get_indexdef(c.oid)"
    " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
    " LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum"
    " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'i', 'I', 'S')"
    " ORDER BY 1, 2, 3"
)
CONSTRAINTS = text(
    "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2"
)


@pytest.fixture
async def empty_url(postgres: str) -> AsyncIterator[str]:
    async with fresh_clone(postgres, "template0") as url:
        yield url


def test_there_is_one_head_and_no_merge() -> None:
    scripts = ScriptDirectory.from_config(migrate.config())
    assert len(scripts.get_heads()) == 1
    merges = [script.revision for script in scripts.walk_revisions() if script.is_merge_point]
    assert merges == []


def test_files_sort_in_the_order_they_run() -> None:
    scripts = list(ScriptDirectory.from_config(migrate.config()).walk_revisions())
    files = [str(script.path) for script in reversed(scripts)]
    assert files == sorted(files)


async def test_the_migrations_build_exactly_the_models(shared_database: Database) -> None:
    def differences(connection: Connection) -> list[Any]:
        include_object = migrate.include_object_in(connection)
        options = {"include_object": include_object, "compare_type": True, "compare_server_default": True}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), migrate.all_tables()))

    async with shared_database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def schema_of(url: str) -> tuple[list[Any], list[Any]]:
    engine = create_async_engine(sqlalchemy_url(url), poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            return list(await connection.execute(OBJECTS)), list(await connection.execute(CONSTRAINTS))
    finally:
        await engine.dispose()


async def test_up_down_up_leads_to_the_same_schema(empty_url: str) -> None:
    await migrate.upgrade(empty_url)
    once = await schema_of(empty_url)
    await migrate.downgrade(empty_url, "base")
    left = {row[1] for row in (await schema_of(empty_url))[0]} - {"alembic_version", "alembic_version_pkc"}
    assert left == set()
    await migrate.upgrade(empty_url)
    assert await schema_of(empty_url) == once


FIRST_RELEASED = "20261122_0010"
"""Up to here databases were built anew; from here on they are filled and in use."""


def later_migrations() -> list[Path]:
    scripts = ScriptDirectory.from_config(migrate.config()).iterate_revisions("head", FIRST_RELEASED)
    return [Path(str(script.path)) for script in scripts if script is not None and script.revision != FIRST_RELEASED]


def calls_of(function: ast.FunctionDef) -> list[ast.Call]:
    return [node for node in ast.walk(function) if isinstance(node, ast.Call)]


def said(call: ast.Call) -> str:
    return ast.unparse(call.func)


@pytest.mark.parametrize("path", later_migrations(), ids=lambda path: path.stem)
def test_what_runs_beside_the_release_before_locks_nobody_out_and_can_be_repeated(path: Path) -> None:
    """The rules of docs/upgrades.md. What they do not foresee is talked over, and then a rule."""
    tree = ast.parse(path.read_text("utf-8"))
    upgrade = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "upgrade")
    calls = calls_of(upgrade)
    made = {ast.unparse(call.args[0]) for call in calls if said(call) == "op.create_table"}
    outside = [call for call in calls if said(call) in {"add_index", "replace_check"}]
    inside = [call for call in calls if said(call).startswith("op.")]
    assert not (outside and inside), "indexes and checks of tables in use are a migration of their own"
    in_use = {ast.unparse(call.args[0]) for call in inside if said(call) == "op.add_column"} - made
    assert len(in_use) <= 1, "whoever reads two of these tables holds them in an order of his own"
    for call in inside:
        assert said(call) in {"op.create_table", "op.create_index", "op.add_column", "op.f"}, ast.unparse(call)
        if said(call) == "op.create_index":
            assert ast.unparse(call.args[1]) in made, f"add_index: {ast.unparse(call)} would stop all writers"
        if said(call) == "op.add_column":
            column = ast.unparse(call.args[1])
            assert "nullable=True" in column or "server_default" in column, f"the release before cannot write: {column}"
