"""The parts of the venue that have accounts, limits and permissions of their own."""

from __future__ import annotations

from enum import StrEnum


class VenueMarket(StrEnum):
    """Cross margin trades in the books of spot."""

    SPOT = "spot"
    MARGIN = "margin"
    USDM = "usdm"
