"""What a new installation needs before its first visitor: an administrator, and with `--demo` the demo data."""

from dataclasses import dataclass
from pathlib import Path

from app.access import service as access
from app.agents import service as agents
from app.core.act import system_act
from app.core.clock import DatabaseClock
from app.core.database import Database


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
    database = Database(database_url, application_name="switchboard-first-start", pool_size=2)
    try:
        async with database.transaction() as session:
            act = system_act(DatabaseClock(), "first_start")
            admin = await access.bootstrap_admin(session, act)
            if admin is None:
                return []
            admin_id, login, password = admin
            await agents.add_profile(
                session, act, admin_id, name="Administrator", role="admin", languages=["en", "zh-CN"]
            )
        return [Login("admin", "Administrator", login, password)]
    finally:
        await database.close()
