"""The running venue: it writes what changed to disk, and only then lets answers and messages out."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from decimal import Decimal
from random import Random

from cadenza.domain.money import ZERO
from cadenza.ports.clock import Clock
from cadenza.ports.ids import Ids
from cadenza.simulators.deribit.api.feeds import ChannelFeeds
from cadenza.simulators.deribit.market.instruments import CURRENCIES, INSTRUMENTS
from cadenza.simulators.deribit.settings import DeribitSettings
from cadenza.simulators.deribit.trading.desk import USER_REQUEST, OrderDesk
from cadenza.simulators.deribit.trading.exchange import DeribitExchange
from cadenza.simulators.deribit.trading.records import DeribitRow, InstrumentState, latest_row
from cadenza.simulators.deribit.trading.settlement import SettlementClock
from cadenza.simulators.deribit.trading.triggers import TriggerDesk
from cadenza.simulators.deribit.wire.access import AccessTokens, keys_of
from cadenza.simulators.deribit.wire.channels import INTERVALS_MS, ChannelHub, channel_family
from cadenza.simulators.deribit.wire.connection import DeribitConnection
from cadenza.simulators.deribit.wire.credits import CreditBook
from cadenza.simulators.kit.commits import CommitLog
from cadenza.simulators.kit.faults import ArmedFaults
from cadenza.simulators.kit.keys import account_number
from cadenza.simulators.kit.records import RequestRow
from cadenza.simulators.kit.running_requests import RunningRequests
from cadenza.simulators.kit.sockets import OpenOutlets

REQUESTS_MAX = 100_000
"""How many trading requests are shown under `/simulator/requests`; the file keeps all."""

RANDOM_TARGETS = frozenset({"private/buy", "private/sell", "private/edit", "private/cancel"})
"""Requests that a random fault may meet."""

CANCEL_ON_DISCONNECT = "cancel_on_disconnect"
_STEP_MS = 50


class DeribitVenue:
    """Holds the exchange, the keys, the faults and the truth. Its parts change at once and in memory; `commit` makes
    the changes durable."""

    def __init__(self, settings: DeribitSettings, clock: Clock, ids: Ids) -> None:
        self.settings = settings
        self.clock = clock
        self.ids = ids
        random = Random(settings.seed)  # noqa: S311 - faults that can be repeated
        self.faults = ArmedFaults(random, RANDOM_TARGETS, channel_family, settings.fault_rate)
        self.truth = CommitLog(settings.data_dir, DeribitRow, self.now_ms)
        self.keys = keys_of(settings.data_dir, settings.account, ids)
        self._numbered_from = account_number(settings.data_dir, ids)
        self.tokens = AccessTokens(ids)
        self.credits = CreditBook(settings.limits)
        self.hub = ChannelHub(self.faults)
        self.outlets: OpenOutlets = {}
        self.running = RunningRequests()
        self.connections: dict[int, DeribitConnection] = {}
        self.connections_made = 0
        self.requests: deque[RequestRow] = deque(maxlen=REQUESTS_MAX)
        self.disconnect_cancels: dict[str, bool] = {}
        self._changed_settings = False
        now_ms = self.now_ms()
        self.exchange = DeribitExchange(INSTRUMENTS, CURRENCIES, settings.seed, settings.market_step_ms)
        self.desk = OrderDesk(self.exchange)
        self.triggers = TriggerDesk(self.exchange, self.desk)
        self.settlement = SettlementClock(self.exchange, now_ms)
        self.feeds = ChannelFeeds(self.exchange, self.hub, self.user_id, now_ms)
        self._start(now_ms)

    def now_ms(self) -> int:
        """Return the venue's time."""
        return self.clock.now_ms() + self.faults.clock_offset_ms

    async def commit(self, request: RequestRow | None = None) -> None:
        """Return when everything that has changed until now is on disk, and its messages are queued for the clients."""
        self._collect(request)
        await self.truth.commit()

    async def run_market(self) -> None:
        """Move the counter-market, settle, and send what is due, until cancelled."""
        elapsed_ms = 0
        while True:
            await self.clock.sleep_ms(_STEP_MS)
            elapsed_ms += _STEP_MS
            self.advance()
            await self.commit()
            for interval_ms in INTERVALS_MS.values():
                if elapsed_ms % interval_ms == 0:
                    self.feeds.tick(interval_ms, self.now_ms())

    def advance(self) -> None:
        """Let happen what is due by now."""
        now_ms = self.now_ms()
        self.settlement.advance(now_ms)
        self.exchange.advance(now_ms)

    def set_index(self, name: str, price: Decimal) -> None:
        """Move an index."""
        self.exchange.prices.set_index(name, price)
        self.exchange.news.indexes[name] = None
        for each in self.exchange.instruments.values():
            if each.index == name:
                self.exchange.news.touched[each.name] = None
        self.triggers.watch_index(name, self.now_ms())

    def set_mark(self, instrument: str, price: Decimal | None) -> None:
        """Set the mark price of an instrument; None lets it follow the trades again."""
        self.exchange.prices.set_mark(instrument, price)
        self.exchange.news.touched[instrument] = None
        self.triggers.watch(instrument, self.now_ms())

    def user_id(self, account: str) -> int:
        """Return the number of an account: the accounts are counted as they got money first."""
        accounts = list(self.exchange.ledger.accounts())
        return self._numbered_from + (accounts.index(account) if account in accounts else len(accounts))

    def deposit(self, currency: str, amount: Decimal, account: str | None = None) -> None:
        """Move money into an account, or out of it with a negative amount."""
        kind = "deposit" if amount > 0 else "withdrawal"
        account = self.settings.account if account is None else account
        self.exchange.ledger.move(account, currency, kind, self.now_ms(), amount=amount)
        self.exchange.news.money_changed(account, currency)

    def reset(self) -> None:
        """Give the account its opening deposits, without open orders and positions. Instruments trade again, and no
        faults are armed. What happened stays in the histories, and ids go on counting."""
        exchange, at_ms = self.exchange, self.now_ms()
        self.faults.clear()
        for order in exchange.orders.all_orders():
            if order.is_open:
                exchange.close(order, USER_REQUEST, at_ms)
        for position in exchange.ledger.all_positions():
            if position.size:
                exchange.ledger.deliver(position, exchange.prices.mark(position.instrument), at_ms)
                exchange.news.position_changed(position.account, position.instrument)
        for wallet in exchange.ledger.all_wallets():
            missing = self.settings.deposits.get(wallet.currency, ZERO) - wallet.balance
            exchange.ledger.move(
                wallet.account, wallet.currency, "correction", at_ms, amount=missing, session=-wallet.session
            )
            exchange.news.money_changed(wallet.account, wallet.currency)
        for state in list(exchange.states.values()):
            if state.state != "open":
                exchange.set_state(InstrumentState(instrument=state.instrument, state="open"))

    def set_disconnect_cancels(self, account: str, *, is_on: bool) -> None:
        """Say whether new connections begin with cancel on disconnect."""
        self.disconnect_cancels = {**self.disconnect_cancels, account: is_on}
        self._changed_settings = True

    def cut_sockets(self) -> None:
        """Cut all sockets, as a failing network does."""
        for outlet in list(self.outlets):
            outlet.abort()

    def revoke(self, key: str) -> None:
        """Forget a key, end its tokens, and close its sockets."""
        self.keys.revoke(key)
        self.tokens.end_key(key)
        for connection in list(self.connections.values()):
            if connection.grant is not None and connection.grant.key.key == key:
                connection.outlet.end()

    def close(self) -> None:
        self.truth.close()

    def _start(self, now_ms: int) -> None:
        rows = list(self.truth.rows())
        self.requests.extend(row.request for row in rows if row.request is not None)
        row = latest_row(rows)
        self.exchange.restore(row)
        self.settlement.restore(row.settled_ms)
        self.disconnect_cancels = row.disconnect_cancels or {}
        self.exchange.open(now_ms)
        if self.settings.account not in self.exchange.ledger.accounts():
            for currency, amount in self.settings.deposits.items():
                self.deposit(currency, amount)
        self._collect(None)
        self.truth.commit_now()

    def _collect(self, request: RequestRow | None) -> None:
        now_ms = self.now_ms()
        row = replace(
            self.exchange.take_row(now_ms),
            request=request,
            settled_ms=self.settlement.take_settled_ms(),
            disconnect_cancels=self.disconnect_cancels if self._changed_settings else None,
        )
        self._changed_settings = False
        if request is not None:
            self.requests.append(request)
        publication = self.feeds.prepare(self.exchange.take_news(), now_ms)
        self.truth.add(None if row.is_empty else row, [publication])
