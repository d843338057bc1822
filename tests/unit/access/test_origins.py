import pytest

from app.access.origins import is_same_origin


@pytest.mark.parametrize(
    ("origin", "host", "public_url", "same"),
    [
        ("http://desk.test", "desk.test", "", True),
        ("https://desk.test", "desk.test", "", True),
        ("http://DESK.test:8080", "desk.test:8080", "", True),
        ("http://desk.test:8081", "desk.test:8080", "", False),
        ("http://evil.test", "desk.test", "", False),
        ("null", "desk.test", "", False),
        ("null", "", "", False),
        ("http://[", "desk.test", "", False),
        ("http://[", "desk.test", "https://desk.test", False),
        (None, "desk.test", "", False),
        ("", "", "", False),
        ("https://desk.test", "inside:8080", "https://desk.test/", True),
        ("http://desk.test", "desk.test", "https://desk.test", False),
    ],
)
def test_only_our_own_pages_have_our_origin(origin: str | None, host: str, public_url: str, same: bool) -> None:
    assert is_same_origin(origin, host=host, public_url=public_url) is same
