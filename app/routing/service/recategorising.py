"""Waiting work under the rules once more, when somebody has said what its conversation is about."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.conversations import service as conversations
from app.conversations.schemas import ConversationFacts, Placement
from app.core.act import Act
from app.routing.models import Queue, WorkItem
from app.routing.repository import live as live_rows
from app.routing.repository import queues as queue_rows
from app.routing.rule_evidence import Ruled, document, effects
from app.routing.rules import Outcome, apply
from app.routing.service.desk import Desk, changed, lock_work, set_timer
from app.routing.service.handing import move_to_queue
from app.routing.service.hours import Hours
from app.routing.service.making import Wanted, build_works
from app.routing.service.publish import publish
from app.routing.service.ruling import Known, find_rules, load_known
from app.routing.service.work import withdraw

WAITING = frozenset({"queued", "offered"})


@dataclass(frozen=True, slots=True)
class Recategorised:
    """`before`: the category under which the rules looked last."""

    before: str
    request_id: str


@dataclass(frozen=True, slots=True)
class _Turn:
    """The rules say something else than they did. `queue_id`: where it belongs now; None: where it is."""

    facts: ConversationFacts
    ruled: Ruled
    queue_id: UUID | None


async def reapply(session: AsyncSession, act: Act, told: Mapping[UUID, Recategorised], *, hours: Hours) -> None:
    """Only what waits, and only if another category changes the outcome. Repeating it changes nothing.

    Raises HolderChanged when an answer crossed it; the caller asks again.
    """
    turns = await _find_turns(session, told)
    live = await live_rows.find_live_work_ids(session, list(turns)) if turns else {}
    works, desks = await lock_work(session, set(live.values()), act.now) if live else ({}, {})
    targets = {turn.queue_id for turn in turns.values() if turn.queue_id is not None}
    queues = {queue.id: queue for queue in await queue_rows.list_queues(session, targets)} if targets else {}
    for conversation_id in sorted(live):
        work, turn = works.get(live[conversation_id]), turns[conversation_id]
        if work is None or work.state not in WAITING:
            continue
        own_act = act.under(told[conversation_id].request_id)
        queue = queues.get(turn.queue_id) if turn.queue_id is not None else None
        if queue is not None and queue.id != work.queue_id:
            await move_to_queue(
                session, own_act, work, desks, turn.facts, queue, hours=hours, reason="rules", by_rules=True
            )
        else:
            await _change(session, own_act, work, desks, turn, hours)


async def _find_turns(session: AsyncSession, told: Mapping[UUID, Recategorised]) -> dict[UUID, _Turn]:
    ruleset = await find_rules(session)
    if not ruleset.rules:
        return {}
    facts = await conversations.facts_of(session, list(told))
    waiting = [key for key, one in facts.items() if one.rights.owner_id is None and one.status == "open"]
    turns: dict[UUID, _Turn] = {}
    for key, known in (await load_known(session, waiting)).items():
        before = apply(ruleset.rules, replace(known.facts, category=told[key].before))
        after = apply(ruleset.rules, known.facts)
        if effects(before) != effects(after):
            turns[key] = _Turn(facts[key], Ruled(ruleset.version, after), _queue_of(before, after, known))
    return turns


def _queue_of(before: Outcome, after: Outcome, known: Known) -> UUID | None:
    """What no rule claims any more goes back to where its channel account sends it."""
    if after.queue_id is not None or before.queue_id is None:
        return after.queue_id
    return known.account_queue_id


async def _change(
    session: AsyncSession, act: Act, work: WorkItem, desks: Mapping[UUID, Desk], turn: _Turn, hours: Hours
) -> None:
    """The same queue, other terms: an offer made under the old ones is withdrawn."""
    wanted = Wanted(work.conversation_id, turn.facts, act, queue_id=work.queue_id, ready_at=work.ready_at)
    [built] = await build_works(session, [wanted], hours)
    fresh = built.work
    if _terms(fresh) == _terms(work):
        return
    if work.state == "offered" and work.agent_id is not None:
        await publish(session, act, await withdraw(session, act, work, desks[work.agent_id], "rules"))
    work.tier, work.priority = fresh.tier, fresh.priority
    work.requirements, work.preferred = fresh.requirements, fresh.preferred
    work.rules = document(turn.ruled) if turn.ruled.outcome.fired else None
    work.version += 1
    queue: Queue = await queue_rows.get_queue(session, work.queue_id)
    set_timer(work, queue, act.now)
    await publish(session, act, [changed(work, "queued", "rules", agent_id=None)])
    placement = Placement(work.conversation_id, priority=turn.ruled.outcome.priority)
    await conversations.place(session, [(act, placement)], note="rules")


def _terms(work: WorkItem) -> tuple[int, int, dict[str, int], list[str]]:
    return work.tier, work.priority, work.requirements, work.preferred
