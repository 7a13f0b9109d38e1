"""The node: everything of the socket in this process, and the way in for what is published."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any

import structlog

from cadenza.adapters.realtime.broker import Broker, GapInLog, ReadBook
from cadenza.adapters.realtime.channels import ChannelKind
from cadenza.adapters.realtime.codes import INSUFFICIENT_STATE_OF_CHANNEL, SHUTDOWN
from cadenza.adapters.realtime.feeds import Feeds, HoldFeed
from cadenza.adapters.realtime.frames import Framer
from cadenza.adapters.realtime.gate import Gate
from cadenza.adapters.realtime.hub import Hub
from cadenza.adapters.realtime.limits import RealtimeLimits
from cadenza.adapters.realtime.metrics import RealtimeCounts
from cadenza.adapters.realtime.presence import Presence
from cadenza.adapters.realtime.readings import Reading, readings_of
from cadenza.adapters.realtime.roster import Roster
from cadenza.adapters.realtime.rpc import Rpcs
from cadenza.adapters.realtime.services import Services
from cadenza.adapters.realtime.timetable import TICK_MS, Timetable
from cadenza.adapters.realtime.websocket import WebSocket
from cadenza.adapters.realtime.writer import Flusher
from cadenza.application.use_cases import UseCases
from cadenza.domain.errors import CadenzaError
from cadenza.domain.identity.actor import Actor
from cadenza.domain.ids import InstrumentId, SessionId, TradingAccountId
from cadenza.domain.market.book_messages import BookSnapshot, MarketTrade
from cadenza.domain.trading.events import AccountEvent
from cadenza.domain.trading.portfolio import Portfolio
from cadenza.network.client_address import Networks
from cadenza.ports.clock import Clock
from cadenza.ports.concurrency import Concurrency
from cadenza.ports.ids import Ids
from cadenza.ports.storage import Storage
from cadenza.wire.push import encode_portfolio

CHECKED_AT_ONCE_MAX = 16
"""Sessions looked up at a time, so that a round over all connections takes no longer than the pause between two."""

log = structlog.get_logger(__name__)


class Node:
    """Implements `ports.publisher.Publisher`. Nothing runs before the first client comes; `shutdown` ends it all.

    It is given functions of the platform, because the platform publishes through the node and so is made after it.
    """

    def __init__(
        self,
        *,
        authenticate: Callable[[str, str], Awaitable[Actor]],
        may_see_account: Callable[[Actor, TradingAccountId], Awaitable[bool]],
        instrument_exists: Callable[[Actor, InstrumentId], bool],
        hold_feed: HoldFeed,
        release_feed: HoldFeed,
        read_book: ReadBook,
        request_portfolio: Callable[[TradingAccountId], None],
        use_cases: Callable[[], UseCases],
        storage: Storage,
        clock: Clock,
        ids: Ids,
        concurrency: Concurrency,
        limits: RealtimeLimits,
        trusted_proxies: Networks = (),
    ) -> None:
        hub = Hub()
        flusher = Flusher(call_soon=_call_soon, deliver=hub.deliver)
        hub.schedule = flusher.schedule
        self._services = Services(
            node_id=str(ids.new()),
            gate=Gate(authenticate=authenticate, may_see_account=may_see_account, instrument_exists=instrument_exists),
            feeds=Feeds(hold=hold_feed, release=release_feed),
            broker=Broker(storage=storage, read_book=read_book, clock=clock, ids=ids, limits=limits),
            hub=hub,
            presence=Presence(hub, clients_max=limits.presence_clients_max),
            roster=Roster(limits),
            rpcs=Rpcs(use_cases),
            timetable=Timetable(),
            flusher=flusher,
            counts=RealtimeCounts(),
            clock=clock,
            ids=ids,
            limits=limits,
            trusted_proxies=trusted_proxies,
            request_portfolio=request_portfolio,
            spawn=concurrency.spawn,
        )
        self._framer = Framer()
        self._is_keeping = False
        self._is_looking_after = False
        self._is_shut = False

    # --- ports.publisher.Publisher

    def account_events(self, events: Sequence[AccountEvent]) -> None:
        services = self._services
        for event in events:
            try:
                publication = services.broker.add_account_event(event)
            except GapInLog as gap:
                log.warning("a gap in an account's log; its subscribers recover", account=gap.key[1])
                services.hub.end(gap.key, INSUFFICIENT_STATE_OF_CHANNEL)
                continue
            if publication is not None:
                services.counts.publications_total += 1
                services.hub.publish((ChannelKind.ACCOUNT, str(event.account_id)), publication)

    def portfolio(self, portfolio: Portfolio) -> None:
        account_id = portfolio.account.id
        if not self.has_account_subscribers(account_id):
            return
        try:
            data = encode_portfolio(portfolio)
        except Exception:  # a defect in one encoding must not stop the account's events
            log.exception("a portfolio cannot be encoded", account=str(account_id))
            return
        self._services.counts.publications_total += 1
        self._services.hub.publish_view((ChannelKind.ACCOUNT, str(account_id)), data)

    def order_book(self, snapshot: BookSnapshot) -> None:
        publication = self._services.broker.add_book(snapshot)
        if publication is not None:
            self._services.counts.publications_total += 1
            self._services.hub.publish((ChannelKind.ORDER_BOOK, snapshot.instrument_id), publication)

    def trade(self, trade: MarketTrade) -> None:
        publication = self._services.broker.add_trade(trade)
        if publication is not None:
            self._services.counts.publications_total += 1
            self._services.hub.publish((ChannelKind.TRADE, trade.instrument_id), publication)

    def has_account_subscribers(self, account_id: TradingAccountId) -> bool:
        return self._services.hub.has_subscribers((ChannelKind.ACCOUNT, str(account_id)))

    def has_book_subscribers(self, instrument_id: InstrumentId) -> bool:
        return self._services.hub.has_subscribers((ChannelKind.ORDER_BOOK, instrument_id))

    # --- the runtime's side

    def protocol_class(self) -> type[asyncio.Protocol]:
        """Return the class for uvicorn's setting `ws`: it makes one of every upgrade."""
        services, framer, keep = self._services, self._framer, self._keep

        class NodeWebSocket(WebSocket):
            def __init__(self, config: Any, server_state: Any, app_state: Any, _loop: Any = None) -> None:
                keep()
                super().__init__(services, framer, server_state.connections)

        return NodeWebSocket

    def sessions_ended(self, session_ids: Collection[SessionId]) -> None:
        """Close the connections of sessions that this process has ended. Those that ended elsewhere are found later, by
        checking all sessions in turn."""
        for member in self._services.roster.members:
            member.end_session(session_ids)

    async def shutdown(self) -> None:
        """Close every connection with 3001: the clients come back after the next start and recover. RPCs run on."""
        self._is_shut = True
        self._services.hub.deliver()
        for member in self._services.roster.members:
            member.close(SHUTDOWN)

    @property
    def counts(self) -> RealtimeCounts:
        """What has happened since the start."""
        return self._services.counts

    def readings(self) -> Sequence[Reading]:
        """Return the figures of the node; each is read at the moment of asking."""
        return readings_of(self._services)

    # --- housekeeping

    def _keep(self) -> None:
        if not self._is_keeping and not self._is_shut:
            self._is_keeping = True
            self._services.spawn("realtime clock", self._keep_time())

    async def _keep_time(self) -> None:
        """Tick until the node is shut and every goodbye is answered or timed out."""
        clock, timetable = self._services.clock, self._services.timetable
        check_ms = clock.monotonic_ms() + self._services.limits.session_check_ms
        while not self._is_shut or len(timetable):
            await clock.sleep_ms(TICK_MS)
            now_ms = clock.monotonic_ms()
            try:
                timetable.tick(now_ms)
            except Exception:  # a defect in one wake-up must not stop the clock of all connections
                log.exception("a wake-up failed")
            if now_ms >= check_ms and not self._is_shut and not self._is_looking_after:
                self._is_looking_after = True
                check_ms = now_ms + self._services.limits.session_check_ms
                self._services.spawn("realtime clean-up", self._clean_up())

    async def _clean_up(self) -> None:
        """Close connections whose sessions have ended, and free unused memory. What fails is tried next time."""
        services = self._services
        try:
            services.broker.forget_idle(services.hub.channels)
            members = services.roster.members
            for start in range(0, len(members), CHECKED_AT_ONCE_MAX):
                await asyncio.gather(*(each.check_session() for each in members[start : start + CHECKED_AT_ONCE_MAX]))
            await services.feeds.release_idle(services.hub.channels)
        except CadenzaError as error:
            log.warning("the clean-up failed", code=error.code, reason=error.message)
        finally:
            self._is_looking_after = False


def _call_soon(callback: Callable[[], None]) -> object:
    return asyncio.get_running_loop().call_soon(callback)
