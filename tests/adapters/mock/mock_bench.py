"""A bench: a MOCK venue over a clock by hand and a ledger in memory."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from tests.inhouse_kit import (
    KEY,
    ManualClock,
    MemoryLedger,
    NoFailpoints,
    RecordingSink,
    connected_account,
    make_order,
    until,
)

from cadenza.adapters.venues.inhouse.accounts import AccountSettings
from cadenza.adapters.venues.mock import MockConnector
from cadenza.adapters.venues.mock.spec import INSTRUMENTS
from cadenza.domain.accounts.credential import CredentialType
from cadenza.domain.accounts.trading_account import AccountType, TradingAccount
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.order import Order
from cadenza.exchange.records import PostingKind
from cadenza.ports.venue import VenueStatus

BTC, ETH, PERPETUAL = INSTRUMENTS
BID, ASK = "59990", "60010"


@dataclass
class MockBench:
    """A running venue and what is around it."""

    clock: ManualClock = field(default_factory=ManualClock)
    disk: MemoryLedger = field(default_factory=MemoryLedger)
    accounts: AccountSettings = field(default_factory=AccountSettings)
    numbers: int = 0

    def __post_init__(self) -> None:
        self.connector = self._new_connector()

    def _writer(self) -> Any:
        return self.disk.writer()

    def _new_connector(self) -> MockConnector:
        return MockConnector(ledger=self._writer(), clock=self.clock, failpoints=NoFailpoints(), accounts=self.accounts)

    async def restart(self) -> None:
        """A new process over what is on disk; nothing was said to the old one."""
        await self.connector.stop()
        self.connector = self._new_connector()
        await self.connector.start()

    async def session(
        self, type: AccountType = AccountType.SPOT, *, number: int = 1, secrets: Any = KEY
    ) -> tuple[TradingAccount, Any, RecordingSink]:
        account = await connected_account(self.connector, type, secrets=secrets, number=number)
        sink = RecordingSink()
        return account, await self.connector.open_session(account, CredentialType.API_KEY, secrets, sink), sink

    def order(
        self,
        account: TradingAccount,
        script: str | None,
        quantity: str = "1",
        price: str | None = "50000",
        **fields: Any,
    ) -> Order:
        """A BUY of BTC/USDT that carries a script, made unique by its number; LIMIT with a price, MARKET without."""
        self.numbers += 1
        client_order_id = None if script is None else f"{script}#{self.numbers}"
        arguments: dict[str, Any] = {
            "instrument": BTC,
            "side": Side.BUY,
            "client_order_id": client_order_id,
            "number": self.numbers,
            "at_ms": self.clock.ms,
        }
        return make_order(account, quantity=quantity, price=price, **(arguments | fields))

    async def tick(self, duration_ms: int = 50) -> None:
        """Let time pass and the venue notice."""
        runner = self.connector._runner
        self.clock.advance(duration_ms)

        def has_turned() -> bool:
            runner._news.set()
            return runner._now_ms >= self.clock.ms

        await until(has_turned, "the turn")

    async def delivered(self, sink: RecordingSink, count: int) -> list[Any]:
        """Return everything that the stream has delivered, once there are `count` reports."""
        await until(lambda: len(sink.reports) >= count, f"{count} reports")
        return sink.reports

    def start(self, call: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        """Ask without waiting for the reply."""
        return asyncio.create_task(call)

    async def until_at_work(self, order: Order) -> None:
        """Until the order is on disk."""
        await until(lambda: any(stored.order_id == order.id for stored in self.disk.orders.values()), "the order")

    async def recovered(self) -> None:
        """Until the planned failures have happened and the venue is back."""

        def is_back() -> bool:
            self.clock.advance(50)
            return not self.disk.failures and self.connector.status() is VenueStatus.ONLINE

        await until(is_back, "the venue's return")

    def total(self, owner: str, asset: str) -> Any:
        return self.connector._exchange.office.ledger.total(owner, asset)

    def check_conservation(self) -> None:
        """For every asset the totals of all owners are 0, on disk as in memory, and postings add up to totals."""
        totals = self.connector._exchange.office.ledger.totals()
        assert {key: held.total for key, held in self.disk.balances.items()} == totals
        for asset in {asset for _, asset in totals}:
            assert sum(total for (_, of), total in totals.items() if of == asset) == 0
        sums: dict[tuple[str, str], Any] = {}
        for posting in self.disk.postings:
            assert isinstance(posting.kind, PostingKind)
            for owner, change in ((posting.source, -posting.amount), (posting.target, posting.amount)):
                sums[owner, posting.asset] = sums.get((owner, posting.asset), 0) + change
        assert sums == totals
