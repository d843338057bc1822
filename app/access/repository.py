"""Rows of access."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, delete, exists, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.models import Account, ApiKey, LoginSession, LoginThrottle
from app.access.throttle import Tally
from app.core.errors import NotFound

BOOTSTRAP_LOCK = 0x5357_0001
"""Advisory lock under which the first admin is made."""


async def find_session_account(
    session: AsyncSession, *, token_hash: bytes, now: datetime
) -> tuple[LoginSession, Account] | None:
    """A session that still counts, with its account, in one look-up."""
    statement = _live_sessions(now).where(LoginSession.token_hash == token_hash)
    row = (await session.execute(statement)).one_or_none()
    return (row[0], row[1]) if row else None


async def list_session_accounts(
    session: AsyncSession, token_hashes: Collection[bytes], now: datetime
) -> list[tuple[LoginSession, Account]]:
    """As `find_session_account`, for several at once; unknown ones are left out."""
    rows = await session.execute(_live_sessions(now).where(LoginSession.token_hash.in_(token_hashes)))
    return [(row[0], row[1]) for row in rows]


def _live_sessions(now: datetime) -> Select[LoginSession, Account]:
    return (
        select(LoginSession, Account)
        .join(Account, Account.id == LoginSession.account_id)
        .where(LoginSession.revoked_at.is_(None), LoginSession.expires_at > now, Account.disabled_at.is_(None))
    )


async def list_api_keys_of(session: AsyncSession, token_hashes: Collection[bytes]) -> list[ApiKey]:
    statement = select(ApiKey).where(ApiKey.token_hash.in_(token_hashes), ApiKey.revoked_at.is_(None))
    return list(await session.scalars(statement))


async def find_api_key(session: AsyncSession, *, token_hash: bytes) -> ApiKey | None:
    return await session.scalar(select(ApiKey).where(ApiKey.token_hash == token_hash, ApiKey.revoked_at.is_(None)))


async def find_account_by_login(session: AsyncSession, login: str) -> Account | None:
    return await session.scalar(select(Account).where(func.lower(Account.login) == login.lower()))


async def get_account(session: AsyncSession, account_id: UUID) -> Account:
    account = await session.get(Account, account_id)
    if account is None:
        raise NotFound("account_not_found", "No such account.")
    return account


async def lock_account(session: AsyncSession, account_id: UUID) -> Account:
    """FOR NO KEY UPDATE: log-ins of the account wait, foreign keys to it do not."""
    statement = (
        select(Account)
        .where(Account.id == account_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    account = await session.scalar(statement)
    if account is None:
        raise NotFound("account_not_found", "No such account.")
    return account


async def lock_active_admins(session: AsyncSession) -> list[UUID]:
    """Locked in one order, so that two admins who demote each other do it one after the other."""
    statement = (
        select(Account.id)
        .where(Account.role == "admin", Account.disabled_at.is_(None))
        .order_by(Account.id)
        .with_for_update(key_share=True)
    )
    return list(await session.scalars(statement))


async def is_any_account(session: AsyncSession) -> bool:
    return bool(await session.scalar(select(exists().where(Account.id.is_not(None)))))


async def lock_bootstrap(session: AsyncSession) -> None:
    await session.execute(select(func.pg_advisory_xact_lock(BOOTSTRAP_LOCK)))


async def add_account(session: AsyncSession, account: Account) -> bool:
    """False: the login is taken (compared without case)."""
    values = {column.key: getattr(account, column.key) for column in Account.__table__.columns}
    statement = insert(Account).values(values).on_conflict_do_nothing().returning(Account.id)
    with _team_must_exist():
        return await session.scalar(statement) is not None


async def flush_account(session: AsyncSession) -> None:
    """Write the changes made to a locked account. Raises NotFound `team_not_found`."""
    with _team_must_exist():
        await session.flush()


@contextmanager
def _team_must_exist() -> Iterator[None]:
    """The foreign key is the check: teams belong to another package, and a look-up before would race."""
    try:
        yield
    except IntegrityError as error:
        raise NotFound("team_not_found", "No such team.") from error


async def list_accounts_of(session: AsyncSession, account_ids: Collection[UUID]) -> Sequence[Account]:
    return (await session.scalars(select(Account).where(Account.id.in_(account_ids)))).all()


async def list_supervisors(session: AsyncSession, team_ids: Collection[UUID]) -> list[tuple[UUID, UUID]]:
    """(team, account) of supervisors who are not disabled."""
    if not team_ids:
        return []
    rows = await session.execute(
        select(Account.team_id, Account.id)
        .where(Account.team_id.in_(team_ids), Account.role == "supervisor", Account.disabled_at.is_(None))
        .order_by(Account.id)
    )
    return [(row.team_id, row.id) for row in rows]


async def list_accounts(session: AsyncSession, *, after: tuple[str, UUID] | None, limit: int) -> Sequence[Account]:
    order = (func.lower(Account.login), Account.id)
    statement = select(Account).order_by(*order).limit(limit)
    if after is not None:
        statement = statement.where(tuple_(*order) > tuple_(func.lower(after[0]), after[1]))
    return (await session.scalars(statement)).all()


async def list_live_sessions(session: AsyncSession, *, account_id: UUID, now: datetime) -> Sequence[LoginSession]:
    """Newest first."""
    statement = (
        select(LoginSession)
        .where(
            LoginSession.account_id == account_id,
            LoginSession.revoked_at.is_(None),
            LoginSession.expires_at > now,
        )
        .order_by(LoginSession.created_at.desc(), LoginSession.id.desc())
    )
    return (await session.scalars(statement)).all()


async def revoke_sessions(
    session: AsyncSession, *, account_id: UUID, now: datetime, only: UUID | None = None, keep: UUID | None = None
) -> list[UUID]:
    """End the account's live sessions: all, only one, or all but one. Returns the ones this call ended."""
    statement = update(LoginSession).where(
        LoginSession.account_id == account_id, LoginSession.revoked_at.is_(None), LoginSession.expires_at > now
    )
    if only is not None:
        statement = statement.where(LoginSession.id == only)
    if keep is not None:
        statement = statement.where(LoginSession.id != keep)
    ended = await session.scalars(statement.values(revoked_at=now).returning(LoginSession.id))
    return sorted(ended)


async def add_session(session: AsyncSession, row: LoginSession) -> None:
    session.add(row)
    await session.flush()


async def add_api_key(session: AsyncSession, api_key: ApiKey) -> None:
    session.add(api_key)
    await session.flush()


async def list_api_keys(session: AsyncSession, *, after: tuple[str, UUID] | None, limit: int) -> Sequence[ApiKey]:
    order = (func.lower(ApiKey.name), ApiKey.id)
    statement = select(ApiKey).order_by(*order).limit(limit)
    if after is not None:
        statement = statement.where(tuple_(*order) > tuple_(func.lower(after[0]), after[1]))
    return (await session.scalars(statement)).all()


async def lock_api_key(session: AsyncSession, api_key_id: UUID) -> ApiKey:
    api_key = await session.get(ApiKey, api_key_id, with_for_update=True)
    if api_key is None:
        raise NotFound("api_key_not_found", "No such API key.")
    return api_key


async def lock_tally(session: AsyncSession, *, key: str, now: datetime) -> Tally:
    """The key's count of failed log-ins, locked until the transaction ends."""
    fresh = insert(LoginThrottle).values(key=key, failures=0, window_started_at=now)
    await session.execute(fresh.on_conflict_do_nothing())
    columns = (LoginThrottle.failures, LoginThrottle.window_started_at, LoginThrottle.blocked_until)
    row = (await session.execute(select(*columns).where(LoginThrottle.key == key).with_for_update())).one()
    return Tally(failures=row[0], window_started_at=row[1], blocked_until=row[2])


async def store_tally(session: AsyncSession, *, key: str, tally: Tally) -> None:
    statement = (
        update(LoginThrottle)
        .where(LoginThrottle.key == key)
        .values(failures=tally.failures, window_started_at=tally.window_started_at, blocked_until=tally.blocked_until)
    )
    await session.execute(statement)


async def delete_tallies(session: AsyncSession, *, started_before: datetime) -> None:
    await session.execute(delete(LoginThrottle).where(LoginThrottle.window_started_at < started_before))


async def delete_sessions(session: AsyncSession, *, expired_before: datetime) -> None:
    await session.execute(delete(LoginSession).where(LoginSession.expires_at < expired_before))
