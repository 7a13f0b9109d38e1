"""The matching engines of a market, one for each symbol, in the units of the wire."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Protocol

from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.enums import Side
from cadenza.exchange import EngineCommand, EngineEvent, EngineState, MatchingEngine, OpenOrder
from cadenza.exchange.records import EngineMemory, VenueOrder


class ListedSymbol(Protocol):
    """What every market's symbols have. Prices and quantities are in the units of the wire. `level_quantity` is about
    what the counter-market shows at a price."""

    @property
    def name(self) -> str: ...
    @property
    def tick(self) -> Decimal: ...
    @property
    def lot(self) -> Decimal: ...
    @property
    def opening_price(self) -> Decimal: ...
    @property
    def level_quantity(self) -> Decimal: ...


class MarketEngines:
    """Orders and what trades with them. An engine counts ticks and lots; callers see prices and quantities."""

    def __init__(self, symbols: Iterable[ListedSymbol]) -> None:
        self._symbols = {symbol.name: symbol for symbol in symbols}
        self._engines = {name: MatchingEngine() for name in self._symbols}

    def apply(self, name: str, command: EngineCommand) -> list[EngineEvent]:
        return self._engines[name].apply(command)

    def depth(self, name: str, side: Side, levels_max: int) -> list[tuple[Decimal, Decimal]]:
        """Return (price, quantity), best first."""
        symbol = self._symbols[name]
        depth = self._engines[name].depth(side, levels_max)
        return [(price * symbol.tick, quantity * symbol.lot) for price, quantity in depth]

    def last_price(self, name: str) -> Decimal:
        """Return the price of the last public trade; the opening price before the first."""
        symbol, ticks = self._symbols[name], self._engines[name].last_price
        return symbol.opening_price if ticks is None else ticks * symbol.tick

    def last_ticks(self) -> dict[str, int]:
        """Return the prices of the last public trades, in ticks."""
        last_prices = {name: engine.last_price for name, engine in self._engines.items()}
        return {name: price for name, price in last_prices.items() if price is not None}

    def fillable(
        self, name: str, side: Side, quantity: Decimal, account: str, limit: Decimal | None = None
    ) -> tuple[Decimal, Decimal]:
        """Return how much a taker would get now, at most `quantity`, and what that costs in quote units."""
        symbol = self._symbols[name]
        ticks = None if limit is None else int(limit / symbol.tick)
        wanted = int(quantity / symbol.lot)
        estimate = self._engines[name].cost_to_fill(side, wanted, limit_price=ticks, account_id=account)
        return estimate.quantity * symbol.lot, estimate.cost * symbol.tick * symbol.lot

    # Keeping

    def place_of(self, order: VenueOrder) -> tuple[int, Decimal, bool] | None:
        """Return (sequence, quantity ahead, is triggered) of an open order, which only the engine knows."""
        place = self._engines[order.instrument_id].place_of(order.venue_order_id)
        if place is None:
            return None
        sequence, lots_ahead, is_triggered = place
        return sequence, lots_ahead * self._symbols[order.instrument_id].lot, is_triggered

    def open_order(self, name: str, order_id: str) -> OpenOrder | None:
        """Return an open order as the engine knows it; None when it is unknown or closed."""
        return self._engines[name].order(order_id)

    def memory(self, name: str) -> EngineMemory:
        """Return what the engine must remember besides the open orders."""
        state = self._engines[name].memory()
        return EngineMemory(
            instrument_id=InstrumentId(name),
            last_price=state.last_price,
            sequence=state.sequence,
            trade_sequence=state.trade_sequence,
            now_ms=state.now_ms,
            levels=state.market_levels,
        )

    def restore(self, name: str, orders: Iterable[OpenOrder], memory: EngineMemory) -> None:
        """Continue with these open orders."""
        self._engines[name].restore(
            EngineState(
                orders=tuple(orders),
                market_levels=memory.levels,
                last_price=memory.last_price,
                sequence=memory.sequence,
                trade_sequence=memory.trade_sequence,
                now_ms=memory.now_ms,
            )
        )
