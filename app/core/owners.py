"""Owners: a role that one process holds at a time, by a row with an epoch that is renewed and can be taken over."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog
from prometheus_client import Gauge
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import Clock
from app.core.database import Database
from app.core.driver import raise_if_cancelled

log = structlog.get_logger(__name__)

LEASE_SECONDS = 4
RENEW_SECONDS = 1
FENCED_IDLE_MS = 2_000
"""An owner frozen inside a transaction holds the row that its successor must take: PostgreSQL ends it after this."""

EPOCH = Gauge("switchboard_owner_epoch", "Epoch held by this process, 0 when it stands by", ["name"])


class Deposed(Exception):
    """Another process holds the role now: nothing this one decided may be committed."""


async def acquire(session: AsyncSession, name: str, holder: str, now: datetime) -> int | None:
    """Take the role if nobody holds it or its lease ran out. Returns the new epoch, or None."""
    epoch: int | None = (
        await session.execute(
            text(
                "INSERT INTO owner (name, epoch, holder, expires_at) VALUES (:name, 1, :holder, :until)"
                " ON CONFLICT (name) DO UPDATE"
                " SET epoch = owner.epoch + 1, holder = excluded.holder, expires_at = excluded.expires_at"
                " WHERE owner.expires_at < :now RETURNING epoch"
            ),
            {"name": name, "holder": holder, "now": now, "until": now + timedelta(seconds=LEASE_SECONDS)},
        )
    ).scalar_one_or_none()
    return epoch


async def renew(session: AsyncSession, name: str, epoch: int, now: datetime) -> bool:
    """Prolong the lease. False when another epoch has begun."""
    renewed = await session.execute(
        text("UPDATE owner SET expires_at = :until WHERE name = :name AND epoch = :epoch RETURNING 1"),
        {"name": name, "epoch": epoch, "until": now + timedelta(seconds=LEASE_SECONDS)},
    )
    return renewed.one_or_none() is not None


async def release(session: AsyncSession, name: str, epoch: int, now: datetime) -> None:
    """Give the role up at once, so that a successor need not wait for the lease to run out."""
    await session.execute(
        text("UPDATE owner SET expires_at = :past WHERE name = :name AND epoch = :epoch"),
        {"name": name, "epoch": epoch, "past": now - timedelta(seconds=1)},
    )


async def fence(session: AsyncSession, name: str, epoch: int) -> None:
    """First statement of every write transaction of an owner. Raises Deposed.

    The share lock makes a take-over wait for this transaction, and this one see a take-over that came first.
    """
    held: int | None = (
        await session.execute(
            text(
                "SELECT epoch FROM owner, set_config('idle_in_transaction_session_timeout', :idle, true)"
                " WHERE name = :name FOR SHARE OF owner"
            ),
            {"name": name, "idle": str(FENCED_IDLE_MS)},
        )
    ).scalar_one_or_none()
    if held != epoch:
        raise Deposed(f"{name}: epoch {epoch} ended, {held} holds it")


class Ownership:
    """Stands by for a role; while it is held, `lead(epoch)` runs, and is cancelled when the role is lost."""

    def __init__(self, database: Database, clock: Clock, name: str, *, holder: str) -> None:
        self._database = database
        self._clock = clock
        self.name = name
        self._holder = holder

    async def run(self, lead: Callable[[int], Awaitable[None]]) -> None:
        while True:
            epoch = await self._acquire()
            if epoch is None:
                await asyncio.sleep(RENEW_SECONDS)
                continue
            log.info("owner_gained", name=self.name, epoch=epoch)
            EPOCH.labels(self.name).set(epoch)
            try:
                await self._hold(epoch, lead)
            finally:
                EPOCH.labels(self.name).set(0)
                log.info("owner_lost", name=self.name, epoch=epoch)

    async def _hold(self, epoch: int, lead: Callable[[int], Awaitable[None]]) -> None:
        leading = asyncio.ensure_future(lead(epoch))
        renewing = asyncio.create_task(self._renew_until_lost(epoch))
        try:
            await asyncio.wait({leading, renewing}, return_when=asyncio.FIRST_COMPLETED)
            if leading.done() and (error := leading.exception()) is not None:
                log.warning("owner_failed", name=self.name, epoch=epoch, exc_info=error)
        finally:
            for task in (leading, renewing):
                task.cancel()
            await asyncio.gather(leading, renewing, return_exceptions=True)
            await self._try_release(epoch)

    async def _acquire(self) -> int | None:
        """Told to end amid it, we still learn whether the role became ours, and give it up."""
        acquiring = asyncio.ensure_future(self._try_acquire())
        try:
            return await asyncio.shield(acquiring)
        except asyncio.CancelledError:
            epoch = await acquiring
            if epoch is not None:
                await self._try_release(epoch)
            raise

    async def _try_acquire(self) -> int | None:
        try:
            async with self._database.transaction() as session:
                return await acquire(session, self.name, self._holder, self._clock.now())
        except Exception as error:
            raise_if_cancelled()
            log.warning("owner_standing_by", name=self.name, error=repr(error))
            return None

    async def _renew_until_lost(self, epoch: int) -> None:
        """Ends when another epoch began or the lease could not be renewed in time."""
        renewed_at = self._clock.now()
        while self._clock.now() - renewed_at < timedelta(seconds=LEASE_SECONDS):
            await asyncio.sleep(RENEW_SECONDS)
            try:
                async with self._database.transaction() as session:
                    if not await renew(session, self.name, epoch, self._clock.now()):
                        return
                renewed_at = self._clock.now()
            except Exception as error:
                raise_if_cancelled()
                log.warning("owner_renewal_failed", name=self.name, epoch=epoch, error=repr(error))

    async def _try_release(self, epoch: int) -> None:
        try:
            async with self._database.transaction() as session:
                await release(session, self.name, epoch, self._clock.now())
        except Exception as error:  # the lease runs out by itself
            log.warning("owner_release_failed", name=self.name, epoch=epoch, error=repr(error))
