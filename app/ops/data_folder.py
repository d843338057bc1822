"""The folder in which `up` keeps everything: lock, run file, secret key, logs, database."""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from app.core.config import Settings

PROBE_KEY = "probe_key"
SECRET_KEY_BYTES = 48
SECRET_KEY_MIN_CHARACTERS = 32


@dataclass(frozen=True, slots=True)
class Running:
    """What the run file says of the `up` that holds the folder."""

    url: str
    pid: int
    database_url: str = ""
    """Of the embedded PostgreSQL; empty when the operator gave another, whose address may hold a password."""


class FolderInUseError(RuntimeError):
    """Another `up` holds the folder; the message names it."""


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the folder for this process alone. The kernel lets go of it however the process ends."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = os.open(folder / "up.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderInUseError(_in_use(folder)) from None
        yield
    finally:
        os.close(lock)


def write_running(folder: Path, running: Running) -> None:
    fresh = folder / "run.json.new"
    fresh.write_text(json.dumps(asdict(running)) + "\n")
    fresh.rename(folder / "run.json")


def find_running(folder: Path) -> Running | None:
    """None when nothing runs on the folder, or it is still on its way up."""
    with suppress(OSError, ValueError, TypeError):
        return Running(**json.loads((folder / "run.json").read_text()))
    return None


def database_url(settings: Settings) -> str:
    """DATABASE_URL, else the database of the `up` that runs beside us; empty when there is neither."""
    running = find_running(settings.data_dir)
    return settings.database_url or (running.database_url if running else "")


def forget_running(folder: Path) -> None:
    (folder / "run.json").unlink(missing_ok=True)


def secret_key(folder: Path) -> str:
    """The installation's secret, made at the first call, readable by this user only."""
    file = folder / "secret_key"
    with suppress(FileExistsError):
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as opened:
            opened.write(secrets.token_urlsafe(SECRET_KEY_BYTES))
    return file.read_text().strip()


def write_probe_key(folder: Path, key: str) -> None:
    """Keep the API key that `probe` uses beside a running `up`, readable by this user only."""
    descriptor = os.open(folder / PROBE_KEY, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        opened.write(key)


def find_probe_key(folder: Path) -> str | None:
    file = folder / PROBE_KEY
    return file.read_text().strip() if file.exists() else None


def _in_use(folder: Path) -> str:
    running = find_running(folder)
    if running is None:
        return f"Switchboard is already starting in {folder}."
    return f"Switchboard is already running in {folder}: pid {running.pid}, {running.url}"
