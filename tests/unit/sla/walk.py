"""An independent walk, minute by minute, over a case in the file's own words: what the engine must agree with.

It shares no code with app/sla. It asks of every minute of a window whether the wall clock reads an opening time, and
counts. Opening times and offsets of the zones used change on whole minutes; instants are exact to the second.
"""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
PAUSES = {
    "requester_wait": {"pending"},
    "agent_work": {"pending", "on_hold", "snoozed"},
    "pausable_update": {"pending"},
}
Piece = tuple[int, int, bool]
"""From, to (seconds since the window began), paused."""


class Walk:
    """The minutes of a window, each open or not."""

    def __init__(self, calendar: dict[str, Any], start: datetime, days: int) -> None:
        self.calendar, self.start = calendar, start
        self._of_day: dict[date, list[tuple[int, int]]] = {}
        zone = ZoneInfo(calendar["timezone"])
        minutes = (start + timedelta(minutes=number) for number in range(days * 1440))
        self.open = bytes(self._is_open(minute.astimezone(zone)) for minute in minutes)

    def _is_open(self, wall: datetime) -> bool:
        minute = wall.hour * 60 + wall.minute
        today, yesterday = self._spans(wall.date()), self._spans(wall.date() - timedelta(days=1))
        return any(a <= minute < (b if b > a else 1440) for a, b in today) or any(
            b <= a and minute < b for a, b in yesterday
        )

    def _spans(self, day: date) -> list[tuple[int, int]]:
        if day not in self._of_day:
            self._of_day[day] = self._written(day)
        return self._of_day[day]

    def _written(self, day: date) -> list[tuple[int, int]]:
        if day.isoformat() in self.calendar.get("open", {}):
            return [_minutes(text) for text in self.calendar["open"][day.isoformat()]]
        if day.isoformat() in self.calendar.get("closed", []):
            return []
        return [_minutes(text) for text in self.calendar["weekly"][DAYS[day.weekday()]]]

    def worked(self, start: int, end: int) -> int:
        """Seconds of open time."""
        if end <= start:
            return 0
        first, last = start // 60, end // 60
        if first == last:
            return (end - start) * self.open[first]
        return (
            (first * 60 + 60 - start) * self.open[first]
            + 60 * self.open.count(1, first + 1, last)
            + (end - last * 60) * (self.open[last] if last < len(self.open) else 0)
        )

    def when_worked(self, start: int, seconds: int) -> int | None:
        """The first instant by which so many open seconds have passed; None when the window ends before."""
        at = start
        while seconds > 0:
            if at // 60 >= len(self.open):
                return None
            step = 60 - at % 60
            if self.open[at // 60]:
                if seconds <= step:
                    return at + seconds
                seconds -= step
            at += step
        return at

    def second(self, text: str) -> int:
        return int((datetime.fromisoformat(text) - self.start).total_seconds())

    def text(self, second: int | None) -> str | None:
        return None if second is None else (self.start + timedelta(seconds=second)).astimezone(UTC).isoformat()


def _minutes(span: str) -> tuple[int, int]:
    a, b = (int(part[:2]) * 60 + int(part[3:]) for part in span.split("-"))
    return a, b


def clocks(walk: Walk, case: dict[str, Any]) -> list[dict[str, Any]]:
    now = walk.second(case["now"])
    events = [(walk.second(event["at"]), event) for event in case["events"]]
    events = sorted((each for each in events if each[0] <= now), key=lambda each: each[0])
    if not events:
        return []
    events = without_undone(events, case["reopen_grace_seconds"])
    story = told(events)
    found = []
    for target in case["targets"]:
        for seq, (start, stop, gaps) in enumerate(lives(target["metric"], events, story), start=1):
            pieces = pieces_of(target["metric"], start, now if stop is None else stop, gaps, story)
            found.append(judged(walk, target, seq, start, stop, pieces, now))
    return found


def told(events: list[tuple[int, dict[str, Any]]]) -> list[tuple[int, str, bool]]:
    """(at, status from then on, over); a resolved conversation stays over until any other status but closed."""
    status, over, story = "open", False, [(events[0][0], "open", False)]
    for at, event in events:
        to = event.get("to") if event["type"] == "status" else None
        wrote = event["type"] == "message" and event["class"] == "customer"
        if wrote and status in ("pending", "on_hold", "snoozed", "resolved"):
            to = "open"
        if to is not None:
            over = to == "resolved" or (to == "closed" and over)
            status = to
        story.append((at, status, over))
    return story


def without_undone(events: list[tuple[int, dict[str, Any]]], grace: int) -> list[tuple[int, dict[str, Any]]]:
    """The events, less each resolution that a reopening within the grace takes back; the earliest first."""
    while grace > 0:
        undone = None
        story = told(events)
        for index in range(len(events)):
            if story[index + 1][2] and not story[index][2]:
                back = next((at for at, _, over in story[index + 2 :] if not over), None)
                if back is not None and back - events[index][0] <= grace:
                    undone = index
                    break
        if undone is None:
            return events
        events = [*events[:undone], (events[undone][0], {"type": "nothing"}), *events[undone + 1 :]]
    return events


def lives(
    metric: str, events: list[tuple[int, dict[str, Any]]], story: list[tuple[int, str, bool]]
) -> list[tuple[int, int | None, list[tuple[int, int]]]]:
    """(start, stop, gaps that do not count) of each clock."""
    wrote = [(i, at) for i, (at, event) in enumerate(events) if event.get("class") == "customer"]
    said = [(i, at) for i, (at, event) in enumerate(events) if event.get("class") == "agent_public"]
    over = [(i, at) for i, (at, _) in enumerate(events) if story[i + 1][2] and not story[i][2]]
    back = [(i, at) for i, (at, _) in enumerate(events) if story[i][2] and not story[i + 1][2]]
    if metric == "first_reply":
        return [(at, next((b for j, b in said if j > i), None), []) for i, at in wrote[:1]]
    if metric == "next_reply":
        result: list[tuple[int, int | None, list[tuple[int, int]]]] = []
        free_from = said[0][0] if said else len(events)
        for i, at in wrote:
            if i > free_from:
                j, answer = next(((j, b) for j, b in said if j > i), (len(events), None))
                result.append((at, answer, []))
                free_from = j
        return result
    if metric in ("periodic_update", "pausable_update"):
        ends = sorted(said + over)
        return [(at, next((b for j, b in ends if j > i), None), []) for i, at in said if story[i + 1][1] == "open"]
    start = events[0][0]
    if metric == "first_resolution":
        return [(start, over[0][1] if over else None, [])]
    gaps = [(at, back[k][1]) for k, (_, at) in enumerate(over) if k < len(back)]
    return [(start, over[-1][1] if len(over) > len(back) else None, gaps)]


def pieces_of(
    metric: str, start: int, end: int, gaps: list[tuple[int, int]], story: list[tuple[int, str, bool]]
) -> list[Piece]:
    cuts = sorted({start, end, *(at for at, _, _ in story), *(at for gap in gaps for at in gap)})
    pieces = []
    for a, b in pairwise(cuts):
        if start <= a and b <= end and not any(x <= a and b <= y for x, y in gaps):
            status = [status for at, status, _ in story if at <= a][-1]
            pieces.append((a, b, status in PAUSES.get(metric, ())))
    final = [status for at, status, _ in story if at <= end][-1]
    return [*pieces, (end, end, final in PAUSES.get(metric, ()))]


def judged(
    walk: Walk, target: dict[str, Any], seq: int, start: int, stop: int | None, pieces: list[Piece], now: int
) -> dict[str, Any]:
    elapsed, used_up = 0, None
    for a, b, paused in pieces:
        if paused and used_up is None:
            continue
        worked = walk.worked(a, b)
        if used_up is None and elapsed + worked >= target["seconds"]:
            used_up = walk.when_worked(a, target["seconds"] - elapsed)
        elapsed += worked
    late = used_up is not None and (stop is None or stop > used_up)
    paused = stop is None and not late and pieces[-1][2]
    due = used_up
    if due is None and not paused:
        due = walk.when_worked(now if stop is None else stop, target["seconds"] - elapsed)
    state = (
        ("met_late" if late else "met")
        if stop is not None
        else "breached"
        if late
        else "paused"
        if paused
        else "running"
    )
    return {
        "metric": target["metric"],
        "seq": seq,
        "state": state,
        "started_at": walk.text(start),
        "due_at": walk.text(due),
        "elapsed_seconds": elapsed,
        "stopped_at": walk.text(stop),
        "breached_at": walk.text(used_up) if late else None,
    }
