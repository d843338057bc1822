from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import literal, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.schemas import Principal
from app.access.visibility import may_see
from app.conversations.models import Conversation
from app.conversations.repository.rights import visible_to
from app.events.event import Rights

IDS = [UUID(int=number) for number in range(1, 4)]
SOME = st.none() | st.sampled_from(IDS)
PRINCIPALS = st.builds(
    Principal,
    kind=st.just("agent"),
    id=st.sampled_from(IDS),
    role=st.just("agent"),
    scopes=st.just(frozenset()),
    visibility=st.sampled_from(["own", "team", "all"]),
    team_id=SOME,
)
RIGHTS = st.builds(Rights, owner_id=SOME, team_id=SOME, queue_id=SOME)


def as_if(rights: Rights, condition: Any) -> str:
    """The condition over a row of these rights, with no table behind it."""
    compiled = str(condition.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True}))
    for column in ("owner_id", "team_id"):
        value = getattr(rights, column)
        compiled = compiled.replace(f"conversation.{column}", f"'{value}'::uuid" if value else "NULL::uuid")
    return f"SELECT coalesce({compiled}, false)"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(principal=PRINCIPALS, rights=st.lists(RIGHTS, min_size=1, max_size=3))
async def test_the_rule_in_sql_is_the_rule_in_python(
    session: AsyncSession, principal: Principal, rights: list[Rights]
) -> None:
    for each in rights:
        statement = as_if(each, visible_to(principal))
        found = (await (await session.connection()).exec_driver_sql(statement)).scalar_one()
        assert found == may_see(principal, each), (principal, each)


async def test_the_rule_is_a_condition_on_the_table(session: AsyncSession) -> None:
    principal = Principal("agent", IDS[0], "agent", frozenset(), "own", IDS[1])
    rows = await session.execute(select(literal(1)).select_from(Conversation).where(visible_to(principal)))
    assert rows.all() == []
