"""Fixtures: the same world as the door's."""

from tests.integration.channels.conftest import intake, world

__all__ = ["intake", "world"]
