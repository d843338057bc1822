"""Webhook endpoints as administrators keep them."""

import secrets
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core import event_log
from app.core.act import Act
from app.core.config import Settings
from app.core.errors import Conflict, PreconditionFailed
from app.core.http import Page, decode_cursor, encode_cursor
from app.events.webhooks import WebhookEndpointChanged
from app.webhooks import repository
from app.webhooks.destinations import check_url, read_allowed
from app.webhooks.models import WebhookEndpoint
from app.webhooks.schemas import ENDPOINTS_MAX, EndpointIn, EndpointPatch, EndpointView, EndpointWithSecret
from app.webhooks.service.enqueueing import wake
from app.webhooks.service.turns import disable
from app.webhooks.signing import SALT_BYTES, secret_of, shown

SIGNS_ALONG = timedelta(hours=24)


async def create_endpoint(
    session: AsyncSession, act: Act, new: EndpointIn, *, settings: Settings
) -> EndpointWithSecret:
    """Raises Conflict `webhook_name_taken`, `webhook_endpoints_limit`; InvalidInput as `check_url` does."""
    names = await repository.list_names(session)
    if len(names) >= ENDPOINTS_MAX:
        raise Conflict("webhook_endpoints_limit", f"There are {ENDPOINTS_MAX} endpoints. Delete one first.")
    endpoint = WebhookEndpoint(
        id=act.new_id(),
        name=_free(new.name, names, None),
        url=_checked(new.url, settings),
        event_types=list(dict.fromkeys(new.event_types)),
        ordered=new.ordered,
        salt=secrets.token_bytes(SALT_BYTES),
        enabled=True,
        version=1,
        created_at=act.now,
    )
    session.add(endpoint)
    await _tell(session, act, endpoint, "created")
    return _with_secret(endpoint, settings)


async def update_endpoint(
    session: AsyncSession,
    act: Act,
    patch: EndpointPatch,
    *,
    endpoint_id: UUID,
    version: int | None,
    settings: Settings,
) -> EndpointView:
    """Raises NotFound, PreconditionFailed `webhook_endpoint_changed`, and what `create_endpoint` raises."""
    endpoint = await _lock(session, endpoint_id, version)
    given = patch.model_dump(exclude_unset=True, exclude_none=True)
    enabled = given.pop("enabled", endpoint.enabled)
    if "name" in given:
        _free(given["name"], await repository.list_names(session), endpoint_id)
    if "url" in given:
        _checked(given["url"], settings)
    for field, value in given.items():
        setattr(endpoint, field, value)
    endpoint.version += 1
    await _tell(session, act, endpoint, "updated")
    await _switch(session, act, endpoint, enabled)
    return view_of(endpoint)


async def rotate_secret(
    session: AsyncSession, act: Act, *, endpoint_id: UUID, version: int | None, settings: Settings
) -> EndpointWithSecret:
    """From now on with a new one; the one before signs along for a day, an older one no more."""
    endpoint = await _lock(session, endpoint_id, version)
    endpoint.old_salt, endpoint.old_until = endpoint.salt, act.now + SIGNS_ALONG
    endpoint.salt = secrets.token_bytes(SALT_BYTES)
    endpoint.version += 1
    await _tell(session, act, endpoint, "secret_rotated")
    return _with_secret(endpoint, settings)


async def delete_endpoint(session: AsyncSession, act: Act, *, endpoint_id: UUID, version: int | None) -> None:
    """Nothing more is sent to it; its deliveries stay in the log for their time."""
    endpoint = await _lock(session, endpoint_id, version)
    endpoint.deleted_at, endpoint.enabled, endpoint.run_at = act.now, False, None
    await _tell(session, act, endpoint, "deleted")


async def get_endpoint(session: AsyncSession, endpoint_id: UUID) -> EndpointView:
    return view_of(await repository.get_endpoint(session, endpoint_id))


async def list_endpoints(session: AsyncSession, *, cursor: str | None, limit: int) -> Page[EndpointView]:
    after = None if cursor is None else decode_cursor(cursor, (UUID,))[0]
    found = await repository.list_endpoints(session, after=after, limit=limit + 1)
    return Page(items=[view_of(each) for each in found[:limit]], next_cursor=_more(found, limit))


def view_of(endpoint: WebhookEndpoint) -> EndpointView:
    return EndpointView.model_validate(_members(endpoint))


def _members(endpoint: WebhookEndpoint) -> dict[str, object]:
    shown_as_stored = set(EndpointView.model_fields) - {"old_secret_until"}
    members: dict[str, object] = {name: getattr(endpoint, name) for name in shown_as_stored}
    return members | {"old_secret_until": endpoint.old_until}


def _with_secret(endpoint: WebhookEndpoint, settings: Settings) -> EndpointWithSecret:
    secret = secret_of(settings.secret_key.get_secret_value(), endpoint.id, endpoint.salt)
    return EndpointWithSecret.model_validate(_members(endpoint) | {"secret": shown(secret)})


def _more(found: Sequence[WebhookEndpoint], limit: int) -> str | None:
    return encode_cursor(str(found[limit - 1].id)) if len(found) > limit else None


async def _lock(session: AsyncSession, endpoint_id: UUID, version: int | None) -> WebhookEndpoint:
    endpoint = await repository.lock_endpoint(session, endpoint_id)
    if version is not None and version != endpoint.version:
        raise PreconditionFailed("webhook_endpoint_changed", "It was changed since you read it: read it again.")
    return endpoint


async def _switch(session: AsyncSession, act: Act, endpoint: WebhookEndpoint, enabled: bool) -> None:
    if endpoint.enabled and not enabled:
        await disable(session, act, endpoint, "by_admin")
    elif enabled and not endpoint.enabled:
        endpoint.enabled, endpoint.disabled_reason = True, None
        endpoint.failures, endpoint.failing_since, endpoint.wait_until = 0, None, None
        await session.flush()
        await wake(session, act, {endpoint.id})


async def _tell(session: AsyncSession, act: Act, endpoint: WebhookEndpoint, change: str) -> None:
    changed = WebhookEndpointChanged.model_validate({"endpoint_id": endpoint.id, "change": change})
    await event_log.append(session, act, [changed])


def _free(name: str, names: dict[str, UUID], own_id: UUID | None) -> str:
    if names.get(name, own_id) != own_id:
        raise Conflict("webhook_name_taken", "Another webhook endpoint has this name. Choose another one.")
    return name


def _checked(url: str, settings: Settings) -> str:
    return check_url(url, read_allowed(settings.webhook_allowed_destinations))
