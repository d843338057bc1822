"""A worker's own page of metrics: there while it works, on this machine alone, and a clear word when it cannot be."""

import httpx
import pytest

from app.core import metrics
from app.ops.serve import listen


def free_port() -> int:
    with listen(metrics.HOST, 0) as listener:
        return int(listener.getsockname()[1])


async def test_the_page_is_there_as_long_as_the_work() -> None:
    url = f"http://{metrics.HOST}:{(port := free_port())}/metrics"
    async with httpx.AsyncClient() as http:
        with metrics.serving(port):
            answer = await http.get(url)
            assert (answer.status_code, "python_info" in answer.text) == (200, True)
        with pytest.raises(httpx.ConnectError):
            await http.get(url)


def test_a_port_that_is_taken_ends_the_process_with_a_sentence() -> None:
    with (
        listen(metrics.HOST, 0) as taken,
        pytest.raises(SystemExit, match="SWITCHBOARD_WORKER_METRICS_PORT"),
        metrics.serving(taken.getsockname()[1]),
    ):
        pass
