"""Reports: what a venue claims about our orders and accounts. The committer turns them into facts.

Whoever brings the news (the reply to a request, the stream, polling, reconciliation) makes the same reports. A report
names its order by our id where the venue echoes it, else by the venue's id. Applying a report twice changes nothing.
"""

from dataclasses import dataclass
from decimal import Decimal

from cadenza.domain.ids import InstrumentId, OrderId, TradingAccountId
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.trading.enums import CancelReason, LiquiditySide
from cadenza.domain.trading.order import Fee
from cadenza.domain.trading.position import PositionSide


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A claim about one order (`order_id` or `venue_order_id` names it) of one account, at the venue's time."""

    account_id: TradingAccountId
    order_id: OrderId | None
    venue_order_id: str | None
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedReport(Report):
    """The venue has the order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedReport(Report):
    """The venue refused the order and the refusal proves that it does not work there."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownOutcomeReport(Report):
    """Bytes left and no readable answer came (timeout, 5xx, lost connection):
    the order stays SUBMITTED and is asked for."""

    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FillReport(Report):
    """One execution. `instrument_id`, `side` and `position_side` make a report complete that fits no order of ours."""

    trade_id: str
    instrument_id: InstrumentId
    side: Side
    price: Decimal
    quantity: Decimal
    fees: tuple[Fee, ...] = ()
    liquidity: LiquiditySide | None = None
    position_side: PositionSide | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CanceledReport(Report):
    """The order is off the book and will not execute any more."""

    reason: CancelReason


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRefusedReport(Report):
    """The venue refused the cancel; the order works on, or other reports tell how it ended."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiredReport(Report):
    """The order's time in force ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerMovedReport(Report):
    """The trigger of a trailing stop moved."""

    stop_price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalOrderReport(Report):
    """An order that we did not place (by hand at the venue, a liquidation): it is adopted, then its fills follow."""

    instrument_id: InstrumentId
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    quantity: Decimal
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    is_liquidation: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceReport(Report):
    """The venue's total and borrowed amount of one asset; overrides ours (deposits, funding, interest).

    `order_id` and `venue_order_id` are None.
    """

    asset: str
    total: Decimal
    borrowed: Decimal
