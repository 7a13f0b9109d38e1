"""Cash, positions and margin of the accounts, by exact arithmetic.

Cash moves by bills only, so all bills of an asset add up to it. What is frozen, needed as margin and available follows
from open orders and positions whenever it is asked for; none of it is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from cadenza.domain.evolve import evolve
from cadenza.domain.market.enums import Side
from cadenza.domain.money import ZERO, divide
from cadenza.simulators.okx.instruments import COIN_PLACES, SimulatedInstrument
from cadenza.simulators.okx.settings import LONG_SHORT_MODE, MULTI_CURRENCY, PORTFOLIO
from cadenza.simulators.okx.trading.positions import after_fill, initial_margin, maintenance_margin, profit_at
from cadenza.simulators.okx.trading.records import (
    MoneyRow,
    OkxAccountMode,
    OkxBill,
    OkxLever,
    SimulatedBalance,
    SimulatedOrder,
    SimulatedPosition,
)

SPOT_RATES = (Decimal("0.0008"), Decimal("0.001"))
"""(maker, taker)"""

CONTRACT_RATES = (Decimal("0.0002"), Decimal("0.0005"))
OPTION_RATES = (Decimal("0.0002"), Decimal("0.0003"))
OPTION_FEE_SHARE_MAX = Decimal("0.125")
"""A fee of an option is at most this share of its premium."""

LEVER = 10
TRANSFER, TRADE, DELIVERY, LIQUIDATION, FUNDING = "1", "2", "3", "5", "8"
DOLLARS = frozenset({"USDT", "USDC", "USD"})


@dataclass(frozen=True, slots=True, kw_only=True)
class OkxFillBooking:
    """What a fill did to the money. `fee` is negative when it was paid."""

    fee: Decimal
    fee_asset: str
    profit: Decimal
    bill_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetFigures:
    """An asset of an account. `held` is what orders of spot hold, `orders` the margin of other orders, `initial` and
    `maintenance` the margins of cross positions, `isolated` that of isolated ones."""

    asset: str
    cash: Decimal
    held: Decimal
    orders: Decimal
    initial: Decimal
    maintenance: Decimal
    isolated: Decimal
    cross_profit: Decimal
    isolated_profit: Decimal
    option_value: Decimal
    updated_ms: int

    @property
    def profit(self) -> Decimal:
        return self.cross_profit + self.isolated_profit

    @property
    def equity(self) -> Decimal:
        return self.cash + self.profit + self.option_value

    @property
    def order_frozen(self) -> Decimal:
        return self.held + self.orders

    @property
    def frozen(self) -> Decimal:
        return self.order_frozen + self.initial + self.isolated

    @property
    def available(self) -> Decimal:
        """What may be spent."""
        return max(ZERO, self.cash + min(ZERO, self.cross_profit) - self.frozen)

    @property
    def available_equity(self) -> Decimal:
        """What may become the margin of cross positions."""
        return max(ZERO, self.cash + self.cross_profit - self.frozen)

    @property
    def borrowed(self) -> Decimal:
        return max(ZERO, -self.cash)


class OkxLedger:
    """The money of all accounts, in memory. `mark` returns the mark price of an instrument, `open_orders` the open
    orders of an account, `next_id` an id that nothing else has."""

    def __init__(
        self,
        instruments: Mapping[str, SimulatedInstrument],
        mark: Callable[[str], Decimal],
        open_orders: Callable[[str], list[SimulatedOrder]],
        next_id: Callable[[], int],
    ) -> None:
        self._instruments = instruments
        self._mark = mark
        self._open_orders = open_orders
        self._next_id = next_id
        self._balances: dict[tuple[str, str], SimulatedBalance] = {}
        self._positions: dict[tuple[str, str, str, str], SimulatedPosition] = {}
        self._modes: dict[str, OkxAccountMode] = {}
        self._levers: dict[tuple[str, str, str, str], OkxLever] = {}
        self.bills: list[OkxBill] = []
        self._kept_bills = 0
        self._changed = MoneyRow()
        self._new_balances: dict[tuple[str, str], None] = {}
        self._new_positions: dict[tuple[str, str, str, str], None] = {}
        self.touched_balances: dict[tuple[str, str], None] = {}
        self.touched_positions: dict[tuple[str, str, str, str], None] = {}

    def restore(self, row: MoneyRow) -> None:
        """Continue from the latest state of everything."""
        self._balances = {(each.account, each.asset): each for each in row.balances}
        self._positions = {each.key: each for each in row.positions}
        self._modes = {each.account: each for each in row.modes}
        self._levers = {(each.account, each.symbol, each.mode, each.side): each for each in row.levers}
        self.bills = list(row.bills)
        self._kept_bills = len(self.bills)

    # Reading

    def accounts(self) -> list[str]:
        return list(self._modes)

    def mode(self, account: str) -> OkxAccountMode:
        return self._modes[account]

    def is_multi(self, account: str) -> bool:
        """Whether all assets together back all positions."""
        return self._modes[account].level in (MULTI_CURRENCY, PORTFOLIO)

    def is_hedged(self, account: str) -> bool:
        return self._modes[account].position_mode == LONG_SHORT_MODE

    def assets(self, account: str) -> list[str]:
        return sorted(asset for owner, asset in self._balances if owner == account)

    def lever(self, account: str, symbol: str, mode: str, side: str) -> int:
        """Return the leverage of a position. Only isolated sides of hedged positions have one of their own."""
        kept = self._levers.get((account, symbol, mode, side if mode == "isolated" else "net"))
        return min(LEVER, self._instruments[symbol].lever or 1) if kept is None else kept.lever

    def position(self, account: str, symbol: str, mode: str, side: str) -> SimulatedPosition:
        key = account, symbol, mode, side
        return self._positions.get(key) or SimulatedPosition(account=account, symbol=symbol, mode=mode, side=side)

    def positions(self, account: str, symbol: str | None = None) -> list[SimulatedPosition]:
        """Return the positions that are not 0."""
        return [
            position
            for key, position in sorted(self._positions.items())
            if key[0] == account and symbol in (None, key[1]) and position.amount
        ]

    def all_positions(self) -> list[SimulatedPosition]:
        """Return every position that ever was."""
        return list(self._positions.values())

    def all_balances(self) -> list[SimulatedBalance]:
        return list(self._balances.values())

    def figures(self, account: str, asset: str) -> AssetFigures:
        kept = self._balances.get((account, asset))
        initial = maintenance = isolated = cross_profit = isolated_profit = option_value = ZERO
        for position in self.positions(account):
            instrument = self._instruments[position.symbol]
            if instrument.margin_asset != asset:
                continue
            mark, lever = self._mark(position.symbol), self._lever_of(position)
            if instrument.is_option:
                option_value += instrument.value(position.amount, mark)
            elif position.mode == "cross":
                cross_profit += profit_at(position, instrument, mark)
            else:
                isolated_profit += profit_at(position, instrument, mark)
            if position.mode == "cross":
                initial += initial_margin(position, instrument, mark, lever)
                maintenance += maintenance_margin(position, instrument, mark)
            else:
                isolated += position.margin
        return AssetFigures(
            asset=asset,
            cash=ZERO if kept is None else kept.cash,
            held=self._held(account, asset),
            orders=self._order_margins(account, asset),
            initial=initial,
            maintenance=maintenance,
            isolated=isolated,
            cross_profit=cross_profit,
            isolated_profit=isolated_profit,
            option_value=option_value,
            updated_ms=0 if kept is None else kept.updated_ms,
        )

    def in_dollars(self, asset: str, amount: Decimal) -> Decimal:
        """Return what an amount is worth, at the last price of the asset's pair with USDT."""
        return amount if asset in DOLLARS else amount * self._mark(f"{asset}-USDT")

    def power(self, account: str) -> Decimal:
        """Return how many dollars of equity no margin needs. One tenth of what is borrowed is needed for it, and all of
        what open orders would borrow."""
        left = ZERO
        for asset in self.assets(account):
            figures = self.figures(account, asset)
            needed = figures.initial + figures.orders + figures.isolated + figures.borrowed / LEVER
            needed += max(ZERO, figures.held - max(ZERO, figures.cash))
            left += self.in_dollars(asset, figures.equity - needed)
        return max(ZERO, left)

    def spendable(self, account: str, asset: str) -> Decimal:
        """Return how much of an asset an order of spot may spend: what an account has or, if it borrows, can back."""
        own = self.figures(account, asset).available
        if not (self.is_multi(account) and self._modes[account].borrows):
            return own
        return max(own, divide(self.power(account), self.in_dollars(asset, Decimal(1)), COIN_PLACES))

    def margin_left(self, account: str, asset: str) -> Decimal:
        """Return how much may become the margin of new cross positions that an asset settles."""
        if not self.is_multi(account):
            return self.figures(account, asset).available_equity
        return divide(self.power(account), self.in_dollars(asset, Decimal(1)), COIN_PLACES)

    def order_margin(self, account: str, symbol: str, more: tuple[SimulatedOrder, Decimal] | None = None) -> Decimal:
        """Return the margin of the open orders in a contract. `more` is a further order and its price, or an open one
        as it would be."""
        instrument = self._instruments[symbol]
        values: dict[tuple[str, str, Side], Decimal] = {}
        pending = [order for order in self._open_orders(account) if more is None or order.key != more[0].key]
        orders = [(order, order.price or self._mark(symbol)) for order in pending]
        for order, price in [*orders, *([more] if more else [])]:
            if order.symbol == symbol and not order.closes_only and not order.is_spot:
                key = order.trade_mode, order.position_side, order.side
                values[key] = values.get(key, ZERO) + self._order_value(instrument, order, price)
        total = ZERO
        for mode, position_side in {key[:2] for key in values}:
            held = self.position(account, symbol, mode, position_side)
            closable = ZERO if instrument.is_option else instrument.value(abs(held.amount), self._mark(symbol))
            needed = [
                max(
                    ZERO,
                    values.get((mode, position_side, side), ZERO) - (closable if held.amount * side.sign < 0 else 0),
                )
                for side in Side
            ]
            lever = 1 if instrument.is_option else self.lever(account, symbol, mode, position_side)
            total += divide(max(needed), Decimal(lever), COIN_PLACES)
        return total

    # Changing

    def open_account(self, mode: OkxAccountMode) -> None:
        self.set_mode(mode)

    def set_mode(self, mode: OkxAccountMode) -> None:
        self._modes[mode.account] = mode
        others = tuple(each for each in self._changed.modes if each.account != mode.account)
        self._changed = replace(self._changed, modes=(*others, mode))

    def set_lever(self, lever: OkxLever) -> None:
        self._levers[lever.account, lever.symbol, lever.mode, lever.side] = lever
        self._changed = replace(self._changed, levers=(*self._changed.levers, lever))

    def touch(self, account: str, asset: str, at_ms: int) -> None:
        """Note that what is frozen of an asset changed."""
        kept = self._balances.get((account, asset))
        cash = ZERO if kept is None else kept.cash
        self._put_balance(SimulatedBalance(account=account, asset=asset, cash=cash, updated_ms=at_ms))

    def move(self, bill: OkxBill) -> int:
        """Move cash by a bill whose id and balance are filled in. Return its id."""
        kept = self._balances.get((bill.account, bill.asset))
        after = (ZERO if kept is None else kept.cash) + bill.change
        self._put_balance(SimulatedBalance(account=bill.account, asset=bill.asset, cash=after, updated_ms=bill.at_ms))
        done = replace(bill, bill_id=self._next_id(), after=after)
        self.bills.append(done)
        return done.bill_id

    def put_position(self, position: SimulatedPosition) -> None:
        self._positions[position.key] = position
        self._new_positions[position.key] = None
        self.touched_positions[position.key] = None

    def fill(
        self, order: SimulatedOrder, price: Decimal, quantity: Decimal, *, is_maker: bool, trade_id: int, at_ms: int
    ) -> OkxFillBooking:
        """Book one execution: cash, position and fee."""
        instrument = self._instruments[order.symbol]
        bill = OkxBill(
            bill_id=0,
            account=order.account,
            asset="",
            change=ZERO,
            after=ZERO,
            type=TRADE,
            subtype="1" if order.side is Side.BUY else "2",
            symbol=order.symbol,
            instrument_type=order.instrument_type,
            order_id=order.order_id,
            trade_id=trade_id,
            price=price,
            quantity=quantity,
            mode=order.trade_mode,
            at_ms=at_ms,
        )
        if order.is_spot:
            return self._fill_spot(bill, instrument, order.side, is_maker)
        return self._fill_contract(bill, instrument, order, is_maker)

    def _fill_spot(self, bill: OkxBill, instrument: SimulatedInstrument, side: Side, is_maker: bool) -> OkxFillBooking:
        assert bill.price is not None
        assert bill.quantity is not None
        cost, rate = bill.quantity * bill.price, SPOT_RATES[0 if is_maker else 1]
        is_buy = side is Side.BUY
        received, paid = (bill.quantity, cost) if is_buy else (cost, bill.quantity)
        asset, other = (instrument.base, instrument.quote) if is_buy else (instrument.quote, instrument.base)
        fee = -received * rate
        self.move(replace(bill, asset=other, change=-paid))
        number = self.move(replace(bill, asset=asset, change=received + fee, fee=fee))
        return OkxFillBooking(fee=fee, fee_asset=asset, profit=ZERO, bill_id=number)

    def _fill_contract(
        self, bill: OkxBill, instrument: SimulatedInstrument, order: SimulatedOrder, is_maker: bool
    ) -> OkxFillBooking:
        assert bill.price is not None
        assert bill.quantity is not None
        before = self.position(order.account, order.symbol, order.trade_mode, order.position_side)
        lever = self._lever_of(before)
        after, realized = after_fill(before, instrument, order.side.sign, bill.quantity, bill.price, lever)
        worth = instrument.value(bill.quantity, bill.price)
        fee = -_fee(instrument, worth, bill.quantity, is_maker)
        is_new = not before.amount
        after = evolve(
            after,
            position_id=before.position_id or self._next_id(),
            fee=(ZERO if is_new else before.fee) + fee,
            realized=realized if is_new else after.realized,
            trade_id=bill.trade_id,
            created_ms=bill.at_ms if is_new else before.created_ms,
            updated_ms=bill.at_ms,
        )
        self.put_position(after)
        moved = -order.side.sign * worth if instrument.is_option else realized
        number = self.move(replace(bill, asset=instrument.margin_asset, change=moved + fee, fee=fee, profit=realized))
        return OkxFillBooking(fee=fee, fee_asset=instrument.margin_asset, profit=realized, bill_id=number)

    # Keeping

    def take_changes(self) -> MoneyRow:
        """Return what changed since the last call."""
        bills, self._kept_bills = self.bills[self._kept_bills :], len(self.bills)
        row = replace(
            self._changed,
            positions=tuple(self._positions[key] for key in self._new_positions),
            balances=tuple(self._balances[key] for key in self._new_balances),
            bills=tuple(bills),
        )
        self._changed, self._new_positions, self._new_balances = MoneyRow(), {}, {}
        return row

    def _put_balance(self, balance: SimulatedBalance) -> None:
        key = balance.account, balance.asset
        self._balances[key] = balance
        self._new_balances[key] = None
        self.touched_balances[key] = None

    def _lever_of(self, position: SimulatedPosition) -> int:
        return self.lever(position.account, position.symbol, position.mode, position.side)

    def _held(self, account: str, asset: str) -> Decimal:
        held = ZERO
        for order in self._open_orders(account):
            instrument = self._instruments[order.symbol]
            if order.is_spot and order.price is not None:
                if order.side is Side.BUY and instrument.quote == asset:
                    held += order.remaining * order.price
                elif order.side is Side.SELL and instrument.base == asset:
                    held += order.remaining
        return held

    def _order_margins(self, account: str, asset: str) -> Decimal:
        symbols = {order.symbol for order in self._open_orders(account) if not order.is_spot}
        settled = [symbol for symbol in symbols if self._instruments[symbol].margin_asset == asset]
        return sum((self.order_margin(account, symbol) for symbol in settled), ZERO)

    def _order_value(self, instrument: SimulatedInstrument, order: SimulatedOrder, price: Decimal) -> Decimal:
        """Return what an order needs at leverage 1. An option is bought for its premium and sold against a margin."""
        if instrument.is_option and order.side is Side.SELL:
            short = SimulatedPosition(
                account="", symbol=order.symbol, side="net", mode="cross", amount=-order.remaining
            )
            return initial_margin(short, instrument, price, 1)
        return instrument.value(order.remaining, price)


def _fee(instrument: SimulatedInstrument, worth: Decimal, quantity: Decimal, is_maker: bool) -> Decimal:
    index = 0 if is_maker else 1
    if instrument.is_option:
        return min(quantity * instrument.face * OPTION_RATES[index], worth * OPTION_FEE_SHARE_MAX)
    return worth * (SPOT_RATES if instrument.is_spot else CONTRACT_RATES)[index]


def spent_asset(instrument: SimulatedInstrument, order: SimulatedOrder) -> str:
    """Return the asset that an order freezes."""
    if not order.is_spot:
        return instrument.margin_asset
    return instrument.quote if order.side is Side.BUY else instrument.base
