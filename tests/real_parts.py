"""Programs from the system that some tests talk to. One that is missing fails in CI and is skipped elsewhere."""

import os
import shutil

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
