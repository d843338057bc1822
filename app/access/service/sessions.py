"""Logging in, staying logged in, logging out."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.access import repository
from app.access.models import LoginSession
from app.access.permissions import SCOPES
from app.access.schemas import Credentials, Principal, Role, SessionToken, SessionView
from app.access.service.secrets import API_KEY_PREFIX, new_token, token_hash, verify_password
from app.core.act import Act
from app.core.database import Database
from app.core.errors import NotFound, TooManyRequests, Unauthenticated
from app.core.event_log import append
from app.events.agents import SessionEnded, SessionStarted

SESSION_HOURS = 12
LOGIN_FAILURES_ALLOWED = 10
ADDRESS_FAILURES_ALLOWED = 50
FAILURE_WINDOW_SECONDS = 900
BLOCK_SECONDS = 900
USER_AGENT_LIMIT = 200

# A supervisor's rights at most unless its scopes say more: keys see all conversations, scopes say what they may do.
_KEY_ROLE: Role = "admin"


async def log_in(
    database: Database, act: Act, credentials: Credentials, *, address: str, user_agent: str
) -> SessionToken:
    """A fresh session. Raises Unauthenticated, or TooManyRequests after too many failures by login or address.

    Failures are counted in a transaction of their own: the refusal that follows must not roll them back.
    """
    throttles = {
        f"login:{credentials.login.lower()}": LOGIN_FAILURES_ALLOWED,
        f"address:{address}": ADDRESS_FAILURES_ALLOWED,
    }
    async with database.transaction() as session:
        await _refuse_if_blocked(session, act, list(throttles))
        account = await repository.find_account_by_login(session, credentials.login)
    known = account is not None and account.disabled_at is None
    right = await verify_password(account.password_hash if account and known else None, credentials.password)
    async with database.transaction() as session:
        if account is not None and right:
            await repository.forget_failures(session, next(iter(throttles)))
            return await _start_session(session, act, account.id, user_agent)
        for key, allowed in throttles.items():
            await repository.count_failure(
                session,
                key,
                act.now,
                window_seconds=FAILURE_WINDOW_SECONDS,
                allowed=allowed,
                block_seconds=BLOCK_SECONDS,
            )
    raise Unauthenticated("wrong_credentials", "Login or password is wrong.")


async def _refuse_if_blocked(session: AsyncSession, act: Act, keys: list[str]) -> None:
    until = await repository.blocked_until(session, keys, act.now)
    if until is not None:
        seconds = max(1, round((until - act.now).total_seconds()))
        raise TooManyRequests(
            "login_blocked", f"Too many failed log-ins. Try again in {seconds} s.", retry_after_seconds=seconds
        )


async def _start_session(session: AsyncSession, act: Act, account_id: UUID, user_agent: str) -> SessionToken:
    # Locked, so that a password change or a disabling at the same moment also ends this session.
    account = await repository.get_account(session, account_id, lock=True)
    if account.disabled_at is not None:
        raise Unauthenticated("wrong_credentials", "Login or password is wrong.")
    token = new_token()
    row = LoginSession(
        id=act.new_id(),
        account_id=account.id,
        token_hash=token_hash(token),
        created_at=act.now,
        expires_at=act.now + timedelta(hours=SESSION_HOURS),
        user_agent=user_agent[:USER_AGENT_LIMIT],
    )
    session.add(row)
    own = Act(now=act.now, actor=f"agent:{account.id}", request_id=act.request_id)
    await append(session, own, [SessionStarted(agent_id=account.id, session_id=row.id)])
    return SessionToken(token=token, session_id=row.id, account_id=account.id, expires_at=row.expires_at)


async def authenticate_token(session: AsyncSession, token: str, now: datetime) -> Principal:
    """Who a session token or an API key stands for. Raises Unauthenticated."""
    if token.startswith(API_KEY_PREFIX):
        key = await repository.find_api_key(session, token_hash(token))
        if key is not None:
            return Principal("api_key", key.id, _KEY_ROLE, frozenset(key.scopes), "all")
    else:
        found = await repository.find_session(session, token_hash(token), now)
        if found is not None:
            row, account = found
            return Principal(
                kind="agent",
                id=account.id,
                role=account.role,  # type: ignore[arg-type]  # a check constraint holds it
                scopes=SCOPES[account.role],  # type: ignore[index]
                visibility=account.visibility,  # type: ignore[arg-type]
                team_id=account.team_id,
                session_id=row.id,
                expires_at=row.expires_at,
            )
    raise Unauthenticated("not_authenticated", "Log in, or send a valid API key as a bearer token.")


async def list_sessions(session: AsyncSession, act: Act, principal: Principal) -> list[SessionView]:
    rows = await repository.list_live_sessions(session, principal.id, act.now)
    return [
        SessionView(
            id=row.id,
            created_at=row.created_at,
            expires_at=row.expires_at,
            user_agent=row.user_agent,
            current=row.id == principal.session_id,
        )
        for row in rows
    ]


async def revoke_session(session: AsyncSession, act: Act, principal: Principal, session_id: UUID) -> None:
    """End one of the caller's own sessions. Raises NotFound for anybody else's."""
    ended = await repository.revoke_sessions(session, principal.id, act.now, only=session_id)
    if not ended:
        raise NotFound("session_not_found", "There is no such session of yours.")
    reason = "logout" if session_id == principal.session_id else "revoked"
    await append(session, act, [SessionEnded(agent_id=principal.id, session_id=session_id, reason=reason)])


async def log_out(session: AsyncSession, act: Act, principal: Principal) -> None:
    if principal.session_id is not None:
        await revoke_session(session, act, principal, principal.session_id)
