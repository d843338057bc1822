"""Where a process without an HTTP server of its own shows what it measures; counters that begin at nought."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import product

import structlog
from prometheus_client import Counter, start_http_server

log = structlog.get_logger(__name__)

HOST = "127.0.0.1"
"""As the api's own /metrics: whoever scrapes stands beside the process."""


def at_nought(counter: Counter, *values: Iterable[str]) -> None:
    """Show a counter for these values of its labels before anything was counted.

    One that appears with its first occurrence has never risen, and an alert on its rise stays silent.
    """
    for labels in product(*values):
        counter.labels(*labels)


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
