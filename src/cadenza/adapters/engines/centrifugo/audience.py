"""Which channels have subscribers: known from Centrifugo's questions about subscriptions, and by asking Centrifugo."""

import asyncio

import structlog
from msgspec import Raw

from cadenza.adapters.engines.centrifugo.limits import CentrifugoLimits
from cadenza.adapters.engines.centrifugo.server_api import ApiCommand, ApiFailed, HistoryRemove, Publish, ServerApi
from cadenza.ports.clock import Clock

PATTERNS = ("market:*", "tradingAccount:*")

log = structlog.get_logger(__name__)


class Audience:
    """The channels that have subscribers.

    Law: a channel is one of them from before its first subscriber is let in by this process, or from the next `look`
    when another process let it in, until `audience_grace_ms` after the last subscriber was seen.
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
        """Note that a subscriber is about to come."""
        self._seen_ms[channel] = self._clock.monotonic_ms()

    async def resume(self, channel: str, notice: bytes) -> bool:
        """Note that a subscriber is about to come to a channel of which nothing may be missed. Return False when
        Centrifugo does not answer: the subscriber must come again.

        If the channel was not published to meanwhile, the positions that clients have kept are made unrecoverable
        first: the notice takes the next offset, and the history is removed.
        """
        async with self._resuming:
            if channel not in self._seen_ms:
                commands = [
                    ApiCommand(publish=Publish(channel=channel, data=Raw(notice))),
                    ApiCommand(history_remove=HistoryRemove(channel=channel)),
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

    async def look(self) -> frozenset[str]:
        """Ask Centrifugo which channels have subscribers, and forget those that had none for long. Return the channels
        that were not known before: this process has published nothing on them."""
        try:
            subscribed = frozenset[str]().union(*[await self._api.channels(pattern) for pattern in PATTERNS])
        except ApiFailed as error:
            log.warning("Centrifugo does not say which channels have subscribers", reason=str(error))
            return frozenset()  # and no channel is forgotten
        now_ms = self._clock.monotonic_ms()
        new = subscribed - self._seen_ms.keys()
        self._seen_ms.update(dict.fromkeys(subscribed, now_ms))
        horizon_ms = now_ms - self._limits.audience_grace_ms
        for channel in [channel for channel, seen_ms in self._seen_ms.items() if seen_ms < horizon_ms]:
            del self._seen_ms[channel]
        return new
