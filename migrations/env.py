"""Runs migrations on the connection it is handed, or on DATABASE_URL when the `alembic` command runs it."""

import asyncio

from alembic import context
from sqlalchemy import Connection

from app.core.config import Settings
from app.ops import migrate


def run_on(connection: Connection) -> None:
    include_object = migrate.include_object_in(connection)
    connection.commit()  # the question above opened a transaction; each migration opens its own
    context.configure(
        connection=connection,
        target_metadata=migrate.all_tables(),
        include_object=include_object,
        # One transaction a migration, so that one of them may leave it for CREATE INDEX CONCURRENTLY.
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


async def run_from_command_line() -> None:
    database_url = Settings().database_url
    if not database_url:
        raise SystemExit("Set DATABASE_URL.")
    async with migrate.migration_connection(database_url) as connection:
        await connection.run_sync(run_on)


if context.is_offline_mode():
    raise SystemExit("Migrations need a connection: this project has no offline mode.")
handed_over: Connection | None = context.config.attributes.get("connection")
if handed_over is None:
    asyncio.run(run_from_command_line())
else:
    run_on(handed_over)
