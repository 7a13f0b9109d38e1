"""What an account may ask: orders, trades, wallets, positions, movements, and itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar
from zlib import crc32

from cadenza.domain.money import ONE, ZERO, divide
from cadenza.simulators.bitfinex.settings import MARGIN, BitfinexSettings
from cadenza.simulators.bitfinex.trading.desk import CID_MAX, day_of
from cadenza.simulators.bitfinex.trading.exchange import BitfinexExchange
from cadenza.simulators.bitfinex.trading.position_rows import position_row
from cadenza.simulators.bitfinex.trading.records import BitfinexOrder, BitfinexTrade, LedgerEntry
from cadenza.simulators.bitfinex.trading.rows import ledger_row, order_row, trade_row, wallet_row
from cadenza.simulators.bitfinex.wire.errors import invalid
from cadenza.simulators.bitfinex.wire.numbers import number, rounded
from cadenza.simulators.bitfinex.wire.params import BitfinexParams

LIMIT_USUAL, ORDERS_MAX, TRADES_MAX = 25, 2_500, 2_500
DOLLARS = frozenset({"USD", "UST", "USTF0", "TESTUSD", "TESTUSDT", "TESTUSDTF0"})
_USER_FIELDS, _PAPER, _OPENED_MS = 56, 21, 1_500_000_000_000
_OTHER_USERS = 1_000_000
"""Accounts beside the first one have numbers that follow from their names."""

RowT = TypeVar("RowT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question of an account. `path` holds the named parts of its path. `known_until_ms` is the instant up to which
    orders are found."""

    account: str
    params: BitfinexParams
    path: dict[str, str]
    known_until_ms: int


class AccountQueries:
    def __init__(self, exchange: BitfinexExchange, settings: BitfinexSettings, user_id: int) -> None:
        self._exchange = exchange
        self._ledger = exchange.ledger
        self._settings = settings
        self._user_id = user_id

    # Orders and trades

    def open_orders(self, asked: Asked) -> list[object]:
        symbol = self._symbol(asked)
        orders = self._exchange.registry.open_orders(asked.account, symbol)
        return [order_row(order) for order in reversed(_found(orders, asked))]

    def closed_orders(self, asked: Asked) -> list[object]:
        """Return orders that have ended, the latest first. `start` and `end` limit when they changed last."""
        orders = [
            order
            for name in self._names(asked)
            for order in self._exchange.registry.orders(asked.account, name)
            if not order.is_open
        ]
        orders = _within(_found(orders, asked), asked, lambda order: order.updated_ms)
        orders.sort(key=lambda order: (order.updated_ms, order.order_id), reverse=True)
        return [order_row(order) for order in orders[: _limit(asked, ORDERS_MAX)]]

    def order_trades(self, asked: Asked) -> list[object]:
        """Return the trades of one order, the latest first."""
        symbol, _, id = asked.path["order"].rpartition(":")
        if not id.isdecimal() or symbol not in self._exchange.symbols:
            raise invalid("symbol")
        order = self._exchange.registry.find(asked.account, symbol, int(id), None)
        if order is None or order.created_ms > asked.known_until_ms:
            return []
        return [trade_row(trade, has_fee=True) for trade in reversed(self._exchange.registry.trades_of(order))]

    def trades(self, asked: Asked) -> list[object]:
        trades: list[BitfinexTrade] = []
        for name in self._names(asked):
            trades += self._exchange.registry.trades(asked.account, name)
        trades = [trade for trade in trades if trade.at_ms <= asked.known_until_ms]
        trades = _within(trades, asked, lambda trade: trade.at_ms)
        trades.sort(
            key=lambda trade: (trade.at_ms, trade.trade_id), reverse=asked.params.values.get("sort") not in (1, "1")
        )
        return [trade_row(trade, has_fee=True) for trade in trades[: _limit(asked, TRADES_MAX)]]

    # Money

    def wallets(self, asked: Asked) -> list[object]:
        return self.wallet_rows(asked.account)

    def wallet_rows(self, account: str, *, is_calculated: bool = True) -> list[object]:
        """Return all wallets. What is available is null until it is calculated."""
        return [
            wallet_row(
                wallet,
                self._ledger.available(account, wallet.type, wallet.currency) if is_calculated else None,
            )
            for wallet in self._ledger.wallets(account)
        ]

    def positions(self, asked: Asked) -> list[object]:
        return self.position_rows(asked.account)

    def position_rows(self, account: str) -> list[object]:
        return [
            position_row(self._ledger, self._exchange.symbols[position.symbol], position)
            for position in self._ledger.positions(account)
        ]

    def ledgers(self, asked: Asked) -> list[object]:
        currency = asked.path.get("currency")
        entries: list[LedgerEntry] = [
            entry
            for entry in self._ledger.entries
            if entry.account == asked.account and currency in (None, entry.currency)
        ]
        entries = _within(entries, asked, lambda entry: entry.at_ms)
        return [ledger_row(entry) for entry in entries[::-1][: _limit(asked, ORDERS_MAX)]]

    def margin_info(self, asked: Asked) -> list[object]:
        key = asked.path["key"]
        if key == "base":
            return ["base", self.margin_base(asked.account)]
        names = [name for name, symbol in self._exchange.symbols.items() if symbol.is_margin]
        if key == "sym_all":
            return [["sym", name, self.margin_symbol(asked.account, name)] for name in names]
        if key not in names:
            raise invalid("symbol")
        return ["sym", key, self.margin_symbol(asked.account, key)]

    def margin_base(self, account: str) -> list[object]:
        """Return profit, interest, balance, net value and required margin, in dollars."""
        positions = self._ledger.positions(account)
        profit = sum((self._ledger.profit(position) for position in positions), ZERO)
        needed = sum((self._ledger.margin(position) for position in positions), ZERO)
        balance = sum((wallet.balance for wallet in self._ledger.wallets(account) if wallet.type == MARGIN), ZERO)
        return [number(rounded(value)) for value in (profit, ZERO, balance, balance + profit, needed)]

    def margin_symbol(self, account: str, name: str) -> list[object]:
        """Return the tradable balance, the gross balance, and how much can be bought and sold."""
        symbol = self._exchange.symbols[name]
        left = max(ZERO, self._ledger.available(account, MARGIN, symbol.quote))
        rate = symbol.initial_margin or ONE
        tradable = divide(left, rate)
        amount = rounded(divide(tradable, self._exchange.mark(name)))
        values = [rounded(tradable), rounded(tradable), amount, amount]
        return [*(number(value) for value in values), None, None, None, None]

    def worth(self, account: str) -> Decimal:
        """Return what all wallets are worth, in dollars."""
        total = ZERO
        for wallet in self._ledger.wallets(account):
            total += wallet.balance * self._dollars(wallet.currency)
        profits = (self._ledger.profit(position) for position in self._ledger.positions(account))
        return total + sum(profits, ZERO)

    def order_available(self, asked: Asked) -> list[object]:
        """Return how much an order could trade at a rate."""
        symbol = self._exchange.symbols.get(asked.params.text("symbol"))
        if symbol is None:
            raise invalid("symbol")
        is_exchange = asked.params.text("type", "EXCHANGE").upper().startswith("EXCHANGE")
        is_sell = asked.params.values.get("dir") in (-1, "-1")
        wallet = "exchange" if is_exchange else MARGIN
        left = self._ledger.available(asked.account, wallet, symbol.base if is_sell and is_exchange else symbol.quote)
        if is_sell and is_exchange:
            return [number(-left)]
        rate = asked.params.decimal("rate") or self._exchange.last_price(symbol.name)
        if not is_exchange:
            left = divide(left, symbol.initial_margin or ONE)
        amount = rounded(divide(left, rate))
        return [number(-amount if is_sell else amount)]

    # The account

    def user(self, asked: Asked) -> list[object]:
        """Return the account: 0 id, 1 mail, 2 name, 3 opened, 7 time zone, 21 paper trading."""
        row: list[object] = [None] * _USER_FIELDS
        row[:6] = [self.user_id(asked.account), f"{asked.account}@example.com", asked.account, _OPENED_MS, 1, 3]
        row[7:11] = ["UTC", "en", "bitfinex", 1]
        row[14:20] = [_OPENED_MS, self._user_id, 0, 0, 0, 0]
        row[_PAPER] = int(asked.account == self._settings.paper_account)
        return row

    def user_id(self, account: str) -> int:
        """Return the number of an account, which no other account has."""
        if account == self._settings.account:
            return self._user_id
        return self._user_id + 1 + crc32(account.encode()) % _OTHER_USERS

    def summary(self, asked: Asked) -> list[object]:
        """Return the fees: 4 maker rates and taker rates."""
        settings = self._settings
        makers = [settings.maker_rate, ZERO, ZERO, ZERO, ZERO, settings.derivative_maker_rate]
        takers = [
            settings.taker_rate,
            settings.taker_rate,
            settings.taker_rate,
            ZERO,
            ZERO,
            settings.derivative_taker_rate,
        ]
        fees = [[number(rate) for rate in makers], [number(rate) for rate in takers]]
        return [None, None, None, None, fees, None, None, None, None, {"leo_lev": 0, "leo_amount_avg": 0}]

    # Helpers

    def _symbol(self, asked: Asked) -> str | None:
        symbol = asked.path.get("symbol")
        if symbol is not None and symbol not in self._exchange.symbols:
            raise invalid("symbol")
        return symbol

    def _names(self, asked: Asked) -> Iterable[str]:
        symbol = self._symbol(asked)
        return list(self._exchange.symbols) if symbol is None else [symbol]

    def _dollars(self, currency: str) -> Decimal:
        if currency in DOLLARS:
            return ONE
        if currency.startswith("TEST"):
            return self._exchange.last_price("tTESTBTC:TESTUSD")
        pair = self._exchange.symbols.get(f"t{currency}USD") or self._exchange.symbols.get(f"t{currency}:USD")
        return ZERO if pair is None else self._exchange.last_price(pair.name)


def _found(orders: list[BitfinexOrder], asked: Asked) -> list[BitfinexOrder]:
    """Return the orders that a question names by ids, by a group, or by a cid and its day."""
    params = asked.params
    ids, gid, cid = set(params.integers("id")), params.integer("gid"), params.integer("cid", CID_MAX)
    day = params.text("cid_date")
    return [
        order
        for order in orders
        if order.created_ms <= asked.known_until_ms
        and (not ids or order.order_id in ids)
        and gid in (None, order.gid)
        and cid in (None, order.cid)
        and day in ("", day_of(order.created_ms))
    ]


def _limit(asked: Asked, most: int) -> int:
    limit = asked.params.number("limit", LIMIT_USUAL)
    if not 1 <= limit <= most:
        raise invalid("limit")
    return limit


def _within(rows: list[RowT], asked: Asked, at_ms: Callable[[RowT], int]) -> list[RowT]:
    start, end = asked.params.integer("start"), asked.params.integer("end")
    return [row for row in rows if (start is None or at_ms(row) >= start) and (end is None or at_ms(row) <= end)]
