"""The object store: bytes under the SHA-256 of their content, in a local folder."""

import asyncio
import errno
import hashlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import mkstemp
from typing import BinaryIO

from app.core.errors import NotFound, PayloadTooLarge, Unavailable

CHUNK_BYTES = 256 * 1024
HEAD_BYTES = 8 * 1024
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True, slots=True)
class StoredObject:
    """`head` are the first bytes, by which the type is told."""

    sha256: bytes
    size_bytes: int
    head: bytes


class LocalObjectStore:
    """Equal content is stored once, so whoever deletes must know that nothing refers to it any more.

    A file appears under its name whole or not at all: it is written aside, flushed to the disk and renamed.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._aside = root / "incoming"

    async def put(self, chunks: AsyncIterator[bytes], *, limit_bytes: int) -> StoredObject:
        """Raises PayloadTooLarge beyond the limit, Unavailable when the disk is full; nothing is left then."""
        try:
            file, aside = await asyncio.to_thread(self._open_aside)
        except OSError as error:
            raise _told(error) from error
        try:
            with file:
                stored = await _copy(chunks, file, limit_bytes)
            await asyncio.to_thread(self._keep, aside, stored.sha256)
        except OSError as error:
            raise _told(error) from error
        finally:
            await asyncio.to_thread(aside.unlink, missing_ok=True)
        return stored

    async def read(self, sha256: bytes) -> AsyncIterator[bytes]:
        """The content, in chunks. Raises NotFound before the first."""
        try:
            file = await asyncio.to_thread(self._path(sha256).open, "rb")
        except FileNotFoundError as error:
            raise NotFound("object_not_found", "The stored file is gone.") from error
        with file:
            while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
                yield chunk

    async def holds(self, sha256: bytes) -> bool:
        return await asyncio.to_thread(self._path(sha256).exists)

    async def delete(self, sha256: bytes) -> None:
        """What is gone already is no error."""
        await asyncio.to_thread(self._path(sha256).unlink, missing_ok=True)

    async def sweep(self, *, before: datetime) -> int:
        """Remove what uploads left aside that were killed before that time. Returns how many."""
        return await asyncio.to_thread(self._sweep, before.timestamp())

    def _sweep(self, before: float) -> int:
        left = [path for path in self._aside.glob("*") if path.stat().st_mtime < before]
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)

    def _path(self, sha256: bytes) -> Path:
        name = sha256.hex()
        return self._root / name[:2] / name[2:]

    def _open_aside(self) -> tuple[BinaryIO, Path]:
        self._aside.mkdir(parents=True, exist_ok=True)
        descriptor, name = mkstemp(dir=self._aside)
        return os.fdopen(descriptor, "wb"), Path(name)

    def _keep(self, aside: Path, sha256: bytes) -> None:
        kept = self._path(sha256)
        kept.parent.mkdir(exist_ok=True)
        aside.replace(kept)
        # The rename itself must be on the disk before anybody stores a reference to it.
        folder = os.open(kept.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


async def _copy(chunks: AsyncIterator[bytes], file: BinaryIO, limit_bytes: int) -> StoredObject:
    digest, size, head = hashlib.sha256(), 0, b""
    async for chunk in chunks:
        size += len(chunk)
        if size > limit_bytes:
            raise PayloadTooLarge("file_too_large", f"A file may have {limit_bytes} bytes at most.")
        head += chunk[: HEAD_BYTES - len(head)]
        await asyncio.to_thread(_write, file, digest, chunk)
    await asyncio.to_thread(_flush, file)
    return StoredObject(digest.digest(), size, head)


def _write(file: BinaryIO, digest: "hashlib._Hash", chunk: bytes) -> None:
    digest.update(chunk)
    file.write(chunk)


def _flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _told(error: OSError) -> Unavailable:
    reason = "The disk is full" if error.errno in FULL else "Files cannot be stored at present"
    return Unavailable("storage_unavailable", f"{reason}. Try again later, or tell an administrator.")
