"""Money, positions and margin, by exact arithmetic.

Each currency stands for itself (`segregated_sm`). What a future realises is in its settlement currency, and enters the
balance at the daily settlement; until then it is the session's. An option is paid for when it is traded. A spot trade
moves both assets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Decimal
from functools import partial

from cadenza.domain.evolve import evolve
from cadenza.domain.market.enums import Side
from cadenza.domain.money import ONE, ZERO, divide
from cadenza.simulators.deribit.market.instruments import FUTURE, OPTION, PLACES, SPOT, DeribitInstrument
from cadenza.simulators.deribit.trading.records import (
    DeribitOrder,
    DeribitPosition,
    DeribitWallet,
    LedgerEntry,
)

FUTURE_INITIAL, FUTURE_MAINTENANCE = Decimal("0.02"), Decimal("0.01")
SHORT_OPTION_INITIAL, SHORT_OPTION_MAINTENANCE = Decimal("0.15"), Decimal("0.075")
OPTION_FEE_SHARE_MAX = Decimal("0.125")
"""A fee on an option is at most this share of its price."""


@dataclass(frozen=True, slots=True)
class DeribitBooking:
    """What a fill did to the money."""

    fee: Decimal
    fee_currency: str
    profit: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrencyFigures:
    """An account's figures in one currency."""

    currency: str
    balance: Decimal
    session_realized: Decimal
    session_unrealized: Decimal
    total_profit: Decimal
    options_value: Decimal
    initial: Decimal
    maintenance: Decimal
    spot_reserve: Decimal

    @property
    def equity(self) -> Decimal:
        return self.margin_balance + self.options_value

    @property
    def margin_balance(self) -> Decimal:
        return self.balance + self.session_realized + self.session_unrealized

    @property
    def available(self) -> Decimal:
        return self.margin_balance - self.initial


class DeribitLedger:
    """The money of all accounts, in memory. `mark` returns the mark price of an instrument, `index` the price of an
    index, `open_orders` the open orders of an account."""

    def __init__(
        self,
        instruments: Mapping[str, DeribitInstrument],
        mark: Callable[[str], Decimal],
        index: Callable[[str], Decimal],
        open_orders: Callable[[str], list[DeribitOrder]],
    ) -> None:
        self._instruments = instruments
        self._mark = mark
        self._index = index
        self._open_orders = open_orders
        self._wallets: dict[tuple[str, str], DeribitWallet] = {}
        self._positions: dict[tuple[str, str], DeribitPosition] = {}
        self.entries: list[LedgerEntry] = []
        self._kept_entries = 0
        self._changed_positions: dict[tuple[str, str], None] = {}

    def restore(
        self, wallets: Iterable[DeribitWallet], positions: Iterable[DeribitPosition], entries: Iterable[LedgerEntry]
    ) -> None:
        """Continue from the latest state of everything."""
        self._wallets = {(wallet.account, wallet.currency): wallet for wallet in wallets}
        self._positions = {position.key: position for position in positions}
        self.entries = list(entries)
        self._kept_entries = len(self.entries)

    # Reading

    def accounts(self) -> list[str]:
        return list(dict.fromkeys(account for account, _ in self._wallets))

    def wallet(self, account: str, currency: str) -> DeribitWallet:
        return self._wallets.get((account, currency)) or DeribitWallet(account=account, currency=currency)

    def all_wallets(self) -> list[DeribitWallet]:
        return list(self._wallets.values())

    def position(self, account: str, instrument: str) -> DeribitPosition:
        return self._positions.get((account, instrument)) or DeribitPosition(account=account, instrument=instrument)

    def positions(self, account: str) -> list[DeribitPosition]:
        """Return the positions that are not 0, by instrument."""
        return [each for key, each in sorted(self._positions.items()) if key[0] == account and each.size]

    def all_positions(self) -> list[DeribitPosition]:
        """Return every position that ever was, of all accounts."""
        return list(self._positions.values())

    def holders(self, instrument: str) -> list[DeribitPosition]:
        return [each for each in self._positions.values() if each.instrument == instrument and each.size]

    def unrealized(self, position: DeribitPosition) -> Decimal:
        """Return the profit since the last settlement, or since the position was opened."""
        instrument = self._instruments[position.instrument]
        worth = worth_of(instrument, position.size, self._mark(instrument.name)) if position.size else ZERO
        return money(instrument.settlement, worth - position.basis)

    def total_profit(self, position: DeribitPosition) -> Decimal:
        """Return the profit since the position was opened."""
        instrument = self._instruments[position.instrument]
        worth = worth_of(instrument, position.size, self._mark(instrument.name)) if position.size else ZERO
        return money(instrument.settlement, worth - position.cost)

    def figures(self, account: str, currency: str) -> CurrencyFigures:
        wallet = self.wallet(account, currency)
        unrealized = total = options = initial = maintenance = ZERO
        for position in self.positions(account):
            instrument = self._instruments[position.instrument]
            if instrument.settlement != currency:
                continue
            if instrument.kind == OPTION:
                options += money(currency, position.size * self._mark(instrument.name))
            else:
                unrealized += self.unrealized(position)
            total += self.total_profit(position)
            initial += self.initial(position)
            maintenance += self.maintenance(position)
        spot, orders = self._order_margins(account, currency)
        return CurrencyFigures(
            currency=currency,
            balance=wallet.balance,
            session_realized=wallet.session,
            session_unrealized=unrealized,
            total_profit=total,
            options_value=options,
            initial=initial + orders + spot,
            maintenance=maintenance,
            spot_reserve=spot,
        )

    def initial(self, position: DeribitPosition) -> Decimal:
        return self._margin(position, FUTURE_INITIAL, SHORT_OPTION_INITIAL)

    def maintenance(self, position: DeribitPosition) -> Decimal:
        return self._margin(position, FUTURE_MAINTENANCE, SHORT_OPTION_MAINTENANCE)

    def order_margin(self, account: str, instrument: DeribitInstrument, more: DeribitOrder | None = None) -> Decimal:
        """Return the margin of open orders in an instrument, with a further one. Of buys and sells only the side that
        needs more counts, and what closes the position needs none. `more` replaces an open order that has its id."""
        orders = [each for each in self._open_orders(account) if each.instrument == instrument.name]
        orders = [
            each for each in orders if not each.is_waiting and not each.is_reduce_only and not _is_same(each, more)
        ]
        orders += [] if more is None else [more]
        held = self.position(account, instrument.name)
        per_side = {}
        for side in Side:
            closable = abs(held.size) if held.size * side.sign < 0 else ZERO
            needed = ZERO
            for order in (each for each in orders if each.side is side):
                opening = max(ZERO, order.remaining - closable)
                closable = max(ZERO, closable - order.remaining)
                needed += self._opening_margin(instrument, order, opening)
            per_side[side] = needed
        return money(instrument.settlement, max(per_side.values()))

    def spot_reserve(self, account: str, currency: str, more: DeribitOrder | None = None) -> Decimal:
        """Return how much of a currency the open orders on spot pairs hold."""
        held = ZERO
        orders = [each for each in self._open_orders(account) if not _is_same(each, more)]
        for order in [*orders, *([] if more is None else [more])]:
            instrument = self._instruments[order.instrument]
            if instrument.kind != SPOT or order.is_waiting:
                continue
            if order.side is Side.SELL and instrument.base == currency:
                held += order.remaining
            elif order.side is Side.BUY and instrument.quote == currency:
                held += order.remaining * (order.price or ZERO)
        return held

    # Changing

    def move(
        self,
        account: str,
        currency: str,
        kind: str,
        at_ms: int,
        *,
        amount: Decimal = ZERO,
        session: Decimal = ZERO,
        instrument: str = "",
        trade_id: str | None = None,
        order_id: str | None = None,
    ) -> None:
        """Move money into an account, or out of it with a negative amount."""
        if not amount and not session:
            return
        wallet = self.wallet(account, currency)
        self._wallets[account, currency] = replace(
            wallet, balance=wallet.balance + amount, session=wallet.session + session
        )
        self.entries.append(
            LedgerEntry(
                number=len(self.entries) + 1,
                account=account,
                currency=currency,
                kind=kind,
                amount=amount,
                session=session,
                instrument=instrument,
                trade_id=trade_id,
                order_id=order_id,
                at_ms=at_ms,
            )
        )

    def fill(
        self, order: DeribitOrder, price: Decimal, amount: Decimal, *, is_maker: bool, trade_id: str, at_ms: int
    ) -> DeribitBooking:
        """Book one execution: assets or the position, what it realised, and the fee."""
        instrument = self._instruments[order.instrument]
        move = partial(self._move_for, order, trade_id, at_ms)
        sign = order.side.sign
        profit = None
        if instrument.kind == SPOT:
            move("trade", instrument.base, amount=sign * amount)
            move("trade", instrument.quote, amount=-sign * amount * price)
        else:
            profit = self._change_position(order, instrument, price, amount, at_ms)
            if instrument.kind == OPTION:
                premium = money(instrument.settlement, -sign * amount * price)
                move("trade", instrument.settlement, amount=premium)
            else:
                move("trade", instrument.settlement, session=profit)
        fee = self.fee(instrument, price, amount, is_maker=is_maker)
        move("fee", instrument.settlement, amount=-fee)
        return DeribitBooking(fee, instrument.settlement, profit)

    def fee(self, instrument: DeribitInstrument, price: Decimal, amount: Decimal, *, is_maker: bool) -> Decimal:
        rate = instrument.maker if is_maker else instrument.taker
        if instrument.is_inverse_future:
            return money(instrument.settlement, divide(amount * rate, price))
        if instrument.kind == OPTION:
            unit = ONE if instrument.is_inverse else self._index(instrument.index)
            return money(instrument.settlement, amount * min(rate * unit, OPTION_FEE_SHARE_MAX * price))
        return money(instrument.settlement, amount * price * rate)

    def pay_funding(self, position: DeribitPosition, rate: Decimal, at_ms: int) -> None:
        """Let a position pay a share of its value, or be paid with a negative rate."""
        instrument = self._instruments[position.instrument]
        worth = worth_of(instrument, abs(position.size), self._mark(instrument.name))
        paid = money(instrument.settlement, abs(worth) * rate * (1 if position.size > 0 else -1))
        self._put(evolve(position, funding=position.funding - paid, updated_ms=at_ms))
        self.move(position.account, instrument.settlement, "funding", at_ms, session=-paid, instrument=instrument.name)

    def settle(self, position: DeribitPosition, at_ms: int) -> None:
        """Let the profit of a future's session enter the balance; the next session begins at the mark price."""
        instrument = self._instruments[position.instrument]
        if instrument.kind != FUTURE:
            return
        mark, profit = self._mark(instrument.name), self.unrealized(position)
        basis = worth_of(instrument, position.size, mark) if position.size else ZERO
        changed = evolve(position, basis=basis, realized=ZERO, funding=ZERO, settlement_price=mark, updated_ms=at_ms)
        self._put(changed)
        currency = instrument.settlement
        self.move(position.account, currency, "settlement", at_ms, amount=profit, instrument=instrument.name)

    def close_session(self, account: str, currency: str, at_ms: int) -> None:
        """Let what futures realised in the session enter the balance."""
        realized = self.wallet(account, currency).session
        self.move(account, currency, "settlement", at_ms, amount=realized, session=-realized)

    def deliver(self, position: DeribitPosition, price: Decimal, at_ms: int) -> Decimal:
        """Close a position at the delivery price of its index, and return what it brought in its currency."""
        instrument = self._instruments[position.instrument]
        if instrument.kind == OPTION:
            brought = money(instrument.settlement, position.size * payoff(instrument, price))
        else:
            brought = money(instrument.settlement, worth_of(instrument, position.size, price) - position.basis)
        self._put(DeribitPosition(account=position.account, instrument=instrument.name, updated_ms=at_ms))
        currency = instrument.settlement
        self.move(position.account, currency, "delivery", at_ms, amount=brought, instrument=instrument.name)
        return brought

    # Keeping

    def take_changes(self) -> tuple[tuple[DeribitPosition, ...], tuple[DeribitWallet, ...], tuple[LedgerEntry, ...]]:
        """Return the positions, wallets and entries that changed since the last call."""
        entries, self._kept_entries = self.entries[self._kept_entries :], len(self.entries)
        owners = dict.fromkeys((entry.account, entry.currency) for entry in entries)
        changed, self._changed_positions = self._changed_positions, {}
        return (
            tuple(self._positions[key] for key in changed),
            tuple(self.wallet(account, currency) for account, currency in owners),
            tuple(entries),
        )

    # Helpers

    def _move_for(
        self,
        order: DeribitOrder,
        trade_id: str,
        at_ms: int,
        kind: str,
        currency: str,
        *,
        amount: Decimal = ZERO,
        session: Decimal = ZERO,
    ) -> None:
        """Move money because an order was executed."""
        self.move(
            order.account,
            currency,
            kind,
            at_ms,
            amount=amount,
            session=session,
            instrument=order.instrument,
            trade_id=trade_id,
            order_id=order.id,
        )

    def _put(self, position: DeribitPosition) -> None:
        self._positions[position.key] = position
        self._changed_positions[position.key] = None

    def _change_position(
        self, order: DeribitOrder, instrument: DeribitInstrument, price: Decimal, amount: Decimal, at_ms: int
    ) -> Decimal:
        """Change a position by a fill, and return what that realised."""
        before = self.position(order.account, order.instrument)
        sign = order.side.sign
        closing = min(amount, abs(before.size)) if before.size * sign < 0 else ZERO
        after, realized = before, ZERO
        if closing:
            after, realized = _reduced(before, instrument, sign, closing, price)
        opening = amount - closing
        if opening:
            worth = worth_of(instrument, sign * opening, price)
            after = evolve(after, size=after.size + sign * opening, cost=after.cost + worth, basis=after.basis + worth)
        self._put(evolve(after, realized=before.realized + realized, updated_ms=at_ms))
        return realized

    def _margin(self, position: DeribitPosition, of_future: Decimal, of_short_option: Decimal) -> Decimal:
        instrument = self._instruments[position.instrument]
        mark = self._mark(instrument.name)
        if instrument.kind == FUTURE:
            return money(instrument.settlement, abs(worth_of(instrument, position.size, mark)) * of_future)
        if position.size >= 0:
            return ZERO
        unit = ONE if instrument.is_inverse else self._index(instrument.index)
        return money(instrument.settlement, -position.size * (of_short_option * unit + mark))

    def _opening_margin(self, instrument: DeribitInstrument, order: DeribitOrder, amount: Decimal) -> Decimal:
        price = order.price or self._mark(instrument.name)
        if instrument.kind == FUTURE:
            return abs(worth_of(instrument, amount, price)) * FUTURE_INITIAL
        if order.side is Side.BUY:
            return amount * price
        unit = ONE if instrument.is_inverse else self._index(instrument.index)
        return amount * SHORT_OPTION_INITIAL * unit

    def _order_margins(self, account: str, currency: str) -> tuple[Decimal, Decimal]:
        """Return what open orders need in a currency: those on spot pairs, and all others."""
        names = dict.fromkeys(order.instrument for order in self._open_orders(account))
        listed = [self._instruments[name] for name in names]
        derivatives = [each for each in listed if each.kind != SPOT and each.settlement == currency]
        orders = sum((self.order_margin(account, each) for each in derivatives), ZERO)
        return self.spot_reserve(account, currency), orders


def worth_of(instrument: DeribitInstrument, size: Decimal, price: Decimal) -> Decimal:
    """Return a size at a price in the settlement currency, so that a profit is the difference of two worths. An inverse
    future's worth is negative: the coins that its USD buy become fewer as the price rises."""
    return -divide(size, price) if instrument.is_inverse_future else size * price


def payoff(instrument: DeribitInstrument, price: Decimal) -> Decimal:
    """Return what one unit of an option brings at a delivery price: coins of an inverse one, else quote units."""
    assert instrument.strike is not None
    inner = price - instrument.strike if instrument.option_type == "call" else instrument.strike - price
    if inner <= 0:
        return ZERO
    return divide(inner, price) if instrument.is_inverse else inner


def money(currency: str, amount: Decimal) -> Decimal:
    """Return an amount in whole units of the currency's last decimal."""
    return amount.quantize(ONE.scaleb(-PLACES[currency]), ROUND_HALF_EVEN)


def _is_same(order: DeribitOrder, other: DeribitOrder | None) -> bool:
    return other is not None and order.id == other.id


def _reduced(
    position: DeribitPosition, instrument: DeribitInstrument, sign: int, closing: Decimal, price: Decimal
) -> tuple[DeribitPosition, Decimal]:
    """Return the position after a part was closed by an order of that sign, and what that realised."""
    held = abs(position.size)
    is_all = closing == held
    cost = position.cost if is_all else divide(position.cost * closing, held)
    basis = position.basis if is_all else divide(position.basis * closing, held)
    realized = money(instrument.settlement, worth_of(instrument, -sign * closing, price) - basis)
    left = evolve(
        position, size=position.size + sign * closing, cost=position.cost - cost, basis=position.basis - basis
    )
    return left, realized
