"""Forty conversations while everything that can die does: nothing lost, nothing doubled, nothing owned twice."""

from pathlib import Path

from tests.simulation.chaos import run_chaos
from tests.simulation.harm import Form

SHORT = Form(seed=5, conversations=40, arriving_seconds=15, freeze_seconds=6)


async def test_nothing_is_lost_or_doubled_while_processes_die_and_freeze(tmp_path: Path) -> None:
    story = await run_chaos(SHORT, tmp_path)
    assert not story.faults, "\n".join(story.faults)
    assert story.kills == SHORT.api_kills + SHORT.worker_kills + SHORT.postgres_kills
