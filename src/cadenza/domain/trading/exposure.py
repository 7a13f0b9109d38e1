"""What an account holds, and what its open orders and its unconfirmed fills may add to it.

An account that makes positions is exposed by instrument, any other by asset: by what it owns of the asset less what it
has borrowed. An exposure is what it would be if all open orders to buy were filled, or all open orders to sell,
whichever is larger.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from cadenza.domain.accounts.risk_limits import RiskLimits
from cadenza.domain.accounts.trading_account import PositionSide, TradingAccount
from cadenza.domain.errors import RiskNotMeasurable
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.enums import Side
from cadenza.domain.money import ONE, ZERO
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.portfolio import MarkedPosition, value_equity
from cadenza.domain.trading.position import Position, side_of_fill
from cadenza.domain.trading.reservation import closable, mark_of, target_position
from cadenza.domain.trading.state import TradingState
from cadenza.domain.trading.unconfirmed import makes_positions, unconfirmed_of_asset

Exposed = InstrumentId | str
"""An instrument, or an asset."""


@dataclass(slots=True)
class Exposure:
    """One row of an instrument, or an asset: what is held (signed), and what open orders and unconfirmed fills may buy
    and sell beside that, in its units."""

    side: PositionSide
    held: Decimal = ZERO
    buys: Decimal = ZERO
    sells: Decimal = ZERO

    def add(self, side: Side, quantity: Decimal) -> None:
        if side is Side.BUY:
            self.buys += quantity
        else:
            self.sells += quantity

    @property
    def highest(self) -> Decimal:
        """What is held once all open orders to buy are filled. Buying reduces a short row to 0 at most."""
        return min(self.held + self.buys, ZERO) if self.side is PositionSide.SHORT else self.held + self.buys

    @property
    def lowest(self) -> Decimal:
        """What is held once all open orders to sell are filled. Selling reduces a long row to 0 at most."""
        return max(self.held - self.sells, ZERO) if self.side is PositionSide.LONG else self.held - self.sells


class Exposures:
    """The exposures of an account, with one new order counted as open."""

    def __init__(self, account: TradingAccount, limits: RiskLimits, state: TradingState, order: Order) -> None:
        self._account = account
        self._limits = limits
        self._state = state
        self._has_positions = makes_positions(account, state)
        self._rows: dict[tuple[Exposed, PositionSide], Exposure] = {}
        self._take_holdings()
        for claim in state.claims.of_account(account.id):
            row = claim.position_side or side_of_fill(account.position_mode, claim.side, None)
            self._add(self._exposed(claim.instrument_id, claim.base_asset), row, claim.side, claim.quantity)
        for fill in account.unconfirmed:
            row = fill.position_side or side_of_fill(account.position_mode, fill.side, None)
            self._add(self._exposed(fill.instrument_id, fill.base_asset), row, fill.side, fill.quantity)
        target = target_position(order, account, state)
        row = side_of_fill(account.position_mode, order.side, None if target is None else target.side)
        self.of_order = self._exposed(order.instrument_id, order.base_asset)
        """What the order exposes the account to. The currency itself is no exposure."""
        self._add(self.of_order, row, order.side, order.quantity)

    def gross(self) -> Decimal:
        """Return the sum of all exposures in the limits' currency. Raises `RiskNotMeasurable` without a price."""
        all_worths(self._assets(), self._account, self._limits, self._state)
        return sum(
            (max(abs(row.highest), abs(row.lowest)) * self._unit_value(key[0]) for key, row in self._rows.items()), ZERO
        )

    def _assets(self) -> Iterator[str]:
        """Yield the assets that the exposures are valued by."""
        for exposed, _ in self._rows:
            instrument = self._state.world.instrument(InstrumentId(exposed)) if self._has_positions else None
            yield exposed if instrument is None else instrument.settled_in

    def net(self, exposed: Exposed) -> Decimal:
        """Return the exposure in one instrument or asset, its rows added up, in the limits' currency. Raises
        `RiskNotMeasurable` without a price."""
        rows = [row for key, row in self._rows.items() if key[0] == exposed]
        highest, lowest = sum((row.highest for row in rows), ZERO), sum((row.lowest for row in rows), ZERO)
        return max(abs(highest), abs(lowest)) * self._unit_value(exposed)

    def _take_holdings(self) -> None:
        account, state = self._account, self._state
        if self._has_positions:
            for position in state.positions(account.id):
                self._at(position.instrument_id, position.side).held = position.quantity
            return
        for balance in state.balances(account.id):
            if balance.net and balance.asset != self._limits.currency:
                self._at(balance.asset, PositionSide.NET).held = balance.net

    def _add(self, exposed: Exposed, row: PositionSide, side: Side, quantity: Decimal) -> None:
        if self._has_positions or exposed != self._limits.currency:
            self._at(exposed, row if self._has_positions else PositionSide.NET).add(side, quantity)

    def _at(self, exposed: Exposed, side: PositionSide) -> Exposure:
        return self._rows.setdefault((exposed, side), Exposure(side))

    def _exposed(self, instrument_id: InstrumentId, base_asset: str) -> Exposed:
        return instrument_id if self._has_positions else base_asset

    def _unit_value(self, exposed: Exposed) -> Decimal:
        """Return what a unit is worth: of an asset, or of an instrument's quantity."""
        if not self._has_positions:
            if exposed in self._limits.excluded_assets:
                return ZERO
            return worth(exposed, self._account, self._limits, self._state)
        instrument = self._state.known_instrument(InstrumentId(exposed))
        mark = mark_of(self._state, instrument.id)
        if mark is None:
            raise _unmarked(instrument.id)
        return instrument.cost(ONE, mark) * worth(instrument.settled_in, self._account, self._limits, self._state)


def reducible(order: Order, account: TradingAccount, state: TradingState) -> Decimal:
    """Return how much a new order may close, in the instrument's units, of what no other order closes or has closed:
    of the position that it changes, as the venue reported it last where it keeps the books, or of the account's net
    holding of the base asset. What was bought or sold since that report opens nothing that can be closed."""
    if makes_positions(account, state):
        return closable(order, target_position(order, account, state), account, state)
    net = state.balance(account.id, order.base_asset).net
    closing = net if order.side is Side.SELL else -net
    claimed = sum(
        (
            claim.quantity
            for claim in state.claims.of_account(account.id)
            if claim.side is order.side and claim.base_asset == order.base_asset
        ),
        ZERO,
    )
    claimed += unconfirmed_of_asset(account, order.base_asset, order.side)
    return max(closing - claimed, ZERO)


def equity_of(account: TradingAccount, limits: RiskLimits, state: TradingState) -> Decimal:
    """Return the account's equity in the limits' currency, without the assets that do not count. Raises
    `RiskNotMeasurable` with what has no price."""
    currency = limits.currency
    balances = [balance for balance in state.balances(account.id) if balance.asset not in limits.excluded_assets]
    equity = value_equity(
        balances,
        [_marked(position, state) for position in state.positions(account.id)],
        lambda asset: ONE if asset == currency else state.world.rate(account.venue_id, asset, currency),
    )
    if equity.unpriced:
        raise _unpriced(equity.unpriced[0], currency)
    if equity.unmarked:
        raise _unmarked(equity.unmarked[0])
    return equity.amount


def _marked(position: Position, state: TradingState) -> MarkedPosition:
    id = position.instrument_id
    return MarkedPosition(position=position, instrument=state.world.instrument(id), mark=mark_of(state, id))


def all_worths(
    assets: Iterable[str], account: TradingAccount, limits: RiskLimits, state: TradingState
) -> dict[str, Decimal]:
    """Return what a unit of each asset is worth in the limits' currency, without those that do not count. Raises
    `RiskNotMeasurable` with the first asset that has no price, when all have been looked at: looking has the market's
    books opened, so that the next order finds them."""
    worths, missing = {}, None
    for asset in assets:
        if asset not in limits.excluded_assets:
            try:
                worths[asset] = worth(asset, account, limits, state)
            except RiskNotMeasurable as error:
                missing = missing or error
    if missing is not None:
        raise missing
    return worths


def worth(asset: str, account: TradingAccount, limits: RiskLimits, state: TradingState) -> Decimal:
    """Return what a unit of an asset is worth in the limits' currency. Raises `RiskNotMeasurable` without a price."""
    if asset == limits.currency:
        return ONE
    rate = state.world.rate(account.venue_id, asset, limits.currency)
    if rate is None:
        raise _unpriced(asset, limits.currency)
    return rate


def _unpriced(asset: str, currency: str) -> RiskNotMeasurable:
    return RiskNotMeasurable(
        f"there is no fresh price of {asset} in {currency}; list it among the limits' excludedAssets if it shall not "
        "count",
        {"asset": asset, "currency": currency},
    )


def _unmarked(instrument_id: InstrumentId) -> RiskNotMeasurable:
    return RiskNotMeasurable(f"there is no fresh price of {instrument_id}", {"instrumentId": instrument_id})
