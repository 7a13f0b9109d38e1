"""The symbols that an account has traded: the venue's history is asked symbol by symbol, so somebody must know them."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

import structlog

from cadenza.adapters.venues.binance.endpoints import BinanceMarket
from cadenza.adapters.venues.binance.known_instruments import KnownInstruments
from cadenza.adapters.venues.kit.account_reading import ReadMoney
from cadenza.domain.errors import DatabaseUnavailable, VenueUnavailable
from cadenza.domain.ids import InstrumentId, TradingAccountId
from cadenza.domain.market.instrument import Instrument
from cadenza.ports.clock import Clock
from cadenza.ports.venue import MemoryTakenOver, VenueMemories, VenueMemory

SYMBOLS_MAX = 300
"""Symbols of one account that are remembered; the one that was noted longest ago is forgotten first."""

PAIRS_MAX = 50
"""Symbols between held assets that one replay asks about."""

RETRY_MS = 5_000
_KEY = "symbols"
_SEPARATOR = " "
_WITH = "="
_GIVEN_UP = "given-up"


@dataclass(slots=True)
class _Traded:
    """What is remembered of a symbol. `is_given_up`: it is off the venue's list, and a replay has said that what
    happened in it last is not known."""

    id: InstrumentId
    is_given_up: bool = False


class TradedSymbols:
    """Remembers the symbols of one account, and their instruments, durably. A symbol is on disk soon after it was noted
    for the first time, and which was noted last is written with the next new one. A symbol that is lost by a crash
    before it was written is found again by the lookup of its order."""

    def __init__(self, memories: VenueMemories, account_id: TradingAccountId, clock: Clock) -> None:
        self._memories = memories
        self._scope = f"traded symbols of {account_id}"
        self._clock = clock
        self._memory: VenueMemory | None = None
        self._symbols: dict[str, _Traded] = {}
        self._changed = asyncio.Event()
        self._log = structlog.get_logger("cadenza.venue").bind(account_id=str(account_id))

    async def load(self) -> None:
        """Read what is remembered. Raises `VenueUnavailable` when the database does not answer."""
        try:
            self._memory = await self._memories.open(self._scope)
            stored = await self._memory.get(_KEY) or ""
        except DatabaseUnavailable as error:
            raise VenueUnavailable(f"the traded symbols of the account cannot be read: {error}") from error
        self._symbols = dict(_read(each) for each in stored.split(_SEPARATOR)) if stored else {}

    def instruments(self) -> dict[str, InstrumentId]:
        """Return the instruments of the symbols that are remembered."""
        return {symbol: traded.id for symbol, traded in self._symbols.items()}

    def note(self, symbol: str, id: InstrumentId) -> None:
        """Remember a symbol and its instrument: something has happened in it now."""
        traded = self._symbols.pop(symbol, None)
        self._symbols[symbol] = _Traded(id)
        if traded is not None and not traded.is_given_up:
            return
        if len(self._symbols) > SYMBOLS_MAX:
            del self._symbols[next(iter(self._symbols))]
        self._changed.set()

    def gone(self, instruments: KnownInstruments, market: BinanceMarket) -> list[str]:
        """Return the symbols that the venue does not list any more, and of which no replay has said so yet."""
        listed = ((symbol, traded) for symbol, traded in self._symbols.items() if not traded.is_given_up)
        return [symbol for symbol, _ in listed if instruments.is_off_list(market, symbol)]

    def give_up(self, symbols: Iterable[str]) -> None:
        """A replay has said that what happened last in these symbols is not known."""
        for symbol in symbols:
            self._symbols[symbol].is_given_up = True
            self._changed.set()

    async def keep(self) -> None:
        """Write what changed, until this is cancelled or another process has taken over."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            assert self._memory is not None
            try:
                await self._memory.put(_KEY, _SEPARATOR.join(_written(*each) for each in self._symbols.items()))
            except MemoryTakenOver:
                self._log.warning("traded_symbols_taken_over")
                return
            except DatabaseUnavailable:
                self._changed.set()
                await self._clock.sleep_ms(RETRY_MS)

    def to_replay(
        self,
        open_symbols: set[str],
        money: ReadMoney,
        instruments: KnownInstruments,
        market: BinanceMarket,
    ) -> tuple[list[str], list[str]]:
        """Return the symbols of which a replay asks: those remembered with those of open orders and positions; and, but
        on USD-M, other pairs of assets that the account holds, because an order placed elsewhere may have traded them.
        Those that the venue does not list any more are left out."""
        symbols = dict.fromkeys([*self._symbols, *sorted(open_symbols)])
        known = instruments.symbols(market)
        assets = {each.asset for each in money.balances}
        positions = {each.instrument_id for each in money.positions}
        pairs: list[str] = []
        for symbol, id in known.items():
            instrument = instruments.instrument(id)
            if symbol in symbols or instrument is None:
                continue
            if id in positions:
                symbols[symbol] = None
            elif market is not BinanceMarket.USDM and len(pairs) < PAIRS_MAX and _are_held(instrument, assets):
                pairs.append(symbol)

        def listed(names: Iterable[str]) -> list[str]:
            return [name for name in names if name in known and not instruments.is_off_list(market, name)]

        return listed(symbols), listed(pairs)


def _written(symbol: str, traded: _Traded) -> str:
    return _WITH.join([symbol, traded.id, *([_GIVEN_UP] if traded.is_given_up else [])])


def _read(text: str) -> tuple[str, _Traded]:
    symbol, id, *rest = text.split(_WITH)
    return symbol, _Traded(InstrumentId(id), _GIVEN_UP in rest)


def _are_held(instrument: Instrument, assets: set[str]) -> bool:
    return {instrument.base_asset, instrument.quote_asset} <= assets
