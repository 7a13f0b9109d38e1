"""The relay: it publishes every event of every account's log through Centrifugo once and in order, whatever dies.

A transaction locks the cursors of accounts with a backlog, publishes, and sets the cursors. A process that dies before
the commit leaves the cursors where they were. The next one publishes again under the same idempotency keys, and
Centrifugo answers without publishing twice.
"""

import asyncio
from collections.abc import Callable, Sequence
from itertools import zip_longest

import structlog
from msgspec import Raw

from cadenza.adapters.engines.centrifugo.limits import CentrifugoLimits
from cadenza.adapters.engines.centrifugo.server_api import ApiCommand, ApiFailed, Publish, ServerApi
from cadenza.domain.errors import DatabaseUnavailable
from cadenza.domain.ids import TradingAccountId
from cadenza.domain.trading.events import AccountEvent
from cadenza.ports.clock import Clock
from cadenza.ports.failpoints import Failpoints
from cadenza.ports.storage import Storage

log = structlog.get_logger(__name__)


class Relay:
    """Publishes the accounts' logs. Law: per account no event is published before the one that precedes it.

    `wake` makes it look at the logs soon; without it the relay looks every `relay_poll_ms`. While Centrifugo does not
    answer, events are late and none is lost: the log keeps what waits.
    """

    def __init__(
        self,
        api: ServerApi,
        *,
        storage: Storage,
        channel_of: Callable[[TradingAccountId], str],
        encode: Callable[[AccountEvent], bytes],
        clock: Clock,
        failpoints: Failpoints,
        limits: CentrifugoLimits,
    ) -> None:
        self._api = api
        self._storage = storage
        self._channel_of = channel_of
        self._encode = encode
        self._clock = clock
        self._failpoints = failpoints
        self._limits = limits
        self._something_waits = asyncio.Event()
        self._claimed_last: TradingAccountId | None = None
        self.published_total = 0
        self.failures_total = 0

    def wake(self) -> None:
        """Look at the logs soon."""
        self._something_waits.set()

    async def begin(self) -> None:
        """Note that logs are relayed from now on; what was in them before is not published. Repeating is safe."""
        async with self._storage.begin() as uow:
            await uow.relay.begin(self._clock.now_ms())
            await uow.commit()

    async def run(self) -> None:
        """Relay until cancelled."""
        pause_ms = self._limits.retry_ms_min
        while True:
            self._something_waits.clear()
            published_before = self.published_total
            try:
                while await self.relay_some():
                    pass
                pause_ms = self._limits.retry_ms_min
            except (ApiFailed, DatabaseUnavailable) as failure:
                self.failures_total += 1
                log.warning("account events are not relayed", reason=str(failure))
                if self.published_total > published_before:
                    pause_ms = self._limits.retry_ms_min  # one account is stuck, the others go on
                await self._clock.sleep_ms(pause_ms)
                pause_ms = min(pause_ms * 2, self._limits.retry_ms_max)
                continue
            await self._woken()

    async def relay_some(self) -> bool:
        """Relay a round; return False when nothing waited. Raises `ApiFailed` after what was published is noted."""
        async with self._storage.begin() as uow:
            backlogs = await uow.relay.claim(self._limits.accounts_per_round_max, after=self._claimed_last)
            if not backlogs:
                return False
            self._claimed_last = backlogs[-1].account_id
            logs = [
                await uow.events.after(each.account_id, each.published, self._limits.events_per_account_max)
                for each in backlogs
            ]
            published: dict[TradingAccountId, int] = {}
            try:
                await self._publish(logs, published)
            finally:
                if published:
                    self._failpoints.reach("relay.after_publish")
                    await uow.relay.advance(published)
                    await uow.commit()
        return True

    async def _publish(self, logs: Sequence[Sequence[AccountEvent]], published: dict[TradingAccountId, int]) -> None:
        """Publish the logs side by side: a request has at most one event of an account, so no event overtakes one that
        failed. `published` gets the sequence of each that succeeded."""
        failed: dict[TradingAccountId, str] = {}
        for row in zip_longest(*logs):
            commands: list[tuple[AccountEvent, ApiCommand]] = []
            for event in row:
                if event is not None and event.account_id not in failed:
                    self._add_command(commands, event, failed)
            if not commands:
                continue
            errors = await self._api.batch([command for _, command in commands])
            for (event, _), error in zip(commands, errors, strict=True):
                if error is None:
                    published[event.account_id] = event.sequence
                    self.published_total += 1
                else:
                    failed[event.account_id] = f"{error.code} {error.message}"
        if failed:
            raise ApiFailed(f"{len(failed)} accounts, the first: {next(iter(failed.items()))}")

    def _add_command(
        self, commands: list[tuple[AccountEvent, ApiCommand]], event: AccountEvent, failed: dict[TradingAccountId, str]
    ) -> None:
        """Add what publishes the event. One that cannot be encoded (our defect) holds up its own account only."""
        try:
            data = Raw(self._encode(event))
        except Exception as error:  # a defect in one event must hold up its own account only
            log.exception("an account event cannot be encoded", account=str(event.account_id), sequence=event.sequence)
            failed[event.account_id] = repr(error)
            return
        publish = Publish(
            channel=self._channel_of(event.account_id),
            data=data,
            idempotency_key=f"{event.account_id}:{event.sequence}",
            tags={"sequence": str(event.sequence)},
        )
        commands.append((event, ApiCommand(publish=publish)))

    async def _woken(self) -> None:
        """Wait to be woken, at most `relay_poll_ms`."""
        try:
            async with asyncio.timeout(self._limits.relay_poll_ms / 1000):
                await self._something_waits.wait()
        except TimeoutError:
            return
