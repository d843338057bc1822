"""A past made in SQL: conversations of many months with their messages, as the product would have stored them."""

from datetime import datetime, timedelta

import asyncpg

from app.core import partitions
from app.core.database import Database
from app.ops.bench.world import World

CONVERSATIONS_A_CUSTOMER = 10
SPREAD_DAYS = 330
OPEN_OF_HUNDRED = 3

# Rows as the product writes them; foreign keys hold by construction and are not asked a million times.
UUID_OF = "(lpad(to_hex({kind}), 8, '0') || '-0000-7000-8000-' || lpad(to_hex({n}), 12, '0'))::uuid"
GENERATE = (
    "SET synchronous_commit = off; SET session_replication_role = replica; SET maintenance_work_mem = '256MB'",
    """INSERT INTO customer (id, name, created_at)
    SELECT {customer_n}, 'Customer ' || n, $1 FROM generate_series(1, {customers}) n""",
    """INSERT INTO contact_point (id, customer_id, kind, value_normalised, verified_at, created_at)
    SELECT {contact_n}, {customer_n}, 'visitor', 'generated-' || n, $1, $1 FROM generate_series(1, {customers}) n""",
    """INSERT INTO conversation (id, customer_id, contact_point_id, channel, channel_account_id, status, owner_id,
      team_id, queue_id, priority, language, last_sequence, last_public_sequence, preview, preview_class,
      last_message_at, opened_at, resolved_at)
    SELECT {conversation_n}, {customer_of}, {contact_of}, 'chat', $2,
      CASE WHEN n > {resolved} THEN 'open' ELSE 'resolved' END, CASE WHEN n % 50 = 0 THEN $5::uuid END,
      $3::uuid, $4::uuid, 5, 'en', {each}, {each}, 'Order ' || n || ' has not arrived yet', 'customer', at,
      at - interval '1 hour', CASE WHEN n <= {resolved} THEN at END
    FROM (SELECT n, $1::timestamptz - ({all} - n) * interval '{step} seconds' AS at
          FROM generate_series(1, {all}) n) AS made""",
    """INSERT INTO message (id, arrived_at, conversation_id, sequence, message_class, direction, visibility, body)
    SELECT gen_random_uuid(), $1::timestamptz - ({all} - n) * interval '{step} seconds', {conversation_n}, s,
      'customer', 'inbound', 'public', 'Order ' || n || ' has not arrived yet 我的订单还没有收到'
    FROM generate_series(1, {all}) n, generate_series(1, {each}) s""",
)


async def generate(url: str, world: World, at: datetime, *, conversations: int, messages_each: int) -> None:
    """Spread over the 330 days before `at`, the newest three of a hundred open. Without events: nobody follows them."""
    await _make_partitions(url, at)
    customers = max(conversations // CONVERSATIONS_A_CUSTOMER, 1)
    names = {
        "customers": customers,
        "all": conversations,
        "each": messages_each,
        "resolved": conversations - conversations * OPEN_OF_HUNDRED // 100,
        "step": SPREAD_DAYS * 86_400 / conversations,
        "customer_n": UUID_OF.format(kind=1, n="n"),
        "customer_of": UUID_OF.format(kind=1, n=f"n % {customers} + 1"),
        "contact_n": UUID_OF.format(kind=2, n="n"),
        "contact_of": UUID_OF.format(kind=2, n=f"n % {customers} + 1"),
        "conversation_n": UUID_OF.format(kind=3, n="n"),
    }
    connection = await asyncpg.connect(url)
    values = (at, world.account_id, world.team_id, world.queue_id, world.agent_id)
    for statement in GENERATE:
        text = statement.format(**names)
        used = max((number for number in range(1, 6) if f"${number}" in text), default=0)
        if used:
            await connection.execute(text, *values[:used])
        else:
            await connection.execute(text)
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


async def _make_partitions(url: str, at: datetime) -> None:
    database = Database(url, application_name="bench")
    async with database.engine.begin() as connection:
        await partitions.ensure_partitions(connection, at - timedelta(days=SPREAD_DAYS + 31), months_ahead=13)
    await database.close()
