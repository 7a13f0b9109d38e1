"""One simulated exchange: a price-time matching engine on integer ticks and lots, orders and a ledger.

The engine takes commands and answers events. PAPER and MOCK run on this package; nothing else
may import it, and it imports the domain only.
"""

from cadenza.domain.market.enums import Side
from cadenza.exchange.commands import (
    AdvanceTime,
    CancelRequest,
    EngineCommand,
    EngineTimeInForce,
    NewOrder,
    OrderKind,
    PublicTrade,
    ReduceOrder,
    ResetMarket,
    SetLevel,
)
from cadenza.exchange.engine import MatchingEngine
from cadenza.exchange.events import (
    Accepted,
    Canceled,
    CancelRejected,
    CancelRejectReason,
    EngineCancelReason,
    EngineEvent,
    EngineRejectReason,
    Expired,
    Filled,
    Rejected,
    Triggered,
    TriggerMoved,
)
from cadenza.exchange.state import EngineState, FillEstimate, MarketLevel, OpenOrder

__all__ = [
    "Accepted",
    "AdvanceTime",
    "CancelRequest",
    "EngineCancelReason",
    "CancelRejectReason",
    "CancelRejected",
    "Canceled",
    "EngineCommand",
    "EngineState",
    "EngineEvent",
    "Expired",
    "FillEstimate",
    "Filled",
    "MarketLevel",
    "PublicTrade",
    "MatchingEngine",
    "OpenOrder",
    "OrderKind",
    "EngineRejectReason",
    "ReduceOrder",
    "Rejected",
    "ResetMarket",
    "SetLevel",
    "Side",
    "NewOrder",
    "EngineTimeInForce",
    "TriggerMoved",
    "Triggered",
]
