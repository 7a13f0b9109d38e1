"""Who listens to the market: learnt from subscriptions, which Centrifugo asks us about, and by asking it."""

import asyncio

import structlog
from msgspec import Raw

from cadenza.adapters.engines.centrifugo.limits import CentrifugoLimits
from cadenza.adapters.engines.centrifugo.server_api import ApiFailed, Channel, Command, Publish, ServerApi
from cadenza.ports.clock import Clock

MARKET_PATTERN = "market:*"

log = structlog.get_logger(__name__)


class Audience:
    """The channels of the market that are published to.

    Law: a channel is one of them from before its first subscriber is let in, until `audience_grace_ms` after the last.
    """

    def __init__(self, api: ServerApi, *, clock: Clock, limits: CentrifugoLimits) -> None:
        self._api = api
        self._clock = clock
        self._limits = limits
        self._seen_ms: dict[str, int] = {}
        self._resuming = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._seen_ms)

    def __contains__(self, channel: str) -> bool:
        return channel in self._seen_ms

    @property
    def channels(self) -> frozenset[str]:
        return frozenset(self._seen_ms)

    def expect(self, channel: str) -> None:
        """A subscriber is about to come."""
        self._seen_ms[channel] = self._clock.monotonic_ms()

    async def resume(self, channel: str, notice: bytes) -> bool:
        """A subscriber is about to come to a channel of which nothing may be missed. False when Centrifugo does not
        answer: the subscriber must come again.

        If nobody has published meanwhile, the positions that clients have kept are made unrecoverable first: the notice
        takes the next offset, and the history is forgotten.
        """
        async with self._resuming:
            if channel not in self._seen_ms:
                commands = [
                    Command(publish=Publish(channel=channel, data=Raw(notice))),
                    Command(history_remove=Channel(channel=channel)),
                ]
                try:
                    errors = await self._api.batch(commands)
                except ApiFailed as error:
                    log.warning("a channel cannot be resumed", channel=channel, reason=str(error))
                    return False
                if any(error is not None for error in errors):
                    log.warning("a channel cannot be resumed", channel=channel, errors=[str(error) for error in errors])
                    return False
            self.expect(channel)
            return True

    async def look(self) -> None:
        """Ask who listens; forget channels that nobody has listened to for long."""
        try:
            listened = await self._api.channels(MARKET_PATTERN)
        except ApiFailed as error:
            log.warning("Centrifugo does not say who listens", reason=str(error))
            return  # nobody is forgotten
        now_ms = self._clock.monotonic_ms()
        self._seen_ms.update(dict.fromkeys(listened, now_ms))
        horizon_ms = now_ms - self._limits.audience_grace_ms
        for channel in [channel for channel, seen_ms in self._seen_ms.items() if seen_ms < horizon_ms]:
            del self._seen_ms[channel]
