"""Thanks customers who wrote and tells them when to expect an answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from app.channels import repository
from app.channels.acknowledgement.deciding import ONE_PER_CONTACT_IN, Case, why_not
from app.channels.acknowledgement.settings import Acknowledgement
from app.channels.acknowledgement.wording import acknowledge as word
from app.channels.schemas import AccountFacts
from app.conversations import service as conversations
from app.conversations.schemas import ConversationFacts
from app.conversations.service.acknowledging import AcknowledgementText
from app.conversations.status import UNRESOLVED
from app.core.act import Act
from app.customers import service as customers
from app.customers.time_zones import known_or_none
from app.sla.answer_times import AnswerTime
from app.sla.service import answer_times


@dataclass(frozen=True, slots=True)
class Started:
    """A clock of a first reply, under the request that started it."""

    clock_id: UUID
    request_id: str


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A conversation whose first answer is owed. `zone` is the customer's own, or else the calendar's."""

    conversation_id: UUID
    facts: ConversationFacts
    account: AccountFacts
    settings: Acknowledgement
    answer: AnswerTime
    zone: ZoneInfo


async def acknowledge(session: AsyncSession, act: Act, started: Mapping[UUID, Started]) -> None:
    """By conversation. Whoever is not to be acknowledged is left out; nobody is twice."""
    # Most shops are open most of the time: what costs a look at messages comes after what does not.
    waiting = [one for one in await _list_waiting(session, started) if why_not(_case(one, set()), act.now) is None]
    if not waiting:
        return
    contacts = list({one.facts.contact_point_id for one in waiting})
    thanked = await conversations.list_acknowledged_contacts(session, contacts, since=act.now - ONE_PER_CONTACT_IN)
    texts: dict[UUID, AcknowledgementText] = {}
    for one in waiting:
        if why_not(_case(one, thanked), act.now) is None:
            thanked.add(one.facts.contact_point_id)
            clock = started[one.conversation_id]
            text = AcknowledgementText(_word(act, one), f"ack:{clock.clock_id}", clock.request_id)
            texts[one.conversation_id] = text
    await conversations.acknowledge(session, act, texts)


async def _list_waiting(session: AsyncSession, started: Mapping[UUID, Started]) -> list[_Waiting]:
    answers = await answer_times.list_first_answers(session, [one.clock_id for one in started.values()])
    owed = {key: answers[one.clock_id] for key, one in started.items() if one.clock_id in answers}
    facts = await conversations.facts_of(session, owed)
    accounts = await repository.list_facts(session, list({one.channel_account_id for one in facts.values()}))
    writers = await customers.list_summaries(session, list({one.customer_id for one in facts.values()}))
    return [
        _Waiting(
            conversation_id,
            one,
            account := accounts[one.channel_account_id],
            Acknowledgement.model_validate(account.settings.get("acknowledgement", {})),
            answer := owed[conversation_id],
            ZoneInfo(known_or_none(writers[one.customer_id].timezone) or answer.timezone),
        )
        for conversation_id, one in facts.items()
    ]


def _case(one: _Waiting, thanked: set[UUID]) -> Case:
    return Case(
        one.settings.when,
        one.answer,
        synthetic=one.facts.synthetic,
        over=one.facts.status not in UNRESOLVED,
        contact_acknowledged=one.facts.contact_point_id in thanked,
    )


def _word(act: Act, one: _Waiting) -> str:
    return word(
        one.settings.texts,
        language=one.facts.language,
        brand=one.account.brand or one.account.name,
        due_at=one.answer.due_at,
        now=act.now,
        zone=one.zone,
    )
