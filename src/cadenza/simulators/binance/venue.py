"""The running venue: it writes what changed to disk, and only then lets answers and events out."""

from __future__ import annotations

import string
from collections import deque
from random import Random

from cadenza.ports.clock import Clock
from cadenza.ports.ids import Ids
from cadenza.simulators.binance.settings import SimulatorSettings
from cadenza.simulators.binance.spot.spot_market import SpotMarket
from cadenza.simulators.binance.truth_row import TruthRow
from cadenza.simulators.binance.usdm.usdm_market import FuturesMarket
from cadenza.simulators.binance.wire.keys import ApiKeys
from cadenza.simulators.binance.wire.limits import UsedLimits
from cadenza.simulators.binance.wire.markets import VenueMarket
from cadenza.simulators.kit.books import SPEEDS_MS
from cadenza.simulators.kit.commits import CommitLog
from cadenza.simulators.kit.faults import ArmedFaults
from cadenza.simulators.kit.keys import account_number
from cadenza.simulators.kit.records import RequestRow
from cadenza.simulators.kit.running_requests import RunningRequests
from cadenza.simulators.kit.sockets import OpenOutlets

REQUESTS_MAX = 100_000
"""How many trading requests are shown under `/simulator/requests`; the file keeps all."""

RANDOM_TARGETS = frozenset({"order.place", "order.cancel", "algoOrder.place", "algoOrder.cancel"})
"""Requests that a random fault may meet."""

_STEP_MS, _MARKS_MS, _SLOW_MARKS_MS = 50, 1_000, 3_000


class BinanceVenue:
    """Holds the markets, the keys, the faults and the truth. Its parts change at once and in memory; `commit` makes the
    changes durable."""

    def __init__(self, settings: SimulatorSettings, clock: Clock, ids: Ids) -> None:
        self.settings = settings
        self.clock = clock
        self.ids = ids
        random = Random(settings.seed)  # noqa: S311 - faults that can be repeated
        self.faults = ArmedFaults(random, RANDOM_TARGETS, event_name, settings.fault_rate)
        self.truth = CommitLog(settings.data_dir, TruthRow, self.now_ms)
        self.keys = ApiKeys.of_account(settings.data_dir, settings.account, ids)
        self.account_number = account_number(settings.data_dir, ids)
        self.requests: deque[RequestRow] = deque(maxlen=REQUESTS_MAX)
        self.outlets: OpenOutlets = {}
        self.running = RunningRequests()
        self._ids_drawn = Random(ids.token(8))  # noqa: S311 - ids that the venue makes up
        self.started_ms = now_ms = self.now_ms()
        self.spot = SpotMarket(settings, self.faults, self.new_listen_key, now_ms)
        self.usdm = FuturesMarket(settings, self.faults, self.new_client_order_id, self.new_listen_key, now_ms)
        self._start(now_ms)

    def now_ms(self) -> int:
        """Return the venue's time."""
        return self.clock.now_ms() + self.faults.clock_offset_ms

    def limits(self, market: VenueMarket) -> UsedLimits:
        """Return the limits of a market."""
        match market:
            case VenueMarket.SPOT:
                return self.spot.limits
            case VenueMarket.MARGIN:
                return self.spot.margin_limits
            case VenueMarket.USDM:
                return self.usdm.limits

    def new_client_order_id(self) -> str:
        """Return an id in place of one that the client did not send."""
        return "".join(self._ids_drawn.choices(string.ascii_letters + string.digits, k=22))

    def new_listen_key(self) -> str:
        return "".join(self._ids_drawn.choices(string.ascii_letters + string.digits, k=64))

    async def commit(self, request: RequestRow | None = None) -> None:
        """Return when everything that has changed until now is on disk, and its events are queued for the clients."""
        self._collect(request)
        await self.truth.commit()

    async def run_market(self) -> None:
        """Move the counter-markets and send differences of books, until cancelled."""
        elapsed_ms = 0
        while True:
            await self.clock.sleep_ms(_STEP_MS)
            elapsed_ms += _STEP_MS
            if elapsed_ms % 100 == 0:
                self.spot.exchange.advance(self.now_ms())
                self.spot.user_streams.expire(self.now_ms())
                self.usdm.advance(self.now_ms())
                await self.commit()
            for speed_ms in SPEEDS_MS:
                if elapsed_ms % speed_ms == 0:
                    self.send_differences(speed_ms)
            if elapsed_ms % _MARKS_MS == 0:
                self.usdm.send_marks(self.now_ms(), is_slow=elapsed_ms % _SLOW_MARKS_MS == 0)

    def send_differences(self, speed_ms: int) -> None:
        self.spot.send_differences(speed_ms, self.now_ms())
        self.usdm.send_differences(speed_ms, self.now_ms())

    def delist(self, market: VenueMarket, symbol: str) -> None:
        """Cancel all open orders of a symbol, conditional ones too, and take it off the market's list."""
        now_ms = self.now_ms()
        if market is not VenueMarket.USDM:
            self.spot.exchange.delist(symbol, now_ms)
            return
        for algo in self.usdm.algos.all_orders():
            if algo.is_open and algo.symbol == symbol:
                self.usdm.algos.cancel(algo, now_ms)
        self.usdm.exchange.delist(symbol, now_ms)

    def announce_shutdown(self) -> None:
        """Say on all sockets that the server goes down soon."""
        for outlet in self.outlets:
            outlet.send({"e": "serverShutdown", "E": self.now_ms()})

    def cut_sockets(self) -> None:
        """Cut all sockets, as a failing network does."""
        for outlet in list(self.outlets):
            outlet.abort()

    def terminate_user_streams(self, key: str | None = None) -> None:
        """End the user streams of a key, or all of them. The listen key of USD-M is the account's, so that it ends only
        with all."""
        self.spot.user_streams.terminate(self.now_ms(), key)
        if key is None:
            self.usdm.expire_listen_keys(None, self.now_ms())

    def close(self) -> None:
        self.truth.close()

    def _start(self, now_ms: int) -> None:
        rows = list(self.truth.rows())
        self.requests.extend(row.request for row in rows if row.request is not None)
        self.spot.start((row.spot for row in rows if row.spot is not None), now_ms)
        self.usdm.start([row.usdm for row in rows if row.usdm is not None], now_ms)
        self._collect(None)
        self.truth.commit_now()

    def _collect(self, request: RequestRow | None) -> None:
        now_ms = self.now_ms()
        row = TruthRow(at_ms=now_ms, request=request, spot=self.spot.take_row(), usdm=self.usdm.take_row())
        if request is not None:
            self.requests.append(request)
        news = (self.spot.take_publication(now_ms), self.usdm.take_publication())
        self.truth.add(None if row.is_empty else row, [publish for publish in news if publish is not None])


def event_name(event: object) -> str | None:
    """Return what an event calls itself."""
    name = event.get("e") if isinstance(event, dict) else None
    return name if isinstance(name, str) else None
