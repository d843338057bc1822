"""The Dockerfile, step by step without Docker: what it copies serves, answers its health check, writes nothing."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.ops.supervisor import Child, stop_all
from tests.conftest import administer, url_of
from tests.journeys.fleet import ROOT
from tests.nats_server import free_port
from tests.simulation.cluster import SECRET_KEY
from tests.simulation.hand import is_ready

WORKDIR = "/srv/switchboard"
LARGEST_FILE_BYTES = 1_000_000

Steps = list[tuple[str, str]]


@pytest.fixture(scope="module")
def steps() -> Steps:
    """(instruction, the rest) of the last stage, continued lines joined."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    found = [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines]
    last = max(number for number, (instruction, _) in enumerate(found) if instruction == "FROM")
    return found[last:]


@pytest.fixture
def image(steps: Steps, tmp_path: Path) -> Path:
    """A folder with what COPY takes from the repository, in the places it takes it to."""
    folder = tmp_path / "image"
    for source, target in copies(steps):
        place = folder / (target if target.startswith("/") else f"{WORKDIR}/{target}").lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, place)
    return folder


def copies(steps: Steps) -> list[tuple[str, str]]:
    """What comes from the repository, and where to."""
    words = [rest.split() for instruction, rest in steps if instruction == "COPY"]
    return [(each[-2], each[-1]) for each in words if not each[0].startswith("--from")]


def environment_of(steps: Steps) -> dict[str, str]:
    pairs = [pair for instruction, rest in steps if instruction == "ENV" for pair in rest.split()]
    return dict(pair.split("=", 1) for pair in pairs)


def test_it_runs_as_a_user_of_its_own_and_holds_no_secret(steps: Steps) -> None:
    instructions = [instruction for instruction, _ in steps]
    (user,) = [rest for instruction, rest in steps if instruction == "USER"]
    assert user == "switchboard"
    assert "--uid 10001" in next(rest for instruction, rest in steps if instruction == "RUN")
    after = instructions[instructions.index("USER") :]
    assert not {"RUN", "COPY", "ADD"} & set(after)
    assert "ARG" not in instructions
    assert not [name for name in environment_of(steps) if "KEY" in name or "PASSWORD" in name or "DATABASE" in name]


def test_only_what_is_copied_gets_to_the_builder(steps: Steps) -> None:
    lines = (ROOT / ".dockerignore").read_text().split()
    assert lines[0] == "*", "everything is left out that is not let in"
    let_in = {line[1:] for line in lines if line.startswith("!")}
    assert let_in == {source for source, _ in copies(steps)} | {"requirements.lock"}


def test_what_is_copied_is_small_and_whole(image: Path) -> None:
    files = [path for path in image.rglob("*") if path.is_file()]
    assert not [path for path in files if path.stat().st_size > LARGEST_FILE_BYTES]
    assert not [path for path in files if path.name.startswith(".env") or path.suffix in (".pem", ".key")]


async def test_what_is_copied_migrates_serves_answers_its_health_check_and_writes_nothing_beside_its_data(
    steps: Steps, image: Path, postgres: str, tmp_path: Path
) -> None:
    await administer(postgres, "CREATE DATABASE image")
    before, port, data = fingerprint(image), free_port(), tmp_path / "data"
    environment = {
        **environment_of(steps),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(image / WORKDIR[1:]),
        "SWITCHBOARD_HOST": "127.0.0.1",
        "SWITCHBOARD_DATA_DIR": str(data),
        "PORT": str(port),
        "DATABASE_URL": url_of(postgres, "image"),
        "SWITCHBOARD_SECRET_KEY": SECRET_KEY,
    }
    entry = str(image / "usr/local/bin/switchboard")
    here = image / WORKDIR[1:]
    subprocess.run([entry, "migrate"], env=environment, cwd=here, check=True, capture_output=True)
    api = Child("api", ["env", "-C", str(here), entry, "api"], environment, tmp_path / "api.log")
    assert check_health(steps, environment) != 0, "nobody listens yet"
    api.start()
    try:
        await is_ready(f"http://127.0.0.1:{port}")
        assert check_health(steps, environment) == 0
        modules = subprocess.run(
            [sys.executable, "-c", "import app; print(app.__file__)"], env=environment, cwd=here, text=True,
            check=True, capture_output=True,
        )  # fmt: skip
        assert modules.stdout.startswith(str(image)), "the copy must run, not the repository"
    finally:
        stop_all([api])
    assert api.process is not None
    assert api.process.returncode in (0, -15)
    assert fingerprint(image) == before
    await administer(postgres, "DROP DATABASE image WITH (FORCE)")


def check_health(steps: Steps, environment: dict[str, str]) -> int:
    """As Docker would: the command of HEALTHCHECK, in the container's environment."""
    (check,) = [rest for instruction, rest in steps if instruction == "HEALTHCHECK"]
    command = json.loads(check[check.index("CMD ") + 4 :])
    return subprocess.run(command, env=environment, check=False, capture_output=True).returncode


def fingerprint(folder: Path) -> dict[str, str]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.rglob("*")) if path.is_file()
    }
