import pytest

from app.channels.schemas import check_origin


@pytest.mark.parametrize(
    ("given", "kept"),
    [("https://shop.example", "https://shop.example"), ("HTTPS://Shop.Example", "https://shop.example"),
     ("http://localhost:3000", "http://localhost:3000"), ("http://[::1]:80", None), ("https://shop.example/", None),
     ("https://shop.example:443", None), ("https://*.example", None), ("shop.example", None), ("null", None),
     ("ftp://shop.example", None), ("https://", None), ("https://a b", None), ("https://user@shop.example", None),
     ("https://shop.example:99999", None), ("https://shop.example?x", None), ("http://[::1]:8080", "http://[::1]:8080")],
)  # fmt: skip
def test_an_origin_is_exact_or_refused(given: str, kept: str | None) -> None:
    if kept is None:
        with pytest.raises(ValueError, match=r"port|origin"):
            check_origin(given)
    else:
        assert check_origin(given) == kept
