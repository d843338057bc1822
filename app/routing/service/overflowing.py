"""Overflow done: work that goes on waiting in another queue, and customers who are told something meanwhile.

It is decided by the rows under the work's lock, as an offer's expiry is, so that no epoch has to be checked: a router
whose offer crosses it finds another version, and a second look finds the step done.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.conversations import service as conversations
from app.conversations.schemas import ConversationFacts, Placement
from app.conversations.service.announcing import Announcement
from app.core import event_log
from app.core.act import Act, system_act
from app.core.clock import Clock
from app.core.database import Database
from app.events.event import Event
from app.events.routing import WorkOverflowed
from app.routing.models import Queue, RoutingDecision, WorkItem
from app.routing.overflow import Line, Step, Waiting, due_steps, parse_steps, words_for
from app.routing.repository import live as live_rows
from app.routing.repository import overflow as overflow_rows
from app.routing.repository import queues as queue_rows
from app.routing.service import gauges
from app.routing.service.desk import move
from app.routing.service.hours import Hours
from app.routing.service.making import Overflowed, Wanted, make_queued
from app.routing.service.overflow_facts import list_candidates, load_facts, load_lines

WORKS_AT_ONCE = 100
"""Locked by one transaction; offers of these wait for it."""
BATCHES_OF_A_STEP = 10
"""In one look at all lines; the next one goes on."""


@dataclass(frozen=True, slots=True)
class _Case:
    """A work with the steps of its queue that are to be done with it now. `next_id`: of the work it may go on as."""

    work: WorkItem
    queue: Queue
    facts: ConversationFacts
    waiting: Waiting
    steps: Sequence[Step]
    next_id: UUID

    @property
    def says(self) -> bool:
        return self.steps[0].to is None

    @property
    def way(self) -> UUID | None:
        return self.steps[-1].to


async def look_at_lines(database: Database, clock: Clock, *, hours: Hours) -> None:
    """All that the lines, the staff and the hours make due; ages and answers that fell between two timers, too."""
    async with database.autocommit() as session:
        queues = await overflow_rows.list_waited_in(session)
        lines = await load_lines(session, clock.now(), queues, hours)
    for queue in queues:
        for step in parse_steps(queue.overflow):
            await _work_off(database, clock, queue.id, step, lines[queue.id], hours)


async def _work_off(database: Database, clock: Clock, queue_id: UUID, step: Step, line: Line, hours: Hours) -> None:
    for _ in range(BATCHES_OF_A_STEP):
        act = system_act(clock, "overflow", request_id=f"overflow:{queue_id}")
        async with database.transaction() as session:
            found = await list_candidates(session, act.now, queue_id, step, line, WORKS_AT_ONCE)
            works = await live_rows.lock_works(session, found) if found else {}
            queues = await list_queues_of(session, works.values())
            done = await overflow(session, act, works.values(), queues, hours)
        if len(found) < WORKS_AT_ONCE or not done:
            return


async def list_queues_of(session: AsyncSession, works: Collection[WorkItem]) -> dict[UUID, Queue]:
    return {queue.id: queue for queue in await queue_rows.list_queues(session, {work.queue_id for work in works})}


async def overflow(
    session: AsyncSession, act: Act, works: Collection[WorkItem], queues: Mapping[UUID, Queue], hours: Hours
) -> int:
    """Do with this locked work what its queues' steps ask for now. With how many of them anything was done.

    A conversation that is not open any more has its work cancelled in a moment.
    """
    waiting = [work for work in works if work.state == "queued" and queues[work.queue_id].overflow]
    if not waiting:
        return 0
    asked = {work.queue_id: queues[work.queue_id] for work in waiting}
    facts = await conversations.facts_of(session, [work.conversation_id for work in waiting])
    seen = await load_facts(session, act.now, waiting, asked, hours)
    cases = [
        _Case(work, asked[work.queue_id], facts[work.conversation_id], seen[work.id], steps, act.new_id())
        for work in waiting
        if work.conversation_id in facts and facts[work.conversation_id].status == "open"
        if (steps := due_steps(parse_steps(asked[work.queue_id].overflow), seen[work.id], act.now))
    ]
    await _do(session, act, cases, hours)
    return len(cases)


async def _do(session: AsyncSession, act: Act, cases: Sequence[_Case], hours: Hours) -> None:
    ways = {case.way for case in cases if case.way is not None}
    targets = {queue.id: queue for queue in await queue_rows.list_queues(session, ways)} if ways else {}
    entries = [(act, event) for case in cases for event in _record(session, act, case)]
    said = {case.work.conversation_id: _said(case) for case in cases if case.says}
    leaving = [(case, targets[case.way]) for case in cases if case.way is not None]
    await event_log.append_each(session, entries)
    successors = [_successor(act, case, queue) for case, queue in leaving]
    await make_queued(session, successors, hours, reason="overflowed")
    await conversations.place(session, [(act, _placement(case, queue)) for case, queue in leaving], note="overflow")
    await conversations.announce(session, act, said)
    for case in cases:
        for step in case.steps:
            gauges.OVERFLOWED.labels(step.trigger, step.did).inc()


def _record(session: AsyncSession, act: Act, case: _Case) -> list[Event]:
    """Each step in the work itself, as a trace and as an event."""
    work, events = case.work, list[Event]()
    for step in case.steps:
        hops = len(work.overflow_path) + (step.to is not None)
        live_rows.add_decisions(session, [_decision(act, case, step, hops)])
        if step.to is None:
            work.overflow_done = [*work.overflow_done, step.key]
        else:
            events.append(move(work, "moved", reason="overflowed"))
            work.ended_at, work.run_at = act.now, None
        events.append(
            WorkOverflowed(
                conversation_id=work.conversation_id,
                work_id=work.id,
                queue_id=work.queue_id,
                trigger=step.trigger,
                over=step.over,
                to_queue_id=step.to,
                hops=hops,
            )
        )
    return events


def _decision(act: Act, case: _Case, step: Step, hops: int) -> RoutingDecision:
    seen: dict[str, object] = {"age_seconds": (act.now - case.waiting.ready_at).total_seconds()}
    if step.trigger == "longer_than":
        seen["place"] = case.waiting.place
    elif step.trigger == "estimated_wait_over_seconds":
        seen["p50_seconds"] = case.waiting.p50_seconds
    way = {"to_queue_id": str(step.to), "to_work_id": str(case.next_id), "hops": hops} if step.to is not None else {}
    rule = {"policy_version": case.queue.version, "trigger": step.trigger, "over": step.over}
    queue_id = str(case.queue.id)
    return RoutingDecision(
        id=act.new_id(),
        work_id=case.work.id,
        conversation_id=case.work.conversation_id,
        agent_id=None,
        outcome=step.did,
        trace={"by": "overflow", "queue_id": queue_id, **rule, **way, **seen},
        decided_at=act.now,
    )


def _successor(act: Act, case: _Case, queue: Queue) -> Wanted:
    work = case.work
    return Wanted(
        work.conversation_id,
        case.facts,
        act,
        queue_id=queue.id,
        ready_at=work.ready_at,
        keeps_queue=True,
        overflowed=Overflowed(
            work_id=case.next_id,
            due_at=work.due_at,
            path=(*work.overflow_path, str(work.queue_id)),
            tries=work.tries,
            cool_downs=work.cool_downs,
        ),
    )


def _placement(case: _Case, queue: Queue) -> Placement:
    return Placement(conversation_id=case.work.conversation_id, queue_id=queue.id, team_id=queue.team_id)


def _said(case: _Case) -> Announcement:
    bodies = tuple(words_for(step.message, case.facts.language) for step in case.steps if step.to is None)
    return Announcement(bodies, f"overflow:{case.work.id}:{len(case.work.overflow_done)}")
