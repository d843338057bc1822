"""Where webhooks may go: https to public addresses, and what the installation's own list names besides.

Host names are judged by the addresses they resolve to, at each connection (delivery_client.py), because a name may mean
another address a moment later.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from app.core.errors import InvalidInput

PORTS = frozenset({443, 8443})
"""Of destinations the list does not name."""
_REFUSED_V4 = tuple(
    # Python's is_global lets these through: IETF protocol assignments, and relays to any IPv4 address.
    IPv4Network(each)
    for each in ("192.0.0.0/24", "192.88.99.0/24", "224.0.0.0/4", "240.0.0.0/4")
)
_ROUTED_V6 = IPv6Network("2000::/3")
"""All other IPv6 space is local, multicast, or carries an IPv4 address inside (::ffff:0:0/96, 64:ff9b::/96)."""
_REFUSED_V6 = tuple(IPv6Network(each) for each in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the setting names: hosts (any address, any port, http too) and networks."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    def has_address(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self.networks)

    def names(self, host: str) -> bool:
        """As a host, or as an address written in the URL."""
        if host in self.hosts:
            return True
        address = _literal(host)
        return address is not None and self.has_address(address)


def read_allowed(text: str) -> Allowed:
    """Of "crm.internal, 10.1.0.0/16". Raises ValueError for what is no network."""
    hosts: set[str] = set()
    networks: list[IPv4Network | IPv6Network] = []
    for entry in filter(None, (part.strip().lower() for part in text.split(","))):
        if "/" in entry or _literal(entry) is not None:
            networks.append(_network(entry))
        else:
            hosts.add(entry)
    return Allowed(frozenset(hosts), tuple(networks))


def check_url(url: str, allowed: Allowed) -> str:
    """The URL, if it may be stored. Raises InvalidInput `webhook_url_invalid`, `webhook_destination_refused`."""
    parts = _split(url)
    host = (parts.hostname or "").lower()
    if allowed.names(host):
        return url
    if parts.scheme != "https":
        raise _refused("Use https.")
    if (parts.port or 443) not in PORTS:
        raise _refused(f"Use one of the ports {', '.join(map(str, sorted(PORTS)))}.")
    address = _literal(host)
    if (address is not None and not is_public(address)) or (address is None and _is_number(host)):
        raise _refused("Use a public address.")
    return url


def may_connect(host: str, address: str, allowed: Allowed) -> bool:
    """Whether this address, which `host` resolved to, may be connected to."""
    parsed = _literal(address)
    return parsed is not None and (host.lower() in allowed.hosts or allowed.has_address(parsed) or is_public(parsed))


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Reachable on the open internet, and no other way to say an address that is not."""
    if isinstance(address, IPv4Address):
        return address.is_global and not any(address in network for network in _REFUSED_V4)
    return (
        address.scope_id is None
        and address in _ROUTED_V6
        and address.is_global
        and not any(address in network for network in _REFUSED_V6)
    )


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _invalid() from error
    is_written_plainly = all("!" <= character <= "~" and character != "\\" for character in url)
    is_complete = parts.scheme in ("http", "https") and bool(parts.hostname) and port != 0
    if not is_written_plainly or not is_complete or "@" in parts.netloc or "#" in url:
        raise _invalid()
    return parts


def _literal(text: str) -> IPv4Address | IPv6Address | None:
    """`1.2.3.4` and IPv6 only; what the system would also read as an address (`127.1`, `0x7f000001`) is none."""
    try:
        return ip_address(text)
    except ValueError:
        return None


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError as error:
        raise ValueError(f"SWITCHBOARD_WEBHOOK_ALLOWED_DESTINATIONS: {error}") from error


def _is_number(host: str) -> bool:
    last = host.rstrip(".").rpartition(".")[2]
    return last.isdigit() or last.startswith("0x")


def _invalid() -> InvalidInput:
    return InvalidInput(
        "webhook_url_invalid",
        "Give an http(s) URL in ASCII (xn-- for other host names), without user, password and fragment.",
    )


def _refused(what: str) -> InvalidInput:
    return InvalidInput(
        "webhook_destination_refused",
        f"{what} Other destinations must be named in SWITCHBOARD_WEBHOOK_ALLOWED_DESTINATIONS.",
    )
