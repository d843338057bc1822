"""Chaos in its long form: kills, freezes, refused writes, bad lines, wrong clocks; checked after each round."""

import argparse
import asyncio
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path

from benchmarks.prove.records import Outcome, counted
from tests.simulation.chaos import Story, run_chaos
from tests.simulation.harm import Form

ROUNDS = 20
CONVERSATIONS_A_ROUND = 200
KILLS_A_ROUND = {"api_kills": 20, "worker_kills": 20, "postgres_kills": 10}
ALL_KILLS = 1_000
PATIENCE_SECONDS = 1800.0
"""Of 200 customers 160 wait behind others, and agents lose time with every kill."""
NO_ROUND_AFTER_SECONDS = 2 * 3600.0


def long_form(seed: int, *, rounds: int, conversations: int, kills_share: float) -> Form:
    """`conversations`: in each round. `kills_share`: of the kills of a full round."""
    kills = {name: round(count * kills_share) for name, count in KILLS_A_ROUND.items()}
    return Form(
        seed=seed,
        conversations=conversations * rounds,
        agents=10,
        arriving_seconds=60.0,
        rounds=rounds,
        **kills,
        api_freezes=2,
        postgres_freezes=2,
        read_only_spells=2,
        slow_lines=3,
        cut_lines=6,
        offset_seconds=3.0,
        repeat_share=0.3,
        patience_seconds=PATIENCE_SECONDS,
        no_round_after_seconds=NO_ROUND_AFTER_SECONDS,
    )


def measure(form: Form) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="switchboard-chaos-") as folder, redirect_stdout(sys.stderr):
        story = asyncio.run(run_chaos(form, Path(folder)))
    return tell(form, story)


def tell(form: Form, story: Story) -> Outcome:
    """What was promised of the whole form, though the run may have been a shorter one."""
    lost = "lost, doubled, misordered, owned twice or drifting, after any round"
    figures = [
        counted("faults", lost, len(story.faults), "faults", must=0),
        counted("rounds", "begun and checked", story.rounds, "rounds", must=ROUNDS, at_least=True),
        counted("kills", "of api, workers and PostgreSQL", story.kills, "kills", must=ALL_KILLS, at_least=True),
    ]
    harms = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in sorted(story.harms.items()))
    notes = [
        f"{story.messages:,} messages of {form.conversations // form.rounds * story.rounds:,} customers to"
        f" {form.agents} agents; {story.repeated:,} posts came twice or late; clients cut {story.drops:,} sockets",
        f"Done to it: {harms}; the clocks of the two workers' machines wrong by"
        f" {form.offset_seconds:g} s, one ahead and one behind",
    ]
    return Outcome(figures, faults=story.faults, notes=notes)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--conversations", type=int, default=CONVERSATIONS_A_ROUND, help="in each round")
    parser.add_argument("--kills-share", type=float, default=1.0, help="of the kills of a full round")
    asked = parser.parse_args()
    form = long_form(asked.seed, rounds=asked.rounds, conversations=asked.conversations, kills_share=asked.kills_share)
    outcome = measure(form)
    print(outcome.as_text())
    return 0 if outcome.holds else 1


if __name__ == "__main__":
    sys.exit(main())
