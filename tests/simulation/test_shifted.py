"""A machine whose clock is wrong is really wrong, or the chaos with wrong clocks would prove nothing."""

import os
import subprocess
import sys

from tests.simulation.cluster import ROOT, SHIFTED

ASKED = """
import runpy, sys, time
from datetime import UTC, datetime
from app import cli
from app.core.clock import DatabaseClock

def say():
    right = datetime.now(UTC)
    print(round((DatabaseClock().now() - right).total_seconds()), round(time.time() - right.timestamp()))

cli.main = say
runpy.run_path(sys.argv[1], run_name="__main__")
"""


def test_a_process_on_a_machine_three_seconds_ahead_begins_three_seconds_ahead() -> None:
    environment = {**os.environ, "SIMULATED_CLOCK_OFFSET_SECONDS": "3", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", ASKED, str(SHIFTED)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["3", "3"]
