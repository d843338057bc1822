"""The door: every message of every channel comes in here, batched as it queues, stored in one transaction a batch."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog
from prometheus_client import Counter, Gauge, Histogram
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.channels import repository
from app.channels.envelope import MAX_PROVIDER_ID, InboundEnvelope
from app.channels.files import service as files
from app.channels.going_on import continuations
from app.channels.schemas import AccountFacts
from app.conversations.arrival import Arrival, NewMessage, Received, events_of
from app.conversations.continuing import Continued
from app.conversations.service import receiving
from app.conversations.texts import MAX_BODY_CHARACTERS, check_text
from app.core import event_log, metrics, tracing
from app.core.act import Act, system_act
from app.core.clock import Clock
from app.core.database import Database
from app.core.driver import KeptConnection, is_away, raise_if_cancelled, trouble_of
from app.core.errors import Conflict, InvalidInput, NotFound, SwitchboardError, Unavailable
from app.customers import service as customers
from app.customers.schemas import MAX_CONTACT_VALUE, MAX_LANGUAGE, MAX_NAME, MAX_TIMEZONE, Known, Writer
from app.events.customers import CustomerEvent
from app.events.event import Event, Rights

log = structlog.get_logger(__name__)

BATCH_CAP = 128
QUEUE_LIMIT = 4_096
MAX_ATTACHMENTS = 10
TRIES = 5
RETRY_DELAY_SECONDS = 0.01
ACTOR = "intake"
# Serialisation failure, deadlock, and a unique index that another transaction was first in: looked at again, each ends
# as a duplicate or as a join.
TRY_AGAIN = frozenset({"40001", "40P01", "23505"})

TAKEN = Counter("switchboard_intake_messages_total", "Incoming messages by what became of them", ["outcome"])
metrics.at_nought(TAKEN, ("stored", "duplicate", "refused", "turned_away"))
BATCH = Histogram(
    "switchboard_intake_batch_messages", "Messages stored in one transaction", buckets=(1, 2, 5, 10, 20, 50, 100, 128)
)
QUEUED = Gauge("switchboard_intake_queued", "Messages that wait while a batch is stored")
SPLIT = Counter("switchboard_intake_batches_split_total", "Batches stored one by one, as something in them was bad")


@dataclass(slots=True)
class _Waiting:
    envelope: InboundEnvelope
    request_id: str
    answer: asyncio.Future[Received]


class Intake:
    """One writer a process. What has queued while it was busy is its next batch: no waiting, no timer."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._queue: asyncio.Queue[_Waiting | None] = asyncio.Queue(QUEUE_LIMIT)
        self.on_continued: Callable[[Sequence[Continued]], None] = lambda _: None
        """Called with what was stored the short way, before its events have positions."""
        self.short_way = KeptConnection(database.url, application_name="switchboard intake")
        self._writer: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._writer = asyncio.create_task(self._write(), name="intake")

    async def stop(self) -> None:
        """Take no more, store what has queued, end."""
        writer, self._writer = self._writer, None
        if writer is not None:
            await self._queue.put(None)
            await writer
            self.short_way.close()

    async def submit(self, envelope: InboundEnvelope, *, request_id: str = "") -> Received:
        """Returns when the message is durable, or was before. Raises InvalidInput, NotFound, Conflict, Unavailable."""
        check(envelope)
        if self._writer is None:
            raise Unavailable("intake_stopped", "The server is stopping or starting. Send the same message again.")
        waiting = _Waiting(envelope, tracing.carry(request_id), asyncio.get_running_loop().create_future())
        try:
            self._queue.put_nowait(waiting)
        except asyncio.QueueFull:
            TAKEN.labels("turned_away").inc()
            raise Unavailable("intake_full", "More comes in than can be stored. Send the same message again.") from None
        return await waiting.answer

    async def _write(self) -> None:
        last = False
        while not last:
            batch = [await self._queue.get()]
            while len(batch) < BATCH_CAP and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            last = None in batch
            QUEUED.set(self._queue.qsize())
            await self._settle(await self._go_on([waiting for waiting in batch if waiting is not None]))

    async def _go_on(self, batch: list[_Waiting]) -> list[_Waiting]:
        """Answer what goes on with an open conversation, stored in one statement, and return the others. Whatever is
        wrong, the long way finds and tells it."""
        asked = continuations([(each.envelope, each.request_id) for each in batch])
        if not asked:
            return batch
        try:
            with tracing.batch("intake.store", (one.request_id for one in asked.values()), messages=len(asked)):
                async with self.short_way.use() as connection, self._database.autocommit(connection) as session:
                    stored = await receiving.go_on(session, system_act(self._clock, ACTOR), list(asked.values()))
                    self.on_continued([one for one in stored if one is not None])
        except Exception as error:
            raise_if_cancelled()
            log.info("intake_takes_the_long_way", size=len(asked), error=repr(error))
            return batch
        received = {number: one.received for number, one in zip(asked, stored, strict=True) if one is not None}
        _answer([batch[number] for number in received], list(received.values()))
        return [waiting for number, waiting in enumerate(batch) if number not in received]

    async def _settle(self, batch: list[_Waiting]) -> None:
        """Give every one of the batch its answer. A batch that fails is tried one by one, so only the bad one fails."""
        if not batch:
            return
        try:
            received = await self._store(batch)
        except Exception as error:
            if len(batch) > 1 and not is_away(error):
                SPLIT.inc()
                log.warning("intake_batch_split", size=len(batch), error=repr(error))
                for waiting in batch:
                    await self._settle([waiting])
                return
            TAKEN.labels("refused").inc(len(batch))
            for waiting in batch:
                if not waiting.answer.done():
                    waiting.answer.set_exception(_told(error))
            return
        _answer(batch, received)

    async def _store(self, batch: list[_Waiting]) -> list[Received]:
        tries = 1
        while True:
            try:
                with tracing.batch("intake.store", (each.request_id for each in batch), messages=len(batch)):
                    async with self._database.transaction() as session:
                        act = system_act(self._clock, ACTOR)
                        envelopes = [(waiting.envelope, waiting.request_id) for waiting in batch]
                        return await store(session, act, envelopes)
            except Exception as error:
                if tries >= TRIES or _sqlstate(error) not in TRY_AGAIN:
                    raise
            await asyncio.sleep(RETRY_DELAY_SECONDS * tries)
            tries += 1


def _answer(batch: Sequence[_Waiting], received: Sequence[Received]) -> None:
    if not batch:
        return
    BATCH.observe(len(batch))
    again = sum(answer.duplicate for answer in received)
    TAKEN.labels("duplicate").inc(again)
    TAKEN.labels("stored").inc(len(batch) - again)
    for waiting, answer in zip(batch, received, strict=True):
        if not waiting.answer.done():  # its request may have been given up meanwhile
            waiting.answer.set_result(answer)


async def store(session: AsyncSession, act: Act, batch: Sequence[tuple[InboundEnvelope, str]]) -> list[Received]:
    """Store a batch of (envelope, request id) with its events, in this transaction. One bad one fails it all."""
    accounts = await repository.list_facts(session, list({envelope.channel_account_id for envelope, _ in batch}))
    facts = [_usable(accounts.get(envelope.channel_account_id), envelope) for envelope, _ in batch]
    known, customer_events = await customers.resolve_writers(session, act, [_writer(envelope) for envelope, _ in batch])
    arrivals = [
        _arrival(envelope, request_id, account, customer)
        for (envelope, request_id), account, customer in zip(batch, facts, known, strict=True)
    ]
    received, messages = await receiving.receive(session, act, arrivals)
    await files.bind(session, _places(messages), visibility="public")
    await _append(session, act, customer_events, messages)
    return received


def _places(messages: Sequence[NewMessage]) -> dict[UUID, tuple[UUID, UUID]]:
    """Each stored file's (message, conversation). Raises Conflict when two messages of the batch name one."""
    named = [
        (UUID(attachment["id"]), (message.id, message.head.id))
        for message in messages
        for attachment in message.arrival.attachments
    ]
    places = dict(named)
    if len(places) < len(named):
        raise Conflict("attachment_used", "A file is in another message already: upload it again.")
    return places


async def _append(
    session: AsyncSession, act: Act, customer_events: Sequence[CustomerEvent], messages: Sequence[NewMessage]
) -> None:
    request_of = {message.arrival.customer_id: message.arrival.request_id for message in messages}
    entries: list[tuple[Act, Event]] = [
        (act.under(request_of.get(event.customer_id, "")), event) for event in customer_events
    ]
    for message in messages:
        under = act.under(message.arrival.request_id)
        entries.extend((under, event) for event in events_of(message, act.now))
    await event_log.append_each(session, entries)


def check(envelope: InboundEnvelope) -> None:
    """Refuse what no batch should meet: text the database cannot hold, and anything over its limit."""
    check_text(envelope.provider_id, field="provider_id", maximum=MAX_PROVIDER_ID, minimum=1)
    check_text(envelope.contact.value, field="contact", maximum=MAX_CONTACT_VALUE, minimum=1)
    check_text(envelope.customer_name, field="name", maximum=MAX_NAME)
    check_text(envelope.language, field="language", maximum=MAX_LANGUAGE)
    check_text(envelope.timezone, field="timezone", maximum=MAX_TIMEZONE)
    check_text(envelope.thread_key or "", field="thread_key", maximum=MAX_PROVIDER_ID)
    check_text(envelope.body, field="body", maximum=MAX_BODY_CHARACTERS, minimum=0 if envelope.attachments else 1)
    check_text(json.dumps(envelope.attachments, ensure_ascii=False), field="attachments", maximum=MAX_BODY_CHARACTERS)
    if len(envelope.attachments) > MAX_ATTACHMENTS:
        raise InvalidInput("too_many_attachments", f"A message has at most {MAX_ATTACHMENTS} attachments.")
    if envelope.provider_at is not None and envelope.provider_at.tzinfo is None:
        raise InvalidInput("time_without_zone", "`provider_at` needs its zone.")


def _usable(account: AccountFacts | None, envelope: InboundEnvelope) -> AccountFacts:
    if account is None or account.kind != envelope.channel:
        raise NotFound("channel_account_not_found", "There is no such channel account.")
    if not account.enabled:
        raise Conflict("channel_account_disabled", "This channel account takes no messages at present.")
    return account


def _writer(envelope: InboundEnvelope) -> Writer:
    contact = envelope.contact
    return Writer(
        contact.kind,
        contact.value,
        contact.verified,
        envelope.customer_name,
        envelope.language,
        contact.id,
        envelope.timezone,
    )


def _arrival(envelope: InboundEnvelope, request_id: str, account: AccountFacts, customer: Known) -> Arrival:
    return Arrival(
        channel=account.kind,
        channel_account_id=account.id,
        provider_id=envelope.provider_id,
        customer_id=customer.customer_id,
        contact_point_id=customer.contact_point_id,
        thread_key=envelope.thread_key,
        body=envelope.body,
        attachments=envelope.attachments,
        provider_at=envelope.provider_at,
        language=envelope.language or customer.language,
        rights=Rights(team_id=account.team_id, queue_id=account.queue_id),
        priority=account.priority,
        synthetic=account.synthetic,
        request_id=request_id,
        client_id=envelope.client_id,
        automatic=envelope.automatic,
        brand=account.brand,
    )


def _sqlstate(error: Exception) -> str | None:
    # The driver's own errors come bare from its connection, wrapped from SQLAlchemy's.
    return getattr(error.orig if isinstance(error, DBAPIError) else error, "sqlstate", None)


def _told(error: Exception) -> Exception:
    """What the sender learns. The same message may be sent again after any of these."""
    if isinstance(error, SwitchboardError):
        return error
    if trouble := trouble_of(error):
        return trouble
    log.error("intake_failed", exc_info=error)
    return error
