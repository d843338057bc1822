"""What a new installation needs before its first visitor: an administrator, and with `--demo` the demo data."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Login:
    """Made just now, with a random password that is shown once and kept nowhere."""

    role: str
    name: str
    login: str
    password: str


async def first_start(database_url: str, *, data_dir: Path, demo: bool) -> list[Login]:
    """Called at each start, when everything is ready. Returns the logins it made; none when there are people already.

    `data_dir` is where other commands on this machine look for keys (the probe's).
    """
    return []
