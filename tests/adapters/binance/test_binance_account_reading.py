"""Readings of an account: what cannot be read, their pace, and how they are compared with the stream."""

import asyncio
from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest
from tests.adapters.binance.binance_world import ACCOUNT, BTC_PERP, BTC_USDT, SPOT, USDM
from tests.adapters.binance.rest_world import AHEAD_MS, SIGNER, Host, answered, world
from tests.inhouse_kit import ManualClock, until

from cadenza.adapters.venues.binance.account_reading import BinanceAccountSource
from cadenza.adapters.venues.binance.dialects import MarginDialect, MarketDialect
from cadenza.adapters.venues.binance.endpoints import SPOT as SPOT_ENDPOINTS
from cadenza.adapters.venues.binance.endpoints import USDM as USDM_ENDPOINTS
from cadenza.adapters.venues.binance.endpoints import BinanceMarket
from cadenza.adapters.venues.binance.usdm_dialect import UsdmDialect
from cadenza.adapters.venues.kit.account_reading import (
    MARGIN_PAUSE_MS,
    MONEY_PAUSE_MS,
    AccountReader,
    StreamPosition,
)
from cadenza.adapters.venues.kit.fact_numbers import FactNumbers
from cadenza.adapters.venues.kit.known_account import KnownAccount
from cadenza.domain.accounts.trading_account import PositionMode, PositionSide
from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.trading.enums import CancelReason
from cadenza.domain.trading.reports import (
    AcceptedReport,
    BalanceReport,
    CanceledReport,
    ExternalOrderReport,
    PositionReport,
    Report,
)
from cadenza.network.outcomes import Outcome

MARGIN_ACCOUNT = "/sapi/v1/margin/account"
ACCOUNT_PATH, POSITIONS, SETTINGS = "/usdm/fapi/v3/account", "/usdm/fapi/v3/positionRisk", "/usdm/fapi/v1/symbolConfig"
OPEN_ORDERS, OPEN_ALGO_ORDERS = "/usdm/fapi/v1/openOrders", "/usdm/fapi/v1/openAlgoOrders"


class Reading:
    """A reader, the host that it asks, and a stream that the test controls."""

    def __init__(self, reader: AccountReader, host: Host, clock: ManualClock, known: KnownAccount) -> None:
        self.reader = reader
        self.host = host
        self.clock = clock
        self.known = known
        self.numbers: FactNumbers = reader._numbers
        self.heard = 0

    def shows(self, path: str, body: object) -> None:
        self.host.answers[path] = lambda: answered(200, body)

    def hears(self, *reports: Report) -> None:
        """The stream brings a message."""
        self.heard += 1
        self.known.note(reports)

    async def passing(self, work: Any) -> Any:
        """Let time pass until the work is done, and return its result."""
        task = asyncio.create_task(work)

        def is_done() -> bool:
            self.clock.advance(100)
            return task.done()

        await until(is_done, "the reading")
        return task.result()


async def reading(dialect: MarketDialect, way_ms: int = 0) -> Reading:
    """`way_ms`: how long an answer about the venue's time takes, which is how wrong it may be."""
    rest, host, clock = await world(weight_per_minute=6_000)
    market = dialect.endpoints.market
    times = [f"/usdm{USDM_ENDPOINTS.time.path}", SPOT_ENDPOINTS.time.path]

    def late_time() -> Outcome:
        body = {"serverTime": clock.now_ms() + AHEAD_MS}
        clock.advance(way_ms)
        return answered(200, body)

    host.answers |= dict.fromkeys(times, late_time)
    assert await rest.clock_of(market).measure()
    known = KnownAccount()
    found: list[Reading] = []

    async def delivered() -> None:
        """The stream's words are noted at once here."""

    scope = USDM if market is BinanceMarket.USDM else SPOT
    reader = AccountReader(
        source=BinanceAccountSource(rest, SIGNER, dialect, scope),
        account_id=scope.account_id,
        venue_clock=rest.clock_of(market),
        known=known,
        numbers=FactNumbers(),
        clock=clock,
        position=lambda: StreamPosition(found[0].heard, 0),
        delivered=delivered,
    )
    found.append(Reading(reader, host, clock, known))
    return found[0]


async def usdm_reading(way_ms: int = 0) -> Reading:
    made = await reading(UsdmDialect(PositionMode.NETTING), way_ms)
    made.shows(ACCOUNT_PATH, {"assets": []})
    for path in (POSITIONS, SETTINGS, OPEN_ORDERS, OPEN_ALGO_ORDERS):
        made.shows(path, [])
    return made


def risk(symbol: str, amount: str, **changes: Any) -> dict[str, Any]:
    """A line of `positionRisk`."""
    usual = {"positionSide": "BOTH", "entryPrice": "60000", "maintMargin": "1", "markPrice": "1", "updateTime": 1}
    return {"symbol": symbol, "positionAmt": amount, **usual, **changes}


def order_line(number: int, symbol: str = "BTCUSDT") -> dict[str, Any]:
    """A line of `openOrders` of USD-M."""
    words = {"timeInForce": "GTC", "type": "LIMIT", "origType": "LIMIT", "side": "BUY", "positionSide": "BOTH"}
    amounts = {"price": "50000", "origQty": "1", "executedQty": "0", "updateTime": 1}
    return {"symbol": symbol, "orderId": number, "clientOrderId": f"c{number}", "status": "NEW", **words, **amounts}


def position(quantity: str, as_of: int = 1) -> PositionReport:
    return PositionReport(
        account_id=ACCOUNT,
        at_ms=1,
        instrument_id=BTC_PERP,
        side=PositionSide.NET,
        quantity=D(quantity),
        entry_price=D(60000),
        as_of=as_of,
    )


def placed(number: int) -> ExternalOrderReport:
    """The stream's word of a new order."""
    return ExternalOrderReport(
        account_id=ACCOUNT,
        at_ms=1,
        instrument_id=BTC_PERP,
        venue_order_id=str(number),
        side=Side.BUY,
        type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        quantity=D(1),
        executed_quantity=D(0),
        limit_price=D(50000),
    )


def canceled(number: int) -> CanceledReport:
    return CanceledReport(
        account_id=ACCOUNT,
        at_ms=1,
        instrument_id=BTC_PERP,
        venue_order_id=str(number),
        reason=CancelReason.USER,
        executed_quantity=D(0),
    )


# --- lines that cannot be read


@pytest.mark.parametrize(
    "odd",
    [
        risk("NEWUSDT", "3"),
        risk("BNBUSDT", "3", positionSide="NEVER_SEEN"),
        risk("BNBUSDT", "-3", positionSide="LONG"),
        {"symbol": "BNBUSDT", "positionAmt": "1"},
        "no object",
    ],
)
async def test_a_position_that_cannot_be_read_spoils_no_other(odd: Any) -> None:
    """Such as one of a symbol that the venue listed a minute ago."""
    made = await usdm_reading()
    made.shows(POSITIONS, [odd, risk("BTCUSDT", "0.5"), risk("NONEUSDT", "0")])
    snapshot = await made.passing(made.reader.snapshot())
    assert [(each.instrument_id, each.quantity) for each in snapshot.positions] == [(BTC_PERP, D("0.5"))]
    (unreadable,) = snapshot.unreadable
    assert not snapshot.is_whole
    if isinstance(odd, dict):
        assert odd["symbol"] in unreadable.text


async def test_an_unreadable_position_is_the_same_report_until_it_changes() -> None:
    """The prices beside it move with every reading, and each new report is another alarm."""
    made = await usdm_reading()
    seen = []
    for mark, amount in (("1", "3"), ("2", "3"), ("3", "4")):
        made.shows(POSITIONS, [risk("NEWUSDT", amount, markPrice=mark, maintMargin=mark, updateTime=int(mark))])
        seen.append((await made.passing(made.reader.snapshot())).unreadable)
    assert seen[0] == seen[1] != seen[2]


async def test_a_leverage_that_cannot_be_read_leaves_the_others() -> None:
    made = await usdm_reading()
    made.shows(SETTINGS, [{"symbol": "BNBUSDT", "leverage": "high"}, {"symbol": "BTCUSDT", "leverage": 20}])
    made.shows(POSITIONS, [risk("BTCUSDT", "0.5"), risk("BNBUSDT", "1")])
    snapshot = await made.passing(made.reader.snapshot())
    assert [each.leverage for each in snapshot.positions] == [20, None]
    assert len(snapshot.unreadable) == 1


async def test_what_the_stream_makes_us_read_holds_its_unreadable_lines_too() -> None:
    made = await usdm_reading()
    made.shows(POSITIONS, [risk("NEWUSDT", "3"), risk("BTCUSDT", "0.5")])
    reports = await made.passing(made.reader.all_money())
    assert [type(each).__name__ for each in reports] == ["PositionReport", "UnreadableReport"]


# --- the pace and the numbers of readings


@pytest.mark.parametrize("market", [BinanceMarket.MARGIN, BinanceMarket.USDM])
async def test_a_busy_stream_makes_one_reading_in_a_while(market: BinanceMarket) -> None:
    is_margin = market is BinanceMarket.MARGIN
    made = await (reading(MarginDialect()) if is_margin else usdm_reading())
    path = MARGIN_ACCOUNT if is_margin else ACCOUNT_PATH
    if is_margin:
        made.shows(path, {"tradeEnabled": True, "userAssets": []})
    begun_ms = made.clock.monotonic_ms()
    for _ in range(4):
        await made.passing(made.reader.all_money())
    assert len(made.host.of(path)) == 4
    assert made.clock.monotonic_ms() - begun_ms >= 3 * (MONEY_PAUSE_MS if is_margin else MARGIN_PAUSE_MS)


async def test_a_reading_from_before_the_streams_last_word_is_not_reported_as_newer() -> None:
    """The venue answers from a copy that is behind: the position would go back to what it was."""
    made = await usdm_reading()
    await made.passing(made.reader.snapshot())
    made.hears(position("1", made.numbers.take(made.clock.now_ms())))
    bodies = [[risk("BTCUSDT", "0.5")], [risk("BTCUSDT", "1")]]
    made.host.answers[POSITIONS] = lambda: answered(200, bodies.pop(0) if len(bodies) > 1 else bodies[0])
    (shown,) = await made.passing(made.reader.all_money())
    assert shown.quantity == D(1)


async def test_a_reading_that_never_shows_the_streams_word_is_not_reported() -> None:
    made = await usdm_reading()
    await made.passing(made.reader.snapshot())
    made.hears(position("1"))
    with pytest.raises(VenueUnavailable, match="the stream"):
        await made.passing(made.reader.all_money())


@pytest.mark.parametrize("way_ms", [0, 300, 2_000])
async def test_the_first_snapshot_is_newer_than_every_word_of_the_session_before(way_ms: int) -> None:
    """That session ended this very moment, and our idea of the venue's time may be wrong."""
    made = await usdm_reading(way_ms)
    last_word = FactNumbers().take(made.clock.now_ms() + AHEAD_MS)
    snapshot = await made.passing(made.reader.snapshot())
    assert snapshot.as_of > last_word


async def test_a_clock_of_the_venue_that_was_set_back_holds_up_no_snapshot() -> None:
    made = await usdm_reading()
    host, clock = made.host, made.clock
    host.answers["/usdm/fapi/v1/time"] = lambda: answered(200, {"serverTime": clock.now_ms() - 3_600_000})
    await made.reader._venue_clock.measure()
    begun_ms = clock.monotonic_ms()
    await made.passing(made.reader.snapshot())
    assert clock.monotonic_ms() - begun_ms < 10_000


async def test_a_balance_that_is_owed_is_read_after_a_word_that_does_not_state_it() -> None:
    made = await reading(MarginDialect())
    asset = {"asset": "USDT", "free": "5", "locked": "0", "borrowed": "2", "interest": "1"}
    made.shows(MARGIN_ACCOUNT, {"tradeEnabled": True, "userAssets": [asset]})
    made.known.forget()
    (shown,) = await made.passing(made.reader.all_money())
    assert isinstance(shown, BalanceReport)
    assert (shown.total, shown.borrowed) == (D(5), D(3))


# --- a stream that is silent about orders alone


async def test_a_silent_stream_is_noticed_by_an_order_that_is_gone() -> None:
    """No money moves on USD-M when an order is canceled. The list is read symbol by symbol, which weighs 1."""
    made = await usdm_reading()
    await made.passing(made.reader.snapshot())
    for number in (1, 2):
        made.hears(placed(number))
    made.hears(canceled(2))
    made.shows(OPEN_ORDERS, [order_line(1)])
    made.host.asked.clear()
    assert await made.passing(made.reader.agrees())
    assert [asked.get("symbol") for asked in made.host.of(OPEN_ORDERS)] == ["BTCUSDT"]
    assert [asked.get("symbol") for asked in made.host.of(OPEN_ALGO_ORDERS)] == ["BTCUSDT"]
    made.shows(OPEN_ORDERS, [])
    assert not await made.passing(made.reader.agrees())


async def test_a_silent_stream_is_noticed_by_an_order_that_it_did_not_bring() -> None:
    """One of a symbol without open orders; a snapshot is the first to list it."""
    made = await usdm_reading()
    await made.passing(made.reader.snapshot())
    assert await made.passing(made.reader.agrees())
    made.shows(OPEN_ORDERS, [order_line(7)])
    assert len((await made.passing(made.reader.snapshot())).open_orders) == 1
    assert not await made.passing(made.reader.agrees())
    made.hears(placed(7))
    assert await made.passing(made.reader.agrees()), "it was late"


async def test_a_triggered_order_is_the_order_that_it_became() -> None:
    made = await usdm_reading()
    await made.passing(made.reader.snapshot())
    made.hears(replace(placed(1), venue_order_id="algo-1"))
    renamed = AcceptedReport(
        account_id=ACCOUNT,
        at_ms=1,
        instrument_id=BTC_PERP,
        venue_order_id="5",
        former_venue_order_id="algo-1",
        executed_quantity=D(0),
    )
    made.hears(renamed)
    made.hears(placed(5))
    made.shows(OPEN_ORDERS, [order_line(5)])
    assert await made.passing(made.reader.agrees())


async def test_orders_are_compared_only_while_it_is_known_what_the_stream_brought() -> None:
    made = await usdm_reading()
    made.hears(placed(1))
    assert await made.passing(made.reader.agrees()), "there was no whole reading yet"
    await made.passing(made.reader.snapshot())
    made.hears(placed(2))
    made.known.forget()
    assert await made.passing(made.reader.agrees())
    made.shows(OPEN_ORDERS, [{"symbol": "BTCUSDT"}])
    await made.passing(made.reader.snapshot())
    assert await made.passing(made.reader.agrees()), "a line could not be read"


async def test_a_stream_that_states_what_is_locked_needs_no_list_of_orders() -> None:
    made = await reading(MarginDialect())
    made.shows(MARGIN_ACCOUNT, {"tradeEnabled": True, "userAssets": []})
    made.shows("/sapi/v1/margin/openOrders", [])
    await made.passing(made.reader.snapshot())
    made.hears(replace(placed(1), instrument_id=BTC_USDT))
    made.host.asked.clear()
    assert await made.passing(made.reader.agrees())
    assert made.host.of("/sapi/v1/margin/openOrders") == []
