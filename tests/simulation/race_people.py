"""What fifty people do at once upon the same few offers and conversations."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from app.core.database import Database
from app.core.due_rows import DueRowRunner
from app.routing import jobs
from app.routing.schemas import AssignBody
from app.routing.service import answers, by_hand, ending, offers, presences
from app.routing.service.overflowing import look_at_lines
from app.routing.service.warm_transfers import look_after
from app.routing.transfer_schemas import TransferBody
from app.routing.wrap_up_schemas import EndWrapUpBody
from app.wiring import HOURS
from tests.integration.routing.world import principal_of
from tests.simulation.race_world import RaceWorld

Race = Callable[[], Awaitable[object]]
Named = tuple[str, Race]
HOT = 4
"""Of the offers, and of the conversations, that a round's people fight for: few, so that they meet."""
SUPERVISOR = frozenset({"work", "routing:write", "conversations:read", "conversations:write"})
PENDING = "SELECT id, agent_id, token, conversation_id FROM offer WHERE state = 'pending' ORDER BY id"
LIVE = """
    SELECT id, conversation_id, agent_id, state FROM work_item
    WHERE state IN ('queued', 'offered', 'assigned', 'parked', 'wrapping') ORDER BY id
"""


class People:
    """One round's: what they know of the tables is from before it, as what a console shows."""

    def __init__(self, centre: RaceWorld, pending: list[Any], live: list[Any]) -> None:
        self.centre, self.world, self.random = centre, centre.world, centre.random
        self.hot = self.random.sample(pending, min(HOT, len(pending)))
        known = {offer.conversation_id for offer in self.hot}
        others = self.random.sample(live, min(HOT, len(live)))
        self.works = [work for work in live if work.conversation_id in known or work in others]
        self.touched = sorted(known | {work.conversation_id for work in others})

    def draw(self, count: int) -> list[Named]:
        draws = (*[self._of_offer] * 6, *[self._of_presence] * 2, *[self._of_customer] * 2, *[self._by_hand] * 2)
        return [self.random.choice((*draws, self._hand_over_warm, self._wrap_up))() for _ in range(count)]

    def _of_offer(self) -> Named:
        if not self.hot:
            return self._of_presence()
        offer = self.random.choice(self.hot)
        quoted: dict[str, Any] = {"agent_id": offer.agent_id, "offer_id": offer.id, "token": offer.token}
        name = self.random.choice(
            ("accept", "accept", "accept", "accept of another's", "stale accept", "decline", "expiry")
        )
        if name == "decline":
            return name, lambda: self.world.run(offers.decline_offer, **quoted, reason="busy")
        if name == "expiry":
            return name, lambda: self.world.run(look_after, offer.id)
        if name == "accept of another's":
            quoted["agent_id"] = self.random.choice(self.centre.agents)
        if name == "stale accept":
            quoted["token"] = "stale"
        return name, lambda: self.world.run(answers.accept_offer, **quoted)

    def _of_presence(self) -> Named:
        agent = self.random.choice(self.centre.agents)
        name = self.random.choice(("ready", "ready", "ready", "not ready", "penalty cleared", "silence"))
        if name == "penalty cleared":
            return name, lambda: self.world.run(presences.clear_penalty, agent_id=agent)
        if name == "silence":
            return name, lambda: self.world.run(presences.check_silence, agent)
        readiness = name.replace(" ", "_")
        return name, lambda: self.world.run(presences.set_presence, agent_id=agent, readiness=readiness, reason="break")

    def _by_hand(self) -> Named:
        if not self.touched:
            return self._of_presence()
        conversation, agent = self.random.choice(self.touched), self.random.choice(self.centre.agents)
        principal, asked = principal_of(agent, scopes=SUPERVISOR), {"conversation_id": conversation}
        name = self.random.choice(("pick", "assign", "transfer to a queue", "transfer to an agent"))
        if name == "pick":
            return name, lambda: self.world.run(by_hand.pick, principal, **asked)
        if name == "assign":
            body = AssignBody(agent_id=agent)
            return name, lambda: self.world.run(by_hand.assign, principal, **asked, body=body)
        target: dict[str, Any] = {"agent_id": agent}
        if name == "transfer to a queue":
            target = {"queue_id": self.random.choice(self.centre.queues)}
        given = TransferBody(**target, reason="expertise")
        owner = self._owner_of(conversation) or agent
        principal = principal_of(owner, scopes=SUPERVISOR)
        return name, lambda: self.world.run(
            by_hand.transfer, principal, **asked, body=given, actor=f"agent:{principal.id}"
        )

    def _hand_over_warm(self) -> Named:
        owned = [work for work in self.works if work.state in ("assigned", "parked")]
        if not owned:
            return self._by_hand()
        work, colleague = self.random.choice(owned), self.random.choice(self.centre.agents)
        principal, asked = principal_of(work.agent_id, scopes=SUPERVISOR), {"conversation_id": work.conversation_id}
        if self.random.random() < 0.2:
            return "take back", lambda: self.world.run(by_hand.take_back_transfer, principal, **asked)
        note = self.random.choice(("", "Wants it by Friday"))
        body = TransferBody(agent_id=colleague, reason="needs_skill", warm=True, note=note)
        return "ask a colleague", lambda: self.world.run(by_hand.transfer, principal, **asked, body=body)

    def _wrap_up(self) -> Named:
        wrapping = [work for work in self.works if work.state == "wrapping"]
        if not wrapping:
            return self._of_customer()
        work = self.random.choice(wrapping)
        who = self.random.choice((work.agent_id, work.agent_id, self.random.choice(self.centre.agents)))
        body = EndWrapUpBody(outcome=self.random.choice(("", "solved")))
        principal = principal_of(who, scopes=SUPERVISOR)
        return "end of a wrap-up", lambda: self.world.run(ending.end_wrap_up, principal, work_id=work.id, body=body)

    def _of_customer(self) -> Named:
        if not self.touched:
            return self._of_presence()
        conversation = self.random.choice(self.touched)
        name = self.random.choice(("resolved", "resolved", "resolved", "pending", "open", "written in"))
        owner = self._owner_of(conversation) or self.centre.agents[0]
        actor = self.random.choice(("customer", "visitor:1", f"agent:{owner}"))
        if name == "written in":
            return f"conversation {name}", lambda: self._write(conversation, actor)
        return f"conversation {name}", lambda: self._set_status(conversation, name, actor)

    async def _set_status(self, conversation_id: UUID, status: str, actor: str) -> None:
        await self.world.execute(
            "UPDATE conversation SET status = :status WHERE id = :id", id=conversation_id, status=status
        )
        await self.centre.follow([conversation_id], actor)

    async def _write(self, conversation_id: UUID, actor: str) -> None:
        """The consumer comes when the round is over if it is crossed."""
        await self.world.write(conversation_id, actor=actor)

    def _owner_of(self, conversation_id: UUID) -> UUID | None:
        return next((work.agent_id for work in self.works if work.conversation_id == conversation_id), None)


class Others:
    """Beside the people: the worker with what is due, what watches the lines, and whoever edits a queue."""

    def __init__(self, centre: RaceWorld, database: Database) -> None:
        self.centre, self.database = centre, database
        self.tables = jobs.due_tables(HOURS)
        self.due = DueRowRunner(database, centre.clock, self.tables)

    def draw(self) -> list[Named]:
        number = self.centre.random.randrange(len(self.centre.queues))
        body = self.centre.draw_settings(number)
        return [
            ("what is due", self._work_off),
            ("look at the lines", self._look),
            ("edit of a queue", lambda: self.centre.edit(number, body)),
        ]

    async def _work_off(self) -> None:
        for table in self.tables:
            await self.due.run_once(table)

    async def _look(self) -> None:
        await look_at_lines(self.database, self.centre.clock, hours=HOURS)
