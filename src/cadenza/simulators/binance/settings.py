"""What a simulator is started with."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from cadenza.simulators.binance.wire.limits import VenueLimits

DEPOSITS = {
    "USDT": Decimal(1_000_000),
    "BTC": Decimal(10),
    "ETH": Decimal(100),
    "BNB": Decimal(100),
    "币安人生": Decimal(100_000),
}
MARGIN_DEPOSITS = {"USDT": Decimal(100_000), "BTC": Decimal(1)}
USDM_DEPOSITS = {"USDT": Decimal(100_000), "USDC": Decimal(100_000)}
MARGIN_LIMITS = VenueLimits(weight_per_minute=180_000)
USDM_LIMITS = VenueLimits(
    weight_per_minute=2_400, orders_per_10_seconds=300, orders_per_minute=1_200, orders_per_day=None
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorSettings:
    """`market_step_ms` 0 makes a market that stands still. `connection_ms` is how long a WebSocket lives at most,
    `listen_key_ms` how long a listen key of USD-M lives unless it is kept alive."""

    data_dir: Path
    seed: int = 1
    market_step_ms: int = 0
    fault_rate: float = 0.0
    account: str = "main"
    deposits: dict[str, Decimal] = field(default_factory=lambda: dict(DEPOSITS))
    margin_deposits: dict[str, Decimal] = field(default_factory=lambda: dict(MARGIN_DEPOSITS))
    usdm_deposits: dict[str, Decimal] = field(default_factory=lambda: dict(USDM_DEPOSITS))
    limits: VenueLimits = field(default_factory=VenueLimits)
    margin_limits: VenueLimits = MARGIN_LIMITS
    usdm_limits: VenueLimits = USDM_LIMITS
    connection_ms: int = 24 * 60 * 60 * 1000
    listen_key_ms: int = 60 * 60 * 1000
    ping_ms: int = 20_000
    usdm_ping_ms: int = 180_000
    incoming_per_second_max: int = 5
    usdm_incoming_per_second_max: int = 10
