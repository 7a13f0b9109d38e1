"""OKX against its simulator in this process, and what it is asked."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import aiohttp

from cadenza.adapters.venues.okx.connector import OkxConnector
from cadenza.adapters.venues.okx.spec import spec_of
from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.ids import Environment
from cadenza.domain.market.enums import Side
from cadenza.runtime.local import SystemIds
from cadenza.simulators.okx.server import OkxSimulator, run_okx_simulator
from cadenza.simulators.okx.settings import OkxSimulatorSettings
from cadenza.simulators.okx.wire.keys import OkxKey, make_okx_key
from tests.inhouse_kit import RecordingSink, trading_account
from tests.simulated_kit import MovableClock, SimulatedDesk, SimulatedVenue, VenuesClock

BID, ASK, AVAILABLE = Decimal(60000), Decimal(60010), Decimal(3)
CONNECTS_MAX = 3
"""Connections that the venue lets through in a second."""

SPOT, SWAP, FACE = "BTC-USDT", "BTC-USDT-SWAP", Decimal("0.01")
"""The instruments whose markets the tests move, and how much base one contract of the swap is."""


class SimulatedOkx(SimulatedVenue):
    """A running simulator, and a client of its test paths."""

    def __init__(self, simulator: OkxSimulator, http: aiohttp.ClientSession, clock: MovableClock) -> None:
        super().__init__(simulator.url, http, clock)
        self.simulator = simulator

    def secrets(self, *, is_demo: bool = False, **fields: str) -> Secrets:
        return secrets_of(self.simulator.venue.keys.of(is_demo=is_demo), **fields)

    def other_secrets(self) -> Secrets:
        """The key of another account, which has the same money."""
        venue = self.simulator.venue
        key, mode = make_okx_key("other", SystemIds()), venue.exchange.ledger.mode(venue.settings.account)
        venue.keys.add(key)
        venue.exchange.ledger.open_account(replace(mode, account="other"))
        for asset, amount in venue.settings.deposits.items():
            venue.deposit("other", asset, amount, venue.now_ms())
        return secrets_of(key)

    def connector(self, environment: Environment = Environment.LIVE, **parts: Any) -> OkxConnector:
        made: dict[str, Any] = {
            "spec": spec_of(environment, base=self.url),
            "clock": self.clock,
            "randomness": Random(1),
        }
        return OkxConnector(**{**made, **parts})

    async def market(self, name: str, *levels: tuple[Side, Decimal, Decimal], clear: bool = False) -> None:
        """Display these levels (side, price, quantity in the wire's units)."""
        shown = [{"side": side.value, "price": str(price), "quantity": str(size)} for side, price, size in levels]
        await self.post("market", {"symbol": name, "clear": clear, "levels": shown})

    async def hold_stream_down(self) -> None:
        """Cut all sockets, and let no connection through until `disarm`."""
        self._let_connect(0)
        await self.cut()

    async def disarm(self) -> None:
        self._let_connect(CONNECTS_MAX)
        await super().disarm()

    def _let_connect(self, per_second: int) -> None:
        venue = self.simulator.venue
        venue.settings = replace(venue.settings, is_limited=True, connects_per_second_max=per_second)


def secrets_of(key: OkxKey, **fields: str) -> Secrets:
    return Secrets(key.key, key.secret, None, {"passphrase": key.passphrase, **fields})


@asynccontextmanager
async def simulated_okx(
    directory: Path, clock: MovableClock | None = None, **settings: Any
) -> AsyncIterator[SimulatedOkx]:
    """Run a simulator whose market stands still: one level a side of BTC-USDT and its swap, `BID` and `ASK`,
    `AVAILABLE` at each."""
    clock = clock or MovableClock()
    found = OkxSimulatorSettings(data_dir=directory, **settings)
    async with (
        run_okx_simulator(found, VenuesClock(clock), SystemIds()) as simulator,
        aiohttp.ClientSession() as http,
    ):
        venue = SimulatedOkx(simulator, http, clock)
        for name, size in ((SPOT, AVAILABLE), (SWAP, AVAILABLE / FACE)):
            await venue.market(name, (Side.BUY, BID, size), (Side.SELL, ASK, size), clear=True)
        yield venue


WORDS = {"live": "NEW", "partially_filled": "PARTIALLY_FILLED", "filled": "FILLED", "canceled": "CANCELED"}
"""How an order stands, in the words of `SimulatedDesk.truth`."""

MARKETS = {"spot": AccountType.SPOT, "margin": AccountType.MARGIN, "swap": AccountType.FUTURES}
TRADED = {"spot": "OKX:BTC/USDT", "margin": "OKX:BTC/USDT", "swap": "OKX:BTC/USDT-PERP"}


class OkxDesk(SimulatedDesk):
    """One account's session at a simulator of OKX."""

    stream_ends = ("cut", "notice")
    tolerated_jumps_ms = (3_000, -3_000)
    prices = (BID, ASK)
    id_fields = ("clOrdId", "algoClOrdId")

    def about(self, what: str) -> str:
        return f"{'order' if self.order.stop_price is None else 'algo'}.{what.removesuffix('_by_our_id')}"

    @property
    def is_checked_inside(self) -> bool:
        """An algo order has no deadline but the age of its timestamp, which the gateway checks."""
        return self.order.stop_price is None

    async def show(self, side: Side, price: Decimal, quantity: Decimal) -> None:
        size = quantity / self.instrument.contract_size
        await self.venue.market(self.instrument.external_symbol, (side, price, size))

    async def stands(self) -> list[tuple[str, str]]:
        truth = await self.venue.get("truth")
        found = [(each["client_order_id"], each["state"]) for each in truth["orders"]]
        found += [(each["client_id"], each["state"]) for each in truth["algo_orders"]]
        return [(id, WORDS.get(state, state)) for id, state in found]


@asynccontextmanager
async def open_okx_desk(
    venue: SimulatedOkx,
    market: str = "spot",
    *,
    type: AccountType | None = None,
    instrument: str = "",
    environment: Environment = Environment.LIVE,
    **parts: Any,
) -> AsyncIterator[OkxDesk]:
    """Open a session of the account that trades a market, or of that type in that instrument."""
    connector = venue.connector(environment, **parts)
    await connector.start()
    secrets = venue.secrets(is_demo=environment is Environment.UAT)
    externals = (await connector.verify(CredentialType.HMAC, secrets)).accounts
    external = next(each for each in externals if each.type is (type or MARKETS[market]))
    account = trading_account(connector.spec.venue_id, external)
    name = (instrument or TRADED[market]).removeprefix("OKX:")
    listed = (await connector.instruments()).instruments
    traded = next(each for each in listed if each.id == f"{connector.spec.venue_id}:{name}")
    sink = RecordingSink()
    session = await connector.open_session(account, CredentialType.HMAC, secrets, sink)
    desk = OkxDesk(venue, connector, account, traded, session, sink, market)
    try:
        yield desk
    finally:
        await desk.connector.stop()
