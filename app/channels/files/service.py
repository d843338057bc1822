"""Files in conversations: taken in, bound to one message, read by link, forgotten when nothing needs them."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.schemas import Principal
from app.channels.chat.rate_limits import Buckets, Rate
from app.channels.chat.visitor_tokens import VisitorPrincipal
from app.channels.files import repository
from app.channels.files.links import GOOD_FOR, FileLinks
from app.channels.files.media_types import judge
from app.channels.files.names import clean_name
from app.channels.files.schemas import MAX_FILE_BYTES, FileDescription, FileLink
from app.channels.models import Attachment
from app.conversations import service as conversations
from app.core.act import Act
from app.core.database import Database
from app.core.errors import Conflict, InvalidInput, NotFound, Unavailable
from app.core.storage import HEAD_BYTES, LocalObjectStore

KEPT_UNATTACHED = timedelta(hours=24)
FORGOTTEN_AT_ONCE = 100
OBJECTS_FOLDER = "objects"
UPLOADS_BY_UPLOADER = Rate(burst=20, per_second=0.2)
# A visitor costs nothing to make, so the disk is guarded by address.
UPLOADS_BY_ADDRESS = Rate(burst=100, per_second=0.5)


def open_store(data_dir: Path) -> LocalObjectStore:
    return LocalObjectStore(data_dir / OBJECTS_FOLDER)


class FileFront:
    """What all operations on files share in one process: the store, the signer of links, the limits."""

    def __init__(self, secret_key: str, store: LocalObjectStore) -> None:
        self.store = store
        self.links = FileLinks(secret_key)
        self._uploaders = Buckets(UPLOADS_BY_UPLOADER)
        self._addresses = Buckets(UPLOADS_BY_ADDRESS)

    def take_upload(self, actor: str, address: str, now: datetime) -> None:
        self._uploaders.take(actor, now)
        self._addresses.take(address, now)


class Upload:
    """A file on its way in. A form tells the name only with the first bytes, so it is asked for then."""

    def __init__(self, chunks: AsyncIterator[bytes], name: Callable[[], str]) -> None:
        self._chunks = chunks
        self._given_name = name
        self.name = ""
        self.media_type = ""

    async def judged(self) -> AsyncIterator[bytes]:
        """The same chunks. What may not be kept is refused before anything of it counts as stored."""
        head = b""
        async for chunk in self._chunks:
            if self.media_type:
                yield chunk
                continue
            head += chunk
            if len(head) >= HEAD_BYTES:
                self._judge(head, whole=False)
                yield head
        if not head:
            raise InvalidInput("file_empty", "The file is empty: choose another.")
        if not self.media_type:
            self._judge(head, whole=True)
            yield head

    def _judge(self, head: bytes, *, whole: bool) -> None:
        self.name = clean_name(self._given_name())
        self.media_type = judge(self.name, head, whole=whole)


async def take_in(database: Database, front: FileFront, act: Act, upload: Upload) -> FileDescription:
    """Store a file that its uploader may attach to one message. No transaction is open while the bytes come in.

    Raises InvalidInput (`file_type_not_allowed`, `file_empty`), PayloadTooLarge `file_too_large`, Unavailable.
    """
    stored = await front.store.put(upload.judged(), limit_bytes=MAX_FILE_BYTES)
    attachment = Attachment(
        id=act.new_id(),
        sha256=stored.sha256,
        name=upload.name,
        media_type=upload.media_type,
        size_bytes=stored.size_bytes,
        uploaded_by=act.actor,
        created_at=act.now,
    )
    async with database.transaction() as session:
        await repository.lock_contents(session, [stored.sha256])
        # The last other reference to the same bytes may have gone, and they with it, since they were put.
        if not await front.store.holds(stored.sha256):
            raise Unavailable("storage_unavailable", "The file could not be kept. Send it again.")
        session.add(attachment)
    return FileDescription.model_validate(attachment)


async def describe_own(session: AsyncSession, actor: str, ids: Sequence[UUID]) -> list[dict[str, Any]]:
    """Descriptions of the actor's uploads for a message of theirs, in the order given.

    Raises InvalidInput `attachment_not_found` for those of others too. That each is free is for `bind` to say: a
    resent message names files that its first sending has bound.
    """
    if not ids:
        return []
    own = await repository.list_own(session, actor, ids)
    if not own.keys() >= set(ids) or len(set(ids)) != len(ids):
        raise InvalidInput("attachment_not_found", "Name files you have uploaded yourself, each once.")
    return [FileDescription.model_validate(own[one]).model_dump(mode="json") for one in ids]


async def bind(session: AsyncSession, places: Mapping[UUID, tuple[UUID, UUID]], *, visibility: str) -> None:
    """Bind attachments to their (message, conversation), in the transaction that stores the messages.

    Raises Conflict `attachment_used` if another message has one, or its 24 hours are over.
    """
    if places and await repository.bind(session, places, visibility=visibility) != places.keys():
        raise Conflict("attachment_used", "A file is in another message already, or has expired: upload it again.")


async def link_for_agent(
    session: AsyncSession, front: FileFront, act: Act, principal: Principal, attachment_id: UUID
) -> FileLink:
    visible = conversations.visible_ids(principal)
    return await _link(session, front, act, attachment_id, visible, public_only=False)


async def link_for_visitor(
    session: AsyncSession, front: FileFront, act: Act, visitor: VisitorPrincipal, attachment_id: UUID
) -> FileLink:
    """Never one of an internal note's files."""
    own = conversations.ids_of_contact(
        contact_point_id=visitor.contact_point_id, channel_account_id=visitor.channel_account_id
    )
    return await _link(session, front, act, attachment_id, own, public_only=True)


async def _link(
    session: AsyncSession,
    front: FileFront,
    act: Act,
    attachment_id: UUID,
    visible: Select[UUID],
    *,
    public_only: bool,
) -> FileLink:
    found = await repository.find_visible(
        session, attachment_id, actor=act.actor, conversations=visible, public_only=public_only
    )
    if found is None:
        raise NotFound("attachment_not_found", "There is no such file, or you may not see it.")
    expires_at = (act.now + GOOD_FOR).replace(microsecond=0)
    return FileLink(url=f"/v1/files/{front.links.make(found.id, expires_at)}", expires_at=expires_at)


async def open_linked(
    session: AsyncSession, front: FileFront, signed: str, now: datetime
) -> tuple[FileDescription, AsyncIterator[bytes]]:
    """The file of a link and its bytes. Raises NotFound, Forbidden `link_expired`."""
    attachment = await repository.find(session, front.links.read(signed, now))
    if attachment is None:
        raise NotFound("file_not_found", "The file is gone.")
    chunks = front.store.read(attachment.sha256)
    first = await anext(chunks)  # raises before anything is answered

    async def all_chunks() -> AsyncIterator[bytes]:
        yield first
        async for chunk in chunks:
            yield chunk

    return FileDescription.model_validate(attachment), all_chunks()


async def forget_unattached(database: Database, store: LocalObjectStore, now: datetime) -> int:
    """Delete uploads that no message took within a day, and bytes nothing refers to any more. Returns how many."""
    await store.sweep(before=now - KEPT_UNATTACHED)
    forgotten = 0
    while True:
        async with database.transaction() as session:
            old = await repository.lock_unattached(session, before=now - KEPT_UNATTACHED, limit=FORGOTTEN_AT_ONCE)
            await _remove(session, store, old)
        forgotten += len(old)
        if len(old) < FORGOTTEN_AT_ONCE:
            return forgotten


async def _remove(session: AsyncSession, store: LocalObjectStore, attachments: Collection[Attachment]) -> None:
    """Bytes go while their lock is held. A crash before the commit leaves a row without bytes, removed next time."""
    contents = {one.sha256 for one in attachments}
    await repository.lock_contents(session, contents)
    await repository.remove(session, [one.id for one in attachments])
    for sha256 in await repository.list_unreferenced(session, contents):
        await store.delete(sha256)
