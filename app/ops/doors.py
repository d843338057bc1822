"""Who may come in: how many connections of one address, and whether anybody still."""

from collections import Counter
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from uvicorn.server import ServerState


class Doors(ServerState):
    """What all connections of a process share. `limit`: connections of one address; 0 for no limit.

    `trusted` are the proxies (addresses or networks, separated by commas; * for all) behind which many callers stand.
    """

    def __init__(self, limit: int, trusted: str = "") -> None:
        super().__init__()
        self.is_draining = False
        self._limit = limit
        self._trusted = _networks(trusted)
        self._inside: Counter[str] = Counter()

    def enter(self, address: str) -> bool:
        """Count one connection. False: there are too many of this address, and this one is not counted."""
        if self._limit and self._inside[address] >= self._limit and not self._is_trusted(address):
            return False
        self._inside[address] += 1
        return True

    def leave(self, address: str) -> None:
        self._inside[address] -= 1
        if self._inside[address] <= 0:
            del self._inside[address]

    def _is_trusted(self, address: str) -> bool:
        try:
            given = ip_address(address)
        except ValueError:  # a socket of the system has no address
            return True
        return any(given in network for network in self._trusted)


def _networks(trusted: str) -> list[IPv4Network | IPv6Network]:
    found = []
    for each in trusted.replace("*", "0.0.0.0/0,::/0").split(","):
        try:
            found.append(ip_network(each.strip(), strict=False))
        except ValueError:  # a name: uvicorn takes those too, and they are of sockets of the system
            continue
    return found
