"""Executions (fills) and what they cost."""

from dataclasses import dataclass
from decimal import Decimal

from cadenza.domain.accounts.trading_account import PositionSide
from cadenza.domain.ids import ExecutionId, InstrumentId, OrderId, TradingAccountId, VenueId
from cadenza.domain.market.enums import Side
from cadenza.domain.market.instrument import cost_of
from cadenza.domain.money import ZERO
from cadenza.domain.trading.enums import LiquiditySide


@dataclass(frozen=True, slots=True)
class Fee:
    """What an execution cost, in units of `asset`; negative is a rebate."""

    asset: str
    quantity: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One fill. `trade_id` is the venue's. It is unique within (account, venue, environment, instrument, side).

    `executed_at_ms` is the venue's clock. `corrected_at_ms` is the venue's instant of the newest correction, and
    `fees_at_ms` its instant of the newest later statement of the fees; they are separate, because the fees may become
    known after a correction that is newer. A busted execution never counted; it is kept so that a late repetition of
    its report is recognised. `is_by_operator`: an operator stated it, or its fees, and the venue's own report of the
    trade replaces that. `position_side` is the row of the position that the execution changed; None in an account
    without positions. `is_inverse` is that of the order.
    """

    id: ExecutionId
    order_id: OrderId
    account_id: TradingAccountId
    venue_id: VenueId
    instrument_id: InstrumentId
    trade_id: str
    side: Side
    price: Decimal
    quantity: Decimal
    fees: tuple[Fee, ...]
    liquidity: LiquiditySide | None
    executed_at_ms: int
    corrected_at_ms: int | None = None
    fees_at_ms: int | None = None
    is_busted: bool = False
    position_side: PositionSide | None = None
    is_by_operator: bool = False
    is_inverse: bool = False

    @property
    def cost(self) -> Decimal:
        """What was traded is worth, as `Instrument.cost` says: price times quantity in quote units; of an inverse
        contract quantity / price in the asset that it is settled in."""
        return cost_of(self.quantity, self.price, is_inverse=self.is_inverse)

    @property
    def sort_key(self) -> tuple[int, int, str]:
        """Executions of an order are listed by time, then by trade id (as numbers where ids are numbers)."""
        return self.executed_at_ms, len(self.trade_id), self.trade_id


def add_fees(fees: tuple[Fee, ...], more: tuple[Fee, ...]) -> tuple[Fee, ...]:
    """Sum fees per asset, in order of first appearance."""
    totals: dict[str, Decimal] = {}
    for fee in (*fees, *more):
        totals[fee.asset] = totals.get(fee.asset, ZERO) + fee.quantity
    return tuple(Fee(asset, quantity) for asset, quantity in totals.items())
