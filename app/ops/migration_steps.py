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
