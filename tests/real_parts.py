"""Programs from the system that some tests talk to. One that is missing fails in CI and is skipped elsewhere."""

import os
import shutil
from pathlib import Path

import pytest


def program(name: str) -> str:
    """The path of an installed program, for example `chromium`."""
    found = shutil.which(name)
    if found:
        return found
    message = f"{name} is not installed: run `make setup-real-parts` as root"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


def published(path: str) -> Path:
    """A file of a package that `make setup-real-parts` installs from npm."""
    found = Path(__file__).parents[1] / ".real-parts/node_modules" / path
    if not found.exists():
        pytest.skip(f"{path} is not installed: run `make setup-real-parts`")
    return found
