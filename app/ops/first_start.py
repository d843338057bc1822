"""What a new installation needs before its first visitor: an administrator, and with `--demo` the demo data."""

from dataclasses import dataclass
from pathlib import Path

from app.access import service as access
from app.core.act import system_act
from app.core.clock import DatabaseClock
from app.core.database import Database
from app.ops import data_folder, demo, probe


@dataclass(frozen=True, slots=True)
class Login:
    """Made just now, with a random password that is shown once and kept nowhere."""

    role: str
    name: str
    login: str
    password: str


async def first_start(database_url: str, *, data_dir: Path, demo_data: bool) -> list[Login]:
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
            logins = [Login("admin", "Administrator", *admin)]
            if demo_data:
                made = await demo.load(session, act)
                logins += [Login(person.role, person.name, person.login, person.password) for person in made]
            key = await access.create_api_key(session, act, None, name="probe", scopes=probe.SCOPES)
        # After the commit: a key in the folder that the database does not know would only mislead.
        data_folder.write_probe_key(data_dir, key.token)
        return logins
    finally:
        await database.close()


async def demo_keys(database_url: str) -> list[str]:
    """The public keys the simulated customers write through; none on an installation without demo data."""
    database = Database(database_url, application_name="switchboard-demo", pool_size=2)
    try:
        async with database.transaction() as session:
            return await demo.list_keys(session)
    finally:
        await database.close()
