"""What docs/webhooks.md tells integrators to do verifies what we send."""

import re
import time
from pathlib import Path
from typing import Any

import pytest

from app.webhooks.attempts import BREAKER_FAILURES, FAILING_MAX, SCHEDULE_SECONDS
from app.webhooks.signing import shown, signature_header

GUIDE = (Path(__file__).parents[3] / "docs" / "webhooks.md").read_text("utf-8")
OLD, NEW, BODY = b"o" * 32, b"n" * 32, b'{"type": "webhook.test"}'


@pytest.fixture
def verify() -> Any:
    found = re.search(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    assert found is not None
    names: dict[str, Any] = {}
    exec(found[1], names)
    return names["verify"]


def headers_at(timestamp: int, *secrets: bytes) -> dict[str, str]:
    signature = signature_header(secrets, webhook_id="1", timestamp=timestamp, body=BODY)
    return {"webhook-id": "1", "webhook-timestamp": str(timestamp), "webhook-signature": signature}


def test_the_guides_python_takes_what_we_sign_and_nothing_else(verify: Any) -> None:
    headers = headers_at(int(time.time()), NEW, OLD)
    assert verify(shown(NEW), headers, BODY)
    assert verify(shown(OLD), headers, BODY)
    assert not verify(shown(b"x" * 32), headers, BODY)
    assert not verify(shown(NEW), headers, BODY + b" ")
    assert not verify(shown(NEW), headers_at(int(time.time()) - 301, NEW), BODY)


def test_the_guide_tells_the_schedule_that_is_kept() -> None:
    assert len(SCHEDULE_SECONDS) == 10
    assert "after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h" in GUIDE
    assert "ten failures in a row" in GUIDE
    assert BREAKER_FAILURES == 10
    assert "five days of failures" in GUIDE
    assert FAILING_MAX.days == 5
