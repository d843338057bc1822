"""Accounts: making them, changing what they may do, passwords, and the first administrator."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.access import repository
from app.access.models import Account
from app.access.permissions import DEFAULT_VISIBILITY
from app.access.schemas import AccountChange, AccountView, PasswordChange, Principal, Role, Visibility
from app.access.service.secrets import hash_password, random_password, verify_password
from app.core.act import Act
from app.core.errors import Conflict, Forbidden, InvalidInput
from app.core.event_log import append
from app.events.agents import AgentDisabled, AgentUpdated, SessionEnded
from app.events.event import Event

FIRST_ADMIN_LOGIN = "admin"


async def create_account(
    session: AsyncSession,
    act: Act,
    *,
    login: str,
    password: str,
    role: Role,
    visibility: Visibility | None = None,
    team_id: UUID | None = None,
    synthetic: bool = False,
) -> UUID:
    """Raises Conflict login_taken. The agents package announces the agent; an account alone has no event."""
    account = Account(
        id=act.new_id(),
        login=login,
        password_hash=await hash_password(password),
        role=role,
        visibility=visibility or DEFAULT_VISIBILITY[role],
        team_id=team_id,
        synthetic=synthetic,
        created_at=act.now,
    )
    if await repository.find_account_by_login(session, login) is not None:
        raise Conflict("login_taken", "Another account has this login. Choose another one.")
    session.add(account)
    try:
        await session.flush()
    except IntegrityError as error:
        if "fk_account_team_id" in str(error.orig):
            raise InvalidInput("unknown_team", "There is no such team.") from error
        raise Conflict("login_taken", "Another account has this login. Choose another one.") from error
    return account.id


async def bootstrap_admin(session: AsyncSession, act: Act) -> tuple[UUID, str, str] | None:
    """(id, login, password) of the first administrator, made only if no account exists; None otherwise."""
    await repository.lock_admins(session)
    if not await repository.is_empty(session):
        return None
    password = random_password()
    account_id = await create_account(session, act, login=FIRST_ADMIN_LOGIN, password=password, role="admin")
    return account_id, FIRST_ADMIN_LOGIN, password


async def get_account(session: AsyncSession, account_id: UUID) -> AccountView:
    return _view(await repository.get_account(session, account_id))


async def list_accounts(
    session: AsyncSession, *, after: tuple[datetime, UUID] | None, limit: int
) -> Sequence[AccountView]:
    return [_view(account) for account in await repository.list_accounts(session, after=after, limit=limit)]


async def change_account(session: AsyncSession, act: Act, account_id: UUID, change: AccountChange) -> AccountView:
    """Role, visibility, team, password, disabled. Raises Conflict last_admin when nobody could administer any more."""
    given = change.model_dump(exclude_unset=True)
    await repository.lock_admins(session)
    account = await repository.get_account(session, account_id, lock=True)
    demoted = given.get("role", "admin") != "admin" or given.get("disabled") is True
    if account.role == "admin" and demoted and not await repository.another_admin_exists(session, account_id):
        raise Conflict("last_admin", "This is the last administrator. Make another one first.")
    events: list[Event] = [AgentUpdated(agent_id=account_id, fields=tuple(sorted(given)))]
    if (password := given.pop("password", None)) is not None:
        account.password_hash = await hash_password(password)
        events += await _end_sessions(session, act, account_id, "password_changed")
    if (disabled := given.pop("disabled", None)) is not None:
        account.disabled_at = act.now if disabled else None
        if disabled:
            events += [AgentDisabled(agent_id=account_id)]
            events += await _end_sessions(session, act, account_id, "disabled")
    _apply(account, given)
    try:
        await session.flush()
    except IntegrityError as error:
        raise InvalidInput("unknown_team", "There is no such team.") from error
    await append(session, act, events)
    return _view(account)


def _apply(account: Account, given: dict[str, Any]) -> None:
    if given.get("role") and "visibility" not in given and given["role"] != account.role:
        account.visibility = DEFAULT_VISIBILITY[given["role"]]
    for name, value in given.items():
        if value is not None or name == "team_id":
            setattr(account, name, value)


async def change_password(session: AsyncSession, act: Act, principal: Principal, change: PasswordChange) -> None:
    """Raises Forbidden wrong_password. Ends all other sessions of the account."""
    account = await repository.get_account(session, principal.id, lock=True)
    if not await verify_password(account.password_hash, change.current):
        raise Forbidden("wrong_password", "The current password is wrong.")
    account.password_hash = await hash_password(change.new)
    ended = await _end_sessions(session, act, account.id, "password_changed", but=principal.session_id)
    await append(session, act, ended)


async def _end_sessions(
    session: AsyncSession,
    act: Act,
    account_id: UUID,
    reason: Literal["password_changed", "disabled"],
    but: UUID | None = None,
) -> list[Event]:
    ended = await repository.revoke_sessions(session, account_id, act.now, but=but)
    return [SessionEnded(agent_id=account_id, session_id=ended_id, reason=reason) for ended_id in ended]


def _view(account: Account) -> AccountView:
    return AccountView.model_validate(account, from_attributes=True)
