"""A bench: a PAPER venue over a market by hand and a ledger in memory."""

from dataclasses import dataclass, field
from typing import Any

from cadenza.adapters.venues.paper import PaperConnector, PaperVenueSettings
from cadenza.adapters.venues.paper.market.instruments import INSTRUMENTS, SECURITIES
from cadenza.domain.accounts.credential import CredentialType
from cadenza.domain.accounts.trading_account import AccountType, TradingAccount
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.trading.order import Order
from tests.inhouse_kit import (
    KEY,
    ManualClock,
    MemoryLedger,
    NoFailpoints,
    RecordingSink,
    ScriptedMarket,
    connected_account,
    make_order,
    until,
)

SPOT = next(i for i in INSTRUMENTS if i.symbol == "BTC/USDT")
PERPETUAL = next(i for i in INSTRUMENTS if i.symbol == "BTC/USDT-PERP")


@dataclass
class Bench:
    """A running venue and what is around it."""

    settings: PaperVenueSettings = field(default_factory=PaperVenueSettings)
    clock: ManualClock = field(default_factory=ManualClock)
    disk: MemoryLedger = field(default_factory=MemoryLedger)
    market: ScriptedMarket = field(default_factory=lambda: ScriptedMarket(INSTRUMENTS, SECURITIES))
    failpoints: Any = field(default_factory=NoFailpoints)
    numbers: int = 0

    def __post_init__(self) -> None:
        self.show(SPOT, {"60000": "1", "59990": "2"}, {"60010": "1", "60020": "2"})
        self.show(PERPETUAL, {"60000": "50", "59990": "50"}, {"60010": "50", "60020": "50"})
        self.connector = self._new_connector()

    def _writer(self) -> Any:
        return self.disk.writer()

    def _new_connector(self) -> PaperConnector:
        return PaperConnector(
            source=self.market,
            ledger=self._writer(),
            clock=self.clock,
            failpoints=self.failpoints,
            settings=self.settings,
        )

    def show(self, instrument: Instrument, bids: dict[str, str], asks: dict[str, str]) -> None:
        self.market.book(instrument, bids, asks)

    async def restart(self, *, books: bool = True) -> None:
        """A new process over what is on disk; nothing was said to the old one."""
        self.market = ScriptedMarket(INSTRUMENTS, SECURITIES)
        if books:
            self.show(SPOT, {"60000": "1", "59990": "2"}, {"60010": "1", "60020": "2"})
            self.show(PERPETUAL, {"60000": "50", "59990": "50"}, {"60010": "50", "60020": "50"})
        self.connector = self._new_connector()
        await self.connector.start()

    async def session(
        self, type: AccountType = AccountType.SPOT, *, number: int = 1, secrets: Any = KEY
    ) -> tuple[TradingAccount, Any, RecordingSink]:
        account = await connected_account(self.connector, type, secrets=secrets, number=number)
        sink = RecordingSink()
        return account, await self.connector.open_session(account, CredentialType.API_KEY, secrets, sink), sink

    def order(self, account: TradingAccount, instrument: Instrument, *arguments: Any, **fields: Any) -> Order:
        self.numbers += 1
        return make_order(account, instrument, *arguments, number=self.numbers, at_ms=self.clock.ms, **fields)

    async def tick(self, duration_ms: int = 50) -> None:
        """Let time pass and the venue notice."""
        runner = self.connector._runner
        self.clock.advance(duration_ms)

        def has_turned() -> bool:
            runner._news.set()
            return runner._now_ms >= self.clock.ms

        await until(has_turned, "the turn")

    def total(self, owner: str, asset: str) -> Any:
        return self.connector._exchange.office.ledger.total(owner, asset)
