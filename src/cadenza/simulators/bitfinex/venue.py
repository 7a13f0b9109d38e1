"""The running venue: it writes what changed to disk, and only then lets answers and events out."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from random import Random

from cadenza.ports.clock import Clock
from cadenza.ports.ids import Ids
from cadenza.simulators.bitfinex.private_feeds import AccountFrame, PrivateFeeds
from cadenza.simulators.bitfinex.public.feeds import PublicFeeds, PublicFrame
from cadenza.simulators.bitfinex.public.market_rows import MarketRows
from cadenza.simulators.bitfinex.public.requests import PublicRequests
from cadenza.simulators.bitfinex.public.views import BookViews
from cadenza.simulators.bitfinex.settings import BitfinexSettings
from cadenza.simulators.bitfinex.symbols import SYMBOLS, bitfinex_ladder
from cadenza.simulators.bitfinex.trading.desk import BitfinexDesk
from cadenza.simulators.bitfinex.trading.exchange import BitfinexExchange
from cadenza.simulators.bitfinex.trading.operations import OrderOperations
from cadenza.simulators.bitfinex.trading.queries import AccountQueries
from cadenza.simulators.bitfinex.trading.records import CANCELED, BitfinexRow, latest
from cadenza.simulators.bitfinex.wire.errors import NONCE, BitfinexRefusal
from cadenza.simulators.bitfinex.wire.keys import BitfinexKeys
from cadenza.simulators.bitfinex.wire.pacing import BitfinexPacing
from cadenza.simulators.bitfinex.wire.session import BitfinexSession
from cadenza.simulators.kit.commits import CommitLog
from cadenza.simulators.kit.counter_market import SeededMarket
from cadenza.simulators.kit.faults import ArmedFaults
from cadenza.simulators.kit.keys import account_number
from cadenza.simulators.kit.records import RequestRow
from cadenza.simulators.kit.running_requests import RunningRequests
from cadenza.simulators.kit.sockets import OpenOutlets

REQUESTS_MAX = 100_000
"""How many trading requests are shown under `/simulator/requests`; the file keeps all."""

RANDOM_TARGETS = frozenset({"order.submit", "order.update", "order.cancel", "order.cancel-multi"})
"""Requests that a random fault may meet."""

_ACCOUNTS, _IDS_EACH = 9_000, 10**11
_USERS = 10**8
_STEP_MS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class BitfinexTruthRow:
    """One line of the ledger of truth: a request and its outcome, and what it or a movement of the market changed."""

    at_ms: int
    request: RequestRow | None = None
    change: BitfinexRow | None = None

    @property
    def is_empty(self) -> bool:
        return self.request is None and self.change is None


class BitfinexVenue:
    """Holds the exchange, the keys, the faults and the truth. Its parts change at once and in memory; `commit` makes
    the changes durable."""

    def __init__(self, settings: BitfinexSettings, clock: Clock, ids: Ids) -> None:
        self.settings = settings
        self.clock = clock
        self.ids = ids
        random = Random(settings.seed)  # noqa: S311 - faults that can be repeated
        self.faults = ArmedFaults(random, RANDOM_TARGETS, kind_of, settings.fault_rate)
        self.truth = CommitLog(settings.data_dir, BitfinexTruthRow, self.now_ms)
        self.keys = BitfinexKeys.of_accounts(settings.data_dir, list(settings.opening), ids)
        number = account_number(settings.data_dir, ids)
        self.requests: deque[RequestRow] = deque(maxlen=REQUESTS_MAX)
        self.outlets: OpenOutlets = {}
        self.running = RunningRequests()
        self.sessions: dict[int, BitfinexSession] = {}
        self.pacing = BitfinexPacing(is_limited=settings.is_limited)
        market = SeededMarket(SYMBOLS, settings.seed, settings.market_step_ms, bitfinex_ladder)
        self.exchange = BitfinexExchange(SYMBOLS, settings, market, (number % _ACCOUNTS + 1) * _IDS_EACH)
        self.desk = BitfinexDesk(self.exchange)
        self.operations = OrderOperations(self.exchange, self.desk)
        self.queries = AccountQueries(self.exchange, settings, number % _USERS)
        self.views = BookViews(self.exchange)
        self.rows = MarketRows(self.exchange)
        self.requests_public = PublicRequests(self.exchange, self.views, self.rows)
        self.public = PublicFeeds(self.exchange, self.views, self.rows, self.faults)
        self.private = PrivateFeeds(self.exchange, self.queries, self.faults)
        self._start(self.now_ms())

    def now_ms(self) -> int:
        """Return the venue's time."""
        return self.clock.now_ms() + self.faults.clock_offset_ms

    def use_nonce(self, key: str, nonce: int) -> None:
        """Use a nonce of a key. Raises the refusal of one that is not larger than all before it."""
        if not self.exchange.use_nonce(key, nonce):
            raise BitfinexRefusal(NONCE, "nonce: small")

    async def commit(self, request: RequestRow | None = None) -> None:
        """Return when everything that has changed until now is on disk, and its events are queued for the clients."""
        self._collect(request)
        await self.truth.commit()

    async def run_market(self) -> None:
        """Move the counter-market and beat on silent channels, until cancelled."""
        elapsed_ms = 0
        while True:
            await self.clock.sleep_ms(_STEP_MS)
            elapsed_ms += _STEP_MS
            now_ms = self.now_ms()
            if elapsed_ms % 100 == 0:
                self.exchange.advance(now_ms)
                await self.commit()
                self.public.tick(now_ms)
                for session in list(self.sessions.values()):
                    session.beat(self.settings.heartbeat_ms)
            if elapsed_ms % 1_000 == 0:
                self.public.send_statuses(now_ms)

    async def end_session(self, session: BitfinexSession) -> None:
        """Forget a socket that was closed. The dead-man's switch cancels the orders of its account."""
        self.sessions.pop(session.id, None)
        self.public.leave(session)
        self.private.leave(session)
        if session.cancels_at_end and session.account is not None:
            now_ms = self.now_ms()
            for order in self.exchange.registry.open_orders(session.account):
                if self.exchange.registry.order(*order.key).is_open:
                    self.exchange.end(order, CANCELED, now_ms)
            await self.commit()

    def close(self) -> None:
        self.truth.close()

    def _start(self, now_ms: int) -> None:
        rows = list(self.truth.rows())
        self.requests.extend(row.request for row in rows if row.request is not None)
        kept = latest([row.change for row in rows if row.change is not None])
        self.exchange.restore(kept)
        self.exchange.open(now_ms)
        ledger = self.exchange.ledger
        for account, deposits in self.settings.opening.items():
            if account in ledger.accounts():
                continue
            for type, amounts in deposits.items():
                for currency, amount in amounts.items():
                    ledger.move((account, type, currency), amount, f"Deposit ({currency})", now_ms)
        self._collect(None)
        self.truth.commit_now()

    def _collect(self, request: RequestRow | None) -> None:
        news = self.exchange.take_news()
        publications = () if news.is_empty else (self.private.publication(news), self.public.publication(news))
        change = self.exchange.take_row()
        row = BitfinexTruthRow(at_ms=self.now_ms(), request=request, change=None if change.is_empty else change)
        if request is not None:
            self.requests.append(request)
        self.truth.add(None if row.is_empty else row, publications)


def kind_of(event: object) -> str | None:
    """Return what faults call an event: `te`, `oc`, `wu` … of an account, `book`, `te`, `ticker` … of the market."""
    return event.kind if isinstance(event, AccountFrame | PublicFrame) else None
