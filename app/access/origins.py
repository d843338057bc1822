"""Whether a browser's request comes from our own pages: the guard of the session cookie."""

from urllib.parse import urlsplit


def is_same_origin(origin: str | None, *, host: str, public_url: str) -> bool:
    """`origin` and `host` are the request's headers; `public_url` is the setting, which wins when it is set.

    Behind a proxy that ends TLS our own scheme is not the browser's, so without `public_url` only host and port count.
    """
    if not origin:
        return False
    try:
        given = urlsplit(origin)
    except ValueError:  # anybody may send anything, such as "http://["
        return False
    if public_url:
        wanted = urlsplit(public_url)
        return (given.scheme, given.netloc.lower()) == (wanted.scheme, wanted.netloc.lower())
    return bool(host) and given.netloc.lower() == host.lower()
