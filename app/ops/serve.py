"""Run the HTTP and socket server of the `api` process."""

import socket
from collections.abc import Awaitable, Callable

import uvicorn

from app.core.config import Settings
from app.ops.lines import BoundedLine

APPLICATION = "app.main:create_app"
WEBSOCKET_FRAME_MAX_BYTES = 64 * 1024
GRACEFUL_SHUTDOWN_SECONDS = 5
KEEP_ALIVE_SECONDS = 20
PARTING = "parting"
"""Key in the lifespan's state: what to await when the server stops, while its sockets can still be written to."""
# Beyond what one process can serve, connections wait in the kernel's queue instead of in our memory.
BACKLOG = 2_048


class PartingServer(uvicorn.Server):
    """Lets the sockets part with a word. uvicorn itself closes them first and tells the application afterwards."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()  # nobody new, while the others are sent away
        parting: Callable[[], Awaitable[None]] | None = self.lifespan.state.get(PARTING)
        if parting is not None:
            await parting()
        await super().shutdown(sockets)


def serve(settings: Settings, *, listen_fd: int | None = None, application: str = APPLICATION) -> None:
    """Serve until SIGTERM or SIGINT. `listen_fd` is a listening socket handed down by `up`."""
    server = PartingServer(
        uvicorn.Config(
            application,
            factory=True,
            host=settings.host,
            port=settings.port,
            loop="uvloop",
            http="httptools",
            ws=BoundedLine,
            ws_per_message_deflate=False,  # doubles the memory of each idle socket
            ws_max_size=WEBSOCKET_FRAME_MAX_BYTES,
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=settings.trusted_proxies or None,
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_SECONDS,
        )
    )
    server.run(sockets=[socket.socket(fileno=listen_fd)] if listen_fd is not None else None)


def listen(host: str, port: int) -> socket.socket:
    """A bound, listening socket that children may inherit. Raises OSError when the port is taken."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
