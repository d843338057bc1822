"""What must hold after any amount of harm: the database against itself, and against what its clients were told."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from tests.simulation.actors import AgentBot, Observer, Visitor
from tests.simulation.recording import RecordingSocket, number_of
from tests.simulation.truth import Json, Logged, Truth

CHATS_AT_ONCE = 4
"""100 units, 25 for a chat."""
HOLDING = frozenset({"offered", "assigned"})
FOR_VISITORS = frozenset(
    {
        "conversation.opened",
        "conversation.status_changed",
        "conversation.rights_changed",
        "message.received",
        "message.posted",
        "message.delivery_changed",
    }
)
MESSAGE_EVENTS = frozenset({"message.received", "message.posted", "note.added"})


def find_faults(
    truth: Truth,
    visitors: Sequence[Visitor],
    agents: Sequence[AgentBot],
    observer: Observer,
    gone: Sequence[Visitor] = (),
) -> list[str]:
    """Sentences, each a broken promise; empty when all of them were kept. `gone`: who wrote, and hung up since."""
    return [
        *_faults_of_tables(truth),
        *_faults_of_log(truth),
        *(fault for id_ in truth.conversations for fault in _faults_of_conversation(truth, id_)),
        *_faults_of_engagements(truth),
        *(fault for visitor in visitors for fault in _faults_of_visitor(truth, visitor)),
        *(fault for agent in agents for fault in _faults_of_agent(truth, agent)),
        *_faults_of_observer(truth, observer),
        *_faults_of_records(truth, [*gone, *visitors], agents),
    ]


# --- the database against itself ------------------------------------------------------------------------------------


def _faults_of_tables(truth: Truth) -> Iterator[str]:
    yield from (f"{what}: {count}" for what, count in truth.forbidden.items())
    yield from (f"routing: {violation}" for violation in truth.violations)
    if truth.drift:
        yield f"the ledgers of {truth.drift} agents drift"


def _faults_of_log(truth: Truth) -> Iterator[str]:
    if [event.position for event in truth.log] != list(range(1, len(truth.log) + 1)):
        yield "positions are not dense"
    if len(truth.log) != truth.events_stored:
        yield f"{truth.events_stored} events, {len(truth.log)} positions"
    if len({event.id for event in truth.log}) != len(truth.log):
        yield "an event has two positions"


def _faults_of_conversation(truth: Truth, conversation_id: str) -> Iterator[str]:
    row, messages = truth.conversations[conversation_id], truth.messages[conversation_id]
    events = truth.of_conversation(conversation_id)
    sequences = [message["sequence"] for message in messages]
    if sequences != list(range(1, row["last_sequence"] + 1)):
        yield f"{conversation_id}: sequences are {sequences}, the last should be {row['last_sequence']}"
    told = [(each.payload["sequence"], each.payload["message_id"]) for each in events if each.type in MESSAGE_EVENTS]
    if told != [(message["sequence"], message["id"]) for message in messages]:
        yield f"{conversation_id}: the log tells other messages than there are: {told}"
    if row["status"] != "resolved" or row["owner_id"] is None:
        yield f"{conversation_id}: {row['status']}, owner {row['owner_id']}"
    states = [state for _, state in rights_over_time(events)]
    chain = [each.payload for each in events if each.type == "conversation.rights_changed"]
    for before, change in zip(states, chain, strict=False):
        if change["before"] != before:
            yield f"{conversation_id}: rights {change['before']} follow {before}"
    if any(states[-1][name] != row[name] for name in ("owner_id", "team_id", "queue_id")):
        yield f"{conversation_id}: the log ends with rights {states[-1]}, the row has others"


def _faults_of_engagements(truth: Truth) -> Iterator[str]:
    """Replays the log: each work goes on from where it stood, one of a conversation lives, nobody holds too many."""
    state: dict[str, str | None] = {}
    live: dict[str, set[str]] = defaultdict(set)
    held: dict[str, set[str]] = defaultdict(set)
    for event in truth.log:
        if event.type != "work.changed":
            continue
        work, after, agent = event.payload["work_id"], event.payload["after"], event.payload["agent_id"]
        if state.get(work) != event.payload["before"]:
            yield f"{event.position}: work was {state.get(work)}, the event says {event.payload['before']}"
        state[work] = after
        for works in held.values():
            works.discard(work)
        if after in HOLDING:
            held[agent].add(work)
            if len(held[agent]) > CHATS_AT_ONCE:
                yield f"{event.position}: agent {agent} holds {len(held[agent])} chats"
        of_conversation = live[event.payload["conversation_id"]]
        (of_conversation.add if after in HOLDING | {"queued"} else of_conversation.discard)(work)
        if len(of_conversation) > 1:
            yield f"{event.position}: two live works of one conversation"


def rights_over_time(events: Sequence[Logged]) -> list[tuple[int, Json]]:
    """(position from which they hold, rights) of one conversation."""
    found = []
    for event in events:
        if event.type == "conversation.opened":
            found.append((event.position, event.payload["rights"]))
        elif event.type == "conversation.rights_changed":
            found.append((event.position, event.payload["after"]))
    return found


# --- what the clients were told -------------------------------------------------------------------------------------


def _faults_of_socket(name: str, socket: RecordingSocket) -> Iterator[str]:
    if socket.repeated:
        yield f"{name}: {socket.repeated} frames came again"
    if socket.resyncs or len(socket.snapshots) != 1:
        yield f"{name}: {len(socket.snapshots)} snapshots, resyncs {socket.resyncs}"


def _faults_of_visitor(truth: Truth, visitor: Visitor) -> Iterator[str]:
    name = f"visitor {sorted(visitor.conversation_ids)}"
    yield from _faults_of_socket(name, visitor.socket)
    if len(visitor.conversation_ids) != 1:
        yield f"{name}: not one conversation"
        return
    (conversation_id,) = visitor.conversation_ids
    public = [message["id"] for message in truth.messages[conversation_id] if message["visibility"] == "public"]
    if (seen := [message["id"] for message in visitor.seen()]) != public:
        yield f"{name}: saw messages {seen}, there are {public}"
    due = [event for event in truth.of_conversation(conversation_id) if event.type in FOR_VISITORS]
    yield from _differences(name, truth, due, visitor.socket)


def _faults_of_observer(truth: Truth, observer: Observer) -> Iterator[str]:
    yield from _faults_of_socket("observer", observer.socket)
    yield from _differences("observer", truth, [event for event in truth.log if event.conversation_id], observer.socket)


def _differences(name: str, truth: Truth, due: Sequence[Logged], socket: RecordingSocket) -> Iterator[str]:
    """The socket's events about conversations are exactly those due after its snapshot, in their order."""
    start = _start(socket)
    wanted = [(event.position, event.id) for event in due if event.position > start]
    told = [(number_of(each["position"]), each["id"]) for each in socket.events if "conversation_id" in each["data"]]
    got = [each for each in told if each[0] <= truth.head]  # what came since the truth was read is judged next time
    if got != wanted:
        missing, more = sorted(set(wanted) - set(got)), sorted(set(got) - set(wanted))
        yield f"{name}: missing {missing[:5]}, too many {more[:5]}, of {len(wanted)}"
    if socket.removed:
        yield f"{name}: was told of the removal of {len(socket.removed)} conversations"


def _faults_of_agent(truth: Truth, agent: AgentBot) -> Iterator[str]:
    """Entitlement is decided at delivery, so what an event may come to depends on the rights from it onwards."""
    yield from _faults_of_socket(agent.login, agent.socket)
    start = _start(agent.socket)
    told: dict[int, Json] = {number_of(frame["position"]): frame for frame in agent.socket.told[1:]}
    numbers = [number_of(frame["position"]) for frame in agent.socket.told[1:]]
    if numbers != sorted(set(numbers)):
        yield f"{agent.login}: told out of order"
    for conversation_id in truth.conversations:
        events = truth.of_conversation(conversation_id)
        rights = rights_over_time(events)
        for event in events:
            if event.position <= start:
                continue
            got = _outcome(told.get(event.position))
            allowed = _allowed(agent.id, agent.team_id, event, rights)
            if got not in allowed:
                yield f"{agent.login}: {event.position} {event.type} came as {got}, may be {allowed}"


def _allowed(agent_id: str, team_id: str, event: Logged, rights: Sequence[tuple[int, Json]]) -> set[str]:
    if event.type in ("offer.made", "offer.ended"):
        return {"event"} if event.payload["agent_id"] == agent_id else {"nothing"}
    if agent_id in event.payload.get("to_agent_ids", ()) or team_id in event.payload.get("to_team_ids", ()):
        return {"event"}  # whoever is asked for help hears of it, seeing the conversation or not

    def sees(state: Json) -> bool:
        return state["owner_id"] == agent_id or (state["owner_id"] is None and state["team_id"] == team_id)

    # The state that the event meets, and all that came after it: its delivery met one of them.
    since = max(at for at, _ in rights if at <= event.position) if rights[0][0] <= event.position else rights[0][0]
    met = {sees(state) for at, state in rights if at >= since}
    if event.type != "conversation.rights_changed":
        return {"event" if seen else "nothing" for seen in met}
    lost = sees(event.payload["before"]) and not sees(event.payload["after"])
    return {"event" if seen else "removed" if lost else "nothing" for seen in met}


def _outcome(frame: Json | None) -> str:
    return "nothing" if frame is None else str(frame["type"])


def _start(socket: RecordingSocket) -> int:
    return number_of(socket.snapshots[0]["position"])


# --- what was answered with success ---------------------------------------------------------------------------------


def _faults_of_records(truth: Truth, visitors: Sequence[Visitor], agents: Sequence[AgentBot]) -> Iterator[str]:
    stored = Counter(
        (conversation_id, message["client_id"], message["id"])
        for conversation_id, messages in truth.messages.items()
        for message in messages
    )
    told = Counter(
        (conversation_id, client_id, message_id)
        for visitor in visitors
        for conversation_id in visitor.conversation_ids
        for client_id, message_id in visitor.acknowledged.items()
    )
    told.update((*key, message_id) for agent in agents for key, message_id in agent.sent.items())
    if stored != told:
        lost, unanswered = list(told - stored), list(stored - told)
        yield f"answered but not stored {lost[:5]}, stored but not answered {unanswered[:5]}"
    if len(truth.conversations) != len(visitors):
        yield f"{len(truth.conversations)} conversations of {len(visitors)} visitors"
