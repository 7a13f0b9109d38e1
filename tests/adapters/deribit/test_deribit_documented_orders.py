"""Every response example of the venue's documents about orders and executions, and the notifications, by value."""

from collections.abc import Mapping, Sequence
from decimal import Decimal as D
from types import SimpleNamespace
from typing import Any

import pytest
from tests.adapters.deribit.deribit_world import SENT_ID, order
from tests.adapters.deribit.documented_world import (
    CHANNELS,
    RESPONSES,
    SIGNER,
    DocumentedVenue,
    raw,
    scope,
    told,
)
from tests.inhouse_kit import kinds

from cadenza.adapters.venues.deribit.cancels import OrderCancels
from cadenza.adapters.venues.deribit.history import PAGE_LINES_MAX, PastOrders
from cadenza.adapters.venues.deribit.models import OrderRow, RpcFrame, UserTrade
from cadenza.adapters.venues.deribit.order_search import OrderSearch
from cadenza.adapters.venues.deribit.order_trades import OrderTrades
from cadenza.adapters.venues.deribit.parse_news import changes_news
from cadenza.adapters.venues.deribit.parse_orders import fill_report, order_facts, placed_reports
from cadenza.adapters.venues.deribit.stream_wire import PublicChannels
from cadenza.adapters.venues.kit.market_stream import MarketEvent
from cadenza.adapters.venues.kit.order_facts import OrderFacts, Standing
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.unsettled_cancels import UnsettledCancels
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.evolve import evolve
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.trading.enums import CancelReason, LiquiditySide
from cadenza.domain.trading.reports import (
    CanceledReport,
    CancelRefusal,
    CancelRefusedReport,
    ExternalOrderReport,
    FillReport,
    OrderStatusReport,
    PositionReport,
    VenueOrderStatus,
)

FUTURES, OPTIONS = scope(), scope(AccountType.OPTIONS)
CHANGES = "user.changes.future.any.raw"
PLACED_MS = 1_550_219_749_176
"""When the order of the example of a label was placed."""


def facts_of(row: Any, type: AccountType = AccountType.FUTURES) -> OrderFacts:
    return order_facts(decode(OrderRow, raw(row)), scope(type))


def fill_of(row: Any) -> FillReport:
    return fill_report(decode(UserTrade, raw(row)), FUTURES)


def shown(fill: FillReport) -> Sequence[Any]:
    """Where, of which order, which side, for how much, and what it cost."""
    fees = [(fee.asset, fee.quantity) for fee in fill.fees]
    return [fill.instrument_id, fill.venue_order_id, fill.side, fill.price, fill.quantity, fees, fill.liquidity]


# --- orders and executions


def test_a_new_order_that_was_filled_at_once() -> None:
    """The example has no label, so it is the reply to somebody else's order; with ours it is the reply to ours."""
    stated = RESPONSES["PrivateBuyAndSellResponse"]["result"]
    ours = order(instrument_id="DERIBIT:ETH/USD-PERP", side=Side.SELL, quantity=D(21), limit_price=D("198.75"))
    with pytest.raises(UnreadablePayload, match="another order"):
        placed_reports(raw(stated), ours, FUTURES)
    stated = {**stated, "order": {**stated["order"], "label": SENT_ID}}
    begun, fill, end = placed_reports(raw(stated), ours, FUTURES)
    assert kinds([begun, fill, end]) == ["Accepted", "Fill", "OrderStatus"]
    assert isinstance(fill, FillReport)
    assert shown(fill) == [
        "DERIBIT:ETH/USD-PERP", "ETH-584864807", Side.SELL, D("202.8"), 21, [("ETH", D("0.00007766"))],
        LiquiditySide.TAKER,
    ]  # fmt: skip
    assert (fill.trade_id, fill.at_ms, fill.order_id) == ("ETH-2696097", 1590486335742, ours.id)
    assert isinstance(end, OrderStatusReport)
    assert (end.status, end.executed_quantity, end.executed_price) == (VenueOrderStatus.FILLED, 21, D("202.8"))


def test_an_order_that_was_edited_is_replaced_and_works() -> None:
    stated = RESPONSES["PrivateEditResponse"]["result"]["order"]
    facts = facts_of(stated)
    assert (facts.standing, facts.quantity, facts.executed, facts.limit_price) == (Standing.WORKING, 150, 0, 50_111)
    assert decode(OrderRow, raw(stated)).is_replaced
    news = changes_news(decode(RpcFrame, told(CHANGES, {"orders": [stated]})), FUTURES, 0)
    assert kinds(news) == ["OrderStatus"], "it is not announced a second time"


@pytest.mark.parametrize(
    ("name", "label"), [("PrivateGetOrderStateResponse", None), ("PrivateGetOrderStateByLabelResponse", "fooBar")]
)
def test_how_an_order_stands(name: str, label: str | None) -> None:
    stated = RESPONSES[name]["result"]
    facts = facts_of(stated[0] if isinstance(stated, list) else stated)
    assert (facts.venue_order_id, facts.sent_id, facts.instrument_id) == ("ETH-331562", label, "DERIBIT:ETH/USD-PERP")
    assert (facts.side, facts.type, facts.time_in_force) == (Side.SELL, OrderType.LIMIT, TimeInForce.GTC)
    assert (facts.quantity, facts.executed, facts.standing) == (37, 37, Standing.FILLED)
    assert (facts.limit_price, facts.executed_price) == (D("118.94"), D("118.94"))
    assert (facts.placed_at_ms, facts.at_ms) == (1550219749176, 1550219810944)


async def test_orders_are_found_by_their_id_and_by_their_label() -> None:
    venue = DocumentedVenue()
    search = searching(venue)
    found = await search.by_id("ETH-331562", "ETH-PERPETUAL")
    assert found is not None
    assert decode(OrderRow, found).id == "ETH-331562"
    ours = order(
        sent_id="fooBar", instrument_id="DERIBIT:ETH/USD-PERP", side=Side.SELL, quantity=D(37),
        limit_price=D("118.94"), created_at_ms=PLACED_MS, send_before_ms=PLACED_MS + 10_000,
    )  # fmt: skip
    match = await search.find(ours)
    assert match.own is not None
    assert (match.own.row.label, match.own.row.id) == ("fooBar", "ETH-331562")
    assert [call.method for call in venue.calls] == ["private/get_order_state", "private/get_order_state_by_label"]
    other = evolve(ours, quantity=D(38))
    assert len((await search.find(other)).rivals) == 1, "the example does not say whether somebody has edited it"


@pytest.mark.parametrize(("price", "is_moved"), [("36900", True), ("36800", False)])
async def test_a_limit_price_beyond_that_of_the_ticker_explains_another_one(price: str, is_moved: bool) -> None:
    """The example's ticker moves the limit price of a BUY down to 36833.4."""
    venue = DocumentedVenue(now_ms=PLACED_MS)
    (row,) = RESPONSES["PrivateGetOrderStateByLabelResponse"]["result"]
    changes = {"instrument_name": "BTC-PERPETUAL", "direction": "buy", "price": D("36790"), "average_price": D(36_300)}
    venue.changed["private/get_order_state_by_label"] = [{**row, **changes}]
    ours = order(
        sent_id="fooBar", quantity=D(37), limit_price=D(price), created_at_ms=PLACED_MS,
        send_before_ms=PLACED_MS + 10_000,
    )  # fmt: skip
    match = await searching(venue).find(ours)
    assert (match.own is not None, len(match.rivals)) == (is_moved, 0 if is_moved else 1)
    assert venue.calls[-1].method == "public/ticker"


async def test_the_history_of_triggers_says_what_an_order_has_become() -> None:
    """The order that it has become is asked for next."""
    venue = DocumentedVenue()
    triggered = {**RESPONSES["PrivateCancelResponse"]["result"], "order_state": "triggered", "order_id": "SLIS-103"}
    venue.changed["private/get_order_state"] = triggered
    await searching(venue).by_id("SLIS-103", "BTC-PERPETUAL")
    asked = [call.params["order_id"] for call in venue.calls if call.method == "private/get_order_state"]
    assert asked == ["SLIS-103", "671473"]


async def test_the_executions_of_an_order_are_a_list() -> None:
    facts = facts_of({**RESPONSES["PrivateGetOrderStateResponse"]["result"], "order_id": "ETH-584830574"})
    (fill,) = await OrderTrades(DocumentedVenue().rest, SIGNER, FUTURES).of(facts)
    assert isinstance(fill, FillReport)
    assert shown(fill) == [
        "DERIBIT:ETH/USD-PERP", "ETH-584830574", Side.BUY, D("203.8"), 100, [("ETH", D("0.00036801"))],
        LiquiditySide.TAKER,
    ]  # fmt: skip


async def test_what_happened_is_replayed_from_lists_and_pages() -> None:
    """The past orders are a list in the document, and the executions a page; a gap since before all of them."""
    venue = DocumentedVenue(now_ms=1_600_000_000_000)
    venue.changed["private/get_order_history_by_currency"] = [
        {**row, "label": "mine"} for row in RESPONSES["PrivateGetOrderHistoryResponse"]["result"]
    ]
    past = PastOrders(venue.rest, SIGNER, FUTURES)
    reports = await past.reports(1_550_000_000_000, venue.now_ms)
    placed, fill, end = reports
    assert isinstance(placed, ExternalOrderReport)
    assert (placed.venue_order_id, placed.sent_id, placed.quantity, placed.limit_price) == (
        "146475", "mine", 40, D("3886.5"),
    )  # fmt: skip
    assert isinstance(fill, FillReport)
    assert shown(fill) == [
        "DERIBIT:BTC/USD-26JUN20", "3993343822", Side.BUY, D("9681.5"), 10, [("BTC", D("-2.1E-7"))],
        LiquiditySide.MAKER,
    ]  # fmt: skip
    assert isinstance(end, OrderStatusReport)
    assert (end.status, end.executed_price) == (VenueOrderStatus.FILLED, D("3659.8"))
    options = PastOrders(venue.rest, SIGNER, OPTIONS)
    (sold,) = await options.reports(1_560_000_000_000, venue.now_ms)
    assert isinstance(sold, FillReport)
    assert shown(sold)[:3] == ["DERIBIT:BTC/USD-27MAY20-8750-C", "4008699030", Side.SELL]


async def test_a_list_of_past_orders_that_fills_a_page_is_read_on_by_its_offset() -> None:
    venue = DocumentedVenue()
    (row,) = RESPONSES["PrivateGetOrderHistoryResponse"]["result"]
    rows = [{**row, "order_id": str(number)} for number in range(PAGE_LINES_MAX + 1)]

    def page(params: Mapping[str, Any]) -> Any:
        start = int(params.get("offset", 0))
        return rows[start : start + PAGE_LINES_MAX] if params["currency"] == "BTC" else []

    venue.answers["private/get_order_history_by_currency"] = page
    venue.changed["private/get_user_trades_by_currency_and_time"] = {"trades": [], "has_more": False}
    past = PastOrders(venue.rest, SIGNER, FUTURES)
    reports = await past.reports(1_550_000_000_000, 1_550_000_100_000)
    placed = [each for each in reports if isinstance(each, ExternalOrderReport)]
    assert len({each.venue_order_id for each in placed}) == PAGE_LINES_MAX + 1
    venue.answers["private/get_order_history_by_currency"] = lambda _: rows[:PAGE_LINES_MAX]
    with pytest.raises(VenueUnavailable, match="every page"):
        await past.reports(1_550_000_000_000, 1_550_000_100_000)


async def test_a_cancel_that_is_answered_with_a_working_order_ends_nothing() -> None:
    """The example shows the trigger order as it was before."""
    venue = DocumentedVenue()
    facts = facts_of(RESPONSES["PrivateCancelResponse"]["result"])
    assert (facts.type, facts.stop_price, facts.limit_price) == (OrderType.STOP, D("144.73"), None)
    assert (facts.quantity, facts.executed, facts.standing) == (5, 0, Standing.WORKING)
    stop = order(instrument_id="DERIBIT:ETH/USD-PERP", venue_order_id="ETH-SLIS-12", side=Side.SELL)
    assert await cancels(venue).cancel(stop) == []
    canceled = {
        **RESPONSES["PrivateCancelResponse"]["result"],
        "order_state": "cancelled",
        "cancel_reason": "user_request",
    }
    venue.changed["private/cancel"] = canceled
    (end,) = await cancels(venue).cancel(stop)
    assert isinstance(end, CanceledReport)
    assert (end.reason, end.executed_quantity, end.order_id) == (CancelReason.USER, 0, stop.id)


async def test_an_order_that_is_not_listed_under_its_label_is_not_canceled() -> None:
    venue = DocumentedVenue()
    venue.changed["private/get_order_state_by_label"] = []
    (refused,) = await cancels(venue).cancel(order(created_at_ms=FixedClock.NOW_MS))
    assert isinstance(refused, CancelRefusedReport)
    assert refused.refusal is CancelRefusal.UNKNOWN_ORDER
    assert [call.method for call in venue.calls] == ["private/get_order_state_by_label"]


async def test_a_cancel_of_all_that_counts_only_leaves_each_order_to_be_asked_about() -> None:
    orders = [order(venue_order_id="1"), order(venue_order_id="2")]
    reports = await cancels(DocumentedVenue()).cancel_all(orders[0].instrument_id, orders)
    assert kinds(reports) == ["UnknownOutcome"] * 2


def test_executions_of_block_trades_are_executions() -> None:
    block = RESPONSES["PrivateGetBlockTradeResponse"]["result"]["trades"]
    (blocks,) = RESPONSES["PrivateGetBlockTradesResponse"]["result"]
    (quoted,) = RESPONSES["PrivateAcceptBlockRfqResponse"]["result"]["block_trades"]
    read = [shown(fill_of(row)) for row in [*block, *blocks["trades"], *quoted["trades"]]]
    base, none = "DERIBIT:BTC/USD", ()
    taker, maker = LiquiditySide.TAKER, LiquiditySide.MAKER
    assert read == [
        [f"{base}-9AUG19-10250-C", "343062", Side.SELL, D("0.0001"), 10, [("BTC", D("0.00025"))], taker],
        [f"{base}-PERP", "343058", Side.BUY, 11_590, 190, [("BTC", D("0.00000164"))], taker],
        [f"{base}-9AUG19-11500-P", "343121", Side.SELL, D("0.0151"), D("2.3"), [*none], maker],
        [f"{base}-9AUG19", "343117", Side.SELL, 11_753, 50, [*none], maker],
        [f"{base}-8NOV24-70000-C", "2899", Side.BUY, D("69696.8"), 100, [("BTC", D("1.5E-7"))], taker],
        [f"{base}-8NOV24-72000-C", "2900", Side.SELL, D("69677.4"), 100, [("BTC", D("1.5E-7"))], taker],
    ]


def test_quotes_of_market_makers_are_orders() -> None:
    stated = RESPONSES["PrivateMassQuoteResponse"]["result"]
    read = [facts_of(row) for row in stated["orders"]]
    assert [(each.venue_order_id, each.side, each.limit_price, each.quantity) for each in read] == [
        ("6653852", Side.BUY, D("0.04"), 1),
        ("6653853", Side.SELL, D("0.05"), 1),
        ("6653855", Side.SELL, 43_800, 10),
    ]
    assert {each.standing for each in read} == {Standing.WORKING}


# --- notifications


def test_the_changes_of_a_market_order() -> None:
    stated = CHANNELS["user.changes.(kind).(currency).(interval)"]
    placed, fill, end, position = changes_news(decode(RpcFrame, told(CHANGES, stated)), FUTURES, 0)
    assert isinstance(placed, ExternalOrderReport)
    assert (placed.venue_order_id, placed.side, placed.type) == ("3398016", Side.SELL, OrderType.MARKET)
    assert (placed.time_in_force, placed.quantity, placed.executed_quantity) == (TimeInForce.IOC, 10, 0)
    assert placed.limit_price is None, "15665.5 is the price at which a market order stops"
    assert isinstance(fill, FillReport)
    assert shown(fill) == [
        "DERIBIT:BTC/USD-PERP", "3398016", Side.SELL, 17_391, 10, [("BTC", D("1.6E-7"))], LiquiditySide.TAKER,
    ]  # fmt: skip
    assert isinstance(end, OrderStatusReport)
    assert (end.status, end.executed_quantity) == (VenueOrderStatus.FILLED, 10)
    assert isinstance(position, PositionReport)
    assert (position.quantity, position.entry_price, position.leverage) == (185_160, 15_000, 33)
    assert position.at_ms == 1605780344032, "it is what it is after the execution"


def test_the_executions_of_the_channels_of_trades_have_the_same_rows() -> None:
    pair = [fill_of(row) for row in CHANNELS["user.trades.(instrument_name).(interval)"]]
    (single,) = [fill_of(row) for row in CHANNELS["user.trades.(kind).(currency).(interval)"]]
    assert [(each.trade_id, each.price, each.quantity) for each in pair] == [
        ("48079254", 8_954, 20),
        ("48079255", 8_954, 20),
    ]
    assert {each.venue_order_id for each in pair} == {"4008965646"}
    assert shown(single) == [
        "DERIBIT:BTC/USD-25SEP20", "4008978075", Side.SELL, 8_947, 8_940, [("BTC", D("0.00049961"))],
        LiquiditySide.TAKER,
    ]  # fmt: skip


def test_a_channel_that_nobody_asked_for_is_handed_on_by_its_name() -> None:
    frame = told("deribit_price_index.btc_usd", {"timestamp": 1535098298227, "price": 6521.17})
    event = PublicChannels().read(frame)
    assert isinstance(event, MarketEvent)
    assert event.name == "deribit_price_index.btc_usd"
    with pytest.raises(UnreadablePayload):
        changes_news(decode(RpcFrame, frame), FUTURES, 0)


def cancels(venue: DocumentedVenue) -> OrderCancels:
    inquiry: Any = None
    life: Any = SimpleNamespace(unsettled_cancels=UnsettledCancels(FixedClock(), venue.rest.clock))
    return OrderCancels(
        search=searching(venue), rest=venue.rest, signer=SIGNER, scope=FUTURES, inquiry=inquiry, life=life
    )


def searching(venue: DocumentedVenue) -> OrderSearch:
    return OrderSearch(rest=venue.rest, signer=SIGNER, scope=FUTURES, clock=FixedClock())


class FixedClock:
    """Implements `Clock`; a minute after the orders of the examples."""

    NOW_MS = 1_550_219_870_944

    def now_ms(self) -> int:
        return self.NOW_MS

    def monotonic_ms(self) -> int:
        return self.NOW_MS

    async def sleep_ms(self, duration_ms: int) -> None: ...
