"""Wallets, positions and margin of USD-M, by exact arithmetic.

A position keeps what it cost, not an average price, so what its trades realise and what is left of its cost add up to
the cash that the trades moved. Wallets are single assets: one never covers for another. The profit of a position is in
its contract's margin asset.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_UP, Decimal

from cadenza.domain.evolve import evolve
from cadenza.domain.market.enums import Side
from cadenza.domain.money import ONE, ZERO, divide
from cadenza.simulators.binance.usdm.records import (
    AccountSetting,
    FuturesOrder,
    FuturesPosition,
    FuturesPositionChange,
    FuturesRow,
    Income,
    SymbolSetting,
    Wallet,
    WalletChange,
)
from cadenza.simulators.binance.usdm.symbols import ASSET_PLACES, MAKER_RATE, TAKER_RATE, FuturesSymbol

_STEP = ONE.scaleb(-ASSET_PLACES)


@dataclass(frozen=True, slots=True)
class FillBooking:
    """What a fill did to the money."""

    realized: Decimal
    commission: Decimal


@dataclass(frozen=True, slots=True)
class FuturesMargin:
    """An account's figures in one asset. `cross` is the wallet without what isolated positions hold, `equity` adds the
    profit of cross positions. `initial` and `maintenance` are those of cross positions, `orders` that of open
    orders."""

    wallet: Decimal
    cross: Decimal
    equity: Decimal
    initial: Decimal
    maintenance: Decimal
    orders: Decimal

    @property
    def available(self) -> Decimal:
        return self.equity - self.initial - self.orders


class FuturesLedger:
    """The money of all accounts, in memory. `mark` returns the mark price of a symbol, `open_orders` the open orders of
    an account in a symbol."""

    def __init__(
        self,
        symbols: Mapping[str, FuturesSymbol],
        mark: Callable[[str], Decimal],
        open_orders: Callable[[str, str], list[FuturesOrder]],
    ) -> None:
        self._symbols = symbols
        self._mark = mark
        self._open_orders = open_orders
        self._wallets: dict[tuple[str, str], Decimal] = {}
        self._positions: dict[tuple[str, str, str], FuturesPosition] = {}
        self._settings: dict[tuple[str, str], SymbolSetting] = {}
        self._accounts: dict[str, AccountSetting] = {}
        self._moved_ms: dict[tuple[str, str], int] = {}
        self.incomes: list[Income] = []
        self._kept_incomes = 0
        self._changed_positions: dict[tuple[str, str, str], None] = {}
        self._changed_settings: dict[tuple[str, str], SymbolSetting] = {}
        self._changed_accounts: dict[str, AccountSetting] = {}

    def restore(self, row: FuturesRow) -> None:
        """Continue from the latest state of everything."""
        self._wallets = {(wallet.account, wallet.asset): wallet.balance for wallet in row.wallets}
        self._positions = {position.key: position for position in row.positions}
        self._settings = {(setting.account, setting.symbol): setting for setting in row.settings}
        self._accounts = {setting.account: setting for setting in row.accounts}
        self.incomes = list(row.incomes)
        self._moved_ms = {(income.account, income.asset): income.at_ms for income in row.incomes}
        self._kept_incomes = len(self.incomes)

    # Reading

    def accounts(self) -> Iterable[str]:
        return list(self._accounts)

    def wallet(self, account: str, asset: str) -> Decimal:
        return self._wallets.get((account, asset), ZERO)

    def moved_ms(self, account: str, asset: str) -> int:
        """Return when a wallet moved last; 0 when it never did."""
        return self._moved_ms.get((account, asset), 0)

    def setting(self, account: str, symbol: str) -> SymbolSetting:
        return self._settings.get((account, symbol)) or SymbolSetting(account=account, symbol=symbol)

    def is_hedged(self, account: str) -> bool:
        setting = self._accounts.get(account)
        return setting is not None and setting.is_hedged

    def position(self, account: str, symbol: str, side: str) -> FuturesPosition:
        return self._positions.get((account, symbol, side)) or FuturesPosition(
            account=account, symbol=symbol, side=side
        )

    def sides(self, account: str) -> tuple[str, ...]:
        return ("LONG", "SHORT") if self.is_hedged(account) else ("BOTH",)

    def positions(self, account: str, symbol: str | None = None) -> list[FuturesPosition]:
        """Return the positions that are not 0, by symbol and side."""
        return [
            position
            for key, position in sorted(self._positions.items())
            if key[0] == account and symbol in (None, key[1]) and position.amount
        ]

    def has_positions(self, symbol: str) -> bool:
        """Whether any account has a position in a symbol."""
        return any(key[1] == symbol and position.amount for key, position in self._positions.items())

    def all_positions(self) -> list[FuturesPosition]:
        """Return every position that ever was, of all accounts."""
        return list(self._positions.values())

    def all_wallets(self) -> list[Wallet]:
        return [
            Wallet(account=account, asset=asset, balance=balance) for (account, asset), balance in self._wallets.items()
        ]

    def unrealized(self, position: FuturesPosition) -> Decimal:
        return position.amount * self._mark(position.symbol) - position.cost

    def notional(self, position: FuturesPosition) -> Decimal:
        """Return what a position is worth, without a sign."""
        return abs(position.amount) * self._mark(position.symbol)

    def maintenance(self, position: FuturesPosition) -> Decimal:
        notional = self.notional(position)
        bracket = self._symbols[position.symbol].bracket(notional)
        return notional * bracket.rate - bracket.cum if notional else ZERO

    def initial(self, position: FuturesPosition) -> Decimal:
        return _up(self.notional(position), self.setting(position.account, position.symbol).leverage)

    def margin(self, account: str, asset: str) -> FuturesMargin:
        wallet = cross = self.wallet(account, asset)
        profit = initial = maintenance = ZERO
        for position in self.positions(account):
            if self._symbols[position.symbol].margin_asset != asset:
                continue
            if self.setting(account, position.symbol).is_isolated:
                cross -= position.isolated
                continue
            profit += self.unrealized(position)
            initial += self.initial(position)
            maintenance += self.maintenance(position)
        names = [name for name, symbol in self._symbols.items() if symbol.margin_asset == asset]
        orders = sum((self.order_margin(account, name) for name in names), ZERO)
        return FuturesMargin(wallet, cross, cross + profit, initial, maintenance, orders)

    def order_margin(self, account: str, symbol: str, more: tuple[Side, str, Decimal] | None = None) -> Decimal:
        """Return the initial margin of open orders in a symbol. `more` is a further order: its side, its position side
        and its value."""
        values: dict[tuple[str, Side], Decimal] = {}
        for order in self._open_orders(account, symbol):
            if not order.closes_only:
                key = order.position_side, order.side
                values[key] = values.get(key, ZERO) + order.remaining * order.price
        if more is not None:
            side, position_side, value = more
            values[position_side, side] = values.get((position_side, side), ZERO) + value
        leverage = self.setting(account, symbol).leverage
        total = ZERO
        for row in {position_side for position_side, _ in values}:
            held = self.position(account, symbol, row)
            closable = self.notional(held)
            needed = [
                max(ZERO, values.get((row, side), ZERO) - (closable if held.amount * side.sign < 0 else ZERO))
                for side in Side
            ]
            total += max(needed)
        return _up(total, leverage)

    def wallet_change(self, account: str, asset: str, change: Decimal = ZERO) -> WalletChange:
        """Return a wallet as events state it."""
        margin = self.margin(account, asset)
        return WalletChange(asset=asset, balance=margin.wallet, cross=margin.cross, change=change)

    def position_change(self, position: FuturesPosition) -> FuturesPositionChange:
        """Return a position as events state it."""
        return FuturesPositionChange(
            position=position,
            unrealized=self.unrealized(position),
            is_isolated=self.setting(position.account, position.symbol).is_isolated,
        )

    # Changing

    def open_account(self, account: str) -> None:
        self.set_hedged(account, is_hedged=False)

    def set_hedged(self, account: str, *, is_hedged: bool) -> None:
        self._accounts[account] = self._changed_accounts[account] = AccountSetting(account=account, is_hedged=is_hedged)

    def set_setting(self, setting: SymbolSetting) -> None:
        key = setting.account, setting.symbol
        self._settings[key] = self._changed_settings[key] = setting

    def move(
        self, account: str, asset: str, amount: Decimal, kind: str, at_ms: int, symbol: str = "", info: str = ""
    ) -> None:
        """Move an amount into a wallet, or out of it with a negative one."""
        if not amount:
            return
        self._wallets[account, asset] = self.wallet(account, asset) + amount
        self._moved_ms[account, asset] = at_ms
        self.incomes.append(
            Income(
                account=account,
                asset=asset,
                amount=amount,
                kind=kind,
                symbol=symbol,
                info=info,
                number=len(self.incomes) + 1,
                at_ms=at_ms,
            )
        )

    def put_position(self, position: FuturesPosition) -> None:
        self._positions[position.key] = position
        self._changed_positions[position.key] = None

    def fill(
        self, order: FuturesOrder, price: Decimal, quantity: Decimal, *, is_maker: bool, trade_id: int, at_ms: int
    ) -> FillBooking:
        """Book one execution: the position, what it realised, and the fee."""
        symbol = self._symbols[order.symbol]
        before = self.position(order.account, order.symbol, order.position_side)
        sign = order.side.sign
        closing = min(quantity, abs(before.amount)) if before.amount * sign < 0 else ZERO
        after, realized = _reduced(before, sign, closing, price)
        opening = quantity - closing
        if opening:
            setting = self.setting(order.account, order.symbol)
            added = _up(opening * price, setting.leverage) if setting.is_isolated else ZERO
            after = evolve(
                after,
                amount=after.amount + sign * opening,
                cost=after.cost + sign * opening * price,
                isolated=after.isolated + added,
            )
        self.put_position(evolve(after, realized=before.realized + realized, updated_ms=at_ms))
        rate = MAKER_RATE if is_maker else TAKER_RATE
        commission = (price * quantity * rate).quantize(_STEP, ROUND_DOWN)
        asset, info = symbol.margin_asset, str(trade_id)
        self.move(order.account, asset, realized, "REALIZED_PNL", at_ms, order.symbol, info)
        self.move(order.account, asset, -commission, "COMMISSION", at_ms, order.symbol, info)
        return FillBooking(realized, commission)

    # Keeping

    def take_changes(self) -> FuturesRow:
        """Return what changed since the last call: wallets, positions, settings and incomes."""
        incomes, self._kept_incomes = self.incomes[self._kept_incomes :], len(self.incomes)
        assets = {(income.account, income.asset): None for income in incomes}
        row = FuturesRow(
            positions=tuple(self._positions[key] for key in self._changed_positions),
            wallets=tuple(
                Wallet(account=account, asset=asset, balance=self.wallet(account, asset)) for account, asset in assets
            ),
            settings=tuple(self._changed_settings.values()),
            accounts=tuple(self._changed_accounts.values()),
            incomes=tuple(incomes),
        )
        self._changed_positions, self._changed_settings, self._changed_accounts = {}, {}, {}
        return row


def _reduced(position: FuturesPosition, sign: int, closing: Decimal, price: Decimal) -> tuple[FuturesPosition, Decimal]:
    """Return the position after a part was closed, and the profit of that."""
    if not closing:
        return position, ZERO
    held = abs(position.amount)
    is_all = closing == held
    released = position.cost if is_all else divide(position.cost * closing, held, ASSET_PLACES)
    margin = position.isolated if is_all else (position.isolated * closing / held).quantize(_STEP, ROUND_DOWN)
    realized = -sign * closing * price - released
    left = evolve(
        position,
        amount=position.amount + sign * closing,
        cost=position.cost - released,
        isolated=position.isolated - margin,
    )
    return left, realized


def _up(amount: Decimal, leverage: int) -> Decimal:
    return (amount / leverage).quantize(_STEP, ROUND_UP)
