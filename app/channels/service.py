"""Channel accounts: the ways in, kept by administrators."""

import secrets
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.channels import repository
from app.channels.models import ChannelAccount
from app.channels.schemas import AccountFacts, ChannelAccountIn, ChannelAccountOut, ChannelAccountPatch
from app.core import event_log
from app.core.act import Act
from app.core.errors import InvalidInput, NotFound, PreconditionFailed
from app.events.agents import ChannelAccountChanged

PUBLIC_KEY_BYTES = 18


async def create_account(session: AsyncSession, act: Act, new: ChannelAccountIn) -> ChannelAccountOut:
    account = ChannelAccount(
        id=act.new_id(),
        kind=new.kind,
        name=new.name,
        brand=new.brand,
        public_key=f"pk_{secrets.token_urlsafe(PUBLIC_KEY_BYTES)}",
        queue_id=new.queue_id,
        allowed_origins=list(new.allowed_origins),
        settings={"acknowledgement": new.acknowledgement.model_dump()},
        synthetic=new.synthetic,
        enabled=True,
        version=1,
        created_at=act.now,
    )
    session.add(account)
    return await _store(session, act, account, "created")


async def update_account(
    session: AsyncSession,
    act: Act,
    account_id: UUID,
    patch: ChannelAccountPatch,
    *,
    expected_version: int | None = None,
) -> ChannelAccountOut:
    account = await repository.lock(session, account_id)
    if account is None:
        raise _not_found()
    if expected_version is not None and account.version != expected_version:
        raise PreconditionFailed("channel_account_changed", "It was changed since you read it: read it again.")
    given = patch.model_dump(exclude_unset=True, exclude_none=True)
    acknowledgement = given.pop("acknowledgement", None)
    if acknowledgement is not None:
        account.settings = account.settings | {"acknowledgement": acknowledgement}
    for field, value in given.items():
        setattr(account, field, value)
    account.version += 1
    return await _store(session, act, account, "updated")


async def get_account(session: AsyncSession, account_id: UUID) -> ChannelAccountOut:
    account = await repository.find(session, account_id)
    if account is None:
        raise _not_found()
    return _out(account)


async def list_accounts(session: AsyncSession, *, after: UUID | None, limit: int) -> list[ChannelAccountOut]:
    accounts = await repository.list_page(session, after=after, limit=limit)
    return [_out(account) for account in accounts]


async def get_facts_by_key(session: AsyncSession, public_key: str) -> AccountFacts:
    """The enabled account a public place names."""
    facts = await repository.find_facts_by_key(session, public_key)
    if facts is None or not facts.enabled:
        raise NotFound("channel_account_not_found", "No channel account has this key, or it is switched off.")
    return facts


async def list_facts(session: AsyncSession, account_ids: Sequence[UUID]) -> dict[UUID, AccountFacts]:
    return await repository.list_facts(session, account_ids)


async def _store(session: AsyncSession, act: Act, account: ChannelAccount, change: str) -> ChannelAccountOut:
    try:
        await session.flush()
    except IntegrityError as error:
        raise InvalidInput("queue_not_found", "There is no queue with this `queue_id`.") from error
    changed = ChannelAccountChanged.model_validate({"channel_account_id": account.id, "change": change})
    await event_log.append(session, act, [changed])
    return _out(account)


def _out(account: ChannelAccount) -> ChannelAccountOut:
    return ChannelAccountOut(
        id=account.id,
        kind=account.kind,
        name=account.name,
        brand=account.brand,
        public_key=account.public_key,
        queue_id=account.queue_id,
        allowed_origins=account.allowed_origins,
        acknowledgement=account.settings.get("acknowledgement", {}),
        enabled=account.enabled,
        synthetic=account.synthetic,
        version=account.version,
        created_at=account.created_at,
    )


def _not_found() -> NotFound:
    return NotFound("channel_account_not_found", "There is no such channel account.")


async def find_demo_key(session: AsyncSession) -> str | None:
    """The public key of the oldest chat account that is not a probe's: what the demo shop embeds."""
    return await repository.find_first_key(session, kind="chat")
