"""A database that is away is known in each of the shapes its loss takes."""

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.core.driver import is_away, is_transient
from app.core.errors import Conflict
from app.core.http import problem_of


def wrapped(kind: type[DBAPIError], cause: Exception) -> DBAPIError:
    """As SQLAlchemy raises it: from its dialect's error, which was raised from the driver's."""
    orig = Exception(str(cause))
    orig.__cause__ = cause
    error = kind("SELECT 1", {}, orig)
    error.__cause__ = orig
    return error


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(),
        FileNotFoundError("the server's socket"),
        TimeoutError(),
        PoolTimeout(),
        asyncpg.ConnectionDoesNotExistError("connection was closed"),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress"),
        wrapped(InternalError, asyncpg.InternalClientError("cannot switch to state 12")),
        wrapped(InterfaceError, asyncpg.InterfaceError("connection is closed")),
        wrapped(OperationalError, asyncpg.CannotConnectNowError("the database system is starting up")),
        DBAPIError("SELECT 1", {}, Exception(), connection_invalidated=True),
    ],
)
def test_a_lost_database_asks_the_client_to_try_again(error: Exception) -> None:
    assert is_away(error)
    assert (problem_of(error).status, problem_of(error).code) == (503, "database_unavailable")


@pytest.mark.parametrize(
    ("cause", "code"),
    [
        (asyncpg.ReadOnlySQLTransactionError("cannot execute UPDATE in a read-only transaction"), "database_read_only"),
        (asyncpg.DiskFullError("could not extend file: No space left on device"), "database_full"),
        (asyncpg.OutOfMemoryError("out of memory"), "database_unavailable"),
    ],
)
def test_a_full_disk_and_a_database_that_takes_no_writes_are_told_apart(cause: Exception, code: str) -> None:
    for error in (cause, wrapped(InternalError, cause)):
        assert is_transient(error)  # a consumer waits for it, and parks nothing
        assert (problem_of(error).status, problem_of(error).code) == (503, code)


@pytest.mark.parametrize(
    "error", [asyncpg.DataError("a bad argument"), wrapped(InterfaceError, asyncpg.DataError("one")), RuntimeError()]
)
def test_a_bad_statement_is_not_a_lost_database(error: Exception) -> None:
    assert not is_away(error)
    assert problem_of(error).status == 500


def test_a_lost_race_stays_a_conflict() -> None:
    assert isinstance(problem_of(asyncpg.SerializationError("could not serialize access")), Conflict)
