"""PAPER and MOCK behind one bench, for what both promise because they run in this process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.adapters.mock.mock_bench import BTC, MockBench
from tests.inhouse_kit import until
from tests.paper_bench import SPOT, Bench

from cadenza.adapters.venues.inhouse.accounts import AccountSettings
from cadenza.adapters.venues.paper import PaperVenueSettings
from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.market.enums import Side
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.trading.order import Order
from cadenza.ports.venue import VenueStatus

BEHIND, THROUGH = "50000", "70000"
"""Prices of a BUY that rests, and of one that is filled at once."""


@dataclass
class InHouseVenue:
    """A running venue; `bench` has its clock, disk and connector."""

    bench: Any
    spot: Instrument

    def order(
        self,
        account: TradingAccount,
        price: str | None = BEHIND,
        *,
        side: Side = Side.BUY,
        quantity: str = "0.5",
        **fields: Any,
    ) -> Order:
        """An order of BTC/USDT, about to be sent now."""
        if isinstance(self.bench, MockBench):
            return self.bench.order(account, None, quantity, price, side=side, **fields)
        return self.bench.order(account, self.spot, side, quantity, price, **fields)

    def is_stored(self, order: Order) -> bool:
        return order.sent_id in self.bench.disk.orders

    async def recovered(self) -> None:
        """Until the planned failures have happened and the venue is back."""

        def is_back() -> bool:
            self.bench.clock.advance(50)
            return not self.bench.disk.failures and self.bench.connector.status() is VenueStatus.ONLINE

        await until(is_back, "the venue's return")


@asynccontextmanager
async def running(name: str, accounts: AccountSettings | None = None) -> AsyncIterator[InHouseVenue]:
    """A running PAPER or MOCK venue."""
    accounts = accounts or AccountSettings()
    venue = (
        InHouseVenue(Bench(PaperVenueSettings(accounts=accounts)), SPOT)
        if name == "PAPER"
        else InHouseVenue(MockBench(accounts=accounts), BTC)
    )
    await venue.bench.connector.start()
    yield venue
    await venue.bench.connector.stop()
