"""The router's shell under Hypothesis: any sequence of acts, crashes, freezes and takeovers keeps every invariant."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import uuid4

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from app.core.owners import Deposed
from app.routing.decisions import Decision
from app.routing.schemas import AssignBody
from app.routing.service import answers, by_hand, ending, offers, presences, queues
from app.routing.service.overflowing import look_at_lines
from app.routing.transfer_schemas import TransferBody
from app.routing.wrap_up_schemas import EndWrapUpBody
from app.wiring import HOURS
from tests.integration.routing.world import principal_of
from tests.simulation.machine_centre import AGENTS, FROZEN_SECONDS, STEP_SECONDS, Crash, MachineCentre
from tests.simulation.race_people import SUPERVISOR
from tests.simulation.settings import MEMORIES_SECONDS, POLICIES, RINGS, WRAP_UPS, settings_of

Which = st.integers(0, 1_000)
"""Of whatever there is at that moment."""
Channel = st.sampled_from(("chat", "chat", "email", "email", "voice"))
Settings = st.fixed_dictionaries(
    {
        "policy": st.sampled_from(POLICIES),
        "auto_accept": st.sampled_from((False, False, False, True)),
        "rings": st.sampled_from(RINGS),
        "wrap_up": st.sampled_from(WRAP_UPS),
        "last_agent_memory_seconds": st.sampled_from(MEMORIES_SECONDS),
    }
)
# In the order in which they came about: ids are random, and a sequence must take the same way when it is tried again.
CONVERSATIONS = "SELECT id, customer_id, owner_id FROM conversation ORDER BY opened_at"
OWNED = "SELECT id, owner_id FROM conversation WHERE owner_id IS NOT NULL ORDER BY opened_at"
PENDING = """
    SELECT o.id, o.agent_id, o.token, o.from_agent_id, o.conversation_id FROM offer o
    JOIN conversation c ON c.id = o.conversation_id WHERE o.state = 'pending' ORDER BY c.opened_at, o.made_at
"""
WRAPPING = """
    SELECT w.id, w.agent_id, q.wrap_up FROM work_item w JOIN queue q ON q.id = w.queue_id
    JOIN conversation c ON c.id = w.conversation_id WHERE w.state = 'wrapping' ORDER BY c.opened_at, w.created_at
"""


class RouterMachine(RuleBasedStateMachine):
    """`server` and `template` are set by whoever runs it: each example has a database of its own."""

    server = ""
    template = ""

    def __init__(self) -> None:
        super().__init__()
        self.centre = MachineCentre(self.server, self.template)
        self.world, self.run, self.act = self.centre.world, self.centre.run, self.centre.act
        self.checked = 0
        self.frozen: list[tuple[int, Sequence[Decision]]] = []

    def teardown(self) -> None:
        self.centre.close()

    @initialize(overflows=st.booleans(), first=Settings, second=Settings, channels=st.lists(Channel, max_size=6))
    def begin(self, overflows: bool, first: dict[str, Any], second: dict[str, Any], channels: list[str]) -> None:
        """Amid a day: what is drawn afterwards meets work that waits, is offered and is held."""
        self.run(self.centre.begin())
        self.agents, self.queues, self.epochs = self.centre.agents, self.centre.queues, self.centre.epochs
        self.edit_a_queue(0, overflows, first)
        self.edit_a_queue(1, False, second)
        for number, channel in enumerate(channels):
            self.arrive(channel, number, "", None, is_routed=True)

    # The customers

    @rule(
        channel=Channel,
        which=Which,
        language=st.sampled_from(("", "", "zh")),
        returns=st.none() | Which,
        is_routed=st.booleans(),
    )
    def arrive(self, channel: str, which: int, language: str, returns: int | None, is_routed: bool) -> None:
        known = self._one(CONVERSATIONS, returns) if returns is not None else None
        self.run(
            self.world.add_waiting(
                channel=channel,
                queue_id=self.queues[which % 2],
                language=language,
                customer_id=known.customer_id if known else None,
            )
        )
        if is_routed:
            self.route()

    @rule(which=Which, what=st.sampled_from(("open", "pending", "snoozed", "resolved", "resolved", "write")), who=Which)
    def go_on_in_a_conversation(self, which: int, what: str, who: int) -> None:
        """By its customer or by an agent."""
        conversation = self._one(CONVERSATIONS, which)
        if conversation is None:
            return
        actor = self._actor(conversation, who)
        if what == "write":
            self.run(self.world.write(conversation.id, actor=actor))
        else:
            self.run(self.world.set_status(conversation.id, what, actor=actor))

    # The router

    @rule()
    def route(self) -> None:
        while self.run(self.centre.commit(self.epochs[-1], self.centre.decide())):
            pass

    @rule()
    def crash_amid_the_commit(self) -> None:
        before = self.centre.fingerprint()
        with suppress(Crash):
            self.run(self.centre.commit(self.epochs[-1], self.centre.decide(), dies=True))
        assert self.centre.fingerprint() == before

    @rule()
    def freeze(self) -> None:
        """Decided and not committed yet; somebody else goes on meanwhile."""
        self.frozen.append((self.epochs[-1], self.centre.decide()))

    @rule()
    def take_over(self) -> None:
        self.centre.clock.advance(FROZEN_SECONDS)
        self.run(self.centre.beat(self.agents))
        self.epochs.append(self.run(self.world.acquire_router(str(uuid4()))))
        self.run(self.centre.commit(self.epochs[-1], self.centre.decide()))

    @precondition(lambda self: any(epoch < self.epochs[-1] for epoch, _ in self.frozen))
    @rule()
    def wake_the_frozen(self) -> None:
        """Ten seconds and an epoch later: what they decided must leave nothing behind."""
        before = self.centre.fingerprint()
        for epoch, decided in self.frozen:
            if epoch < self.epochs[-1]:
                try:
                    self.run(self.centre.commit(epoch, decided))
                except Deposed:
                    continue
                raise AssertionError(f"epoch {epoch} committed under {self.epochs[-1]}")
        self.frozen = [each for each in self.frozen if each[0] == self.epochs[-1]]
        assert self.centre.fingerprint() == before

    @rule()
    def another_asks_for_the_role_too_soon(self) -> None:
        assert self.run(self.centre.try_to_acquire()) is None

    # The agents

    @rule()
    def accept_all(self) -> None:
        for _ in self.centre.rows(PENDING):
            self.answer(0, "accept")

    @rule(which=Which, how=st.sampled_from(("accept", "accept", "accept", "decline", "stale", "of another")))
    def answer(self, which: int, how: str) -> None:
        offer = self._one(PENDING, which)
        if offer is None:
            return
        quoted: dict[str, Any] = {"agent_id": offer.agent_id, "offer_id": offer.id, "token": offer.token}
        if how == "decline":
            self.act(self.world.run(offers.decline_offer, **quoted, reason="busy"))
        elif how == "accept":
            if self.act(self.world.run(answers.accept_offer, **quoted)):
                assert self.run(self.world.owner(offer.conversation_id)) == offer.agent_id
            self._refused_or_repeated(quoted)
        else:
            other = self.agents[(self.agents.index(offer.agent_id) + 1) % AGENTS]
            wrong = {"token": "stale"} if how == "stale" else {"agent_id": other}
            before = self.centre.fingerprint()
            assert not self.act(self.world.run(answers.accept_offer, **(quoted | wrong)))
            assert self.centre.fingerprint() == before

    @rule(which=Which, by=st.sampled_from(("agent", "agent", "supervisor")), outcome=st.sampled_from(("", "solved")))
    def end_a_wrap_up(self, which: int, by: str, outcome: str) -> None:
        work = self._one(WRAPPING, which)
        if work is None:
            return
        others = [agent for agent in self.agents if agent != work.agent_id]
        principal = principal_of(work.agent_id if by == "agent" else others[0], scopes=SUPERVISOR)
        body = EndWrapUpBody(outcome=outcome)
        done = self.act(self.world.run(ending.end_wrap_up, principal, work_id=work.id, body=body))
        assert done == (by == "supervisor" or work.wrap_up != "required" or bool(outcome))

    @rule(which=Which, how=st.sampled_from(("ready", "ready", "not_ready", "clear", "close", "beat")))
    def change_presence(self, which: int, how: str) -> None:
        agent = self.agents[which % AGENTS]
        if how == "beat":
            self.run(self.world.beat(agent))
        elif how == "close":
            self.run(self.world.close_socket(agent))
        elif how == "clear":
            self.run(self.world.run(presences.clear_penalty, agent_id=agent))
        else:
            self.run(self.world.run(presences.set_presence, agent_id=agent, readiness=how, reason="break"))

    @rule(seconds=st.sampled_from((0.5, 3, 11, 31, 70, 200, 700)), away=st.none() | st.integers(0, AGENTS - 1))
    def pass_time(self, seconds: float, away: int | None) -> None:
        """Deadlines, silence, wrap-ups and timers come due; chats go idle, and what waits too long goes elsewhere."""
        here = [agent for number, agent in enumerate(self.agents) if number != away]
        self.run(self.centre.pass_time(seconds, here))
        self.run(look_at_lines(self.centre.database, self.centre.clock, hours=HOURS))

    # The supervisors

    @rule(which=Which, whom=Which, how=st.sampled_from(("pick", "assign", "override", "to a queue", "to an agent")))
    def move_by_hand(self, which: int, whom: int, how: str) -> None:
        conversation, agent = self._one(CONVERSATIONS, which), self.agents[whom % AGENTS]
        if conversation is None:
            return
        principal = principal_of(agent, scopes=SUPERVISOR)
        asked: dict[str, Any] = {"conversation_id": conversation.id}
        if how == "pick":
            self.act(self.world.run(by_hand.pick, principal, **asked))
        elif how in ("assign", "override"):
            body = AssignBody(agent_id=agent, override=how == "override")
            self.act(self.world.run(by_hand.assign, principal, **asked, body=body))
        else:
            target = {"queue_id": self.queues[whom % 2]} if how == "to a queue" else {"agent_id": agent}
            given, actor = TransferBody(**target, reason="expertise"), f"agent:{conversation.owner_id or agent}"
            self.act(self.world.run(by_hand.transfer, principal, **asked, body=given, actor=actor))

    @rule(which=Which, whom=Which, how=st.sampled_from(("ask", "ask and say why", "ask and hear", "take back")))
    def ask_a_colleague(self, which: int, whom: int, how: str) -> None:
        """Until the colleague accepts, nothing else changes."""
        conversation = self._one(OWNED, which)
        if conversation is None:
            return
        principal = principal_of(conversation.owner_id, scopes=SUPERVISOR)
        if how == "take back":
            self.act(self.world.run(by_hand.take_back_transfer, principal, conversation_id=conversation.id))
            return
        note = "Wants it by Friday" if how == "ask and say why" else ""
        body = TransferBody(agent_id=self.agents[whom % AGENTS], reason="needs_skill", warm=True, note=note)
        asked = self.act(self.world.run(by_hand.transfer, principal, conversation_id=conversation.id, body=body))
        assert self.run(self.world.owner(conversation.id)) == conversation.owner_id
        if asked and how == "ask and hear":
            self.answer(len(self.centre.rows(PENDING)) - 1, ("accept", "decline")[which % 2])

    @rule(which=st.integers(0, 1), overflows=st.booleans(), drawn=Settings)
    def edit_a_queue(self, which: int, overflows: bool, drawn: dict[str, Any]) -> None:
        """Only the first queue overflows, into the second: a circle would be refused."""
        body = settings_of(f"Queue {which}", self.queues[which + 1 :], overflows=overflows, **drawn)
        self.run(self.world.run(queues.update_queue, queue_id=self.queues[which], body=body, version=None))

    @rule(which=Which, joins=st.booleans())
    def change_members(self, which: int, joins: bool) -> None:
        change = queues.add_member if joins else queues.remove_member
        self.run(self.world.run(change, queue_id=self.queues[1], agent_id=self.agents[which % AGENTS]))

    @rule(which=Which, accepts=st.booleans())
    def let_an_agent_accept_unasked(self, which: int, accepts: bool) -> None:
        self.run(
            self.world.execute(
                "UPDATE agent SET auto_accept = :accepts, updated_at = :now WHERE id = :id",
                id=self.agents[which % AGENTS],
                accepts=accepts,
                now=self.centre.clock.now(),
            )
        )

    # What holds after each step

    @invariant()
    def everything_is_sound(self) -> None:
        self.checked += 1
        self.centre.clock.advance(STEP_SECONDS)
        faults = self.run(self.centre.list_faults()) if self.centre.epochs else []
        assert not faults, faults

    # Means

    def _refused_or_repeated(self, quoted: dict[str, Any]) -> None:
        """A repeat of an accept answers the same and changes nothing."""
        before = self.centre.fingerprint()
        self.act(self.world.run(answers.accept_offer, **quoted))
        assert self.centre.fingerprint() == before

    def _one(self, statement: str, which: int) -> Any:
        """None where there is nothing."""
        rows = self.centre.rows(statement)
        return rows[which % len(rows)] if rows else None

    def _actor(self, conversation: Any, who: int) -> str:
        owner = conversation.owner_id or self.agents[who % AGENTS]
        return ("customer", "visitor:1", f"agent:{owner}")[who % 3]
