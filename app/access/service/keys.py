"""API keys: for integrators and operators, with scopes, shown once."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.access import repository
from app.access.models import ApiKey
from app.access.schemas import ApiKeyMade, ApiKeyView, NewApiKey
from app.access.service.secrets import API_KEY_PREFIX, new_token, token_hash
from app.core.act import Act
from app.core.event_log import append
from app.events.agents import ApiKeyChanged

SHOWN_CHARACTERS = len(API_KEY_PREFIX) + 6


async def create_api_key(
    session: AsyncSession, act: Act, new: NewApiKey, *, created_by: UUID | None = None
) -> ApiKeyMade:
    key = new_token(API_KEY_PREFIX)
    row = ApiKey(
        id=act.new_id(),
        name=new.name,
        token_hash=token_hash(key),
        prefix=key[:SHOWN_CHARACTERS],
        scopes=sorted(set(new.scopes)),
        created_by=created_by,
        created_at=act.now,
    )
    session.add(row)
    await append(session, act, [ApiKeyChanged(api_key_id=row.id, change="created")])
    return ApiKeyMade(**_view(row).model_dump(), key=key)


async def list_api_keys(
    session: AsyncSession, *, after: tuple[datetime, UUID] | None, limit: int
) -> Sequence[ApiKeyView]:
    return [_view(row) for row in await repository.list_api_keys(session, after=after, limit=limit)]


async def revoke_api_key(session: AsyncSession, act: Act, key_id: UUID) -> None:
    """Revoking twice is no error: the key is as dead."""
    row = await repository.get_api_key(session, key_id)
    if row.revoked_at is None:
        row.revoked_at = act.now
        await append(session, act, [ApiKeyChanged(api_key_id=row.id, change="revoked")])


def _view(row: ApiKey) -> ApiKeyView:
    return ApiKeyView.model_validate(row, from_attributes=True)
