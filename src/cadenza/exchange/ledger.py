"""A double-entry ledger for a simulated exchange: balances, positions, holds of orders, fees and liquidation.

Law: every posting sums to zero per asset over the accounts and the exchange's own three owners: `MARKET` (the other
side of every trade and deposit), `FEES` and `INSURANCE`. So for every asset the sum over all owners is always 0.

SPOT accounts deliver both assets of a trade. In MARGIN accounts every instrument is a position that is settled in its
quote asset. Margin is counted per quote asset; one quote asset never covers for another. Positions change by the
functions of `domain/trading/position.py`, so the exchange and the platform's own book agree to the last digit.

The insurance lets no account owe anything. It takes over at the bankruptcy price what a liquidation cannot sell there,
and it pays the debt of an account whose last position is closed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, Decimal
from enum import StrEnum
from uuid import UUID

from cadenza.domain.accounts.trading_account import PositionMode, PositionSide
from cadenza.domain.evolve import evolve
from cadenza.domain.ids import InstrumentId, PositionId, TradingAccountId
from cadenza.domain.market.enums import Side
from cadenza.domain.market.instrument import INITIAL_TO_MAINTENANCE_MIN, Instrument, InstrumentType
from cadenza.domain.money import ONE, ZERO, divide
from cadenza.domain.trading.enums import RejectReason
from cadenza.domain.trading.execution import Fee
from cadenza.domain.trading.portfolio import margin_of_leverage
from cadenza.domain.trading.position import Position, increase, reduce, side_of_fill, split_fill
from cadenza.exchange.records import LedgerBalance, LedgerPosition, Posting, PostingKind, VenueAccount, VenueOrder

MARKET = "@market"
FEES = "@fees"
INSURANCE = "@insurance"
VENUE_OWNERS = frozenset({MARKET, FEES, INSURANCE})

Mark = Callable[[InstrumentId], Decimal | None]
"""Returns the price at which positions are valued, in quote units; None while the market shows nothing."""

_NO_ID = UUID(int=0)  # the exchange finds a position by account, instrument and side


class FeeAsset(StrEnum):
    """QUOTE: fees are taken in the quote asset. RECEIVED: fees are taken in the asset that a spot fill delivers (base
    for BUY)."""

    QUOTE = "QUOTE"
    RECEIVED = "RECEIVED"


@dataclass(frozen=True, slots=True)
class Booking:
    """The fees of a fill, the side of the position that it changed (None on spot), and that position's leverage after
    it (None when there is no position any more)."""

    fees: tuple[Fee, ...]
    position_side: PositionSide | None
    leverage: int | None


@dataclass(frozen=True, slots=True)
class MarginState:
    """An account's figures in one quote asset. `equity` is the balance plus unrealised profit, `notional` what the
    positions are worth, `initial` the margin that they use, `maintenance` the least equity before liquidation."""

    equity: Decimal
    notional: Decimal
    initial: Decimal
    maintenance: Decimal


@dataclass(frozen=True, slots=True)
class LedgerChanges:
    """What changed since the last call of `take_changes`."""

    balances: tuple[LedgerBalance, ...]
    positions: tuple[LedgerPosition, ...]
    postings: tuple[Posting, ...]


@dataclass(slots=True)
class _Hold:
    """What an open order holds: `rate` units of `asset` per unit of `remaining`."""

    order: VenueOrder
    asset: str
    rate: Decimal
    remaining: Decimal


_Row = tuple[str, InstrumentId, PositionSide]
_Claims = tuple[str, InstrumentId, Side, PositionSide | None]
_Rows = dict[tuple[InstrumentId, PositionSide], Position]


class Ledger:
    """The books of one exchange, in memory. `take_changes` returns what the venue must write to disk.

    Fees are rounded toward zero to `fee_places` decimals; None keeps every digit.
    """

    def __init__(
        self,
        instruments: Mapping[InstrumentId, Instrument],
        fee_asset: FeeAsset,
        mark: Mark,
        fee_places: int | None = None,
    ) -> None:
        self._instruments = instruments
        self._fee_asset = fee_asset
        self._fee_step = None if fee_places is None else ONE.scaleb(-fee_places)
        self._mark = mark
        self.restore((), (), (), ())

    def restore(
        self,
        accounts: Iterable[VenueAccount],
        balances: Iterable[LedgerBalance],
        positions: Iterable[LedgerPosition],
        open_orders: Iterable[VenueOrder],
    ) -> None:
        """Replace everything with that state."""
        self._accounts = {account.external_id: account for account in accounts}
        self._totals = {(balance.owner, balance.asset): balance.total for balance in balances}
        self._positions: dict[str, _Rows] = {}
        self._holders: dict[InstrumentId, set[str]] = {}  # the accounts with a position in the instrument
        for held in positions:
            self._set_position((held.external_id, held.position.instrument_id, held.position.side), held.position)
        self._holds: dict[str, dict[str, _Hold]] = {}
        self._locked: dict[tuple[str, str], Decimal] = {}  # the sums of the holds
        self._claimed: dict[_Claims, Decimal] = {}  # what remains of open orders per position and side
        for order in open_orders:
            self._put_hold(order, order.hold_rate)
        self._postings: list[Posting] = []
        self._changed_balances: set[tuple[str, str]] = set()
        self._changed_rows: set[_Row] = set()

    # Accounts

    def account(self, external_id: str) -> VenueAccount | None:
        return self._accounts.get(external_id)

    @property
    def accounts_count(self) -> int:
        return len(self._accounts)

    def open_account(self, account: VenueAccount, deposits: Mapping[str, Decimal]) -> None:
        """Open an account. Its deposits come from `MARKET`."""
        self._accounts[account.external_id] = account
        for asset, amount in deposits.items():
            self.deposit(account.external_id, asset, amount, account.opened_at_ms)

    def deposit(self, external_id: str, asset: str, amount: Decimal, at_ms: int) -> None:
        """Move an amount from `MARKET` to an account; a negative amount goes out of it."""
        self._move(MARKET, external_id, asset, amount, PostingKind.DEPOSIT, None, at_ms)

    def mark(self, instrument_id: InstrumentId) -> Decimal | None:
        return self._mark(instrument_id)

    def total(self, owner: str, asset: str) -> Decimal:
        return self._totals.get((owner, asset), ZERO)

    def totals(self) -> Mapping[tuple[str, str], Decimal]:
        """Return all totals by (owner, asset)."""
        return self._totals

    def balances(self, owner: str) -> list[LedgerBalance]:
        """Return the balances of an owner, sorted by asset."""
        assets = sorted(asset for of, asset in self._totals if of == owner)
        return [LedgerBalance(owner=owner, asset=asset, total=self._totals[owner, asset]) for asset in assets]

    def positions(self, external_id: str, quote_asset: str | None = None) -> list[Position]:
        """Return the positions that are not 0 (in one quote asset, or in all), sorted by instrument and side."""
        rows = self._positions.get(external_id, {})
        return [rows[key] for key in sorted(rows) if quote_asset in (None, self._instruments[key[0]].quote_asset)]

    def locked(self, external_id: str, asset: str) -> Decimal:
        """Return how much of an asset the account's open orders hold."""
        return self._locked.get((external_id, asset), ZERO)

    def free(self, external_id: str, asset: str) -> Decimal:
        """Return what a new order may hold: total - locked on spot; with margin equity - margin in use - locked."""
        if not self._accounts[external_id].is_margined:
            return self.total(external_id, asset) - self.locked(external_id, asset)
        state = self.margin(external_id, asset)
        return state.equity - state.initial - self.locked(external_id, asset)

    # Orders

    def row_of(self, external_id: str, side: Side, is_closing: bool) -> PositionSide | None:
        """Return the side of the position that an order's fills change, None on spot. In hedge mode BUY opens long and
        closes short; SELL does the reverse."""
        account = self._accounts[external_id]
        if not account.is_margined:
            return None
        return side_of_fill(account.position_mode, side.opposite if is_closing else side, None)

    def hold(self, order: VenueOrder, cost: Decimal, pad: Decimal = ZERO) -> Decimal | RejectReason:
        """Hold what the order may need. Return the held rate per base unit, or the reason for a refusal.

        `cost` is what the order's quantity may cost (BUY) or bring (SELL), in quote units. A spot BUY holds the share
        `pad` more, as far as the balance allows.
        """
        account = self._accounts[order.external_id]
        if not account.is_margined and self._instruments[order.instrument_id].type is not InstrumentType.SPOT:
            return RejectReason.INSTRUMENT_NOT_TRADABLE
        if account.is_margined:
            if (
                order.is_closing
                and account.position_mode is PositionMode.HEDGE
                and self._closable(order) < order.quantity
            ):
                return RejectReason.INVALID_ORDER
            amount = self._margin_needed(order, cost)
        elif order.side is Side.SELL:
            amount = order.quantity
        else:
            amount = cost * self._with_fee(order)
        free = self.free(order.external_id, self._held_asset(order)) if amount > 0 else ZERO
        if amount > free:
            return RejectReason.INSUFFICIENT_MARGIN if account.is_margined else RejectReason.INSUFFICIENT_BALANCE
        if pad and order.side is Side.BUY and not account.is_margined:
            amount = min(amount * (ONE + pad), free)
        rate = divide(amount, order.quantity)
        self._put_hold(order, rate)
        return rate

    def price_paid_for(self, order: VenueOrder) -> Decimal | None:
        """Return the highest price (quote units) that the hold of a spot BUY can pay, fee included; None for other
        orders."""
        if order.side is Side.SELL or self._accounts[order.external_id].is_margined:
            return None
        return divide(order.hold_rate, self._with_fee(order))

    def release(self, order: VenueOrder) -> None:
        """Give back what a closed order holds. An order that holds nothing is ignored."""
        hold = self._holds.get(order.external_id, {}).pop(order.venue_order_id, None)
        if hold is not None:
            self._lock(hold, -hold.remaining)

    def fill(
        self, order: VenueOrder, price: Decimal, quantity: Decimal, *, is_maker: bool, trade_id: str, at_ms: int
    ) -> Booking:
        """Book one execution: the trade, its fee and the position. Give back the executed part of the order's hold."""
        hold = self._holds.get(order.external_id, {}).get(order.venue_order_id)
        if hold is not None:
            hold.remaining -= quantity
            self._lock(hold, -quantity)
        instrument, is_margined = self._instruments[order.instrument_id], self._accounts[order.external_id].is_margined
        opening = ZERO
        if is_margined:
            opening = self._fill_position(order, instrument, price, quantity, trade_id, at_ms)
        else:
            sign = order.side.sign
            client, cost = order.external_id, price * quantity
            self._move(MARKET, client, instrument.base_asset, sign * quantity, PostingKind.TRADE, trade_id, at_ms)
            self._move(client, MARKET, instrument.quote_asset, sign * cost, PostingKind.TRADE, trade_id, at_ms)
        fee = self._fee(order, instrument, price, quantity, is_maker)
        self._move(order.external_id, FEES, fee.asset, fee.quantity, PostingKind.FEE, trade_id, at_ms)
        leverage = self._leverage_after(order, opening) if is_margined else None
        return Booking((fee,) if fee.quantity else (), order.position_side, leverage)

    # Margin

    def margin(self, external_id: str, quote_asset: str) -> MarginState:
        equity, total, initial, maintenance = self.total(external_id, quote_asset), ZERO, ZERO, ZERO
        for position in self.positions(external_id, quote_asset):
            instrument, mark = self._instruments[position.instrument_id], self._value_at(position)
            notional = abs(position.quantity) * mark
            total += notional
            equity += position.unrealized_pnl(instrument, mark)
            initial += divide(notional, Decimal(position.leverage_at_least))
            maintenance += notional * self._maintenance_rate(external_id, instrument)
        return MarginState(equity, total, initial, maintenance)

    def margin_calls(self, moved: Collection[InstrumentId]) -> list[tuple[str, str]]:
        """Return each (account, quote asset) whose equity is below the maintenance margin, in a stable order. Only
        accounts with a position in a `moved` instrument are checked."""
        buckets = {
            (external_id, self._instruments[instrument_id].quote_asset)
            for instrument_id in moved
            for external_id in self._holders.get(instrument_id, ())
        }
        states = ((bucket, self.margin(*bucket)) for bucket in sorted(buckets))
        return [bucket for bucket, state in states if state.equity < state.maintenance]

    def bankruptcy_price(self, external_id: str, position: Position) -> Decimal:
        """Return the price at which closing a position, fee included, uses up its share of the account's equity.

        The account's positions in the quote asset share the equity by their value, so closing all of them at these
        prices leaves the account nothing. The price is rounded to a tick in the account's favour; it is one tick at
        least.
        """
        instrument = self._instruments[position.instrument_id]
        state, sign = self.margin(external_id, instrument.quote_asset), 1 if position.quantity > 0 else -1
        share = divide(state.equity, state.notional)
        exact = divide(self._value_at(position) * (ONE - sign * share), ONE - sign * instrument.taker_fee)
        ticks = (exact / instrument.pip_size).to_integral_value(ROUND_CEILING if sign > 0 else ROUND_FLOOR)
        return max(ticks, ONE) * instrument.pip_size

    def insure(self, order: VenueOrder, price: Decimal, trade_id: str, at_ms: int) -> None:
        """Let `INSURANCE` take over what remains of a liquidation at `price`. It closes that against the market at the
        mark, and keeps the profit or bears the loss."""
        instrument = self._instruments[order.instrument_id]
        mark = self._mark(instrument.id) or price
        loss = order.side.sign * order.remaining * (mark - price)
        self._move(INSURANCE, MARKET, instrument.quote_asset, loss, PostingKind.INSURANCE, trade_id, at_ms)

    def cover(self, external_id: str, asset: str, at_ms: int) -> Decimal | None:
        """Pay the debt of a margined account that has no position left in the asset from `INSURANCE`. Return the
        amount, None when there was nothing to pay."""
        debt = -self.total(external_id, asset)
        if debt <= 0 or not self._accounts[external_id].is_margined or self.positions(external_id, asset):
            return None
        self._move(INSURANCE, external_id, asset, debt, PostingKind.INSURANCE, None, at_ms)
        return debt

    # Keeping

    def take_changes(self) -> LedgerChanges:
        """Return what changed since the last call."""
        changes = LedgerChanges(
            tuple(LedgerBalance(owner=o, asset=a, total=self._totals[o, a]) for o, a in sorted(self._changed_balances)),
            tuple(self._held_position(row) for row in sorted(self._changed_rows)),
            tuple(self._postings),
        )
        self._postings, self._changed_balances, self._changed_rows = [], set(), set()
        return changes

    # Helpers

    def _move(
        self, source: str, target: str, asset: str, amount: Decimal, kind: PostingKind, trade_id: str | None, at_ms: int
    ) -> None:
        """Add one posting. A negative amount flows the other way."""
        if not amount:
            return
        giver, taker, totals = (source, asset), (target, asset), self._totals
        totals[giver] = totals.get(giver, ZERO) - amount
        totals[taker] = totals.get(taker, ZERO) + amount
        self._changed_balances.add(giver)
        self._changed_balances.add(taker)
        self._postings.append(
            Posting(source=source, target=target, asset=asset, amount=amount, kind=kind, trade_id=trade_id, at_ms=at_ms)
        )

    def _fill_position(
        self, order: VenueOrder, instrument: Instrument, price: Decimal, quantity: Decimal, trade_id: str, at_ms: int
    ) -> Decimal:
        """Close what the fill closes and open the rest; return how much it opened."""
        assert order.position_side is not None
        row = (order.external_id, order.instrument_id, order.position_side)
        position = self._row(row)
        closing, opening = split_fill(position, order.side, quantity)
        if position is not None and closing:
            change = reduce(position, instrument, closing, price, at_ms)
            self._put_position(row, change.position)
            quote = instrument.quote_asset
            self._move(MARKET, order.external_id, quote, change.realized_pnl, PostingKind.PNL, trade_id, at_ms)
        if opening:
            base = self._row(row) or _new_position(row, at_ms)
            self._put_position(row, increase(base, instrument, order.side, opening, price, at_ms).position)
        return opening

    def _leverage_after(self, order: VenueOrder, opening: Decimal) -> int | None:
        """Give the position that a fill added to the order's leverage, and return the leverage that it has now.

        A lower one needs more margin. The position takes it only if the equity still covers the margin of all positions
        in the asset, because the market may have moved since the order was accepted.
        """
        position = self._row_of_order(order)
        if position is None or not opening or order.leverage in (None, position.leverage):
            return None if position is None else position.leverage
        assert order.leverage is not None
        assert order.position_side is not None
        instrument = self._instruments[order.instrument_id]
        if order.leverage < position.leverage_at_least:
            state, mark = self.margin(order.external_id, instrument.quote_asset), self._value_at(position)
            more = margin_of_leverage(position, instrument, order.side, order.leverage, mark)
            if state.equity < state.initial + more:
                return position.leverage
        row = (order.external_id, order.instrument_id, order.position_side)
        self._put_position(row, evolve(position, leverage=order.leverage))
        return order.leverage

    def _put_position(self, row: _Row, position: Position) -> None:
        self._changed_rows.add(row)
        self._set_position(row, position)

    def _set_position(self, row: _Row, position: Position) -> None:
        external_id, instrument_id, _ = row
        rows = self._positions.setdefault(external_id, {})
        if position.quantity:
            rows[row[1:]] = position
            self._holders.setdefault(instrument_id, set()).add(external_id)
            return
        del rows[row[1:]]
        if all((instrument_id, side) not in rows for side in PositionSide):
            self._holders[instrument_id].discard(external_id)

    def _value_at(self, position: Position) -> Decimal:
        """Return the price that a position is valued at: the mark; before the market shows any, the entry price."""
        return self._mark(position.instrument_id) or position.entry_price(self._instruments[position.instrument_id])

    def _row(self, row: _Row) -> Position | None:
        return self._positions.get(row[0], {}).get(row[1:])

    def _row_of_order(self, order: VenueOrder) -> Position | None:
        assert order.position_side is not None
        return self._row((order.external_id, order.instrument_id, order.position_side))

    def _held_position(self, row: _Row) -> LedgerPosition:
        return LedgerPosition(external_id=row[0], position=self._row(row) or _new_position(row, 0))

    def _put_hold(self, order: VenueOrder, rate: Decimal) -> None:
        self.release(order)
        hold = _Hold(order, self._held_asset(order), rate, order.remaining)
        self._holds.setdefault(order.external_id, {})[order.venue_order_id] = hold
        self._lock(hold, hold.remaining)

    def _lock(self, hold: _Hold, quantity: Decimal) -> None:
        key = hold.order.external_id, hold.asset
        self._locked[key] = self._locked.get(key, ZERO) + hold.rate * quantity
        if hold.order.position_side is not None:
            claims = _claims_of(hold.order)
            self._claimed[claims] = self._claimed.get(claims, ZERO) + quantity

    def _held_asset(self, order: VenueOrder) -> str:
        instrument = self._instruments[order.instrument_id]
        is_delivery = order.side is Side.SELL and not self._accounts[order.external_id].is_margined
        return instrument.base_asset if is_delivery else instrument.quote_asset

    def _with_fee(self, order: VenueOrder) -> Decimal:
        """Return 1 plus the higher of the two fee rates, where the fee is paid from the quote balance; else 1."""
        instrument = self._instruments[order.instrument_id]
        is_margined = self._accounts[order.external_id].is_margined
        if not is_margined and self._fee_asset is FeeAsset.RECEIVED:
            return ONE
        return ONE + max(instrument.taker_fee, instrument.maker_fee, ZERO)

    def _margin_needed(self, order: VenueOrder, cost: Decimal) -> Decimal:
        """Return the initial margin of what the order may open, plus what the position needs more at the order's
        leverage, plus fees. An order that only closes needs nothing."""
        opening = order.quantity - min(self._closable(order), order.quantity)
        if not opening:
            return ZERO
        position = self._row_of_order(order)
        leverage = order.leverage or (position.leverage_at_least if position else 1)
        fees, more = cost * (self._with_fee(order) - ONE), ZERO
        if position is not None:
            instrument = self._instruments[order.instrument_id]
            more = margin_of_leverage(position, instrument, order.side, order.leverage, self._value_at(position))
        return divide(cost * opening, order.quantity * leverage) + more + fees

    def _closable(self, order: VenueOrder) -> Decimal:
        """Return how much of the position the order may close, less what other open orders already claim."""
        position = self._row_of_order(order)
        closing, _ = split_fill(position, order.side, abs(position.quantity) if position else ZERO)
        return max(ZERO, closing - self._claimed.get(_claims_of(order), ZERO))

    def _maintenance_rate(self, external_id: str, instrument: Instrument) -> Decimal:
        """Return the instrument's own rate; without one, the highest that the account's highest leverage leaves room
        for."""
        if instrument.maintenance_margin is not None:
            return instrument.maintenance_margin
        return divide(ONE, Decimal(INITIAL_TO_MAINTENANCE_MIN * self._accounts[external_id].max_leverage))

    def _fee(self, order: VenueOrder, instrument: Instrument, price: Decimal, quantity: Decimal, is_maker: bool) -> Fee:
        rate = instrument.maker_fee if is_maker else instrument.taker_fee
        is_margined = self._accounts[order.external_id].is_margined
        if self._fee_asset is FeeAsset.RECEIVED and order.side is Side.BUY and not is_margined:
            return Fee(instrument.base_asset, self._rounded(quantity * rate))
        return Fee(instrument.quote_asset, self._rounded(price * quantity * rate))

    def _rounded(self, fee: Decimal) -> Decimal:
        return fee if self._fee_step is None else fee.quantize(self._fee_step, ROUND_DOWN)


def _claims_of(order: VenueOrder) -> _Claims:
    return order.external_id, order.instrument_id, order.side, order.position_side


def _new_position(row: _Row, at_ms: int) -> Position:
    return Position(
        id=PositionId(_NO_ID),
        account_id=TradingAccountId(_NO_ID),
        instrument_id=row[1],
        side=row[2],
        created_at_ms=at_ms,
        updated_at_ms=at_ms,
    )
