import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.core.errors import NotFound, PayloadTooLarge, Unavailable
from app.core.storage import HEAD_BYTES, LocalObjectStore


async def pieces(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def content(store: LocalObjectStore, sha256: bytes) -> bytes:
    return b"".join([chunk async for chunk in store.read(sha256)])


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


async def test_what_is_put_is_read_under_its_hash(tmp_path: Path) -> None:
    store = LocalObjectStore(tmp_path)
    stored = await store.put(pieces(b"a" * 9_000, b"b"), limit_bytes=10_000)
    assert stored.sha256 == hashlib.sha256(b"a" * 9_000 + b"b").digest()
    assert (stored.size_bytes, stored.head) == (9_001, b"a" * HEAD_BYTES)
    assert await content(store, stored.sha256) == b"a" * 9_000 + b"b"


async def test_equal_content_put_at_once_is_one_file(tmp_path: Path) -> None:
    store = LocalObjectStore(tmp_path)
    stored = await asyncio.gather(*(store.put(pieces(b"same"), limit_bytes=10) for _ in range(8)))
    assert len(set(stored)) == 1
    assert len(files(tmp_path)) == 1


async def test_too_much_leaves_nothing(tmp_path: Path) -> None:
    store = LocalObjectStore(tmp_path)
    with pytest.raises(PayloadTooLarge):
        await store.put(pieces(b"x" * 6, b"x" * 6), limit_bytes=10)
    assert files(tmp_path) == []


async def test_a_broken_upload_leaves_nothing(tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x"
        raise ConnectionResetError("the sender went away")

    with pytest.raises(Unavailable):
        await LocalObjectStore(tmp_path).put(broken(), limit_bytes=10)
    assert files(tmp_path) == []


async def test_a_store_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unavailable) as refused:
        await LocalObjectStore(tmp_path / "file").put(pieces(b"x"), limit_bytes=10)
    assert refused.value.code == "storage_unavailable"


async def test_what_a_killed_upload_left_is_swept_and_a_running_one_is_not(tmp_path: Path) -> None:
    store = LocalObjectStore(tmp_path)
    await store.put(pieces(b"kept"), limit_bytes=10)
    for name, modified in (("old", 1_000), ("running", 3_000)):
        (tmp_path / "incoming" / name).write_bytes(b"half")
        os.utime(tmp_path / "incoming" / name, (modified, modified))
    assert await store.sweep(before=datetime.fromtimestamp(2_000, UTC)) == 1
    assert sorted(path.name for path in files(tmp_path / "incoming")) == ["running"]
    assert len(files(tmp_path)) == 2


async def test_what_is_deleted_is_gone(tmp_path: Path) -> None:
    store = LocalObjectStore(tmp_path)
    stored = await store.put(pieces(b"x"), limit_bytes=10)
    assert await store.holds(stored.sha256)
    await store.delete(stored.sha256)
    assert not await store.holds(stored.sha256)
    await store.delete(stored.sha256)
    with pytest.raises(NotFound):
        await content(store, stored.sha256)
