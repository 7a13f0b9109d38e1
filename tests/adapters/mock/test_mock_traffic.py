"""MOCK under seeded random scripts, cancels and restarts: money is conserved, and reports are true for every order."""

from decimal import Decimal
from random import Random
from typing import Any

import pytest
from tests.adapters.mock.mock_bench import BTC, PERPETUAL, MockBench
from tests.inhouse_kit import RecordingSink

from cadenza.domain.accounts.trading_account import AccountType, TradingAccount
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import FillReport, UnknownOutcomeReport

STEPS = 60
_REPLIES = ["", "", ".ack-lost", ".fill-before-ack", ".duplicate-fill"]
_COURSES = [
    "",
    ".fill",
    ".fill:{ms}",
    ".partial:{n}",
    ".partial:{n}:{ms}",
    ".rest",
    ".expire:{ms}",
    ".venue-cancel:{ms}",
]
_CANCELS = ["", ".cancel-refused:{n}", ".cancel-slow:{ms}", ".cancel-too-late", ".late-fill:{ms}"]
_ARRIVALS = [".reject:OTHER", ".never-arrives", ".rate-limited"]


def any_script(random: Random) -> str | None:
    """Also malformed ones: what excludes each other comes together now and then."""
    if random.random() < 0.15:
        return f"mock{random.choice(_ARRIVALS)}"
    steps = random.choice(_REPLIES) + random.choice(_COURSES) + random.choice(_CANCELS)
    filled = steps.format(ms=random.choice([0, 40, 300, 1_500]), n=random.randint(1, 4))
    return f"mock{filled}" if steps else None


class Client:
    """An account's owner, which keeps what it received."""

    def __init__(self, account: TradingAccount, type: AccountType) -> None:
        self.account, self.type = account, type
        self.orders: list[Order] = []
        self.session: Any = None
        self.sinks: list[RecordingSink] = []
        self.replies: list[Any] = []

    async def connect(self, bench: MockBench, number: int) -> None:
        self.account, self.session, sink = await bench.session(self.type, number=number)
        self.sinks.append(sink)

    def executed(self) -> dict[Any, Decimal]:
        received = [*self.replies, *(report for sink in self.sinks for report in sink.reports)]
        trades = {report.trade_id: report for report in received if isinstance(report, FillReport)}
        sums: dict[Any, Decimal] = {}
        for fill in trades.values():
            sums[fill.order_id] = sums.get(fill.order_id, Decimal(0)) + fill.quantity
        return sums


async def one_step(bench: MockBench, client: Client, random: Random) -> None:
    choice = random.random()
    if choice < 0.45:
        instrument = PERPETUAL if client.type is AccountType.MARGIN else BTC
        order = bench.order(
            client.account,
            any_script(random),
            str(random.randint(1, 400) * instrument.lot_size * 10),
            random.choice([None, "50000", "60010", "65000"]),
            side=random.choice(list(Side)),
            instrument=instrument,
        )
        client.orders.append(order)
        client.replies += await client.session.submit(order)
    elif choice < 0.75 and client.orders:
        client.replies += await client.session.cancel(random.choice(client.orders))
    else:
        await bench.tick(random.choice([1, 40, 700]))


@pytest.mark.parametrize("seed", range(8))
async def test_whatever_the_scripts_say_the_money_is_right(seed: int) -> None:
    random, bench = Random(seed), MockBench()
    await bench.connector.start()
    clients = [Client(None, type) for type in (AccountType.SPOT, AccountType.MARGIN)]  # type: ignore[arg-type]
    for number, client in enumerate(clients, 1):
        await client.connect(bench, number)
    for n in range(STEPS):
        for client in clients:
            await one_step(bench, client, random)
        bench.check_conservation()
        if n % 15 == 14:
            await bench.restart()
            for number, client in enumerate(clients, 1):
                await client.connect(bench, number)
    await bench.tick(10_000)
    for client in clients:
        last = await client.session.lookup(client.orders)
        assert not any(isinstance(report, UnknownOutcomeReport) for report in last)
        client.replies += last
        stored = {order.order_id: order for order in bench.disk.orders.values()}
        executed = client.executed()
        for order in client.orders:
            kept = stored[order.id]
            assert executed.get(order.id, 0) == kept.quantity - kept.remaining <= order.quantity
    bench.check_conservation()
    assert len(bench.disk.fills) > STEPS / 6
    await bench.connector.stop()
