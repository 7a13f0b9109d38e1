"""The running venue: it writes what changed to disk, and only then lets answers and events out."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from decimal import Decimal
from random import Random

from cadenza.ports.clock import Clock
from cadenza.ports.ids import Ids
from cadenza.simulators.kit.commits import CommitLog
from cadenza.simulators.kit.counter_market import SeededMarket
from cadenza.simulators.kit.faults import ArmedFaults
from cadenza.simulators.kit.keys import account_number
from cadenza.simulators.kit.records import RequestRow
from cadenza.simulators.kit.running_requests import RunningRequests
from cadenza.simulators.kit.sockets import OpenOutlets
from cadenza.simulators.okx.instruments import INSTRUMENTS, okx_ladder
from cadenza.simulators.okx.private_feeds import PrivateFeeds
from cadenza.simulators.okx.public.feeds import PublicFeeds
from cadenza.simulators.okx.settings import OkxSimulatorSettings
from cadenza.simulators.okx.trading.algos import AlgoDesk
from cadenza.simulators.okx.trading.dead_man import DeadManSwitch
from cadenza.simulators.okx.trading.exchange import OkxExchange
from cadenza.simulators.okx.trading.expiry import expire
from cadenza.simulators.okx.trading.funding import FundingTimer
from cadenza.simulators.okx.trading.ledger import TRANSFER
from cadenza.simulators.okx.trading.liquidation import OkxLiquidator
from cadenza.simulators.okx.trading.placing import OrderDesk
from cadenza.simulators.okx.trading.records import OkxAccountMode, OkxBill, OkxRow, latest
from cadenza.simulators.okx.wire.keys import OkxKeys
from cadenza.simulators.okx.wire.pacing import OkxPacing

REQUESTS_MAX = 100_000
"""How many trading requests are shown under `/simulator/requests`; the file keeps all."""

RANDOM_TARGETS = frozenset({"order.place", "order.cancel", "algo.place", "algo.cancel"})
"""Requests that a random fault may meet."""

MARKET = "okx"
_IDS_EACH = 10**6
_STEP_MS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class OkxTruthRow:
    """One line of the ledger of truth: a request and its outcome, and what it or a movement of the market changed."""

    at_ms: int
    request: RequestRow | None = None
    change: OkxRow | None = None

    @property
    def is_empty(self) -> bool:
        return self.request is None and self.change is None


class OkxVenue:
    """Holds the exchange, the keys, the faults and the truth. Its parts change at once and in memory; `commit` makes
    the changes durable. `memory_age_ms` is how much older than they are records count for what queries still find."""

    def __init__(self, settings: OkxSimulatorSettings, clock: Clock, ids: Ids) -> None:
        self.settings = settings
        self.clock = clock
        self.ids = ids
        random = Random(settings.seed)  # noqa: S311 - faults that can be repeated
        self.faults = ArmedFaults(random, RANDOM_TARGETS, channel_of, settings.fault_rate)
        self.truth = CommitLog(settings.data_dir, OkxTruthRow, self.now_ms)
        self.keys = OkxKeys.of_accounts(settings.data_dir, settings.account, settings.demo_account, ids)
        self.account_number = account_number(settings.data_dir, ids)
        self.requests: deque[RequestRow] = deque(maxlen=REQUESTS_MAX)
        self.outlets: OpenOutlets = {}
        self.running = RunningRequests()
        self.memory_age_ms = 0
        self.pacing = OkxPacing(is_limited=settings.is_limited)
        market = SeededMarket(INSTRUMENTS, settings.seed, settings.market_step_ms, okx_ladder)
        self.exchange = OkxExchange(INSTRUMENTS, market, self.account_number * _IDS_EACH)
        self.desk = OrderDesk(self.exchange)
        self.algos = AlgoDesk(self.exchange, self.desk)
        self.liquidator = OkxLiquidator(self.exchange)
        self.exchange.on_price.append(self.liquidator.check)
        self.dead_man = DeadManSwitch(self.exchange)
        self.funding = FundingTimer(self.exchange, self.now_ms())
        self.public = PublicFeeds(self.exchange, self.faults, self.now_ms())
        self.private = PrivateFeeds(self.exchange, self.algos, self.faults, self.uid)
        self._start(self.now_ms())

    def now_ms(self) -> int:
        """Return the venue's time."""
        return self.clock.now_ms() + self.faults.clock_offset_ms

    def uid(self, account: str) -> str:
        """Return the user id of an account, which no other account has."""
        return str(self.account_number * 100 + list(self.exchange.ledger.accounts()).index(account))

    async def commit(self, request: RequestRow | None = None) -> None:
        """Return when everything that has changed until now is on disk, and its events are queued for the clients."""
        self._collect(request)
        await self.truth.commit()

    async def run_market(self) -> None:
        """Move the counter-market and send differences of books, until cancelled."""
        elapsed_ms = 0
        while True:
            await self.clock.sleep_ms(_STEP_MS)
            elapsed_ms += _STEP_MS
            now_ms = self.now_ms()
            if elapsed_ms % 100 == 0:
                self.advance(now_ms)
                await self.commit()
                self.public.send_books(now_ms, self.settings.book_heartbeat_ms)
            if elapsed_ms % 1_000 == 0:
                self.public.send_marks(now_ms)

    def advance(self, now_ms: int) -> None:
        """Let the market move, timers fire, funding be paid and contracts expire."""
        self.exchange.advance(now_ms)
        self.dead_man.check(now_ms)
        self.funding.advance(now_ms)
        for instrument in INSTRUMENTS:
            if instrument.name in self.exchange.states and 0 < instrument.expires_ms <= now_ms:
                expire(self.exchange, self.algos, instrument, now_ms)

    def deposit(self, account: str, asset: str, amount: Decimal, at_ms: int) -> None:
        """Move an amount into an account, or out of it with a negative one."""
        self.exchange.ledger.move(
            OkxBill(
                bill_id=0,
                account=account,
                asset=asset,
                change=amount,
                after=amount,
                type=TRANSFER,
                subtype="11" if amount > 0 else "12",
                at_ms=at_ms,
            )
        )

    def close(self) -> None:
        self.truth.close()

    def _start(self, now_ms: int) -> None:
        rows = list(self.truth.rows())
        self.requests.extend(row.request for row in rows if row.request is not None)
        kept = latest([row.change for row in rows if row.change is not None])
        self.exchange.restore(kept)
        self.algos.restore(kept.algos)
        self.exchange.open(now_ms)
        settings = self.settings
        for account in (settings.account, settings.demo_account):
            if account in self.exchange.ledger.accounts():
                continue
            self.exchange.ledger.open_account(
                OkxAccountMode(
                    account=account,
                    level=settings.account_level,
                    position_mode=settings.position_mode,
                    borrows=settings.borrows,
                )
            )
            for asset, amount in settings.deposits.items():
                self.deposit(account, asset, amount, now_ms)
        self._collect(None)
        self.truth.commit_now()

    def _collect(self, request: RequestRow | None) -> None:
        now_ms = self.now_ms()
        change = self.exchange.take_row()
        algos = self.algos.take_changes()
        if algos:
            change = replace(change, algos=algos)
        row = OkxTruthRow(at_ms=now_ms, request=request, change=None if change.is_empty else change)
        if request is not None:
            self.requests.append(request)
        news = self.exchange.take_news()
        publications = () if news.is_empty else (self.public.publication(news), self.private.publication(news, now_ms))
        self.truth.add(None if row.is_empty else row, publications)


def channel_of(event: object) -> str | None:
    """Return the channel that an event is of."""
    arg = event.get("arg") if isinstance(event, dict) else None
    name = arg.get("channel") if isinstance(arg, dict) else None
    return name if isinstance(name, str) else None
