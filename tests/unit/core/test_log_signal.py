"""The signal inside one process that the log has grown."""

import asyncio

from app.core.log_signal import LogSignal


async def test_a_waiter_is_woken_by_a_higher_position():
    signal = LogSignal()
    waiting = asyncio.create_task(signal.wait(0, 60))
    await asyncio.sleep(0)
    signal.notify(1)
    await waiting
    assert signal.position == 1


async def test_what_was_heard_before_the_wait_is_not_missed():
    signal = LogSignal()
    signal.notify(5)
    await signal.wait(4, 60)
    assert signal.position == 5


async def test_a_lower_position_wakes_nobody():
    signal = LogSignal()
    signal.notify(5)
    waiting = asyncio.create_task(signal.wait(5, 60))
    await asyncio.sleep(0)
    signal.notify(4)
    await asyncio.sleep(0)
    assert not waiting.done()
    signal.notify(6)
    await waiting


async def test_a_wait_ends_when_its_time_is_up():
    signal = LogSignal()
    await signal.wait(0, 0)
    assert signal.position == 0
