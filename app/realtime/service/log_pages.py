"""Events of the past for sockets that come back: from memory, which is filled from the log when it begins too late."""

from datetime import timedelta

import structlog

from app.core import event_log
from app.core.clock import Clock
from app.core.driver import KeptConnection
from app.core.event_log import LogGap, Position
from app.realtime.frames import ResyncReason
from app.realtime.render import Occurrence
from app.realtime.service.contents import occurrence_of
from app.realtime.service.tail import Tail

log = structlog.get_logger(__name__)

REPLAY_DAYS = 7
PAGE = 500


class NotReplayable(Exception):
    """The replay does not reach back that far, or the log has a gap there."""

    def __init__(self, reason: ResyncReason) -> None:
        super().__init__(reason)
        self.reason: ResyncReason = reason


class LogPages:
    """One connection to the log, for one reader at a time."""

    def __init__(self, database_url: str, clock: Clock, tail: Tail) -> None:
        self._log = KeptConnection(database_url, application_name="switchboard replay")
        self._clock = clock
        self._tail = tail

    async def read(self, after: int, upto: int) -> list[Occurrence]:
        """The events after one position up to another, which is delivered already. Raises NotReplayable."""
        known = self._tail.recent.between(after, upto)
        if known is not None:
            return known
        fits = self._tail.position - after <= self._tail.recent.at_most
        # What a restart left out of memory is read once, for all who return after it.
        found = await self._read_log(after, self._tail.recent.first - 1 if fits else upto)
        if fits:
            self._tail.recent.add_before(found)
            known = self._tail.recent.between(after, upto)
        return known if known is not None else [each for each in found if each.number <= upto]

    async def is_beyond_head(self, number: int) -> bool:
        if number <= self._tail.position:
            return False
        async with self._log.use() as connection:
            return number > (await event_log.head(connection)).number

    async def _read_log(self, after: int, upto: int) -> list[Occurrence]:
        since = self._clock.now() - timedelta(days=REPLAY_DAYS)
        found: list[Occurrence] = []
        async with self._log.use() as connection:
            if after + 1 < await event_log.floor(connection, since):
                raise NotReplayable("too_old")
            while after < upto:
                try:
                    stored = await event_log.read(connection, Position(after, since), limit=min(PAGE, upto - after))
                except LogGap as gap:
                    log.error("log_gap", detail=gap.detail)
                    raise NotReplayable("log_gap") from gap
                if not stored:
                    raise NotReplayable("log_gap")
                found += [occurrence_of(each) for each in stored]
                after = found[-1].number
        return found

    def close(self) -> None:
        self._log.close()
