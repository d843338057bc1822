"""Every part of the product on one page: what is routed, consumed, timed and repeated. Nothing is discovered."""

from fastapi import APIRouter

from app.access import api as access
from app.access import service as access_service
from app.agents import api as agents
from app.channels import api as channels
from app.channels import jobs as channel_jobs
from app.channels.acknowledgement.consumers import ACKNOWLEDGEMENT
from app.channels.adapter import ChannelAdapter
from app.channels.chat import api as chat
from app.channels.chat.adapter import ChatAdapter
from app.channels.chat.visitor_tokens import VisitorTokens
from app.channels.files import api as files
from app.channels.files import service as files_service
from app.channels.replies import api as replies
from app.conversations import api as conversations
from app.conversations import jobs as conversation_jobs
from app.core import idempotency, partition_drops, partitions
from app.core.act import system_act
from app.core.clock import Clock
from app.core.config import Settings
from app.core.consumers import Consumer
from app.core.database import Database
from app.core.due_rows import DueTable
from app.core.hot_routes import Endpoint, SocketEndpoint
from app.core.tasks import Periodic, gathered
from app.customers import api as customers
from app.ops import api as operations
from app.ops.asyncapi import api as asyncapi
from app.pages import api as pages
from app.realtime import agent_socket, widget_socket
from app.routing import api as routing
from app.routing import consumers as routing_consumers
from app.routing import jobs as routing_jobs
from app.routing.planning import api as routing_planning
from app.routing.service.hours import Hours
from app.sla import api as sla
from app.sla import consumers as sla_consumers
from app.sla import jobs as sla_jobs
from app.sla.duties import api as sla_duties
from app.sla.service import opening
from app.webhooks import api as webhooks
from app.webhooks import jobs as webhook_jobs
from app.webhooks.consumers import WEBHOOKS
from app.workspace import api as workspace

ROUTERS: tuple[APIRouter, ...] = (
    access.router,
    agents.router,
    customers.router,
    conversations.router,
    routing.router,
    routing_planning.router,
    sla.router,
    sla_duties.router,
    channels.router,
    chat.router,
    files.router,
    replies.router,
    webhooks.router,
    workspace.router,
    workspace.conversations_router,
    agent_socket.router,
    widget_socket.router,
    operations.router,
    asyncapi.router,
    pages.router,
)

HOURS: Hours = opening.load_hours
"""When queues are open: routing asks, SLA's calendars answer."""

HOT_ROUTES: dict[tuple[str, str], Endpoint] = chat.HOT_ROUTES
HOT_SOCKETS: dict[str, SocketEndpoint] = {"/v1/socket": agent_socket.agent_socket}

CONSUMERS: tuple[Consumer, ...] = (
    *routing_consumers.consumers(HOURS),
    sla_consumers.SLA,
    ACKNOWLEDGEMENT,
    WEBHOOKS,
)


def channel_adapters(settings: Settings) -> dict[str, ChannelAdapter]:
    """By kind. A further channel is a further line here; docs/adding-a-channel.md."""
    adapters: tuple[ChannelAdapter, ...] = (ChatAdapter(VisitorTokens(settings.secret_key.get_secret_value())),)
    return {adapter.kind: adapter for adapter in adapters}


def due_tables(settings: Settings) -> tuple[DueTable, ...]:
    return (
        *routing_jobs.due_tables(HOURS),
        sla_jobs.CLOCK_TABLE,
        conversation_jobs.CONVERSATION_TABLE,
        channel_jobs.delivery_table(channel_adapters(settings)),
        webhook_jobs.endpoint_table(settings),
    )


async def _make_partitions(database: Database, clock: Clock) -> None:
    """One table's trouble does not keep another's month from being made."""

    async def make(table: str) -> None:
        async with database.engine.begin() as connection:
            await partitions.ensure_partitions(connection, clock.now(), tables=(table,))

    await gathered([make(table) for table in partitions.PARTITIONED])


async def _forget_idempotency_keys(database: Database, clock: Clock) -> None:
    async with database.transaction() as session:
        await idempotency.delete_old(session, clock.now())


async def _forget_ended_sessions(database: Database, clock: Clock) -> None:
    async with database.transaction() as session:
        await access_service.delete_old(session, system_act(clock, "housekeeping"))


def periodic(settings: Settings, holder: str) -> tuple[Periodic, ...]:
    """`holder` names this process where only one may work."""
    store = files_service.open_store(settings.data_dir)

    async def forget_unattached_files(database: Database, clock: Clock) -> None:
        await files_service.forget_unattached(database, store, clock.now())

    async def drop_old_events(database: Database, clock: Clock) -> None:
        await partition_drops.drop_what_is_over(database, clock, holder=holder, keep_months=settings.keep_events_months)

    async def forget_old_traces(database: Database, clock: Clock) -> None:
        await routing_jobs.forget_old_traces(database, clock, keep_months=settings.keep_traces_months)

    return (
        Periodic("partitions", 3600, _make_partitions),
        Periodic("old_events", 3600, drop_old_events),
        Periodic("old_traces", 3600, forget_old_traces),
        Periodic("idempotency_keys", 3600, _forget_idempotency_keys),
        Periodic("ended_sessions", 3600, _forget_ended_sessions),
        Periodic("unattached_files", 3600, forget_unattached_files),
        *routing_jobs.periodic(HOURS),
        *webhook_jobs.PERIODIC,
    )
