"""BITFINEX against its simulator in this process, and what it is asked."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import aiohttp

from cadenza.adapters.venues.bitfinex.connector import BitfinexConnector
from cadenza.adapters.venues.bitfinex.spec import MARK_BITS, spec_of
from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.ids import Environment
from cadenza.domain.market.enums import Side
from cadenza.runtime.local import SystemIds
from cadenza.simulators.bitfinex.server import BitfinexSimulator, run_bitfinex
from cadenza.simulators.bitfinex.settings import BitfinexSettings
from cadenza.simulators.bitfinex.wire.errors import rate_limited
from cadenza.simulators.bitfinex.wire.keys import BitfinexKey, make_bitfinex_key
from cadenza.simulators.bitfinex.wire.pacing import CONNECTS, BitfinexPace, BitfinexPacing
from tests.inhouse_kit import RecordingSink, trading_account
from tests.simulated_kit import MemoryVenueMemories, MovableClock, SimulatedDesk, SimulatedVenue, VenuesClock

BID, ASK, AVAILABLE = Decimal(60000), Decimal(60010), Decimal(3)
PAIR, DERIVATIVE = "tBTCUSD", "tBTCF0:USTF0"
PAPER_PAIR = "tTESTBTC:TESTUSD"
"""The symbols whose markets the tests move."""


class ClosedPacing(BitfinexPacing):
    """Lets no connection through."""

    def charge(self, pace: BitfinexPace, address: str, now_ms: int) -> None:
        if pace is CONNECTS:
            raise rate_limited()


class SimulatedBitfinex(SimulatedVenue):
    """A running simulator, and a client of its test paths. Its keys and connectors are those of one environment.
    Connectors that it makes have one memory."""

    def __init__(
        self,
        simulator: BitfinexSimulator,
        http: aiohttp.ClientSession,
        clock: MovableClock,
        environment: Environment = Environment.LIVE,
    ) -> None:
        super().__init__(simulator.url, http, clock)
        self.simulator = simulator
        self.environment = environment
        self.memories = MemoryVenueMemories()
        self._pacing = simulator.venue.pacing

    @property
    def account(self) -> str:
        return "main" if self.environment is Environment.LIVE else "paper"

    def secrets(self) -> Secrets:
        return secrets_of(self.simulator.venue.keys.of(self.account))

    def next_secrets(self) -> Secrets:
        """Another key of the same account."""
        key = make_bitfinex_key(self.account, SystemIds())
        self.simulator.venue.keys.add(key)
        return secrets_of(key)

    def other_secrets(self) -> Secrets:
        """The key of another account, which has the same money."""
        venue = self.simulator.venue
        key = make_bitfinex_key("other", SystemIds())
        venue.keys.add(key)
        for wallet, amounts in venue.settings.opening[self.account].items():
            for currency, amount in amounts.items():
                venue.exchange.ledger.move(("other", wallet, currency), amount, "Deposit", venue.now_ms())
        return secrets_of(key)

    def connector(self, **parts: Any) -> BitfinexConnector:
        made: dict[str, Any] = {
            "spec": spec_of(self.environment, base=self.url),
            "clock": self.clock,
            "randomness": Random(1),
            "memories": self.memories,
        }
        return BitfinexConnector(**{**made, **parts})

    async def market(self, name: str, *levels: tuple[Side, Decimal, Decimal], clear: bool = False) -> None:
        """Display these levels (side, price, amount)."""
        shown = [{"side": side.value, "price": str(price), "quantity": str(size)} for side, price, size in levels]
        await self.post("market", {"symbol": name, "clear": clear, "levels": shown})

    async def hold_stream_down(self) -> None:
        """Cut all sockets, and let no connection through until `disarm`."""
        self.simulator.venue.pacing = ClosedPacing(is_limited=True)
        await self.cut()

    async def disarm(self) -> None:
        self.simulator.venue.pacing = self._pacing
        await super().disarm()


def secrets_of(key: BitfinexKey) -> Secrets:
    return Secrets(key.key, key.secret, None)


@asynccontextmanager
async def simulated_bitfinex(
    directory: Path,
    clock: MovableClock | None = None,
    *,
    environment: Environment = Environment.LIVE,
    **settings: Any,
) -> AsyncIterator[SimulatedBitfinex]:
    """Run a simulator without limits whose market stands still: one level a side, `BID` and `ASK`, `AVAILABLE` at
    each."""
    clock = clock or MovableClock()
    found = BitfinexSettings(data_dir=directory, **{"is_limited": False, **settings})
    async with run_bitfinex(found, VenuesClock(clock), SystemIds()) as simulator, aiohttp.ClientSession() as http:
        venue = SimulatedBitfinex(simulator, http, clock, environment)
        for name in (PAIR, DERIVATIVE, PAPER_PAIR):
            await venue.market(name, (Side.BUY, BID, AVAILABLE), (Side.SELL, ASK, AVAILABLE), clear=True)
        yield venue


MARKETS = {"spot": AccountType.SPOT, "margin": AccountType.MARGIN, "futures": AccountType.FUTURES}
TRADED = {"spot": PAIR, "margin": PAIR, "futures": DERIVATIVE}


class BitfinexDesk(SimulatedDesk):
    """One account's session at a simulator of BITFINEX."""

    stream_ends = ("cut", "stop")
    tolerated_jumps_ms = (3_000, -3_000, 40_000, -40_000)
    prices = (BID, ASK)

    def about(self, what: str) -> str:
        return "order.submit" if what == "place" else "order.cancel"

    async def show(self, side: Side, price: Decimal, quantity: Decimal) -> None:
        await self.venue.market(self.instrument.external_symbol, (side, price, quantity))

    async def requests(self, name: str) -> int:
        found = await self.venue.get("requests")
        asked = (each for each in found if each["name"] == name)
        return sum(
            1 for each in asked if int(each["parameters"].get("cid", 0)) >> MARK_BITS == int(self.order.sent_id or 0)
        )

    async def stands(self) -> list[tuple[str, str]]:
        truth = await self.venue.get("truth")
        return [(str(each["cid"] >> MARK_BITS), _stand(each["ending"], each["fills"])) for each in truth["orders"]]


def _stand(ending: str, fills: list[Any]) -> str:
    if ending == "EXECUTED":
        return "FILLED"
    return "CANCELED" if ending else "PARTIALLY_FILLED" if fills else "NEW"


@asynccontextmanager
async def open_bitfinex_desk(
    venue: SimulatedBitfinex,
    market: str = "spot",
    *,
    symbol: str = "",
    **parts: Any,
) -> AsyncIterator[BitfinexDesk]:
    """Open a session of the account that trades a market, in that symbol."""
    connector = venue.connector(**parts)
    await connector.start()
    secrets = venue.secrets()
    externals = (await connector.verify(CredentialType.HMAC, secrets)).accounts
    external = next(each for each in externals if each.type is MARKETS[market])
    account = trading_account(connector.spec.venue_id, external)
    listed = (await connector.instruments()).instruments
    traded = next(each for each in listed if each.external_symbol == (symbol or TRADED[market]))
    sink = RecordingSink()
    session = await connector.open_session(account, CredentialType.HMAC, secrets, sink)
    desk = BitfinexDesk(venue, connector, account, traded, session, sink, market)
    try:
        yield desk
    finally:
        await desk.connector.stop()
