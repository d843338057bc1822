"""The sockets of this process, indexed by what decides whether an event concerns them."""

from collections.abc import Iterable, Iterator
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from app.realtime.audience import Reach, Viewer, Visitor, sees_presence


class Seat(Protocol):
    @property
    def viewer(self) -> Viewer: ...


S = TypeVar("S", bound=Seat)


class Roster(Generic[S]):
    """A seat is filed under its viewer of the moment it is added: remove it before the viewer changes."""

    def __init__(self) -> None:
        self._everyone: dict[S, None] = {}
        self._wide: dict[S, None] = {}
        self._watching: dict[S, None] = {}
        self._agents: dict[UUID, dict[S, None]] = {}
        self._teams: dict[UUID, dict[S, None]] = {}
        self._contacts: dict[UUID, dict[S, None]] = {}

    def __len__(self) -> int:
        return len(self._everyone)

    def __iter__(self) -> Iterator[S]:
        return iter(list(self._everyone))

    def __contains__(self, seat: S) -> bool:
        return seat in self._everyone

    def add(self, seat: S) -> None:
        self._everyone[seat] = None
        viewer = seat.viewer
        if isinstance(viewer, Visitor):
            self._contacts.setdefault(viewer.contact_point_id, {})[seat] = None
            return
        self._agents.setdefault(viewer.id, {})[seat] = None
        if sees_presence(viewer):
            self._watching[seat] = None
        if viewer.visibility == "all":
            self._wide[seat] = None
        elif viewer.team_id is not None:
            self._teams.setdefault(viewer.team_id, {})[seat] = None

    def remove(self, seat: S) -> None:
        self._everyone.pop(seat, None)
        self._wide.pop(seat, None)
        self._watching.pop(seat, None)
        viewer = seat.viewer
        if isinstance(viewer, Visitor):
            _take_out(self._contacts, viewer.contact_point_id, seat)
            return
        _take_out(self._agents, viewer.id, seat)
        if viewer.team_id is not None:
            _take_out(self._teams, viewer.team_id, seat)

    def within(self, reach: Reach) -> list[S]:
        """Each seat once."""
        found: dict[S, None] = dict(self._everyone) if reach.everyone else {}
        if reach.wide:
            found.update(self._wide)
        if reach.presence:
            found.update(self._watching)
        for seats in self._named(reach):
            found.update(dict.fromkeys(seats))
        return list(found)

    def _named(self, reach: Reach) -> Iterable[Iterable[S]]:
        for agent_id in reach.agents:
            yield self._agents.get(agent_id, ())
        for team_id in reach.teams:
            yield self._teams.get(team_id, ())
        if reach.contact_point_id is not None:
            yield self._contacts.get(reach.contact_point_id, ())


def _take_out(index: dict[UUID, dict[S, None]], key: UUID, seat: S) -> None:
    seats = index.get(key)
    if seats is None:
        return
    seats.pop(seat, None)
    if not seats:
        del index[key]
