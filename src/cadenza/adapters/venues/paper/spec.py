"""The PAPER venue's facts and settings. It has no URLs: it runs in this process."""

from dataclasses import dataclass, field
from decimal import Decimal

from cadenza.adapters.venues.inhouse.accounts import AccountSettings
from cadenza.adapters.venues.inhouse.desk import DeskLimits
from cadenza.domain.matching.ledger import FeeAsset

ORDER_ID_PREFIX = "P"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeRates:
    """Shares of the notional; a negative maker rate is a rebate."""

    maker: Decimal
    taker: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperSettings:
    """`fees` None leaves each instrument's own rates. Every request is under way for between `latency_ms_min` and
    `latency_ms_max`, drawn from `seed` and the order's id. Without `partial_fills` the market has, at each of its
    prices, all that anybody wants: only two orders of the venue's own clients can still fill each other in part. Orders
    that wait for a trigger without a limit price hold `trigger_pad` (a share) more than their trigger price comes
    to."""

    seed: int = 1
    accounts: AccountSettings = field(default_factory=AccountSettings)
    limits: DeskLimits = field(default_factory=DeskLimits)
    fee_asset: FeeAsset = FeeAsset.QUOTE
    fees: FeeRates | None = None
    latency_ms_min: int = 0
    latency_ms_max: int = 0
    partial_fills: bool = True
    trigger_pad: Decimal = Decimal("0.05")

    def __post_init__(self) -> None:
        if not 0 <= self.latency_ms_min <= self.latency_ms_max:
            raise ValueError("latency needs 0 <= latency_ms_min <= latency_ms_max")
        if self.fees is not None and self.fees.maker + self.fees.taker < 0:
            raise ValueError("a rebate must not exceed the taker's fee: matching two own orders would make money")
        if self.trigger_pad < 0:
            raise ValueError("trigger_pad must not be negative")
