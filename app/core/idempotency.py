"""Idempotency-Key on writes: the same key and body get the first answer again, for 24 hours."""

import hashlib
import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, TypeAdapter
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.act import Act
from app.core.errors import InvalidInput

KEPT_HOURS = 24
REPLAYED_HEADER = "Idempotency-Replayed"
_ANY = TypeAdapter(Any)


async def find_answer(
    session: AsyncSession, *, principal: str, route: str, key: str, body: bytes, now: datetime
) -> tuple[int, Any] | None:
    """Reserve the key, or give the answer it already has.

    A second request with the key waits here until the first one's transaction ended. Raises InvalidInput when the key
    came with another body before.
    """
    values = {"principal": principal, "route": route, "key": key}
    body_hash = hashlib.sha256(body).digest()
    reserved = await session.execute(
        text(
            "INSERT INTO idempotency_key (principal, route, key, body_hash, status, answer, created_at)"
            " VALUES (:principal, :route, :key, :body_hash, 0, 'null', :now) ON CONFLICT DO NOTHING RETURNING 1"
        ),
        {**values, "body_hash": body_hash, "now": now},
    )
    if reserved.one_or_none() is not None:
        return None
    row = (
        await session.execute(
            text(
                "SELECT body_hash, status, answer FROM idempotency_key"
                " WHERE principal = :principal AND route = :route AND key = :key"
            ),
            values,
        )
    ).one()
    if bytes(row.body_hash) != body_hash:
        raise InvalidInput(
            "idempotency_key_reused",
            "This Idempotency-Key was used with another body. Use a fresh key for a new write.",
        )
    return row.status, row.answer


async def store_answer(
    session: AsyncSession, *, principal: str, route: str, key: str, status: int, answer: Any
) -> None:
    await session.execute(
        text(
            "UPDATE idempotency_key SET status = :status, answer = CAST(:answer AS jsonb)"
            " WHERE principal = :principal AND route = :route AND key = :key"
        ),
        {"principal": principal, "route": route, "key": key, "status": status, "answer": json.dumps(answer)},
    )


async def delete_old(session: AsyncSession, now: datetime) -> None:
    await session.execute(
        text("DELETE FROM idempotency_key WHERE created_at < :before"), {"before": now - timedelta(hours=KEPT_HOURS)}
    )


class Once:
    """Does a write once for each Idempotency-Key; without the header it just does it."""

    def __init__(self, request: Request, key: str | None) -> None:
        self._request = request
        self._key = key

    async def __call__(
        self,
        session: AsyncSession,
        act: Act,
        work: Callable[[], Awaitable[BaseModel | None]],
        *,
        status: int = 200,
    ) -> JSONResponse:
        """Run `work` inside the session's transaction and store its answer there too."""
        if self._key is None:
            return JSONResponse(_ANY.dump_python(await work(), mode="json"), status)
        where = {"principal": act.actor, "key": self._key}
        where["route"] = f"{self._request.method} {self._request.url.path}"
        found = await find_answer(session, body=await self._request.body(), now=act.now, **where)
        if found is not None:
            return JSONResponse(found[1], found[0], headers={REPLAYED_HEADER: "true"})
        answer = _ANY.dump_python(await work(), mode="json")
        await store_answer(session, status=status, answer=answer, **where)
        return JSONResponse(answer, status)


def _once(
    request: Request,
    idempotency_key: Annotated[
        str | None,
        Header(
            min_length=1, max_length=200, description="Makes a retry safe: the same key gets the first answer again."
        ),
    ] = None,
) -> Once:
    return Once(request, idempotency_key)


OnceDep = Annotated[Once, Depends(_once)]
