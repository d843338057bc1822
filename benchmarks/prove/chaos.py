"""Chaos in its long form: kills, freezes, refused writes, bad lines, wrong clocks; checked after each round."""

import argparse
import asyncio
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path

from benchmarks.prove.records import Outcome, counted
from tests.simulation.chaos import Story, run_chaos
from tests.simulation.harm import Bus, Form

ROUNDS = {"postgres": 20, "nats": 5}
"""By the bus: its kills are a variant, with two apis at one address."""
CONVERSATIONS_A_ROUND = 200
MESSAGES = 2
"""Of each customer; the second of some asks for somebody else. More would be more work between the kills."""
KILLS_A_ROUND = {"api_kills": 20, "worker_kills": 20, "postgres_kills": 10}
BUS_HARMS_A_ROUND = {"bus_kills": 10, "bus_freezes": 2}
KILLS_OF_A_ROUND = sum(KILLS_A_ROUND.values())
ARRIVING_SECONDS = 30.0
FREEZE_SECONDS = 6.0
"""The leases of roles last four."""
PATIENCE_SECONDS = 1800.0
"""Of 200 customers 160 wait behind others, and agents lose time with every kill."""
NO_ROUND_AFTER_SECONDS = 2 * 3600.0


def long_form(seed: int, *, bus: Bus, rounds: int, conversations: int, kills_share: float) -> Form:
    """`conversations`: in each round. `kills_share`: of the kills of a full round."""
    kills = {name: round(count * kills_share) for name, count in KILLS_A_ROUND.items()}
    bus_harms = {name: round(count * kills_share) for name, count in BUS_HARMS_A_ROUND.items()}
    return Form(
        seed=seed,
        conversations=conversations * rounds,
        messages=MESSAGES,
        agents=10,
        arriving_seconds=ARRIVING_SECONDS,
        rounds=rounds,
        bus=bus,
        apis=2 if bus == "nats" else 1,
        **kills,
        **(bus_harms if bus == "nats" else {}),
        freeze_seconds=FREEZE_SECONDS,
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
    whom = "kills of apis, workers, PostgreSQL" + (" and NATS" if form.bus == "nats" else "")
    lost = "lost, doubled, misordered, owned twice or drifting, after any round"
    rounds = ROUNDS[form.bus]
    figures = [
        counted("faults", lost, len(story.faults), "faults", must=0),
        counted("rounds", "begun and checked", story.rounds, "rounds", must=rounds, at_least=True),
        counted("kills", whom, story.kills, "kills", must=rounds * KILLS_OF_A_ROUND, at_least=True),
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
    parser.add_argument("--bus", choices=tuple(ROUNDS), default="postgres")
    parser.add_argument("--rounds", type=int, help="20, or 5 with NATS")
    parser.add_argument("--conversations", type=int, default=CONVERSATIONS_A_ROUND, help="in each round")
    parser.add_argument("--kills-share", type=float, default=1.0, help="of the kills of a full round")
    asked = parser.parse_args()
    form = long_form(
        asked.seed,
        bus=asked.bus,
        rounds=asked.rounds or ROUNDS[asked.bus],
        conversations=asked.conversations,
        kills_share=asked.kills_share,
    )
    outcome = measure(form)
    print(outcome.as_text())
    return 0 if outcome.holds else 1


if __name__ == "__main__":
    sys.exit(main())
