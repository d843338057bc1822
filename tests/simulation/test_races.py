"""The races' short form: `make prove PART=races` runs 10,000 rounds with fifty people each."""

from contextlib import AbstractAsyncContextManager

from tests.conftest import fresh_clone
from tests.simulation.races import Form, run_races

SHORT = Form(seed=20_261, rounds=12, people=10)


async def test_nothing_is_owned_twice_nor_above_capacity_nor_adrift_after_any_round(
    postgres: str, template_database: str
) -> None:
    def clone() -> AbstractAsyncContextManager[str]:
        return fresh_clone(postgres, template_database)

    story = await run_races(SHORT, clone)
    assert story.faults == []
    assert story.rounds == SHORT.rounds
    assert story.acts["deposed"] > story.rounds
    assert story.acts["takeovers"] > 0
    assert story.acts["offers"] > 0
    assert {"accept of another's: offer_taken", "stale accept: stale_token"} & story.refused.keys()
