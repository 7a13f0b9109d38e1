"""BINANCE against its simulator: a clock that tests can move, the simulator in this process, and what it is asked."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import aiohttp

from cadenza.adapters.venues.binance.connector import BinanceConnector
from cadenza.adapters.venues.binance.spec import spec_of
from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.ids import Environment
from cadenza.domain.market.enums import Side
from cadenza.runtime.local import SystemIds
from cadenza.simulators.binance.server import BinanceSimulator, run_simulator
from cadenza.simulators.binance.settings import SimulatorSettings
from cadenza.simulators.binance.wire.keys import ApiKeys, make_key
from tests.inhouse_kit import RecordingSink, trading_account
from tests.simulated_kit import MemoryVenueMemories, MovableClock, SimulatedDesk, SimulatedVenue, VenuesClock

SUBSCRIBE = "userDataStream.subscribe.signature"
MARKETS: Mapping[str, AccountType] = {
    "spot": AccountType.SPOT,
    "margin": AccountType.MARGIN,
    "usdm": AccountType.FUTURES,
}
"""The simulator's markets, and the accounts that trade them."""

INSTRUMENTS = {"spot": "BINANCE:BTC/USDT", "margin": "BINANCE:BTC/USDT", "usdm": "BINANCE:BTC/USDT-PERP"}
BID, ASK, AVAILABLE = Decimal(60000), Decimal(60010), Decimal(3)


_KEYS: dict[str, bytes] = {}
"""The file of keys, made once: an RSA key takes time."""


def give_keys(directory: Path) -> None:
    """Put the simulator's keys into its data directory."""
    if not _KEYS:
        ApiKeys.of_account(directory, "main", SystemIds())
        _KEYS["keys.json"] = (directory / "keys.json").read_bytes()
    (directory / "keys.json").write_bytes(_KEYS["keys.json"])


class SimulatedBinance(SimulatedVenue):
    """A running simulator, and a client of its test paths."""

    def __init__(self, simulator: BinanceSimulator, http: aiohttp.ClientSession, clock: MovableClock) -> None:
        super().__init__(simulator.url, http, clock)
        self.simulator = simulator
        self.memories = MemoryVenueMemories()

    def secrets(self, kind: str = "HMAC") -> Secrets:
        key = self.simulator.venue.keys.of(kind)
        return Secrets(key.key, key.secret, None)

    def other_secrets(self) -> Secrets:
        """The key of another account, which has the same money."""
        venue = self.simulator.venue
        key = make_key("other", "HMAC", SystemIds())
        venue.keys.add(key)
        venue.spot.exchange.open_account("other", venue.settings.deposits, venue.now_ms())
        return Secrets(key.key, key.secret, None)

    def connector(self, **parts: Any) -> BinanceConnector:
        made: dict[str, Any] = {
            "spec": spec_of(Environment.LIVE, base=self.url),
            "clock": self.clock,
            "randomness": Random(1),
            "memories": self.memories,
        }
        return BinanceConnector(**{**made, **parts})

    async def market(
        self, symbol: str, *levels: tuple[Side, Decimal, Decimal], clear: bool = False, market: str = "spot"
    ) -> None:
        """Display these levels (side, price, quantity)."""
        shown = [{"side": side.value, "price": str(price), "quantity": str(size)} for side, price, size in levels]
        await self.post("market", {"market": market, "symbol": symbol, "clear": clear, "levels": shown})

    async def hold_stream_down(self) -> None:
        """Cut all sockets, and let no subscription through until `disarm`."""
        await self.fault(SUBSCRIBE, "error_before", times=100_000)
        await self.cut()


@asynccontextmanager
async def simulated_binance(
    directory: Path, clock: MovableClock | None = None, **settings: Any
) -> AsyncIterator[SimulatedBinance]:
    """Run a simulator whose market stands still: one level a side of BTC/USDT, `BID` and `ASK`, `AVAILABLE` at each."""
    clock = clock or MovableClock()
    give_keys(directory)
    found = SimulatorSettings(data_dir=directory, **settings)
    async with run_simulator(found, VenuesClock(clock), SystemIds()) as simulator, aiohttp.ClientSession() as http:
        venue = SimulatedBinance(simulator, http, clock)
        for market in ("spot", "usdm"):
            levels = (Side.BUY, BID, AVAILABLE), (Side.SELL, ASK, AVAILABLE)
            await venue.market("BTCUSDT", *levels, clear=True, market=market)
        yield venue


class Desk(SimulatedDesk):
    """One account's session at a simulator, and an order that rests there once it is submitted."""

    stream_ends = ("cut", "announce_shutdown", "terminate_user_streams")
    tolerated_jumps_ms = (3_000,)
    prices = (BID, ASK)
    id_fields = ("newClientOrderId", "origClientOrderId", "clientAlgoId")

    def about(self, what: str) -> str:
        return f"{'order' if self.order.stop_price is None else 'algoOrder'}.{what.removesuffix('_by_our_id')}"

    async def show(self, side: Side, price: Decimal, quantity: Decimal) -> None:
        book = "usdm" if self.market == "usdm" else "spot"  # margin trades on spot's books
        await self.venue.market("BTCUSDT", (side, price, quantity), market=book)

    async def stands(self) -> list[tuple[str, str]]:
        truth = (await self.venue.get("truth"))[self.market]
        found = [(each["client_order_id"], each["status"]) for each in truth["orders"]]
        return found + [(each["client_algo_id"], each["status"]) for each in truth.get("algo_orders", ())]


@asynccontextmanager
async def open_desk(
    venue: SimulatedBinance, kind: CredentialType = CredentialType.HMAC, market: str = "spot", **parts: Any
) -> AsyncIterator[Desk]:
    connector = venue.connector(**parts)
    await connector.start()
    secrets = venue.secrets(kind.value)
    externals = (await connector.verify(kind, secrets)).accounts
    external = next(each for each in externals if each.type is MARKETS[market])
    account = trading_account(connector.spec.venue_id, external)
    instrument = next(each for each in (await connector.instruments()).instruments if each.id == INSTRUMENTS[market])
    sink = RecordingSink()
    session = await connector.open_session(account, kind, secrets, sink)
    desk = Desk(venue, connector, account, instrument, session, sink, market)
    try:
        yield desk
    finally:
        await desk.connector.stop()
