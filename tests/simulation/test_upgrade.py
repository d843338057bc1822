"""The release before ours serves on while its database is brought to our schema."""

import os
from pathlib import Path

import pytest

from app.ops import migrate
from tests.conftest import fresh_clone
from tests.simulation.releases import RELEASES, NotAtHand
from tests.simulation.upgrade import run_upgrade
from tests.simulation.writing import Form

SHORT = Form(conversations=500)


def test_every_release_was_at_a_revision_we_know() -> None:
    assert {release.revision for release in RELEASES} <= migrate.known_revisions()


@pytest.mark.parametrize("release", RELEASES if os.environ.get("PROVE") else RELEASES[-1:], ids=lambda one: one.name)
async def test_nothing_fails_and_nothing_is_lost_while_the_schema_changes(
    postgres: str, tmp_path: Path, release
) -> None:
    """The migration is killed in the midst, gives up on a lock, and gets through; then the new release takes over."""
    async with fresh_clone(postgres, "template0") as database_url:
        try:
            story = await run_upgrade(release, SHORT, tmp_path, database_url)
        except NotAtHand as reason:
            pytest.skip(str(reason))
    assert story.faults == []
    assert story.was_killed_amid == story.gave_up_on_lock
    assert set(story.answer_seconds) > {"before", "old code, new schema", "new code"}
