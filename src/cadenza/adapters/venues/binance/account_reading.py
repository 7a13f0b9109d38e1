"""How an account of BINANCE is read: the requests that together show its money and its open orders."""

import asyncio
from collections.abc import Sequence

from cadenza.adapters.venues.binance.credential import BinanceSigner, Parameters
from cadenza.adapters.venues.binance.dialects import MarketDialect, ReadOrders
from cadenza.adapters.venues.binance.endpoints import BinanceEndpoint
from cadenza.adapters.venues.binance.parse import AccountScope
from cadenza.adapters.venues.binance.rest import BinanceRest
from cadenza.adapters.venues.kit.account_reading import ReadMoney, ReadOpenOrders
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.ids import InstrumentId


class BinanceAccountSource:
    """Implements `AccountSource`."""

    def __init__(self, rest: BinanceRest, signer: BinanceSigner, dialect: MarketDialect, scope: AccountScope) -> None:
        self._rest = rest
        self._signer = signer
        self._dialect = dialect
        self._scope = scope

    @property
    def states_locked_in_stream(self) -> bool:
        return self._dialect.states_locked_in_stream

    async def money(self) -> ReadMoney:
        bodies = await self._read_all(self._dialect.account_readings)
        try:
            return self._dialect.money(bodies, self._scope, 0)
        except UnreadablePayload as error:
            raise VenueUnavailable(f"BINANCE answered with no account: {error}") from error

    async def open_orders(self) -> ReadOpenOrders:
        return _listed(self._orders(await self._read_all(self._dialect.open_order_readings)))

    async def open_orders_of(self, instruments: frozenset[InstrumentId]) -> ReadOpenOrders:
        """They are read symbol by symbol while that weighs less."""
        readings = self._dialect.open_order_readings
        symbols = sorted(symbol for symbol, id in self._scope.instruments.items() if id in instruments)
        if len(symbols) * sum(each.weight_of_symbol for each in readings) >= sum(each.weight for each in readings):
            return await self.open_orders()
        named = [self._orders(await self._read_all(readings, {"symbol": symbol})) for symbol in symbols]
        return ReadOpenOrders(
            tuple(facts for each in named for facts in each.facts),
            tuple(odd for each in named for odd in each.unreadable),
            instruments=instruments,
        )

    async def open_symbols(self) -> set[str]:
        """Return the symbols of the open orders. Raises `VenueUnavailable` and `CredentialRejected`."""
        ids = {facts.instrument_id for facts in (await self.open_orders()).facts}
        return {symbol for symbol, id in self._scope.instruments.items() if id in ids}

    async def _read_all(self, endpoints: Sequence[BinanceEndpoint], named: Parameters | None = None) -> Sequence[bytes]:
        market = self._dialect.endpoints.market
        if named:
            endpoints = [BinanceEndpoint(each.path, each.weight_of_symbol) for each in endpoints]
        asked = (self._rest.read_signed(market, self._signer, each, named or {}) for each in endpoints)
        return await asyncio.gather(*asked)

    def _orders(self, bodies: Sequence[bytes]) -> ReadOrders:
        try:
            return self._dialect.open_orders(bodies, self._scope)
        except UnreadablePayload as error:
            raise VenueUnavailable(f"BINANCE answered with no list of orders: {error}") from error


def _listed(orders: ReadOrders) -> ReadOpenOrders:
    return ReadOpenOrders(orders.facts, orders.unreadable, orders.triggered)
