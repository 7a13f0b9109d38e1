"""Price-time matching on integer ticks and lots: commands in, events out. Runs PAPER, MOCK and the venue simulators."""

from cadenza.domain.market.enums import Side
from cadenza.domain.matching.commands import (
    AdvanceTime,
    CancelOrder,
    Command,
    MarketTrade,
    OrderKind,
    ResetMarket,
    SetLevel,
    SubmitOrder,
    TimeInForce,
)
from cadenza.domain.matching.engine import MatchingEngine
from cadenza.domain.matching.events import (
    Accepted,
    Canceled,
    CancelReason,
    CancelRejected,
    CancelRejectReason,
    Event,
    Expired,
    Filled,
    Rejected,
    RejectReason,
    Triggered,
    TriggerMoved,
)
from cadenza.domain.matching.state import EngineState, FillEstimate, MarketLevel, OpenOrder

__all__ = [
    "Accepted",
    "AdvanceTime",
    "CancelOrder",
    "CancelReason",
    "CancelRejectReason",
    "CancelRejected",
    "Canceled",
    "Command",
    "EngineState",
    "Event",
    "Expired",
    "FillEstimate",
    "Filled",
    "MarketLevel",
    "MarketTrade",
    "MatchingEngine",
    "OpenOrder",
    "OrderKind",
    "RejectReason",
    "Rejected",
    "ResetMarket",
    "SetLevel",
    "Side",
    "SubmitOrder",
    "TimeInForce",
    "TriggerMoved",
    "Triggered",
]
