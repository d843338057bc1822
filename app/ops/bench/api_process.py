"""The api process under measurement: the product's own application, and operations that measure it from inside."""

import asyncio
import gc
import importlib
from uuid import UUID

from fastapi import APIRouter, FastAPI, Request, Response
from starlette.routing import Route

from app.channels.chat.adapter import parse_message
from app.channels.chat.schemas import WidgetReceived
from app.core import logs
from app.core.config import Settings
from app.ops.bench.measuring import now
from app.ops.serve import serve

TICK_SECONDS = 0.001
NOTHING_PATH = "/v1/widget/bench/nothing"
"""Under the widget's prefix, so that the same layers stand before it."""
TICKS_PATH = "/v1/widget/bench/ticks"
COLLECT_PATH = "/v1/widget/bench/collect"

router = APIRouter()


async def do_nothing(request: Request) -> Response:
    """What `POST /v1/widget/messages` costs before and after its work: the same models, the same kind of route."""
    message = parse_message(await request.body())
    answer = WidgetReceived(
        conversation_id=UUID(int=1),
        message_id=UUID(int=2),
        sequence=1,
        arrived_at=request.app.state.clock.now(),
        client_id=message.client_id,
        duplicate=False,
    )
    return Response(answer.model_dump_json(), 201, media_type="application/json")


class Ticks:
    """How late a timer of one millisecond fires in this loop: what a fan-out costs everybody else."""

    def __init__(self) -> None:
        self.late_seconds: list[float] = []
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        self._task = self._task or asyncio.create_task(self._tick())
        self.late_seconds = []

    async def _tick(self) -> None:
        while True:
            due = now() + TICK_SECONDS
            await asyncio.sleep(TICK_SECONDS)
            self.late_seconds.append(now() - due)


@router.post(TICKS_PATH)
async def take_ticks(request: Request) -> list[float]:
    """The lateness of each tick since this was last called, seconds."""
    ticks: Ticks = request.app.state.ticks
    late = ticks.late_seconds
    ticks.begin()
    return late


@router.post(COLLECT_PATH)
async def collect() -> int:
    """So that memory counts what is held, not what waits for the collector."""
    return gc.collect()


def create_app() -> FastAPI:
    # By name: operations may not know the program above them.
    app: FastAPI = importlib.import_module("app.main").create_app()
    app.state.ticks = Ticks()
    app.router.routes.insert(0, Route(NOTHING_PATH, do_nothing, methods=["POST"]))
    app.include_router(router)
    return app


def main(listen_fd: int) -> None:
    settings = Settings()
    logs.configure(settings.log_level, settings.log_format)
    serve(settings, listen_fd=listen_fd, application="app.ops.bench.api_process:create_app")
