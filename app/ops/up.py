"""`switchboard up`: everything on this machine, under one parent that starts, watches and stops it."""

import asyncio
import http.client
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

from app.core.config import Settings
from app.ops import data_folder, migrate
from app.ops.embedded_postgres import EmbeddedPostgres
from app.ops.first_start import Login, demo_keys, first_start
from app.ops.postgres_programs import EmbeddedPostgresError
from app.ops.serve import listen
from app.ops.supervisor import Child, stop_all

READY_WITHIN_SECONDS = 60.0
WATCH_EVERY_SECONDS = 0.2
PAGES = (
    ("Console", "/console"),
    ("Widget demo", "/widget/demo"),
    ("Wallboard", "/wallboard"),
    ("Administration", "/admin"),
    ("API docs", "/docs"),
)


class UpError(RuntimeError):
    """It could not be started; the message says what to do."""


def up(settings: Settings, *, demo: bool, customers_per_minute: float = 0, as_json: bool) -> int:
    """Start everything and stay until Ctrl-C or SIGTERM. Returns the exit code."""
    # Set, because a shell that starts us in the background has told us to ignore Ctrl-C. The other two come as one.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        with ExitStack() as stack:
            _run(settings, stack, demo=demo, customers_per_minute=customers_per_minute, as_json=as_json)
    except KeyboardInterrupt:
        _say("stopped")
        return 0
    except (UpError, EmbeddedPostgresError, data_folder.FolderInUseError, migrate.MigrationFailedError) as error:
        _say(str(error))
        return 1
    return 0


def _run(settings: Settings, stack: ExitStack, *, demo: bool, customers_per_minute: float, as_json: bool) -> None:
    """Each step leaves on the stack how it is undone, so that all stops in the reverse order: children first."""
    folder = settings.data_dir.absolute()
    stack.enter_context(data_folder.held(folder))
    listener = stack.enter_context(_listening(settings))
    url = _address(listener)
    postgres = None if settings.database_url else EmbeddedPostgres(folder / "postgres")
    running = data_folder.Running(url=url, pid=os.getpid(), database_url=postgres.url if postgres else "")
    data_folder.write_running(folder, running)
    stack.callback(data_folder.forget_running, folder)
    if postgres is not None:
        _say("starting PostgreSQL")
        stack.callback(postgres.stop)
    database_url = postgres.start() if postgres is not None else settings.database_url
    _say("migrating")
    asyncio.run(migrate.upgrade(database_url))
    children = _children(settings, folder, database_url=database_url, listener=listener)
    stack.enter_context(_stopped_at_the_end(children))
    for child in children:
        _say(f"starting {child.name}")
        child.turn_log()
        child.start()
    _wait_until_ready(url, children)
    # Last, so that no password is made which a failing start would never show.
    logins = asyncio.run(first_start(database_url, data_dir=folder, demo_data=demo))
    if demo and customers_per_minute > 0:
        keys = asyncio.run(demo_keys(database_url))
        children.append(_customers(settings, folder, url=url, keys=keys, per_minute=customers_per_minute))
        children[-1].start()
    _print_summary(url, logins, folder, as_json=as_json)
    _watch(children, postgres)


def _children(settings: Settings, folder: Path, *, database_url: str, listener: socket.socket) -> list[Child]:
    secret = settings.secret_key.get_secret_value() or data_folder.secret_key(folder)
    environment = {
        **os.environ,
        "DATABASE_URL": database_url,
        "SWITCHBOARD_SECRET_KEY": secret,
        "SWITCHBOARD_DATA_DIR": str(folder),
        "SWITCHBOARD_HOST": settings.host,
        "PORT": str(listener.getsockname()[1]),
    }
    program = [sys.executable, "-m", "app.cli"]
    descriptor = listener.fileno()
    return [
        # The parent keeps the listening socket: while api starts again, visitors wait instead of being refused.
        Child("api", [*program, "api", "--listen-fd", str(descriptor)], environment, folder / "api.log", (descriptor,)),
        Child("worker", [*program, "worker"], environment, folder / "worker.log"),
    ]


def _customers(settings: Settings, folder: Path, *, url: str, keys: Sequence[str], per_minute: float) -> Child:
    """Simulated customers in a process of their own: they use the public API, as everybody else's do."""
    command = [sys.executable, "-m", "app.cli", "play-customers", url, *keys, "--per-minute", str(per_minute)]
    environment = {**os.environ, "SWITCHBOARD_LOG_LEVEL": settings.log_level}
    return Child("customers", command, environment, folder / "customers.log")


@contextmanager
def _stopped_at_the_end(children: Sequence[Child]) -> Iterator[None]:
    try:
        yield
    finally:
        # From here on nothing may interrupt: a second Ctrl-C would leave processes behind.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        _say("stopping")
        stop_all(children)


@contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    try:
        listener = listen(settings.host, settings.port)
    except OSError as error:
        raise UpError(
            f"Cannot listen on {settings.host} port {settings.port}: {error.strerror}. Choose another with PORT."
        ) from error
    with listener:
        yield listener


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{shown}:{port}"


def _wait_until_ready(url: str, children: Sequence[Child]) -> None:
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while not _is_ready(url):
        for child in children:
            if child.ended():
                raise UpError(f"{child.name} ended while starting. It said:\n{child.last_words()}")
        if time.monotonic() > deadline:
            raise UpError(f"Not ready after {READY_WITHIN_SECONDS:.0f} s. See {children[0].log}.")
        time.sleep(WATCH_EVERY_SECONDS)


def _is_ready(url: str) -> bool:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=2)
    with suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.HTTPStatus.OK
    connection.close()
    return False


def _watch(children: Sequence[Child], postgres: EmbeddedPostgres | None) -> None:
    """Until a signal: start again what ended, PostgreSQL first, because the others need it."""
    while True:
        time.sleep(WATCH_EVERY_SECONDS)
        if postgres is not None and postgres.pid is None:
            _say("PostgreSQL ended, starting it again")
            postgres.start()
        for child in children:
            if happened := child.tend():
                _say(happened)
            child.turn_log()


def _print_summary(url: str, logins: Sequence[Login], folder: Path, *, as_json: bool) -> None:
    if as_json:
        summary = {"url": url, "pid": os.getpid(), "logins": [asdict(login) for login in logins]}
        print(json.dumps(summary, ensure_ascii=False), flush=True)  # noqa: T201
        return
    lines = ["", f"Switchboard is running at {url}", ""]
    lines += [f"  {name + ':':16}{url}{path}" for name, path in PAGES]
    if logins:
        lines += ["", "Logins made just now; the passwords are shown only this once:"]
        lines += [f"  {login.role:11}{login.login:20}{login.password:34}{login.name}" for login in logins]
    lines += ["", f"Data and logs: {folder}", "Ctrl-C stops everything."]
    print("\n".join(lines), flush=True)  # noqa: T201


def _say(what: str) -> None:
    print(f"switchboard: {what}", file=sys.stderr, flush=True)  # noqa: T201


def with_options(settings: Settings, *, data_dir: Path | None, host: str | None, port: int | None) -> Settings:
    """Settings in which the command line outweighs the environment."""
    given = {"data_dir": data_dir, "host": host, "port": port}
    return settings.model_copy(update={name: value for name, value in given.items() if value is not None})
