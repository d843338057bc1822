"""The roster finds whom an event concerns, and forgets who left."""

from dataclasses import dataclass
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from app.realtime.audience import Reach, Viewer, Visitor
from app.realtime.roster import Roster
from tests.unit.realtime.examples import agent, includes

IDS = [UUID(int=number) for number in range(1, 5)]
ids = st.sampled_from(IDS)


@dataclass(eq=False)
class Chair:
    viewer: Viewer


viewers = st.one_of(
    st.builds(agent, ids, visibility=st.sampled_from(["own", "team", "all"]), team_id=st.one_of(st.none(), ids)),
    st.builds(Visitor, ids, ids),
)
reaches = st.builds(
    Reach,
    agents=st.frozensets(ids),
    teams=st.frozensets(ids),
    wide=st.booleans(),
    everyone=st.booleans(),
    presence=st.booleans(),
    contact_point_id=st.one_of(st.none(), ids),
)


@given(st.lists(viewers), reaches, st.data())
def test_it_finds_exactly_those_the_reach_includes(given_: list[Viewer], reach: Reach, data: st.DataObject) -> None:
    roster: Roster[Chair] = Roster()
    chairs = [Chair(viewer) for viewer in given_]
    for chair in chairs:
        roster.add(chair)
    gone = data.draw(st.sets(st.sampled_from(chairs))) if chairs else set()
    for chair in gone:
        roster.remove(chair)
        roster.remove(chair)
    found = roster.within(reach)
    assert len(found) == len(set(found))
    # A team's visibility "all" is found as wide only, which is as far as the rule goes for it.
    expected = {chair for chair in chairs if chair not in gone and includes(reach, chair.viewer)}
    wide_by_team = {c for c in expected if not isinstance(c.viewer, Visitor) and c.viewer.visibility == "all"}
    assert expected - wide_by_team <= set(found) <= expected
    assert len(roster) == len(chairs) - len(gone)
