from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from app.access.schemas import Principal, Visibility
from app.access.visibility import may_see
from app.events.event import Rights

IDS = st.sampled_from([UUID(int=number) for number in range(1, 4)])
MAYBE_IDS = st.none() | IDS
RIGHTS = st.builds(Rights, owner_id=MAYBE_IDS, team_id=MAYBE_IDS, queue_id=MAYBE_IDS)
ME, OTHER, TEAM, OTHER_TEAM = (UUID(int=number) for number in range(1, 5))


def principal(visibility: Visibility, id_: UUID = ME, team_id: UUID | None = TEAM) -> Principal:
    return Principal(kind="agent", id=id_, role="agent", scopes=frozenset(), visibility=visibility, team_id=team_id)


@given(IDS, MAYBE_IDS, RIGHTS)
def test_all_sees_what_team_sees_and_team_sees_what_own_sees(id_: UUID, team_id: UUID | None, rights: Rights) -> None:
    own, team, everything = (
        may_see(principal(visibility, id_, team_id), rights) for visibility in ("own", "team", "all")
    )
    assert everything
    assert team or not own


@given(IDS, MAYBE_IDS, RIGHTS)
def test_everybody_sees_what_they_own(id_: UUID, team_id: UUID | None, rights: Rights) -> None:
    mine = rights.model_copy(update={"owner_id": id_})
    assert may_see(principal("own", id_, team_id), mine)


@given(IDS, RIGHTS)
def test_without_a_team_one_sees_only_what_one_owns(id_: UUID, rights: Rights) -> None:
    for visibility in ("own", "team"):
        assert may_see(principal(visibility, id_, None), rights) == (rights.owner_id == id_)


def test_own_sees_the_teams_conversation_until_somebody_else_owns_it() -> None:
    assert may_see(principal("own"), Rights(team_id=TEAM))
    assert not may_see(principal("own"), Rights(team_id=TEAM, owner_id=OTHER))
    assert may_see(principal("team"), Rights(team_id=TEAM, owner_id=OTHER))
    assert not may_see(principal("team"), Rights(team_id=OTHER_TEAM, owner_id=OTHER))
