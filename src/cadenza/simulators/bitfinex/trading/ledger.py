"""Wallets and positions: what every execution moves, and what is left for new orders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from cadenza.domain.evolve import evolve
from cadenza.domain.market.enums import Side
from cadenza.domain.money import ZERO, divide, to_plain
from cadenza.simulators.bitfinex.settings import EXCHANGE, MARGIN, BitfinexSettings
from cadenza.simulators.bitfinex.symbols import BitfinexSymbol
from cadenza.simulators.bitfinex.trading.records import (
    BitfinexOrder,
    BitfinexPosition,
    BitfinexRow,
    BitfinexWallet,
    LedgerEntry,
)
from cadenza.simulators.bitfinex.wire.numbers import decimal_text, rounded

LEVERAGE = 10
"""The leverage of a derivative order that names none."""

_BASE_PLACES = 16
WalletKey = tuple[str, str, str]


class BitfinexLedger:
    """Decides nothing about orders. `mark` returns the mark price of a symbol, `open_orders` the open orders of an
    account."""

    def __init__(
        self,
        symbols: Mapping[str, BitfinexSymbol],
        settings: BitfinexSettings,
        mark: Callable[[str], Decimal],
        open_orders: Callable[[str], list[BitfinexOrder]],
        next_id: Callable[[], int],
    ) -> None:
        self._symbols = symbols
        self._settings = settings
        self._mark = mark
        self._open_orders = open_orders
        self._next_id = next_id
        self._wallets: dict[WalletKey, BitfinexWallet] = {}
        self._positions: dict[tuple[str, str], BitfinexPosition] = {}
        self.entries: list[LedgerEntry] = []
        self._kept_entries = 0
        self._new_wallets: dict[WalletKey, None] = {}
        self._new_positions: dict[tuple[str, str], None] = {}
        self.touched_wallets: dict[WalletKey, None] = {}

    def restore(self, row: BitfinexRow) -> None:
        self._wallets = {wallet.key: wallet for wallet in row.wallets}
        self._positions = {position.key: position for position in row.positions}
        self.entries = list(row.entries)
        self._kept_entries = len(self.entries)

    # Reading

    def accounts(self) -> set[str]:
        return {account for account, _, _ in self._wallets}

    def wallets(self, account: str) -> list[BitfinexWallet]:
        return [wallet for key, wallet in sorted(self._wallets.items()) if key[0] == account]

    def all_wallets(self) -> list[BitfinexWallet]:
        return list(self._wallets.values())

    def wallet(self, account: str, type: str, currency: str) -> BitfinexWallet:
        kept = self._wallets.get((account, type, currency))
        return kept or BitfinexWallet(account=account, type=type, currency=currency)

    def position(self, account: str, symbol: str) -> BitfinexPosition:
        return self._positions.get((account, symbol)) or BitfinexPosition(account=account, symbol=symbol)

    def positions(self, account: str) -> list[BitfinexPosition]:
        """Return the positions that are not 0."""
        return [each for key, each in sorted(self._positions.items()) if key[0] == account and each.amount]

    def all_positions(self) -> list[BitfinexPosition]:
        """Return every position that ever was, in its last state."""
        return list(self._positions.values())

    def available(self, account: str, type: str, currency: str) -> Decimal:
        """Return what a wallet has for new orders."""
        left = self.wallet(account, type, currency).balance
        if type == EXCHANGE:
            return left - self._held(account, currency)
        if type == MARGIN:
            for position in self.positions(account):
                if self._symbols[position.symbol].quote == currency:
                    left += self.profit(position) - self.margin(position)
            return left - self._order_margins(account, currency)
        return left

    def profit(self, position: BitfinexPosition) -> Decimal:
        """Return what a position would win at the mark price."""
        return position.amount * (self._mark(position.symbol) - position.base_price)

    def margin(self, position: BitfinexPosition) -> Decimal:
        """Return what a position ties up of the margin wallet."""
        symbol = self._symbols[position.symbol]
        if symbol.is_derivative:
            value = abs(position.amount) * position.base_price
        else:
            value = abs(position.amount) * self._mark(position.symbol)
        return self._margin_of(symbol, value, position.leverage)

    def least_margin(self, position: BitfinexPosition) -> Decimal:
        """Return the margin below which the venue would liquidate a position."""
        rate = self._symbols[position.symbol].maintenance_margin
        assert rate is not None
        return abs(position.amount) * self._mark(position.symbol) * rate

    def order_margin(self, order: BitfinexOrder, price: Decimal) -> Decimal:
        """Return what an order ties up. One that only makes a position smaller needs nothing."""
        held = self.position(order.account, order.symbol).amount
        closing = min(order.remaining, abs(held)) if held * order.side.sign < 0 else ZERO
        return self._margin_of(self._symbols[order.symbol], (order.remaining - closing) * price, order.leverage)

    # Changing

    def move(
        self,
        key: WalletKey,
        amount: Decimal,
        description: str,
        at_ms: int,
        meta: dict[str, object] | None = None,
    ) -> None:
        """Move an amount into a wallet, or out of it with a negative one."""
        account, type, currency = key
        balance = self.wallet(*key).balance + amount
        self._wallets[key] = BitfinexWallet(
            account=account,
            type=type,
            currency=currency,
            balance=balance,
            description=description,
            meta=meta or {},
        )
        self._new_wallets[key] = None
        self.touched_wallets[key] = None
        self.entries.append(
            LedgerEntry(
                entry_id=self._next_id(),
                account=account,
                wallet=type,
                currency=currency,
                amount=amount,
                balance=balance,
                description=f"{description} on wallet {type}",
                at_ms=at_ms,
            )
        )

    def touch(self, order: BitfinexOrder) -> None:
        """Note that what an order holds has changed."""
        symbol = self._symbols[order.symbol]
        if order.is_on_exchange:
            currency = symbol.quote if order.side is Side.BUY else symbol.base
            self.touched_wallets[order.account, EXCHANGE, currency] = None
        else:
            self.touched_wallets[order.account, MARGIN, symbol.quote] = None

    def put_position(self, position: BitfinexPosition) -> None:
        self._positions[position.key] = position
        self._new_positions[position.key] = None

    def fill(
        self, order: BitfinexOrder, price: Decimal, amount: Decimal, *, is_maker: bool, at_ms: int
    ) -> tuple[Decimal, str]:
        """Book one execution. Return the fee and its currency."""
        symbol = self._symbols[order.symbol]
        meta: dict[str, object] = {
            "reason": "TRADE",
            "order_id": order.order_id,
            "order_cid": order.cid,
            "trade_price": to_plain(price),
            "trade_amount": to_plain(amount * order.side.sign),
        }
        if order.is_on_exchange:
            return self._fill_spot(order, symbol, price, amount, is_maker, meta, at_ms)
        return self._fill_position(order, symbol, price, amount, is_maker, meta, at_ms)

    def _fill_spot(
        self,
        order: BitfinexOrder,
        symbol: BitfinexSymbol,
        price: Decimal,
        amount: Decimal,
        is_maker: bool,
        meta: dict[str, object],
        at_ms: int,
    ) -> tuple[Decimal, str]:
        is_buy, cost = order.side is Side.BUY, amount * price
        received, brought = (symbol.base, amount) if is_buy else (symbol.quote, cost)
        paid, spent = (symbol.quote, cost) if is_buy else (symbol.base, amount)
        text = f"Exchange {decimal_text(amount)} {symbol.base} for {symbol.quote} @ {decimal_text(price)}"
        rate = self._settings.maker_rate if is_maker else self._settings.taker_rate
        fee = rounded(brought * rate)
        self.move((order.account, EXCHANGE, paid), -spent, text, at_ms, meta)
        self.move((order.account, EXCHANGE, received), brought, text, at_ms, meta)
        if fee:
            self.move((order.account, EXCHANGE, received), -fee, _fee_text(symbol, amount, price, rate), at_ms, meta)
        return fee, received

    def _fill_position(
        self,
        order: BitfinexOrder,
        symbol: BitfinexSymbol,
        price: Decimal,
        amount: Decimal,
        is_maker: bool,
        meta: dict[str, object],
        at_ms: int,
    ) -> tuple[Decimal, str]:
        settings, wallet = self._settings, (order.account, MARGIN, symbol.quote)
        rates = (
            (settings.derivative_maker_rate, settings.derivative_taker_rate)
            if symbol.is_derivative
            else (settings.maker_rate, settings.taker_rate)
        )
        rate = rates[0] if is_maker else rates[1]
        before = self.position(order.account, order.symbol)
        after, realized = self._after_fill(before, order, price, amount, at_ms)
        self.put_position(after)
        if realized:
            text = f"Position #{before.position_id} closed @ {decimal_text(price)}"
            self.move(wallet, realized, text, at_ms, meta)
        fee = rounded(amount * price * rate)
        if fee:
            self.move(wallet, -fee, _fee_text(symbol, amount, price, rate), at_ms, meta)
        self.touched_wallets[wallet] = None
        return fee, symbol.quote

    def _after_fill(
        self, before: BitfinexPosition, order: BitfinexOrder, price: Decimal, amount: Decimal, at_ms: int
    ) -> tuple[BitfinexPosition, Decimal]:
        """Return a position after an execution, and what the part that it closed has won."""
        change = amount * order.side.sign
        total = before.amount + change
        is_same_side = before.amount * change >= 0
        closed = ZERO if is_same_side else min(abs(before.amount), amount)
        realized = rounded(closed * (price - before.base_price) * (1 if before.amount > 0 else -1))
        is_new = not before.amount or total * before.amount < 0
        base = before.base_price
        if is_new:
            base = price
        elif is_same_side:
            base = divide(before.amount * base + change * price, total, _BASE_PLACES)
        after = evolve(
            before,
            position_id=self._next_id() if is_new else before.position_id,
            amount=total,
            base_price=base,
            leverage=order.leverage or before.leverage,
            order_id=order.order_id,
            trade_price=price,
            trade_amount=change,
            created_ms=at_ms if is_new else before.created_ms,
            updated_ms=at_ms,
        )
        return after, realized

    # Keeping

    def take_changes(self) -> BitfinexRow:
        """Return what changed since the last call."""
        entries, self._kept_entries = self.entries[self._kept_entries :], len(self.entries)
        row = BitfinexRow(
            positions=tuple(self._positions[key] for key in self._new_positions),
            wallets=tuple(self._wallets[key] for key in self._new_wallets),
            entries=tuple(entries),
        )
        self._new_wallets, self._new_positions = {}, {}
        return row

    # Helpers

    def _held(self, account: str, currency: str) -> Decimal:
        held = ZERO
        for order in self._open_orders(account):
            symbol = self._symbols[order.symbol]
            if not order.is_on_exchange:
                continue
            if order.side is Side.BUY and symbol.quote == currency:
                held += order.remaining * order.held_price
            elif order.side is Side.SELL and symbol.base == currency and order.held_price:
                held += order.remaining
        return held

    def _order_margins(self, account: str, currency: str) -> Decimal:
        orders = [order for order in self._open_orders(account) if not order.is_on_exchange]
        return sum(
            (
                self.order_margin(order, order.held_price)
                for order in orders
                if self._symbols[order.symbol].quote == currency
            ),
            ZERO,
        )

    def _margin_of(self, symbol: BitfinexSymbol, value: Decimal, leverage: int | None) -> Decimal:
        assert symbol.initial_margin is not None
        if symbol.is_derivative:
            return divide(value, Decimal(leverage or LEVERAGE))
        return value * symbol.initial_margin


def _fee_text(symbol: BitfinexSymbol, amount: Decimal, price: Decimal, rate: Decimal) -> str:
    traded = f"{decimal_text(amount)} {symbol.base} ({symbol.pair}) @ {decimal_text(price)}"
    return f"Trading fees for {traded} on BFX ({to_plain(rate * 100)}%)"
