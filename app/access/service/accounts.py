"""Making, changing and disabling accounts."""

import asyncio
import secrets
from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from argon2 import PasswordHasher
from sqlalchemy.ext.asyncio import AsyncSession

from app.access import passwords, repository
from app.access.models import Account
from app.access.permissions import DEFAULT_VISIBILITY, ROLE_SCOPES, Role, scopes_beyond
from app.access.schemas import AccountCreate, AccountView, Principal, Visibility
from app.access.service.ending import end_sessions
from app.core import event_log
from app.core.act import Act
from app.core.errors import Conflict, Forbidden
from app.events.agents import AgentCreated, AgentDisabled, AgentUpdated
from app.events.event import Event

ADMIN_LOGIN = "admin"
GENERATED_PASSWORD_BYTES = 18


def view_of(account: Account) -> AccountView:
    return AccountView.model_validate(account, from_attributes=True)


def refuse_beyond(principal: Principal, role: str) -> None:
    """Raises Forbidden unless the principal holds all that `role` gives: nobody makes or takes over a mightier one."""
    missing = scopes_beyond(principal.scopes, ROLE_SCOPES[role])
    if missing:
        raise Forbidden("role_beyond_own", f"The role {role} holds more than you do.", scopes=missing)


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
    hasher: PasswordHasher = passwords.STANDARD,
) -> UUID:
    """Make an account and announce it. Raises Conflict `login_taken`, NotFound `team_not_found`."""
    account = Account(
        id=act.new_id(),
        login=login,
        password_hash=await asyncio.to_thread(passwords.hash_password, password, hasher),
        role=role,
        visibility=visibility or DEFAULT_VISIBILITY[role],
        team_id=team_id,
        synthetic=synthetic,
        created_at=act.now,
        disabled_at=None,
    )
    if not await repository.add_account(session, account):
        raise Conflict("login_taken", "Somebody has this login already (case does not count). Choose another.")
    await event_log.append(session, act, [AgentCreated(agent_id=account.id, role=role, team_id=team_id)])
    return account.id


async def create_account_as(session: AsyncSession, act: Act, principal: Principal, body: AccountCreate) -> AccountView:
    """`create_account` by somebody, who cannot give more than they hold: Forbidden `role_beyond_own`."""
    refuse_beyond(principal, body.role)
    account_id = await create_account(
        session,
        act,
        login=body.login,
        password=body.password.get_secret_value(),
        role=body.role,
        visibility=body.visibility,
        team_id=body.team_id,
        synthetic=body.synthetic,
    )
    return await get_account(session, account_id)


async def bootstrap_admin(
    session: AsyncSession, act: Act, *, hasher: PasswordHasher = passwords.STANDARD
) -> tuple[str, str] | None:
    """Make the first admin with a random password, if there is no account at all.

    Returns (login, password), to be shown once. Of processes that race, one gets it and the others get None.
    """
    await repository.lock_bootstrap(session)
    if await repository.is_any_account(session):
        return None
    password = secrets.token_urlsafe(GENERATED_PASSWORD_BYTES)
    await create_account(session, act, login=ADMIN_LOGIN, password=password, role="admin", hasher=hasher)
    return ADMIN_LOGIN, password


async def get_account(session: AsyncSession, account_id: UUID) -> AccountView:
    return view_of(await repository.get_account(session, account_id))


async def map_accounts(session: AsyncSession, account_ids: Collection[UUID]) -> dict[UUID, AccountView]:
    return {account.id: view_of(account) for account in await repository.list_accounts_of(session, account_ids)}


async def map_supervisors(session: AsyncSession, team_ids: Collection[UUID]) -> dict[UUID, tuple[UUID, ...]]:
    """Supervisors by team, in the order of their ids; teams without one are left out."""
    found: dict[UUID, tuple[UUID, ...]] = {}
    for team_id, account_id in await repository.list_supervisors(session, team_ids):
        found[team_id] = (*found.get(team_id, ()), account_id)
    return found


async def list_accounts(session: AsyncSession, *, after: tuple[str, UUID] | None, limit: int) -> Sequence[AccountView]:
    """By login, then id."""
    return [view_of(account) for account in await repository.list_accounts(session, after=after, limit=limit)]


async def change_account(
    session: AsyncSession, act: Act, principal: Principal, *, account_id: UUID, changes: dict[str, Any]
) -> tuple[AccountView, list[UUID]]:
    """Apply members of AccountPatch; the second part of the answer is the sessions that ended by it.

    Raises Conflict `last_admin`, Forbidden `role_beyond_own`, NotFound `account_not_found` or `team_not_found`.
    """
    admins = await repository.lock_active_admins(session)
    account = await repository.lock_account(session, account_id)
    refuse_beyond(principal, account.role)
    refuse_beyond(principal, changes.get("role", account.role))
    fields, will_be_disabled = _apply(account, changes, act)
    if admins == [account.id] and (account.role != "admin" or will_be_disabled):
        raise Conflict("last_admin", "This is the last admin. Make another one first.")
    await repository.flush_account(session)
    ended: list[UUID] = []
    if "disabled_at" in fields and will_be_disabled:
        ended = await end_sessions(session, act, account_id=account.id, reason="disabled")
    events = _events_of(account, fields)
    if events:
        await event_log.append(session, act, events)
    return view_of(account), ended


def _apply(account: Account, changes: dict[str, Any], act: Act) -> tuple[tuple[str, ...], bool]:
    """Returns the columns that differ now, and whether the account is disabled now."""
    wanted = {name: value for name, value in changes.items() if name != "disabled"}
    if "disabled" in changes:
        wanted["disabled_at"] = (account.disabled_at or act.now) if changes["disabled"] else None
    fields = tuple(sorted(name for name, value in wanted.items() if getattr(account, name) != value))
    for name in fields:
        setattr(account, name, wanted[name])
    return fields, account.disabled_at is not None


def _events_of(account: Account, fields: tuple[str, ...]) -> list[Event]:
    is_disabling = "disabled_at" in fields and account.disabled_at is not None
    updated = tuple(name for name in fields if not (is_disabling and name == "disabled_at"))
    events: list[Event] = [AgentUpdated(agent_id=account.id, fields=updated)] if updated else []
    return [*events, AgentDisabled(agent_id=account.id)] if is_disabling else events


async def reset_password(
    session: AsyncSession, act: Act, principal: Principal, *, account_id: UUID, new_password: str
) -> list[UUID]:
    """Set somebody's password; all their sessions end. Returns the ended ones."""
    password_hash = await asyncio.to_thread(passwords.hash_password, new_password)
    account = await repository.lock_account(session, account_id)
    refuse_beyond(principal, account.role)
    return await store_password(session, act, account, password_hash, keep=None)


async def store_password(
    session: AsyncSession, act: Act, account: Account, password_hash: str, *, keep: UUID | None
) -> list[UUID]:
    """`account` is locked. Ends its sessions but `keep`."""
    account.password_hash = password_hash
    await repository.flush_account(session)
    await event_log.append(session, act, [AgentUpdated(agent_id=account.id, fields=("password",))])
    return await end_sessions(session, act, account_id=account.id, reason="password_changed", keep=keep)
