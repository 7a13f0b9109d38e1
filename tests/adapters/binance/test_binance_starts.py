"""What the opening of a session asks for, and that nothing is lost by asking for less: symbol by symbol, as the venue
answers about the past."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal as D
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.adapters.binance.binance_world import BTC_USDT, NOW_MS, SPOT
from tests.binance_kit import Desk, open_desk, simulated_binance
from tests.inhouse_kit import replayed, until
from tests.scripted.clock import FakeClock
from tests.simulated_kit import count_requests
from tests.simulators.binance.trader import Trader

from cadenza.adapters.venues.binance import history
from cadenza.adapters.venues.binance.credential import BinanceSigner
from cadenza.adapters.venues.binance.dialects import SpotDialect
from cadenza.adapters.venues.binance.endpoints import BinanceMarket
from cadenza.adapters.venues.binance.history import FEW_ORDERS, PastOrders
from cadenza.adapters.venues.binance.rest import BinanceRest
from cadenza.adapters.venues.kit.request_instant import RequestInstant
from cadenza.adapters.venues.kit.venue_clock import VenueClock
from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.reports import ExternalOrderReport, FillReport, Report
from cadenza.network.outcomes import Answered

ACCOUNT, OPEN_ORDERS = "/api/v3/account", "/api/v3/openOrders"
PAST_ORDERS, TRADES = "/api/v3/allOrders", "/api/v3/myTrades"


async def opened(desk: Desk, since_ms: int | None = None) -> list[Report]:
    """Do what the platform does with a session that it has opened, and return what the replay brings."""
    since_ms = desk.session.venue_time_ms() - 60_000 if since_ms is None else since_ms
    found = await replayed(desk.session, since_ms)
    await desk.session.snapshot()
    return list(found)


@pytest.fixture
async def spot(tmp_path: Path) -> AsyncIterator[Desk]:
    async with simulated_binance(tmp_path) as venue, open_desk(venue) as desk:
        yield desk


def pairs_held(desk: Desk) -> int:
    """How many symbols there are between assets that the account holds."""
    connector: Any = desk.connector
    assets = set(desk.venue.simulator.venue.settings.deposits)
    known = connector._instruments
    found = (known.instrument(id) for id in known.symbols(BinanceMarket.SPOT).values())
    return sum({each.base_asset, each.quote_asset} <= assets for each in found)


async def test_an_account_without_open_orders_is_opened_with_few_readings(spot: Desk) -> None:
    counted = count_requests(spot.session)
    assert await opened(spot) == []
    held = pairs_held(spot)
    assert held >= 4
    assert (counted[ACCOUNT], counted[OPEN_ORDERS]) == (2, 1), "the first look shows what it holds as well"
    assert (counted[PAST_ORDERS], counted[TRADES]) == (held, 0)


async def test_an_account_with_something_locked_lists_its_open_orders_first(spot: Desk) -> None:
    await spot.session.submit(spot.order)
    counted = count_requests(spot.session)
    await opened(spot)
    assert counted[OPEN_ORDERS] == 2


@pytest.mark.parametrize("market", ["margin", "usdm"])
async def test_where_the_venue_does_not_say_that_orders_lock_they_are_always_listed(
    tmp_path: Path, market: str
) -> None:
    async with simulated_binance(tmp_path) as venue, open_desk(venue, market=market) as desk:
        counted = count_requests(desk.session)
        await opened(desk)
        assert sum(count for path, count in counted.items() if path.endswith("/openOrders")) == 2


async def test_what_a_stranger_did_in_a_pair_that_was_never_traded_here_is_found(spot: Desk) -> None:
    """One order is placed and executed while nobody is connected; one was placed long before, and executes then. Both
    leave the balances as they were."""
    venue = spot.venue
    async with Trader(venue.simulator, clock=venue.clock.now_ms) as trader:

        async def place(side: str, price: str) -> Any:
            fields = {"symbol": "ETHUSDT", "side": side, "type": "LIMIT", "timeInForce": "GTC", "quantity": "1"}
            return (await trader.signed("POST", "/api/v3/order", **fields, price=price)).ok

        levels = (Side.BUY, D(2990), D(1)), (Side.SELL, D(3010), D(1))
        await venue.market("ETHUSDT", *levels, clear=True)
        await spot.connector.stop()
        old = await place("BUY", "2995")
        venue.clock.advance(3_600_000)
        since_ms = venue.clock.now_ms()
        await venue.market("ETHUSDT", (Side.SELL, D(2995), D(1)))
        new = await place("SELL", "2990")
        await spot.again()
        found = await opened(spot, since_ms)
    fills = {each.venue_order_id for each in found if isinstance(each, FillReport)}
    assert fills == {str(old["orderId"]), str(new["orderId"])}
    await until(lambda: "ETHUSDT" in "".join(venue.memories.values.values()), "the symbol is remembered")


# --- the past of a symbol, however it is asked for

SINCE_MS = NOW_MS - 3_600_000


@dataclass(frozen=True, slots=True)
class PastOrder:
    """An order, and when it executed. `odd`: it has a word that no table has."""

    placed_ms: int
    executed_ms: tuple[int, ...]
    ended_ms: int | None
    odd: bool = False

    def line(self, number: int) -> dict[str, Any]:
        changed_ms = max([self.placed_ms, *self.executed_ms, *([] if self.ended_ms is None else [self.ended_ms])])
        status = "CANCELED" if self.ended_ms is not None else "PARTIALLY_FILLED" if self.executed_ms else "NEW"
        executed = len(self.executed_ms)
        return {
            "symbol": "BTCUSDT", "orderId": number, "orderListId": -1, "clientOrderId": f"own{number}",
            "price": "100", "origQty": "10", "executedQty": str(executed), "cummulativeQuoteQty": str(100 * executed),
            "status": "ODD" if self.odd else status, "timeInForce": "GTC", "type": "LIMIT", "side": "BUY",
            "stopPrice": "0", "icebergQty": "0", "time": self.placed_ms, "updateTime": changed_ms, "isWorking": True,
            "origQuoteOrderQty": "0", "workingTime": self.placed_ms, "selfTradePreventionMode": "NONE",
        }  # fmt: skip

    def trades(self, number: int) -> list[dict[str, Any]]:
        return [
            {
                "symbol": "BTCUSDT", "id": 100 * number + index, "orderId": number, "orderListId": -1, "price": "100",
                "qty": "1", "quoteQty": "100", "commission": "0", "commissionAsset": "USDT", "time": at_ms,
                "isBuyer": True, "isMaker": True, "isBestMatch": True,
            }
            for index, at_ms in enumerate(self.executed_ms)
        ]  # fmt: skip


class PastVenue:
    """Answers about the past of one symbol as spot documents it: orders by their number or by when they were placed,
    executions by when they happened."""

    def __init__(self, orders: Sequence[PastOrder]) -> None:
        ordered = sorted(orders, key=lambda each: each.placed_ms)
        self.orders = [order.line(number) for number, order in enumerate(ordered, 1)]
        self.trades = [trade for number, order in enumerate(ordered, 1) for trade in order.trades(number)]
        self.asked = Counter[str]()
        self.clock = FakeClock()
        self.clocks = {BinanceMarket.SPOT: VenueClock(self.clock, self._no_time)}

    async def _no_time(self) -> int | None:
        return None

    async def signed(self, market: BinanceMarket, signer: Any, make: Callable[..., Any], **_: Any) -> Answered:
        request = make(RequestInstant(NOW_MS, 0))
        self.asked[request.path] += 1
        lines = self._orders(request.parameters) if request.path == PAST_ORDERS else self._trades(request.parameters)
        return Answered(status=200, headers={}, body=json.dumps(lines[: request.parameters["limit"]]).encode())

    def _orders(self, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [
            line for line in self.orders if line["orderId"] >= asked.get("orderId", 0) and _within(line["time"], asked)
        ]

    def _trades(self, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
        found = [line for line in self.trades if line["id"] >= asked.get("fromId", 0) and _within(line["time"], asked)]
        return sorted(found, key=lambda line: int(line["time"]))

    def past(self, remembered: list[str]) -> PastOrders:
        signer = BinanceSigner(CredentialType.HMAC, Secrets("key", "secret", None))
        rest = cast(BinanceRest, self)
        return PastOrders(rest, signer, SpotDialect(), SPOT, lambda symbol: None, remembered.append, self.clock)


def _within(at_ms: int, asked: Mapping[str, Any]) -> bool:
    return bool(asked.get("startTime", 0) <= at_ms <= asked.get("endTime", at_ms))


async def reports(venue: PastVenue, untraded: Sequence[str], remembered: list[str] | None = None) -> list[Report]:
    pieces = venue.past([] if remembered is None else remembered).pieces(["BTCUSDT"], SINCE_MS, NOW_MS, untraded)
    return [report async for piece in pieces for report in piece.reports]


_instants = st.integers(SINCE_MS - 10_000, SINCE_MS + 10_000) | st.sampled_from([SINCE_MS - 1, SINCE_MS, SINCE_MS + 1])


@st.composite
def past_orders(draw: st.DrawFn) -> PastOrder:
    placed_ms = draw(_instants | st.integers(SINCE_MS - 90 * 86_400_000, SINCE_MS - 86_400_000))
    later = st.integers(placed_ms, max(placed_ms, SINCE_MS) + 10_000)
    executed = tuple(sorted(draw(st.lists(later, max_size=2, unique=True))))
    last_ms = max([placed_ms, *executed])
    ended_ms = draw(st.none() | st.integers(last_ms, last_ms + 10_000))
    return PastOrder(placed_ms, executed, ended_ms)


@given(st.lists(past_orders(), max_size=6))
async def test_asking_for_less_finds_the_same(orders: list[PastOrder]) -> None:
    """Whatever was placed, executed and ended before and after."""
    expected = await reports(PastVenue(orders), untraded=())
    venue, remembered = PastVenue(orders), list[str]()
    assert await reports(venue, ["BTCUSDT"], remembered) == expected
    has_news = any(line["updateTime"] >= SINCE_MS for line in venue.orders)
    assert remembered == (["BTCUSDT"] if has_news else [])
    assert (venue.asked[PAST_ORDERS], venue.asked[TRADES]) == ((2, 1) if has_news else (1, 0))


OLD = PastOrder(SINCE_MS - 200_000_000, (SINCE_MS - 100_000_000,), SINCE_MS - 100_000_000)
EXECUTED_SINCE = PastOrder(SINCE_MS - 100, (SINCE_MS + 50,), None)


async def test_a_symbol_with_more_orders_than_a_short_list_has_is_asked_for_both() -> None:
    """The one that executed may be beyond the end of the list."""
    venue, remembered = PastVenue([*[OLD] * FEW_ORDERS, EXECUTED_SINCE]), list[str]()
    (fill,) = await reports(venue, ["BTCUSDT"], remembered)
    assert isinstance(fill, FillReport)
    assert (fill.at_ms, fill.instrument_id) == (SINCE_MS + 50, BTC_USDT)
    assert remembered == ["BTCUSDT"]


async def test_an_order_that_cannot_be_read_may_be_one_that_executed() -> None:
    odd = PastOrder(EXECUTED_SINCE.placed_ms, EXECUTED_SINCE.executed_ms, None, odd=True)
    found = await reports(PastVenue([OLD, odd]), ["BTCUSDT"])
    assert [type(each) for each in found] == [FillReport]


async def test_an_order_that_was_placed_since_is_announced_before_its_executions() -> None:
    found = await reports(PastVenue([PastOrder(SINCE_MS + 5, (SINCE_MS + 6,), None)]), ["BTCUSDT"])
    assert [type(each) for each in found] == [ExternalOrderReport, FillReport]


async def test_the_list_that_proves_is_short_and_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of as many lines as were asked for may lack one."""
    monkeypatch.setattr(history, "FEW_ORDERS", 3)
    for count, lists in ((2, (1, 0)), (3, (2, 1))):
        venue = PastVenue([OLD] * count)
        assert await reports(venue, ["BTCUSDT"]) == []
        assert (venue.asked[PAST_ORDERS], venue.asked[TRADES]) == lists
