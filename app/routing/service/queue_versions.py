"""Versions of a queue's settings: every save leaves one, and an old one comes back as a new one."""

from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from pydantic_core import to_jsonable_python
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.edits import edits_between
from app.core.errors import Conflict, PreconditionFailed
from app.core.http import Page, cursor_number, decode_cursor, encode_cursor
from app.routing.models import Queue, QueueVersion
from app.routing.planning.schemas import QueueVersionView
from app.routing.queue_schemas import QueueBody
from app.routing.repository import queue_versions as version_rows
from app.routing.repository import queues as queue_rows

FIRST_ABOVE = 2**31 - 1
"""No version has this number: the newest page begins below it."""
UNRECORDED = "unrecorded"
"""Who made a version that was saved before versions were kept."""
DEFAULTS: Mapping[str, Any] = QueueBody.model_construct(name="").model_dump(mode="json")
"""So that a field which is newer than a stored version is no edit of anybody's."""


def settings_of(queue: Queue) -> dict[str, Any]:
    """The settings as they are stored, as JSON by the names of QueueBody: not judged by today's rules."""
    settings: dict[str, Any] = to_jsonable_python({name: getattr(queue, name) for name in QueueBody.model_fields})
    return settings


async def keep(session: AsyncSession, queue: Queue, *, made_at: datetime, made_by: str) -> None:
    """The queue as it stands now, unless this version is kept already."""
    version = QueueVersion(
        queue_id=queue.id, version=queue.version, body=settings_of(queue), made_at=made_at, made_by=made_by
    )
    await version_rows.add_version(session, version)


async def check_unchanged(session: AsyncSession, queue: Queue, version: int | None) -> None:
    """Raises PreconditionFailed `queue_changed` with who saved meanwhile, and when."""
    if version is None or version == queue.version:
        return
    made = await version_rows.find_version(session, queue.id, queue.version)
    raise PreconditionFailed(
        "queue_changed",
        "Somebody changed this queue meanwhile; nothing of yours was stored. Reload it and edit again.",
        version=queue.version,
        made_by=made.made_by if made else UNRECORDED,
        made_at=made.made_at.isoformat() if made else None,
    )


async def list_versions(
    session: AsyncSession, *, queue_id: UUID, cursor: str | None, limit: int
) -> Page[QueueVersionView]:
    """Newest first. Raises NotFound `queue_not_found`."""
    await queue_rows.get_queue(session, queue_id)
    below = FIRST_ABOVE if cursor is None else min(int(decode_cursor(cursor, (cursor_number,))[0]), FIRST_ABOVE)
    rows = await version_rows.list_versions(session, queue_id, below=below, limit=limit + 1)
    # Each beside the one before it; the row past the page's end is there for that, too.
    shown = [_view(row, earlier) for row, earlier in pairwise([*rows, None]) if row is not None][:limit]
    return Page(items=shown, next_cursor=encode_cursor(shown[-1].version) if len(rows) > limit else None)


def _view(row: QueueVersion, earlier: QueueVersion | None) -> QueueVersionView:
    body = {**DEFAULTS, **row.body}
    edits = [] if earlier is None else edits_between({**DEFAULTS, **earlier.body}, body)
    return QueueVersionView(version=row.version, made_at=row.made_at, made_by=row.made_by, edits=edits, body=body)


async def get_body(session: AsyncSession, queue: Queue, version: int) -> QueueBody:
    """The settings of an old version; what it did not know yet stays as it is now.

    Raises NotFound `queue_version_not_found`, Conflict `queue_version_outdated`.
    """
    kept = await version_rows.get_version(session, queue.id, version)
    try:
        return QueueBody.model_validate({**settings_of(queue), **kept.body})
    except ValidationError as error:
        raise Conflict(
            "queue_version_outdated", "This version says what may not be said any more. Take what you need by hand."
        ) from error
