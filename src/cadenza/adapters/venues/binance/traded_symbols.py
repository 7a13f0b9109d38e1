"""The symbols that an account has traded: the venue's history is asked symbol by symbol, so somebody must know them."""

import asyncio

import structlog

from cadenza.adapters.venues.binance.endpoints import BinanceMarket
from cadenza.adapters.venues.binance.known_instruments import KnownInstruments
from cadenza.domain.errors import DatabaseUnavailable, VenueUnavailable
from cadenza.domain.ids import InstrumentId, TradingAccountId
from cadenza.domain.market.instrument import Instrument
from cadenza.ports.clock import Clock
from cadenza.ports.venue import MemoryTakenOver, VenueMemories, VenueMemory

SYMBOLS_MAX = 300
"""Symbols of one account that are remembered; the one that was noted first is forgotten first."""

PAIRS_MAX = 50
"""Symbols between held assets that one replay asks about."""

RETRY_MS = 5_000
_KEY = "symbols"
_SEPARATOR = " "


class TradedSymbols:
    """Remembers the symbols of one account durably. A symbol is on disk soon after it was noted; one that is lost by a
    crash before that is found again by the lookup of its order."""

    def __init__(self, memories: VenueMemories, account_id: TradingAccountId, clock: Clock) -> None:
        self._memories = memories
        self._scope = f"traded symbols of {account_id}"
        self._clock = clock
        self._memory: VenueMemory | None = None
        self._symbols: dict[str, None] = {}
        self._changed = asyncio.Event()
        self._log = structlog.get_logger("cadenza.venue").bind(account_id=str(account_id))

    async def load(self) -> None:
        """Read what is remembered. Raises `VenueUnavailable` when the database does not answer."""
        try:
            self._memory = await self._memories.open(self._scope)
            stored = await self._memory.get(_KEY) or ""
        except DatabaseUnavailable as error:
            raise VenueUnavailable(f"the traded symbols of the account cannot be read: {error}") from error
        self._symbols = dict.fromkeys(stored.split(_SEPARATOR)) if stored else {}

    def note(self, symbol: str) -> None:
        """Remember a symbol."""
        if symbol in self._symbols:
            return
        self._symbols[symbol] = None
        if len(self._symbols) > SYMBOLS_MAX:
            del self._symbols[next(iter(self._symbols))]
        self._changed.set()

    async def keep(self) -> None:
        """Write what changed, until this is cancelled or another process has taken over."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            assert self._memory is not None
            try:
                await self._memory.put(_KEY, _SEPARATOR.join(self._symbols))
            except MemoryTakenOver:
                self._log.warning("traded_symbols_taken_over")
                return
            except DatabaseUnavailable:
                self._changed.set()
                await self._clock.sleep_ms(RETRY_MS)

    def to_replay(
        self,
        open_symbols: set[str],
        held: tuple[set[str], set[InstrumentId]],
        instruments: KnownInstruments,
        market: BinanceMarket,
    ) -> list[str]:
        """Return the symbols of which a replay asks: those remembered, those of open orders and positions, and on spot
        the pairs of assets that the account holds, because an order placed elsewhere may have traded them."""
        symbols = dict.fromkeys([*self._symbols, *sorted(open_symbols)])
        known = instruments.symbols(market)
        assets, positions = held
        pairs = 0
        for symbol, id in known.items():
            instrument = instruments.instrument(id)
            if symbol in symbols or instrument is None:
                continue
            if id in positions:
                symbols[symbol] = None
            elif market is not BinanceMarket.USDM and pairs < PAIRS_MAX and _are_held(instrument, assets):
                symbols[symbol] = None
                pairs += 1
        return [symbol for symbol in symbols if symbol in known]


def _are_held(instrument: Instrument, assets: set[str]) -> bool:
    return {instrument.base_asset, instrument.quote_asset} <= assets
