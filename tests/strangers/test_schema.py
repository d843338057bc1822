"""Every operation called as its own document says, by somebody who may and by somebody who may not."""

from pathlib import Path

from tests.strangers.roles import SHORT, run_strangers


async def test_every_example_is_answered_as_the_document_says(database_url: str, tmp_path: Path) -> None:
    run = await run_strangers("admin", SHORT, database_url, tmp_path)
    assert run.cases > 50
    assert run.faults == []
