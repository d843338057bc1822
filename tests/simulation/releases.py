"""Earlier releases, as they were: their code from the repository's history, run beside ours."""

import io
import os
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

from app.ops.bench.scratch import SECRET_KEY

ROOT = Path(__file__).parents[2]
RUN_SECONDS = 300
UNPACKED = ("app", "migrations", "locales")


@dataclass(frozen=True, slots=True)
class Release:
    """`revision`: the head of its migrations."""

    name: str
    commit: str
    revision: str


# A release that is made gets a line. Those that nobody may come from any more lose theirs.
RELEASES = (
    Release("before webhooks", "1d11026e0b5f8887b32c2ca8eacd883c440024e5", "20261122_0008"),
    Release("webhooks", "1199e2f8a5d2715f34fcdb3af6682c1abc95439b", "20261122_0010"),
)


class NotAtHand(Exception):
    """Why a release's code cannot be had here: no git, or a clone without history."""


def unpack(release: Release, folder: Path) -> Path:
    """Its sources in a folder of their own. Raises NotAtHand."""
    try:
        made = subprocess.run(
            ["git", "archive", "--format=tar", release.commit, *UNPACKED], cwd=ROOT, capture_output=True, check=False
        )
    except OSError as error:
        raise NotAtHand(f"git is not installed ({error})") from error
    if made.returncode != 0:
        said = made.stderr.decode(errors="replace").strip()
        raise NotAtHand(f"this copy has no history with {release.commit[:9]}: {said}")
    place = folder / release.commit[:9]
    with tarfile.open(fileobj=io.BytesIO(made.stdout)) as archive:
        archive.extractall(place, filter="data")
    return place


@dataclass(frozen=True, slots=True)
class Code:
    """A checkout, old or ours, and the installation its programs work on."""

    place: Path
    database_url: str
    data_dir: Path

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "PYTHONPATH": str(self.place),
            "DATABASE_URL": self.database_url,
            "SWITCHBOARD_SECRET_KEY": SECRET_KEY,
            "SWITCHBOARD_DATA_DIR": str(self.data_dir),
        }

    def command(self, *arguments: str) -> list[str]:
        """-P: else the current folder, which has other sources, would come first."""
        return [sys.executable, "-P", "-m", "app.cli", *arguments]

    def run_code(self, code: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-P", "-c", code],
            env=self.environment,
            cwd=self.data_dir,
            capture_output=True,
            text=True,
            check=False,
            timeout=RUN_SECONDS,
        )
