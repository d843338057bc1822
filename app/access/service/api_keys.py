"""Keys for programs: shown once, holding no more than their maker."""

import secrets
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.access import repository, tokens
from app.access.models import ApiKey
from app.access.permissions import PERSONAL_SCOPES, scopes_beyond
from app.access.schemas import ApiKeyView, NewApiKey, Principal
from app.core import event_log
from app.core.act import Act
from app.core.errors import Forbidden, InvalidInput
from app.events.agents import ApiKeyChanged


async def create_api_key(
    session: AsyncSession, act: Act, principal: Principal | None, *, name: str, scopes: Sequence[str]
) -> NewApiKey:
    """`principal` None is the installation itself (the probe's key at first start), which may grant everything.

    Raises Forbidden `scope_beyond_own`, InvalidInput `scope_personal`.
    """
    if PERSONAL_SCOPES & set(scopes):
        raise InvalidInput("scope_personal", "The scope work needs a person; leave it out of API keys.")
    missing = scopes_beyond(principal.scopes, scopes) if principal else []
    if missing:
        raise Forbidden("scope_beyond_own", "You cannot give what you do not hold.", scopes=missing)
    token = tokens.token_of(tokens.API_KEY_PREFIX, secrets.token_bytes(tokens.TOKEN_BYTES))
    api_key = ApiKey(
        id=act.new_id(),
        name=name,
        token_hash=tokens.hash_of(token),
        prefix=token[: tokens.SHOWN_LENGTH],
        scopes=sorted(set(scopes)),
        created_by=principal.id if principal and principal.kind == "agent" else None,
        created_at=act.now,
    )
    await repository.add_api_key(session, api_key)
    await event_log.append(session, act, [ApiKeyChanged(api_key_id=api_key.id, change="created")])
    return NewApiKey(token=token, **_view_of(api_key).model_dump())


def _view_of(api_key: ApiKey) -> ApiKeyView:
    return ApiKeyView.model_validate(api_key, from_attributes=True)


async def list_api_keys(session: AsyncSession, *, after: tuple[str, UUID] | None, limit: int) -> list[ApiKeyView]:
    """By name, then id; revoked ones too."""
    return [_view_of(row) for row in await repository.list_api_keys(session, after=after, limit=limit)]


async def revoke_api_key(session: AsyncSession, act: Act, *, api_key_id: UUID) -> None:
    """Doing it twice changes nothing. Raises NotFound `api_key_not_found`."""
    api_key = await repository.lock_api_key(session, api_key_id)
    if api_key.revoked_at is not None:
        return
    api_key.revoked_at = act.now
    await session.flush()
    await event_log.append(session, act, [ApiKeyChanged(api_key_id=api_key_id, change="revoked")])
