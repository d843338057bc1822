"""Logging in and out, and one's own password."""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.access import passwords, repository, throttle, tokens
from app.access.models import Account, LoginSession
from app.access.schemas import Principal, SessionView, StartedSession
from app.access.service.accounts import store_password
from app.access.service.ending import Reason, end_sessions
from app.core import event_log
from app.core.act import Act
from app.core.database import Database
from app.core.errors import NotFound, TooManyRequests, Unauthenticated
from app.events.agents import SessionStarted

SESSION_SECONDS = 12 * 3600
"""A shift and its overtime."""
SESSIONS_MAX = 50
"""Live log-ins of one account; one more ends the oldest."""
SESSIONS_KEPT_DAYS = 30
USER_AGENT_MAX_LENGTH = 300


async def log_in(
    database: Database, act: Act, *, login: str, password: str, address: str, user_agent: str
) -> tuple[StartedSession, list[UUID]]:
    """Start a session; the second part of the answer is older sessions that had to end for it.

    Takes the database, not a session: the try must stay counted when the password is wrong, and no connection waits
    while the hash is computed. Raises Unauthenticated `login_failed`, TooManyRequests `too_many_logins`.
    """
    account = await _prove(database, act, login=login, password=password, address=address)
    async with database.transaction() as session:
        await _take_try_back(session, act, login=login, address=address)
        await _lock_proven(session, account)
        return await _start_session(session, act, account.id, user_agent[:USER_AGENT_MAX_LENGTH])


async def change_password(
    database: Database, act: Act, principal: Principal, *, current: str, new: str, address: str
) -> list[UUID]:
    """Change one's own password; all other sessions end. Returns the ended ones. Raises as `log_in` does."""
    async with database.transaction() as session:
        login = (await repository.get_account(session, principal.id)).login
    proven = await _prove(database, act, login=login, password=current, address=address)
    password_hash = await asyncio.to_thread(passwords.hash_password, new)
    async with database.transaction() as session:
        await _take_try_back(session, act, login=login, address=address)
        account = await _lock_proven(session, proven)
        return await store_password(session, act, account, password_hash, keep=principal.session_id)


async def _prove(database: Database, act: Act, *, login: str, password: str, address: str) -> Account:
    async with database.transaction() as session:
        await _count_try(session, act, login=login, address=address)
        account = await repository.find_account_by_login(session, login.strip())
    password_hash = account.password_hash if account else passwords.NOBODYS_HASH
    is_right = await asyncio.to_thread(passwords.is_right, password_hash, password)
    if account is None or account.disabled_at is not None or not is_right:
        raise _login_failed()
    return account


def _login_failed() -> Unauthenticated:
    return Unauthenticated("login_failed", "Login or password is wrong, or the account is disabled.")


def _limits(login: str, address: str) -> list[tuple[str, int]]:
    """(key, tries) of both tallies, in the order in which everybody locks them."""
    return [
        (throttle.address_key(address), throttle.ADDRESS_TRIES),
        (throttle.login_key(login), throttle.LOGIN_TRIES),
    ]


async def _count_try(session: AsyncSession, act: Act, *, login: str, address: str) -> None:
    for key, tries in _limits(login, address):
        tally = await repository.lock_tally(session, key=key, now=act.now)
        seconds = throttle.blocked_seconds(tally, act.now)
        if seconds:
            raise TooManyRequests(
                "too_many_logins", f"Too many failed log-ins. Try again in {seconds} s.", retry_after_seconds=seconds
            )
        await repository.store_tally(session, key=key, tally=throttle.after_try(tally, act.now, tries=tries))


async def _take_try_back(session: AsyncSession, act: Act, *, login: str, address: str) -> None:
    for key, tries in _limits(login, address):
        tally = await repository.lock_tally(session, key=key, now=act.now)
        await repository.store_tally(session, key=key, tally=throttle.after_success(tally, tries=tries))


async def _lock_proven(session: AsyncSession, proven: Account) -> Account:
    """The account again, locked. It may have been disabled or got another password while we hashed."""
    account = await repository.lock_account(session, proven.id)
    if account.disabled_at is not None or account.password_hash != proven.password_hash:
        raise _login_failed()
    return account


async def _start_session(
    session: AsyncSession, act: Act, account_id: UUID, user_agent: str
) -> tuple[StartedSession, list[UUID]]:
    act = replace(act, actor=f"agent:{account_id}")
    live = await repository.list_live_sessions(session, account_id=account_id, now=act.now)
    ended: list[UUID] = []
    for oldest in live[SESSIONS_MAX - 1 :]:
        ended += await end_sessions(session, act, account_id=account_id, reason="revoked", only=oldest.id)
    token = tokens.token_of(tokens.SESSION_PREFIX, secrets.token_bytes(tokens.TOKEN_BYTES))
    row = LoginSession(
        id=act.new_id(),
        account_id=account_id,
        token_hash=tokens.hash_of(token),
        created_at=act.now,
        expires_at=act.now + timedelta(seconds=SESSION_SECONDS),
        user_agent=user_agent,
    )
    await repository.add_session(session, row)
    await event_log.append(session, act, [SessionStarted(agent_id=account_id, session_id=row.id)])
    started = StartedSession(token=token, session_id=row.id, account_id=account_id, expires_at=row.expires_at)
    return started, ended


async def list_sessions(session: AsyncSession, act: Act, principal: Principal) -> Sequence[SessionView]:
    """One's own live sessions, newest first; at most SESSIONS_MAX."""
    return [
        SessionView(
            id=row.id,
            created_at=row.created_at,
            expires_at=row.expires_at,
            user_agent=row.user_agent,
            current=row.id == principal.session_id,
        )
        for row in await repository.list_live_sessions(session, account_id=principal.id, now=act.now)
    ]


async def end_session(
    session: AsyncSession, act: Act, principal: Principal, *, session_id: UUID, reason: Reason
) -> list[UUID]:
    """End one of one's own sessions. Raises NotFound for any other id, somebody else's included."""
    ended = await end_sessions(session, act, account_id=principal.id, reason=reason, only=session_id)
    if not ended:
        raise NotFound("session_not_found", "No such session of yours, or it has ended.")
    return ended


async def end_all_sessions(session: AsyncSession, act: Act, *, account_id: UUID) -> list[UUID]:
    """End all of somebody's sessions, for administrators."""
    await repository.lock_account(session, account_id)
    return await end_sessions(session, act, account_id=account_id, reason="revoked")


async def delete_old(session: AsyncSession, act: Act) -> None:
    """Forget what no longer counts: tallies beyond their window, sessions ended long ago. Run it every hour."""
    stale = act.now - timedelta(seconds=throttle.WINDOW_SECONDS + throttle.BLOCK_SECONDS)
    await repository.delete_tallies(session, started_before=stale)
    await repository.delete_sessions(session, expired_before=act.now - timedelta(days=SESSIONS_KEPT_DAYS))
