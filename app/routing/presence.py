"""Presence of one agent: four independent fields and what each event makes of them."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from app.events.routing import Penalty, PresenceState, Readiness, SessionState

HEARTBEAT_SECONDS = 15
SUSPECT_AFTER_SECONDS = 30
GONE_AFTER_SECONDS = 60
CLOSED_SOCKET_SECONDS = 10
"""A closed socket counts as this much silence: less than a beat, so that another tab's next one comes in time."""
REQUEUE_AFTER_SECONDS = 120
"""From gone until the agent's digital work goes back to its queues."""
STICKY_AFTER_GONE_SECONDS = 300
MISSES_WINDOW_SECONDS = 600
MISSES_ALLOWED_DIGITAL = 1
NOT_RESPONDING: Penalty = "not_responding"


@dataclass(frozen=True, slots=True)
class Presence:
    """`pending_reason` is set while "not ready" was asked for during work and waits for its end."""

    session: SessionState = "gone"
    readiness: Readiness = "not_ready"
    reason: str = ""
    pending_reason: str | None = None
    penalty: Penalty = "none"

    @property
    def is_routable(self) -> bool:
        """Whoever asked to stop gets nothing new, although the wish itself applies after the present work."""
        return (
            self.session == "connected"
            and self.readiness == "ready"
            and self.pending_reason is None
            and self.penalty == "none"
        )

    @property
    def public(self) -> PresenceState:
        return PresenceState(session=self.session, readiness=self.readiness, reason=self.reason, penalty=self.penalty)


def connected(presence: Presence) -> Presence:
    """Readiness and penalty outlive the session: coming back changes neither."""
    return replace(presence, session="connected")


def ready(presence: Presence) -> Presence:
    return replace(presence, readiness="ready", reason="", pending_reason=None)


def not_ready(presence: Presence, reason: str, *, has_work: bool) -> Presence:
    if has_work and presence.readiness == "ready":
        return replace(presence, pending_reason=reason)
    return replace(presence, readiness="not_ready", reason=reason, pending_reason=None)


def after_work(presence: Presence) -> Presence:
    """The last work ended: a remembered wish applies now."""
    if presence.pending_reason is None:
        return presence
    return replace(presence, readiness="not_ready", reason=presence.pending_reason, pending_reason=None)


def penalised(presence: Presence) -> Presence:
    return replace(presence, penalty=NOT_RESPONDING)


def cleared(presence: Presence) -> Presence:
    return replace(presence, penalty="none")


def is_penalised_by(misses_in_window: int, *, whole_agent_channel: bool) -> bool:
    """`misses_in_window` counts the present one. A call: the first miss; digital: the second within 10 minutes."""
    return whole_agent_channel or misses_in_window > MISSES_ALLOWED_DIGITAL


Check = Literal["wait", "suspect", "gone", "requeue"]


def check(session: SessionState, last_beat_at: datetime, now: datetime) -> Check:
    """What silence has made of the session. Asked when the presence row is due."""
    silent = (now - last_beat_at).total_seconds()
    if session == "gone":
        return "requeue"
    if silent >= GONE_AFTER_SECONDS and session == "suspect":
        return "gone"
    if silent >= SUSPECT_AFTER_SECONDS and session == "connected":
        return "suspect"
    return "wait"


def next_check_at(session: SessionState, last_beat_at: datetime) -> datetime:
    """When silence would next change something. For a session just gone, when its work is requeued."""
    seconds = {
        "connected": SUSPECT_AFTER_SECONDS,
        "suspect": GONE_AFTER_SECONDS,
        "gone": GONE_AFTER_SECONDS + REQUEUE_AFTER_SECONDS,
    }[session]
    return last_beat_at + timedelta(seconds=seconds)
