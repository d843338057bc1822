"""SQL of access."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import case, func, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.models import Account, ApiKey, LoginSession, LoginThrottle
from app.core.errors import NotFound

# Any constant: the two words name our lock within the database.
_ADMIN_LOCK = (0x5377, 0x6163)


async def get_account(session: AsyncSession, account_id: UUID, *, lock: bool = False) -> Account:
    account = await session.get(Account, account_id, with_for_update=lock, populate_existing=lock)
    if account is None:
        raise NotFound("account_not_found", "There is no such account.")
    return account


async def find_account_by_login(session: AsyncSession, login: str) -> Account | None:
    query = select(Account).where(func.lower(Account.login) == login.lower())
    return (await session.scalars(query)).one_or_none()


async def list_accounts(session: AsyncSession, *, after: tuple[datetime, UUID] | None, limit: int) -> Sequence[Account]:
    query = select(Account).order_by(Account.created_at, Account.id).limit(limit)
    if after is not None:
        query = query.where(tuple_(Account.created_at, Account.id) > after)
    return (await session.scalars(query)).all()


async def lock_admins(session: AsyncSession) -> None:
    """Only one transaction at a time makes the first admin, or takes one away."""
    await session.execute(text("SELECT pg_advisory_xact_lock(:a, :b)"), dict(zip("ab", _ADMIN_LOCK, strict=True)))


async def is_empty(session: AsyncSession) -> bool:
    return (await session.scalars(select(Account.id).limit(1))).one_or_none() is None


async def another_admin_exists(session: AsyncSession, account_id: UUID) -> bool:
    query = select(Account.id).where(Account.role == "admin", Account.disabled_at.is_(None), Account.id != account_id)
    return (await session.scalars(query.limit(1))).one_or_none() is not None


async def find_session(session: AsyncSession, token_hash: bytes, now: datetime) -> tuple[LoginSession, Account] | None:
    """The live session of a token and its account, unless either was ended."""
    query = (
        select(LoginSession, Account)
        .join(Account, Account.id == LoginSession.account_id)
        .where(
            LoginSession.token_hash == token_hash,
            LoginSession.revoked_at.is_(None),
            LoginSession.expires_at > now,
            Account.disabled_at.is_(None),
        )
    )
    row = (await session.execute(query)).one_or_none()
    return (row[0], row[1]) if row else None


async def list_live_sessions(session: AsyncSession, account_id: UUID, now: datetime) -> Sequence[LoginSession]:
    query = select(LoginSession).where(
        LoginSession.account_id == account_id, LoginSession.revoked_at.is_(None), LoginSession.expires_at > now
    )
    return (await session.scalars(query.order_by(LoginSession.created_at.desc()))).all()


async def revoke_sessions(
    session: AsyncSession,
    account_id: UUID,
    now: datetime,
    *,
    only: UUID | None = None,
    but: UUID | None = None,
) -> list[UUID]:
    """End the account's live sessions (one of them, or all but one). Returns those it ended."""
    query = update(LoginSession).where(LoginSession.account_id == account_id, LoginSession.revoked_at.is_(None))
    if only is not None:
        query = query.where(LoginSession.id == only)
    if but is not None:
        query = query.where(LoginSession.id != but)
    ended = await session.scalars(
        query.values(revoked_at=now).returning(LoginSession.id), execution_options={"synchronize_session": False}
    )
    return list(ended)


async def find_api_key(session: AsyncSession, token_hash: bytes) -> ApiKey | None:
    query = select(ApiKey).where(ApiKey.token_hash == token_hash, ApiKey.revoked_at.is_(None))
    return (await session.scalars(query)).one_or_none()


async def list_api_keys(session: AsyncSession, *, after: tuple[datetime, UUID] | None, limit: int) -> Sequence[ApiKey]:
    query = select(ApiKey).order_by(ApiKey.created_at, ApiKey.id).limit(limit)
    if after is not None:
        query = query.where(tuple_(ApiKey.created_at, ApiKey.id) > after)
    return (await session.scalars(query)).all()


async def get_api_key(session: AsyncSession, key_id: UUID) -> ApiKey:
    key = await session.get(ApiKey, key_id, with_for_update=True)
    if key is None:
        raise NotFound("api_key_not_found", "There is no such API key.")
    return key


async def blocked_until(session: AsyncSession, keys: Sequence[str], now: datetime) -> datetime | None:
    """The latest block among the keys that still lasts."""
    query = select(func.max(LoginThrottle.blocked_until)).where(
        LoginThrottle.key.in_(keys), LoginThrottle.blocked_until > now
    )
    return (await session.execute(query)).scalar_one()


async def count_failure(
    session: AsyncSession, key: str, now: datetime, *, window_seconds: int, allowed: int, block_seconds: int
) -> None:
    """One more failure in the window; at `allowed` the key is blocked."""
    old = LoginThrottle.window_started_at < now - timedelta(seconds=window_seconds)
    failures_now = case((old, 1), else_=LoginThrottle.failures + 1)
    statement = insert(LoginThrottle).values(key=key, failures=1, window_started_at=now)
    statement = statement.on_conflict_do_update(
        index_elements=[LoginThrottle.key],
        set_={
            "failures": failures_now,
            "window_started_at": case((old, now), else_=LoginThrottle.window_started_at),
            "blocked_until": case(
                (failures_now >= allowed, now + timedelta(seconds=block_seconds)), else_=LoginThrottle.blocked_until
            ),
        },
    )
    await session.execute(statement)


async def forget_failures(session: AsyncSession, key: str) -> None:
    await session.execute(text("DELETE FROM login_throttle WHERE key = :key"), {"key": key})
