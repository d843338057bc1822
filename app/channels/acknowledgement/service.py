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


async def acknowledge(session: AsyncSession, act: Act, started: Mapping[UUID, Started]) -> None:
    """By conversation. Whoever is not to be acknowledged is left out; nobody is twice."""
    answers = await answer_times.list_first_answers(session, [one.clock_id for one in started.values()])
    owed = {key: answers[one.clock_id] for key, one in started.items() if one.clock_id in answers}
    if not owed:
        return
    facts = await conversations.facts_of(session, owed)
    accounts = await repository.list_facts(session, list({one.channel_account_id for one in facts.values()}))
    contacts = list({one.contact_point_id for one in facts.values()})
    thanked = await conversations.list_acknowledged_contacts(session, contacts, since=act.now - ONE_PER_CONTACT_IN)
    writers = await customers.list_summaries(session, list({one.customer_id for one in facts.values()}))
    texts: dict[UUID, AcknowledgementText] = {}
    for conversation_id, one in facts.items():
        account, answer = accounts[one.channel_account_id], owed[conversation_id]
        settings = settings_of(account)
        case = Case(settings.when, answer, one.synthetic, one.contact_point_id in thanked)
        if why_not(case, act.now) is None:
            thanked.add(one.contact_point_id)
            body = _word(act, settings, account, one, answer, writers[one.customer_id].timezone)
            clock = started[conversation_id]
            texts[conversation_id] = AcknowledgementText(body, f"ack:{clock.clock_id}", clock.request_id)
    if texts:
        await conversations.acknowledge(session, act, texts)


def settings_of(account: AccountFacts) -> Acknowledgement:
    return Acknowledgement.model_validate(account.settings.get("acknowledgement", {}))


def _word(
    act: Act,
    settings: Acknowledgement,
    account: AccountFacts,
    facts: ConversationFacts,
    answer: AnswerTime,
    customer_zone: str,
) -> str:
    return word(
        settings.texts,
        language=facts.language,
        brand=account.brand or account.name,
        due_at=answer.due_at,
        now=act.now,
        zone=ZoneInfo(known_or_none(customer_zone) or answer.timezone),
    )
