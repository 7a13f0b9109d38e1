"""Which instruments price one asset of a venue in another, directly or through other assets."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.instrument import Instrument, InstrumentStatus, InstrumentType, TopOfBook
from cadenza.domain.money import divide

_PRICED = (InstrumentType.SPOT, InstrumentType.PERPETUAL)
"""Instruments whose price is that of the base asset in the quote asset; the first is preferred."""


@dataclass(frozen=True, slots=True)
class PriceStep:
    """One instrument on a path of prices. `is_inverted`: the path goes from the quote asset to the base asset."""

    instrument_id: InstrumentId
    is_inverted: bool

    def convert(self, amount: Decimal, mark: Decimal) -> Decimal:
        """Return what an amount of the step's first asset is worth in its second; `mark` is the instrument's price."""
        return divide(amount, mark) if self.is_inverted else amount * mark


PricePath = tuple[PriceStep, ...]
"""From one asset to another; empty when both are the same."""


@dataclass(frozen=True, slots=True)
class _Reached:
    """A path so far. Of two paths with the same number of steps the higher `rank` wins: fewer perpetuals, then the
    fresher prices."""

    path: PricePath
    perpetuals: int
    oldest_ms: int

    @property
    def rank(self) -> tuple[int, int]:
        return -self.perpetuals, self.oldest_ms


class AssetGraph:
    """The assets of one venue, connected by the spot instruments and perpetuals that are traded there."""

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        self._steps: dict[str, list[tuple[str, PriceStep, InstrumentType]]] = {}
        for instrument in instruments:
            if instrument.type in _PRICED and instrument.status is InstrumentStatus.ACTIVE:
                base, quote = instrument.base_asset, instrument.quote_asset
                for asset, other, is_inverted in ((base, quote, False), (quote, base, True)):
                    step = PriceStep(instrument.id, is_inverted)
                    self._steps.setdefault(asset, []).append((other, step, instrument.type))

    def path(self, asset: str, target: str) -> PricePath | None:
        """Return the most direct path, whether its instruments have prices now or not; None when there is none."""
        return self._search(asset, target, lambda _: 0)

    def fresh_path(self, asset: str, target: str, top: Callable[[InstrumentId], TopOfBook | None]) -> PricePath | None:
        """Return the most direct path of instruments that have a mark now; of several, the one with the freshest
        prices. None when there is none. `top` returns an instrument's fresh prices."""

        def age(instrument_id: InstrumentId) -> int | None:
            prices = top(instrument_id)
            return None if prices is None or not prices.mark else prices.at_ms

        return self._search(asset, target, age)

    def _search(self, asset: str, target: str, at_ms: Callable[[InstrumentId], int | None]) -> PricePath | None:
        """Go outwards from the asset, one step at a time, and stop at the first distance at which the target is met."""
        reached = {asset: _Reached((), 0, 0)}
        seen = {asset}
        while reached and target not in reached:
            further: dict[str, _Reached] = {}
            for other, found in self._one_step(reached, seen, at_ms):
                known = further.get(other)
                if known is None or found.rank > known.rank:
                    further[other] = found
            seen |= further.keys()
            reached = further
        return reached[target].path if target in reached else None

    def _one_step(
        self, reached: dict[str, _Reached], seen: set[str], at_ms: Callable[[InstrumentId], int | None]
    ) -> Iterator[tuple[str, _Reached]]:
        for asset, so_far in reached.items():
            for other, step, type in self._steps.get(asset, ()):
                priced_ms = None if other in seen else at_ms(step.instrument_id)
                if priced_ms is not None:
                    oldest_ms = min(so_far.oldest_ms, priced_ms) if so_far.path else priced_ms
                    perpetuals = so_far.perpetuals + (type is InstrumentType.PERPETUAL)
                    yield other, _Reached((*so_far.path, step), perpetuals, oldest_ms)
