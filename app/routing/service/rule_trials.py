"""Routing rules tried dry: on facts somebody gives, or on the newest conversations. Nothing is stored."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.access.schemas import Principal
from app.conversations import service as conversations
from app.core.act import Act
from app.routing.repository import rules as rule_rows
from app.routing.rule_evidence import effects
from app.routing.rule_schemas import (
    Elsewhere,
    FactsIn,
    FactsTrial,
    OutcomeView,
    PastTrial,
    RulesTrial,
    RulesTrialIn,
    StepView,
)
from app.routing.rules import Rule, RuleFacts, apply, outcome_of, walk
from app.routing.service.rules import check_references, warnings_of
from app.routing.service.ruling import find_rules, load_known

BREATH = 25
"""After so many conversations others get their turn: two hundred rules for a thousand take a while."""


async def try_rules(session: AsyncSession, act: Act, principal: Principal, trial: RulesTrialIn) -> RulesTrial:
    """Raises InvalidInput `unknown_reference`, as saving them would."""
    in_force = await find_rules(session)
    tried: Sequence[Rule] = in_force.rules if trial.rules is None else trial.rules
    if trial.rules is not None:
        await check_references(session, trial.rules)
    return RulesTrial(
        version=in_force.version,
        warnings=warnings_of(tried),
        facts=_on_facts(tried, _facts(trial.facts, act)) if trial.facts else None,
        past=await _on_past(session, principal, in_force.rules, tried, trial.last) if trial.last else None,
    )


def _facts(given: FactsIn, act: Act) -> RuleFacts:
    return RuleFacts(**given.model_dump(exclude={"at"}), at=given.at or act.now)


def _on_facts(rules: Sequence[Rule], facts: RuleFacts) -> FactsTrial:
    steps = walk(rules, facts)
    return FactsTrial(
        steps=[StepView.model_validate(step) for step in steps],
        outcome=OutcomeView.model_validate(outcome_of(rules, steps)),
    )


async def _on_past(
    session: AsyncSession, principal: Principal, in_force: Sequence[Rule], tried: Sequence[Rule], last: int
) -> PastTrial:
    ids = await rule_rows.list_newest(session, conversations.visible_ids(principal), last)
    moves: Counter[tuple[UUID, UUID]] = Counter()
    otherwise = 0
    known = await load_known(session, ids)
    for count, one in enumerate(known.values(), 1):
        was, now = apply(in_force, one.facts), apply(tried, one.facts)
        place = (was.queue_id or one.account_queue_id, now.queue_id or one.account_queue_id)
        if place[0] != place[1]:
            moves[place] += 1
        else:
            otherwise += effects(was) != effects(now)
        if count % BREATH == 0:
            await asyncio.sleep(0)
    return PastTrial(
        conversations=len(known),
        elsewhere=moves.total(),
        otherwise=otherwise,
        moves=[
            Elsewhere(from_queue_id=origin, to_queue_id=target, conversations=count)
            for (origin, target), count in moves.most_common()
        ],
    )
