"""Is it alive, can it serve, what does it measure: /healthz, /readyz, /metrics."""

from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel
from sqlalchemy import text

from app.core.errors import Forbidden, Unavailable
from app.core.http import problems

SOCKETS_STAND_STILL_SECONDS = 15.0
"""The hub looks at the log each second, if only to find nothing; the largest fan-outs take it a few."""

router = APIRouter(tags=["operations"])
PUBLIC: dict[str, Any] = {"security": []}


class Health(BaseModel):
    status: Literal["ok"] = "ok"


@router.get("/healthz", summary="The process is alive", openapi_extra=PUBLIC)
async def healthz() -> Health:
    return Health()


@router.get(
    "/readyz",
    summary="The process can serve: its database answers, and its sockets hear what happens",
    responses=problems(503),
    openapi_extra=PUBLIC,
)
async def readyz(request: Request) -> Health:
    try:
        async with request.app.state.database.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
    except Exception as error:
        raise Unavailable("database_unavailable", "The database does not answer. Try again in a moment.") from error
    if request.app.state.hub.seconds_since_look() > SOCKETS_STAND_STILL_SECONDS:
        raise Unavailable(
            "sockets_stand_still", "The sockets of this process hear nothing new. Restart it if this lasts."
        )
    return Health()


@router.get(
    "/metrics",
    summary="Prometheus metrics, to callers on this machine only",
    response_class=Response,
    responses=problems(403),
    openapi_extra=PUBLIC,
)
async def metrics(request: Request) -> Response:
    # A scraper stands beside the process. A proxy in front also connects from this machine, but says for whom.
    local = request.client is not None and request.client.host in ("127.0.0.1", "::1")
    if not local or "x-forwarded-for" in request.headers:
        raise Forbidden("metrics_are_local", "Scrape /metrics from the machine the process runs on.")
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
