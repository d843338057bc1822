"""Where a process without an HTTP server of its own shows what it measures."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from prometheus_client import start_http_server

log = structlog.get_logger(__name__)

HOST = "127.0.0.1"
"""As the api's own /metrics: whoever scrapes stands beside the process."""


@contextmanager
def serving(port: int) -> Iterator[None]:
    """Serve /metrics from a thread while the block runs; port 0: do not. Ends the process when the port is taken."""
    if not port:
        yield
        return
    try:
        server, thread = start_http_server(port, HOST)
    except OSError as error:
        raise SystemExit(f"Set SWITCHBOARD_WORKER_METRICS_PORT to another port: {port}: {error.strerror}.") from error
    log.info("metrics_served", port=port)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
