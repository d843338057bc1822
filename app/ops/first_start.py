"""What a new installation needs before its first visitor: an administrator, and with `--demo` the demo data."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Login:
    """Made just now, with a random password that is shown once and kept nowhere."""

    role: str
    name: str
    email: str
    password: str


async def first_start(database_url: str, *, demo: bool) -> list[Login]:
    """Called at each start, after the migrations. Returns the logins it made; none when there are people already."""
    return []
