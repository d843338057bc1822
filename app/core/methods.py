"""Which methods an address takes, for the Allow header of a 405."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute, compile_path


@dataclass(frozen=True, slots=True)
class _Address:
    pattern: re.Pattern[str]
    parameters: int
    methods: frozenset[str]


class Methods:
    """The framework names those of the first route it meets, and lets an address of its own name, such as
    `calendars/preview`, pass for the `{calendar_id}` of another.
    """

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        self._addresses = []
        for route in iter_route_contexts(routes):
            if route.path and route.methods:
                pattern, _, convertors = compile_path(route.path)
                self._addresses.append(_Address(pattern, len(convertors), frozenset(route.methods)))

    def of(self, path: str) -> frozenset[str]:
        """Of the most exact address that the path may mean; empty when it means none."""
        meant = [address for address in self._addresses if address.pattern.match(path)]
        fewest = min((address.parameters for address in meant), default=0)
        return frozenset().union(*(address.methods for address in meant if address.parameters == fewest))
