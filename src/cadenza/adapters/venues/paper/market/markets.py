"""Choosing the PAPER venue's market."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cadenza.adapters.venues.paper.market.playback import RecordedMarket
from cadenza.adapters.venues.paper.market.recording import (
    PACKAGED_RECORDING,
    read_recording,
)
from cadenza.adapters.venues.paper.market.source import MarketSource
from cadenza.adapters.venues.paper.market.synthetic import SyntheticMarket


class MarketKind(StrEnum):
    SYNTHETIC = "synthetic"
    RECORDING = "recording"


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketSettings:
    """SYNTHETIC uses `seed`, RECORDING the other two. `recording` None means the packaged session. `speed_percent` is
    in percent of the recorded pace (100 = the same pace)."""

    kind: MarketKind = MarketKind.SYNTHETIC
    seed: int = 1
    recording: Path | None = None
    speed_percent: int = 100


def open_market(settings: MarketSettings, *, start_ms: int) -> MarketSource:
    """Make a market that opens at `start_ms`. Raises `RecordingError` or `OSError` for a file that cannot be read."""
    match settings.kind:
        case MarketKind.SYNTHETIC:
            return SyntheticMarket(seed=settings.seed, start_ms=start_ms)
        case MarketKind.RECORDING:
            recording = read_recording(settings.recording or PACKAGED_RECORDING)
            return RecordedMarket(recording, start_ms=start_ms, speed_percent=settings.speed_percent)
