"""The events that one batch publishes."""

from __future__ import annotations

from dataclasses import dataclass, field

from cadenza.simulators.binance.spot.records import SpotDeposit, SpotExecution
from cadenza.simulators.kit.records import TapeTrade


@dataclass(slots=True)
class VenueNews:
    """The events that one batch publishes, in the order in which they happened."""

    executions: list[SpotExecution] = field(default_factory=list)
    tape: list[TapeTrade] = field(default_factory=list)
    deposits: list[SpotDeposit] = field(default_factory=list)
    moved_assets: dict[str, list[str]] = field(default_factory=dict)
    """By account, the assets whose free or locked amount may have changed."""
