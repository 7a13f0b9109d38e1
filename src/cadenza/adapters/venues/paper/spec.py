"""The PAPER venue's facts and settings. It has no URLs, because it runs in this process."""

from dataclasses import dataclass, field
from decimal import Decimal

from cadenza.adapters.venues.inhouse.accounts import AccountSettings
from cadenza.adapters.venues.inhouse.runner import RunnerLimits
from cadenza.adapters.venues.inhouse.venue_spec import in_process_spec
from cadenza.domain.ids import PAPER
from cadenza.exchange.ledger import FeeAsset

SPEC = in_process_spec(PAPER, prefix="P")


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeRates:
    """Shares of the notional; a negative maker rate is a rebate."""

    maker: Decimal
    taker: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperVenueSettings:
    """With `fees` None each instrument keeps its own rates. Every request takes between `latency_ms_min` and
    `latency_ms_max` to arrive, drawn from `seed` and the order's id. Without `partial_fills` the market has an
    unlimited quantity at each of its prices; then only two orders of the venue's own accounts can fill each other in
    part."""

    seed: int = 1
    accounts: AccountSettings = field(default_factory=AccountSettings)
    limits: RunnerLimits = field(default_factory=RunnerLimits)
    fee_asset: FeeAsset = FeeAsset.QUOTE
    fees: FeeRates | None = None
    latency_ms_min: int = 0
    latency_ms_max: int = 0
    partial_fills: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.latency_ms_min <= self.latency_ms_max:
            raise ValueError("latency needs 0 <= latency_ms_min <= latency_ms_max")
        if self.fees is not None and self.fees.maker + self.fees.taker < 0:
            raise ValueError("a rebate must not exceed the taker's fee: matching two own orders would make money")
