"""Choosing the PAPER venue's market."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cadenza.adapters.venues.paper.market.playback import RecordedMarket
from cadenza.adapters.venues.paper.market.recording import (
    PACKAGED_RECORDING,
    RecordingError,
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
    """Make a market that opens at `start_ms`. Raises `RecordingError`, which names the file, for a recording that
    cannot be read or played."""
    match settings.kind:
        case MarketKind.SYNTHETIC:
            return SyntheticMarket(seed=settings.seed, start_ms=start_ms)
        case MarketKind.RECORDING:
            path = settings.recording or PACKAGED_RECORDING
            try:
                recording = read_recording(path)
                return RecordedMarket(recording, start_ms=start_ms, speed_percent=settings.speed_percent)
            except RecordingError as error:
                raise RecordingError(f"the recording {path} cannot be played: {error}") from None
