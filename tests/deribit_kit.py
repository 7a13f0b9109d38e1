"""DERIBIT against its simulator in this process, and what it is asked."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import aiohttp

from cadenza.adapters.venues.deribit.connector import DeribitConnector
from cadenza.adapters.venues.deribit.spec import spec_of
from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.ids import Environment
from cadenza.domain.market.enums import Side
from cadenza.runtime.local import SystemIds
from cadenza.simulators.deribit.server import DeribitSimulator, run_deribit
from cadenza.simulators.deribit.settings import DeribitSettings
from cadenza.simulators.deribit.wire.access import DeribitKey, make_deribit_key
from cadenza.simulators.deribit.wire.credits import unlimited
from tests.inhouse_kit import RecordingSink, trading_account
from tests.simulated_kit import MovableClock, SimulatedDesk, SimulatedVenue, VenuesClock

BID, ASK, AVAILABLE = Decimal(60000), Decimal(60010), Decimal(3)
OPTION_BID, OPTION_ASK, OPTION_AVAILABLE = Decimal(50), Decimal(55), Decimal(30)
"""Below 100 the prices of the option have the smallest step."""
CONNECTIONS_MAX = 10_000

SPOT, LINEAR, INVERSE = "BTC_USDC", "BTC_USDC-PERPETUAL", "BTC-PERPETUAL"
OPTION, INVERSE_OPTION = "BTC_USDC-27DEC30-60000-C", "BTC-27DEC30-60000-C"


class SimulatedDeribit(SimulatedVenue):
    """A running simulator, and a client of its test paths."""

    def __init__(self, simulator: DeribitSimulator, http: aiohttp.ClientSession, clock: MovableClock) -> None:
        super().__init__(simulator.url, http, clock)
        self.simulator = simulator

    def secrets(self) -> Secrets:
        return secrets_of(self.simulator.venue.keys.all()[0])

    def other_secrets(self) -> Secrets:
        """The key of another account, which has the same money."""
        venue = self.simulator.venue
        key = make_deribit_key("other", SystemIds())
        venue.keys.add(key)
        for currency, amount in venue.settings.deposits.items():
            venue.deposit(currency, amount, "other")
        return secrets_of(key)

    def connector(self, environment: Environment = Environment.LIVE, **parts: Any) -> DeribitConnector:
        made: dict[str, Any] = {
            "spec": spec_of(environment, base=self.url),
            "clock": self.clock,
            "randomness": Random(1),
        }
        return DeribitConnector(**{**made, **parts})

    async def market(self, name: str, *levels: tuple[Side, Decimal, Decimal], clear: bool = False) -> None:
        """Display these levels (side, price, amount in the wire's units)."""
        shown = [{"side": side.value, "price": str(price), "quantity": str(size)} for side, price, size in levels]
        await self.post("market", {"symbol": name, "clear": clear, "levels": shown})

    async def hold_stream_down(self) -> None:
        """Cut all sockets, and let no connection through until `disarm`."""
        self._let_connect(0)
        await self.cut()

    async def disarm(self) -> None:
        self._let_connect(CONNECTIONS_MAX)
        await super().disarm()

    def _let_connect(self, at_once: int) -> None:
        venue = self.simulator.venue
        limits = replace(venue.settings.limits, connections_per_address=at_once)
        venue.settings = replace(venue.settings, limits=limits)


def secrets_of(key: DeribitKey) -> Secrets:
    return Secrets(key.key, key.secret, None)


@asynccontextmanager
async def simulated_deribit(
    directory: Path, clock: MovableClock | None = None, **settings: Any
) -> AsyncIterator[SimulatedDeribit]:
    """Run a simulator without limits whose market stands still: one level a side, `BID` and `ASK`, `AVAILABLE` at
    each; of the option `OPTION_BID` and `OPTION_ASK`."""
    clock = clock or MovableClock()
    found = DeribitSettings(data_dir=directory, **{"limits": unlimited(), **settings})
    async with run_deribit(found, VenuesClock(clock), SystemIds()) as simulator, aiohttp.ClientSession() as http:
        venue = SimulatedDeribit(simulator, http, clock)
        for name in (SPOT, LINEAR):
            await venue.market(name, (Side.BUY, BID, AVAILABLE), (Side.SELL, ASK, AVAILABLE), clear=True)
        await venue.market(
            OPTION, (Side.BUY, OPTION_BID, OPTION_AVAILABLE), (Side.SELL, OPTION_ASK, OPTION_AVAILABLE), clear=True
        )
        yield venue


WORDS = {"open": "NEW", "untriggered": "NEW", "filled": "FILLED", "cancelled": "CANCELED"}
"""How an order stands, in the words of `SimulatedDesk.truth`."""

MARKETS = {"margin": AccountType.MARGIN, "futures": AccountType.FUTURES}
TRADED = {"margin": SPOT, "futures": LINEAR}


class DeribitDesk(SimulatedDesk):
    """One account's session at a simulator of DERIBIT."""

    tolerated_jumps_ms = (3_000, -3_000, -40_000)
    prices = (BID, ASK)
    id_fields = ("label", "order_id")

    def about(self, what: str) -> str:
        placing = f"private/{self.order.side.value.lower()}"
        return placing if what == "place" else "private/cancel"

    async def show(self, side: Side, price: Decimal, quantity: Decimal) -> None:
        await self.venue.market(self.instrument.external_symbol, (side, price, quantity))

    async def stands(self) -> list[tuple[str, str]]:
        truth = await self.venue.get("truth")
        return [(each["label"], WORDS.get(each["state"], each["state"])) for each in truth["orders"]]


@asynccontextmanager
async def open_deribit_desk(
    venue: SimulatedDeribit,
    market: str = "futures",
    *,
    type: AccountType | None = None,
    instrument: str = "",
    **parts: Any,
) -> AsyncIterator[DeribitDesk]:
    """Open a session of the account that trades a market, or of that type in that instrument of the venue."""
    connector = venue.connector(**parts)
    await connector.start()
    externals = (await connector.verify(CredentialType.HMAC, venue.secrets())).accounts
    external = next(each for each in externals if each.type is (type or MARKETS[market]))
    account = trading_account(connector.spec.venue_id, external)
    listed = (await connector.instruments()).instruments
    traded = next(each for each in listed if each.external_symbol == (instrument or TRADED[market]))
    sink = RecordingSink()
    session = await connector.open_session(account, CredentialType.HMAC, venue.secrets(), sink)
    desk = DeribitDesk(venue, connector, account, traded, session, sink, market)
    try:
        yield desk
    finally:
        await desk.connector.stop()
