"""The product's command on a machine whose clock is wrong by SIMULATED_CLOCK_OFFSET_SECONDS."""

import os
import time
from datetime import datetime, timedelta, tzinfo

from app.cli import main
from app.core import clock

OFFSET_SECONDS = float(os.environ["SIMULATED_CLOCK_OFFSET_SECONDS"])
right_time = time.time


class ShiftedDatetime(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) + timedelta(seconds=OFFSET_SECONDS)


def shifted_time() -> float:
    return right_time() + OFFSET_SECONDS


if __name__ == "__main__":
    clock.datetime = ShiftedDatetime  # type: ignore[misc]
    time.time = shifted_time
    main()
