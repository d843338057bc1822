"""The api process: HTTP, both sockets and the pages."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig

from app import __version__, wiring
from app.channels.chat.guards import WidgetCors
from app.channels.chat.service import ChatFront
from app.channels.files.service import FileFront, open_store
from app.channels.intake import Intake
from app.core import health
from app.core.config import Settings
from app.core.hot_routes import HotRoutes
from app.core.http import Api, Manners, install_error_handlers, operation_id
from app.core.runtime import open_runtime, stop_tasks
from app.core.tasks import keep_running
from app.ops import migrate
from app.ops.serve import PARTING
from app.realtime.hub import Hub
from app.workspace.service import Wallboards

DESCRIPTION = """The open contact-centre backend: chat, e-mail, phone and social messages become one conversation model.

Errors are RFC 9457 problem documents with a stable `code`. Lists are paged by cursor. Writes take an
`Idempotency-Key`. Every answer carries `X-Request-Id`. The sockets and webhooks have a page of their own:
[/docs/sockets](/docs/sockets), for programs [/asyncapi.json](/asyncapi.json).
"""

# The framework's own would believe every caller's `traceparent` and tell the callers' addresses.
NO_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}


def create_app(settings: Settings | None = None) -> FastAPI:
    """The ASGI application; everything it needs at run time is opened in its lifespan."""
    settings = settings or Settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        await migrate.refuse_older_schema(settings.database_url)
        async with open_runtime(settings, "switchboard-api") as runtime:
            app.state.settings = settings
            app.state.clock = runtime.clock
            app.state.database = runtime.database
            app.state.bus = runtime.bus
            app.state.signal = runtime.signal
            app.state.hours = wiring.HOURS
            app.state.chat = ChatFront(
                settings.secret_key.get_secret_value(), runtime.database, public_url=settings.public_url
            )
            app.state.files = FileFront(settings.secret_key.get_secret_value(), open_store(settings.data_dir))
            app.state.intake = intake = Intake(runtime.database, runtime.clock)
            app.state.hub = hub = Hub(
                runtime.database,
                runtime.clock,
                runtime.signal,
                runtime.bus,
                board_source=Wallboards(ZoneInfo(settings.timezone)).get,
            )
            intake.on_continued = hub.just_stored.remember
            await intake.start()
            following = asyncio.create_task(keep_running("hub", hub.run), name="hub")
            try:
                yield {PARTING: hub.part}
            finally:
                await stop_tasks([following])
                hub.close()
                await intake.stop()

    app = Api(
        title="Switchboard",
        version=__version__,
        description=DESCRIPTION,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        lifespan=lifespan,
        generate_unique_id_function=operation_id,
        telemetry=NO_TELEMETRY,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # the address to go to would be made of the Host header
    )
    install_error_handlers(app)
    app.include_router(health.router)
    for router in wiring.ROUTERS:
        app.include_router(router)
    app.add_middleware(HotRoutes, routes=wiring.HOT_ROUTES, sockets=wiring.HOT_SOCKETS)
    app.add_middleware(WidgetCors)
    app.add_middleware(Manners, hsts_seconds=settings.hsts_seconds)
    if settings.tracing != "off":
        from app.core.traced_requests import TracedRequests

        app.add_middleware(TracedRequests, callers=settings.tracing)
    return app
