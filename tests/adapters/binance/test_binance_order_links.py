"""What a conditional order of USD-M has become is known before that is reported, whatever comes first or not at all."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from decimal import Decimal as D
from pathlib import Path
from typing import Any, cast

import pytest
from tests.adapters.binance.binance_world import NOW_MS, USDM
from tests.adapters.binance.test_binance_algo_orders import ALGO_REPLY
from tests.binance_kit import Desk, open_desk, simulated_binance
from tests.conformance.harness import believed
from tests.inhouse_kit import until
from tests.scripted.clock import FakeClock
from tests.simulators.binance.trader import Trader

from cadenza.adapters.venues.binance.credential import BinanceSigner
from cadenza.adapters.venues.binance.endpoints import BinanceMarket
from cadenza.adapters.venues.binance.history import LINK_WINDOWS_MAX, PastOrders
from cadenza.adapters.venues.binance.order_links import HELD_MS_MAX
from cadenza.adapters.venues.binance.rest import BinanceRest
from cadenza.adapters.venues.binance.usdm_dialect import UsdmDialect
from cadenza.adapters.venues.kit.replay_pieces import SILENCE_MS_MAX
from cadenza.adapters.venues.kit.venue_clock import VenueClock
from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.accounts.trading_account import PositionMode
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import AcceptedReport, OrderReport, Report
from cadenza.network.outcomes import Answered

PAGE = 1_000


class AlgoService:
    """Answers every question about past conditional orders with the same lines."""

    def __init__(self, *lines: Mapping[str, Any]) -> None:
        self.lines = lines
        self.asked = 0
        self.clock = FakeClock()
        self.is_open = asyncio.Event()
        self.is_open.set()
        self.clocks = {BinanceMarket.USDM: VenueClock(self.clock, self._no_time)}

    async def _no_time(self) -> int | None:
        return None

    async def signed(self, *_: Any, **__: Any) -> Answered:
        self.asked += 1
        assert self.asked <= 100, "the questions do not end"
        await self.is_open.wait()
        return Answered(status=200, headers={}, body=json.dumps(self.lines).encode())


def past_orders(service: AlgoService) -> PastOrders:
    signer = BinanceSigner(CredentialType.HMAC, Secrets("key", "secret", None))
    return PastOrders(
        cast(BinanceRest, service),
        signer,
        UsdmDialect(PositionMode.NETTING),
        USDM,
        lambda symbol: None,
        lambda symbol: None,
        service.clock,
    )


async def test_pages_that_cannot_be_read_are_not_asked_for_again_and_again() -> None:
    service = AlgoService(*({"algoId": f"x{n}"} for n in range(PAGE)))
    assert await past_orders(service).links("BNBUSDT", {"55"}, NOW_MS) == []
    assert service.asked == LINK_WINDOWS_MAX


async def test_an_order_that_closes_a_position_is_found_and_has_no_link() -> None:
    """It was not reported before its trigger, so there is nothing to rename."""
    closing = {**ALGO_REPLY, "quantity": "0", "closePosition": True, "algoStatus": "FINISHED", "actualOrderId": "55"}
    service = AlgoService(closing)
    assert await past_orders(service).links("BNBUSDT", {"55"}, NOW_MS) == []
    assert service.asked == 1


# --- over the wire


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with simulated_binance(tmp_path) as venue, open_desk(venue, market="usdm") as opened:
        yield opened


def stop(desk: Desk, limit: str | None = None) -> Order:
    """A BUY that waits above the market: a STOP, or a STOP_LIMIT that rests after its trigger."""
    type = OrderType.STOP if limit is None else OrderType.STOP_LIMIT
    return replace(desk.limit("0.5", limit, type=type, stop="60100"), time_in_force=TimeInForce.GTC)


async def lose(desk: Desk, *names: str) -> None:
    """The stream brings no events of these names; without a name, none at all."""
    faults = [{"on": "user", "kind": "drop", "times": 1_000, "event": name} for name in names or (None,)]
    await desk.venue.post("faults", {"events": faults})


async def rise(desk: Desk) -> None:
    """The market moves above the limit of a STOP_LIMIT, which rests below it then."""
    levels = (Side.BUY, D(60090), D(3)), (Side.SELL, D(60110), D(3))
    await desk.venue.market("BTCUSDT", *levels, clear=True, market="usdm")


async def trigger(desk: Desk) -> None:
    async with Trader(desk.venue.simulator, clock=desk.venue.clock.now_ms) as trader:
        await trader.trade_usdm("60100", "0.001", "BUY")


def of_child(reports: list[Report]) -> list[OrderReport]:
    """What names the order that a conditional one became."""
    return [each for each in reports if isinstance(each, OrderReport) and (each.venue_order_id or "").isdigit()]


async def test_a_trigger_that_the_stream_does_not_announce_is_asked_for(desk: Desk) -> None:
    order = stop(desk)
    accepted = await desk.session.submit(order)
    await lose(desk, "ALGO_UPDATE")
    await trigger(desk)
    await until(lambda: not desk.session.is_caught_up(), "news of an order that nothing has announced")
    assert of_child(desk.sink.reports) == []
    desk.venue.clock.advance(HELD_MS_MAX)

    def is_filled() -> bool:
        desk.venue.clock.advance(20)
        return believed(order, [*accepted, *desk.sink.reports]).status is OrderStatus.FILLED

    await until(is_filled, "the fill")
    link, *_ = of_child(desk.sink.reports)
    assert isinstance(link, AcceptedReport)
    assert (link.sent_id, link.former_venue_order_id) == (order.sent_id, believed(order, accepted).venue_order_id)
    await until(desk.session.is_caught_up, "the end of waiting")


async def test_what_came_just_now_is_not_given_up_because_something_else_waits_long(desk: Desk) -> None:
    """An announcement may be a little behind, whenever that is."""
    order = stop(desk)
    accepted = await desk.session.submit(order)
    await lose(desk, "ALGO_UPDATE")
    for _ in range(3):
        desk.venue.clock.advance(HELD_MS_MAX - 100)
        await asyncio.sleep(0)
    await trigger(desk)
    await until(lambda: not desk.session.is_caught_up(), "news of an order that nothing has announced")
    desk.venue.clock.advance(HELD_MS_MAX // 2)
    for _ in range(20):
        await asyncio.sleep(0)
    assert of_child(desk.sink.reports) == []
    assert believed(order, accepted).status is OrderStatus.ACCEPTED


async def test_an_order_that_no_conditional_order_has_become_was_placed_elsewhere(desk: Desk) -> None:
    await desk.session.submit(stop(desk))
    await lose(desk, "ALGO_UPDATE")
    await desk.venue.fault("allAlgoOrders", "error_after", status=200, body="[]", times=100)
    await trigger(desk)
    await until(lambda: not desk.session.is_caught_up(), "news of an order that nothing has announced")
    desk.venue.clock.advance(HELD_MS_MAX)

    def is_delivered() -> bool:
        desk.venue.clock.advance(20)
        return len(desk.sink.fills) == 1

    await until(is_delivered, "the fill")
    assert not any(isinstance(each, AcceptedReport) for each in of_child(desk.sink.reports))


async def test_a_snapshot_does_not_show_a_triggered_order_as_that_of_a_stranger(desk: Desk) -> None:
    order = stop(desk, "60050")
    known = believed(order, await desk.session.submit(order))
    await rise(desk)
    await lose(desk)
    await trigger(desk)
    (shown,) = (await desk.session.snapshot()).open_orders
    (link,) = of_child(desk.sink.reports)
    assert isinstance(link, AcceptedReport)
    assert (link.sent_id, link.former_venue_order_id) == (order.sent_id, known.venue_order_id)
    assert link.venue_order_id == shown.venue_order_id
    assert believed(known, [link, shown]).venue_order_id == shown.venue_order_id


async def test_a_snapshot_leaves_out_a_triggered_order_until_it_is_known_what_it_was(desk: Desk) -> None:
    """The list of past conditional orders is behind."""
    order = stop(desk, "60050")
    accepted = await desk.session.submit(order)
    await rise(desk)
    await lose(desk)
    await desk.venue.fault("allAlgoOrders", "error_after", status=200, body="[]", times=13)
    await trigger(desk)
    assert (await desk.session.snapshot()).open_orders == ()
    assert of_child(desk.sink.reports) == []
    desk.venue.clock.advance(HELD_MS_MAX)

    def is_linked() -> bool:
        desk.venue.clock.advance(20)
        return bool(of_child(desk.sink.reports))

    await until(is_linked, "the rename")
    assert isinstance(of_child(desk.sink.reports)[0], AcceptedReport)
    (shown,) = (await desk.session.snapshot()).open_orders
    end = believed(order, [*accepted, *desk.sink.reports])
    assert (end.status, end.venue_order_id) == (OrderStatus.ACCEPTED, shown.venue_order_id)


async def test_a_session_that_holds_news_is_not_caught_up_and_takes_no_snapshot(desk: Desk) -> None:
    """A snapshot contains every fill before its instant, and all that was received before it has been delivered."""
    await desk.session.submit(stop(desk))
    await lose(desk, "ALGO_UPDATE")
    await trigger(desk)
    await until(lambda: not desk.session.is_caught_up(), "news of an order that nothing has announced")
    reading = asyncio.create_task(desk.session.snapshot())
    while not reading.done():
        desk.venue.clock.advance(20)
        await asyncio.sleep(0.001)
    assert [fill.quantity for fill in desk.sink.fills] == [D("0.5")]
    assert [each.quantity for each in reading.result().positions or ()] == [D("0.5")]
    assert desk.session.is_caught_up()


async def test_a_replay_shows_that_it_goes_on_while_the_venue_answers() -> None:
    """Requests may wait for their weight, and a symbol may have many pages. Whoever waits for a replay gives it up when
    it is silent for too long, however much of it there is."""
    service = AlgoService()
    service.clocks[BinanceMarket.USDM].is_answered = True
    service.is_open.clear()
    pieces = past_orders(service).pieces(["BTCUSDT", "ETHUSDT"], NOW_MS - 60_000, NOW_MS)
    for asked in (1, 1):
        piece = asyncio.ensure_future(anext(pieces))
        await until(lambda: bool(service.clock._sleepers), "the wait")
        service.clock.advance(SILENCE_MS_MAX)
        assert (await piece).reports == ()
        assert service.asked == asked
    service.is_open.set()
    assert [service.asked async for _ in pieces] == [2, 4, 4], "two lists of each symbol"
