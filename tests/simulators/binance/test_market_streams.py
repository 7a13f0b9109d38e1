"""Public streams: subscriptions, books that can be kept, trades and best prices."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from cadenza.simulators.binance.server import BinanceSimulator

from .sockets import connected
from .trader import Trader

D = Decimal


async def test_subscriptions_are_made_listed_and_ended(simulator: BinanceSimulator) -> None:
    async with connected(f"{simulator.stream_url}/ws") as socket:
        assert await socket.ask("SUBSCRIBE", ["btcusdt@trade", "ethusdt@bookTicker"]) == {"result": None, "id": 1}
        assert (await socket.ask("LIST_SUBSCRIPTIONS"))["result"] == ["btcusdt@trade", "ethusdt@bookTicker"]
        assert (await socket.ask("UNSUBSCRIBE", ["btcusdt@trade"]))["result"] is None
        assert (await socket.ask("LIST_SUBSCRIPTIONS"))["result"] == ["ethusdt@bookTicker"]
        assert "unknown variant" in (await socket.ask("SUB", []))["error"]["msg"]


@pytest.mark.parametrize("path", ["/ws/btcusdt@trade", "/stream?streams=btcusdt@trade", "/ws/0"])
async def test_trades_come_raw_or_combined(simulator: BinanceSimulator, trader: Trader, path: str) -> None:
    async with connected(f"{simulator.stream_url}{path}") as socket:
        if path == "/ws/0":
            await socket.ask("SUBSCRIBE", ["btcusdt@trade"])
        await trader.trade_at("59994", "0.00021")
        frame = await socket.frame()
        if path.startswith("/stream"):
            assert frame["stream"] == "btcusdt@trade"
            frame = frame["data"]
        assert (frame["e"], frame["s"], frame["p"], frame["q"], frame["m"]) == (
            "trade",
            "BTCUSDT",
            "59994.00000000",
            "0.00021000",
            True,
        )


async def test_best_prices_come_when_they_change(simulator: BinanceSimulator, trader: Trader) -> None:
    async with connected(f"{simulator.stream_url}/ws/btcusdt@bookTicker") as socket:
        await trader.place(price="50000")
        await trader.place(price="60001", quantity="0.5")
        ticker = await socket.frame()
        assert (ticker["b"], ticker["B"], ticker["a"]) == ("60001.00000000", "0.50000000", "60006.00000000")


@dataclass
class KeptBook:
    """The venue's own recipe for a local book."""

    id: int = 0
    sides: dict[str, dict[Decimal, Decimal]] = field(default_factory=lambda: {"b": {}, "a": {}})

    def start(self, snapshot: dict[str, Any]) -> None:
        self.id = snapshot["lastUpdateId"]
        for side, name in (("b", "bids"), ("a", "asks")):
            self.sides[side] = {D(price): D(quantity) for price, quantity in snapshot[name]}

    def apply(self, event: dict[str, Any]) -> None:
        if event["u"] <= self.id:
            return
        assert event["U"] <= self.id + 1, "a gap"
        for side, levels in self.sides.items():
            for price, quantity in event[side]:
                levels[D(price)] = D(quantity)
                if not D(quantity):
                    del levels[D(price)]  # at 0 the level is gone
        self.id = event["u"]


@pytest.mark.parametrize("stream", ["btcusdt@depth@100ms", "btcusdt@depth"])
async def test_a_book_is_kept_from_a_snapshot_and_differences(
    simulator: BinanceSimulator, trader: Trader, stream: str
) -> None:
    async with connected(f"{simulator.stream_url}/ws/{stream}") as socket:
        await trader.place(price="59999")
        first, book = await socket.frame(), KeptBook()
        book.start((await trader.public("/api/v3/depth", symbol="BTCUSDT", limit=5000)).ok)
        assert book.id >= first["U"] - 1
        book.apply(first)
        for price in ("59998", "59994", "60012"):
            await trader.place(price=price)
            await trader.place(type="MARKET", side="SELL", quantity="0.05")
        await trader.signed("DELETE", "/api/v3/openOrders", symbol="BTCUSDT")
        last = KeptBook()
        last.start((await trader.public("/api/v3/depth", symbol="BTCUSDT", limit=5000)).ok)
        assert last.id > first["u"]
        while book.id < last.id:
            book.apply(await socket.frame())
        assert book == last


@pytest.mark.parametrize("settings", [{"market_step_ms": 20, "seed": 7}], indirect=True)
async def test_a_market_from_a_seed_moves_by_itself(simulator: BinanceSimulator, trader: Trader) -> None:
    async with connected(f"{simulator.stream_url}/ws/btcusdt@depth@100ms/btcusdt@trade") as socket:
        book = KeptBook()
        first = await socket.until(lambda frame: frame["e"] == "depthUpdate")
        book.start((await trader.public("/api/v3/depth", symbol="BTCUSDT", limit=5000)).ok)
        book.apply(first)
        for _ in range(5):
            book.apply(await socket.until(lambda frame: frame["e"] == "depthUpdate"))
        await socket.until(lambda frame: frame["e"] == "trade")
        assert max(book.sides["b"]) < min(book.sides["a"])


async def test_the_best_levels_alone_can_be_had(simulator: BinanceSimulator, trader: Trader) -> None:
    async with connected(f"{simulator.stream_url}/ws/btcusdt@depth5@100ms") as socket:
        await trader.place(price="59999")
        book = await socket.until(lambda frame: frame["bids"][0][0] == "59999.00000000")
        assert (len(book["bids"]), len(book["asks"])) == (5, 5)


async def test_a_client_that_sends_too_much_is_disconnected(simulator: BinanceSimulator) -> None:
    async with connected(f"{simulator.stream_url}/ws") as socket:
        for id in range(40):
            await socket.send(f'{{"method":"LIST_SUBSCRIPTIONS","id":{id}}}')
        answers = 0
        while await socket.frame() is not None:
            answers += 1
        assert answers < 40


@pytest.mark.parametrize("settings", [{"connection_ms": 200}], indirect=True)
async def test_a_connection_ends_when_its_time_has_come(simulator: BinanceSimulator) -> None:
    async with connected(f"{simulator.stream_url}/ws") as socket:
        assert await socket.frame() is None


@pytest.mark.parametrize("settings", [{"ping_ms": 100}], indirect=True)
async def test_a_client_that_answers_no_ping_is_disconnected(simulator: BinanceSimulator) -> None:
    async with connected(f"{simulator.stream_url}/ws", autoping=False) as socket:
        frames = [await socket.frame() for _ in range(2)]
        assert frames == [None, None]  # a ping, which aiohttp shows as no text, then the end


async def test_a_shutdown_is_announced(simulator: BinanceSimulator, trader: Trader) -> None:
    async with connected(f"{simulator.stream_url}/ws") as socket:
        await trader.admin("sockets", action="announce_shutdown")
        assert (await socket.frame())["e"] == "serverShutdown"
        await trader.admin("sockets", action="cut")
        assert await socket.frame() is None


async def test_market_events_can_fail(simulator: BinanceSimulator, trader: Trader) -> None:
    async with connected(f"{simulator.stream_url}/ws/btcusdt@trade") as socket:
        drop = {"on": "market", "kind": "drop", "times": 1}
        await trader.admin("faults", events=[drop])
        for quantity in ("0.1", "0.2"):
            await trader.trade_at("59994", quantity)
        assert (await socket.frame())["q"] == "0.20000000"
