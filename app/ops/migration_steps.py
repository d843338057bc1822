"""What migrations do to tables in use: without locking anybody out, and so that a step broken off can be repeated."""

from typing import Any

from alembic import op


def add_index(name: str, table: str, columns: list[Any], **options: Any) -> None:
    """CREATE INDEX CONCURRENTLY, outside the migration's transaction.

    One that was broken off leaves an invalid index of the name behind, so whatever has the name goes first.
    """
    with op.get_context().autocommit_block():
        op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
        op.create_index(name, table, columns, postgresql_concurrently=True, **options)


def remove_index(name: str, table: str) -> None:
    """Likewise, for a downgrade."""
    with op.get_context().autocommit_block():
        op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)


def replace_check(name: str, table: str, condition: str) -> None:
    """Another condition in place of the one before, outside the migration's transaction.

    The rows are looked through afterwards, under a lock that lets others read and write.
    """
    with op.get_context().autocommit_block():
        op.execute(
            f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}, ADD CONSTRAINT {name} CHECK ({condition}) NOT VALID"
        )
        op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")
