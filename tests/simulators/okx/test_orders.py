"""Orders of spot: types, funds, refusals, lists."""

from decimal import Decimal
from typing import Any

import pytest

from cadenza.simulators.okx.venue import OkxVenue

from .trader import OkxTrader, order

D = Decimal


async def test_a_limit_order_rests_and_is_canceled(trader: OkxTrader) -> None:
    placed = (await trader.place(clOrdId="a1", tag="desk")).row
    assert placed["sCode"] == "0"
    resting = (await trader.order(clOrdId="a1")).row
    assert resting["ordId"] == placed["ordId"]
    assert [resting[name] for name in ("state", "px", "sz", "accFillSz", "avgPx", "tradeId", "instType", "tag")] == [
        "live",
        "50000",
        "0.01",
        "0",
        "",
        "",
        "SPOT",
        "desk",
    ]
    frozen = await trader.balance("USDT")
    assert [frozen[name] for name in ("cashBal", "availBal", "ordFrozen", "frozenBal")] == [
        "1000000",
        "999500",
        "500",
        "500",
    ]
    assert [row["ordId"] for row in (await trader.get("trade/orders-pending")).data] == [placed["ordId"]]
    canceled = (await trader.cancel(ordId=placed["ordId"])).row
    assert (canceled["sCode"], canceled["clOrdId"]) == ("0", "a1")
    closed = (await trader.order(ordId=placed["ordId"])).row
    assert (closed["state"], closed["cancelSource"]) == ("canceled", "1")
    assert (await trader.balance("USDT"))["availBal"] == "1000000"
    assert (await trader.get("trade/orders-pending")).data == []


async def test_a_market_order_pays_its_fee_from_what_it_gets(trader: OkxTrader) -> None:
    placed = (await trader.place(ordType="market", px=None, sz="0.1", tgtCcy="base_ccy")).row
    filled = (await trader.order(ordId=placed["ordId"])).row
    assert (filled["state"], filled["accFillSz"], filled["feeCcy"]) == ("filled", "0.1", "BTC")
    assert D(filled["fee"]) == -D("0.1") * D("0.001")
    (fill,) = (await trader.get("trade/fills", ordId=placed["ordId"])).data
    assert (fill["fillPx"], fill["fillSz"], fill["execType"], fill["fee"]) == ("60006", "0.1", "T", "-0.0001")
    assert (await trader.balance("BTC"))["cashBal"] == "10.0999"
    assert (await trader.balance("USDT"))["cashBal"] == str(1_000_000 - D("6000.6"))


async def test_a_market_buy_is_in_quote_units_unless_it_says_otherwise(trader: OkxTrader) -> None:
    placed = (await trader.place(ordType="market", px=None, sz="600.06")).row
    filled = (await trader.order(ordId=placed["ordId"])).row
    assert [filled[name] for name in ("tgtCcy", "sz", "accFillSz", "state")] == [
        "quote_ccy",
        "600.06",
        "0.01",
        "filled",
    ]


async def test_a_market_sell_may_be_in_quote_units_too(trader: OkxTrader) -> None:
    fields = {"side": "sell", "ordType": "market", "px": None, "tgtCcy": "quote_ccy"}
    placed = (await trader.place(**fields, sz="599.94")).row
    assert (await trader.order(ordId=placed["ordId"])).row["accFillSz"] == "0.01"
    await trader.admin("deposits", asset="BTC", amount="-9.99")
    assert (await trader.place(**fields, sz="599.94", banAmend="true")).refusal == "51008"


@pytest.mark.parametrize(("bans", "code"), [("true", "51008"), ("false", "0")])
async def test_a_market_order_beyond_the_funds_is_shrunk_unless_that_is_banned(
    trader: OkxTrader, bans: str, code: str
) -> None:
    await trader.admin("deposits", asset="BTC", amount="-9.95")
    placed = (await trader.place(side="sell", ordType="market", px=None, sz="0.1", banAmend=bans)).row
    assert placed["sCode"] == code
    if code == "0":
        filled = (await trader.order(ordId=placed["ordId"])).row
        assert (filled["state"], filled["sz"], filled["accFillSz"]) == ("filled", "0.1", "0.05")


@pytest.mark.parametrize(
    ("type", "price", "size", "state", "source", "executed"),
    [
        ("post_only", "60006", "0.01", "canceled", "31", "0"),
        ("post_only", "59994", "0.01", "live", "", "0"),
        ("fok", "60006", "5", "canceled", "13", "0"),
        ("fok", "60006", "0.01", "filled", "", "0.01"),
        ("ioc", "60006", "0.2", "canceled", "14", "0.16666666"),
        ("ioc", "59994", "0.01", "canceled", "14", "0"),
        ("limit", "60006", "0.2", "partially_filled", "", "0.16666666"),
    ],
)
async def test_types_of_orders(
    trader: OkxTrader, type: str, price: str, size: str, state: str, source: str, executed: str
) -> None:
    placed = (await trader.place(ordType=type, px=price, sz=size)).row
    assert placed["sCode"] == "0"
    found = (await trader.order(ordId=placed["ordId"])).row
    assert (found["state"], found["cancelSource"], found["accFillSz"]) == (state, source, executed)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"sz": "0.000001"}, "51020"),
        ({"sz": "0.010000001"}, "51121"),
        ({"px": "50000.05"}, "51000"),
        ({"px": "90000"}, "51006"),
        ({"sz": "100"}, "51008"),
        ({"side": "sell", "px": "70000", "sz": "11"}, "51008"),
        ({"instId": "XRP-USDT"}, "51001"),
        ({"instId": "BTC-USDC", "tdMode": "isolated"}, "51010"),
        ({"tdMode": "cross", "ccy": "BTC"}, "51000"),
        ({"ordType": "stop"}, "51000"),
        ({"ordType": "optimal_limit_ioc", "px": None}, "51000"),
        ({"px": None}, "51000"),
        ({"px": "-1"}, "51000"),
        ({"sz": "NaN"}, "51000"),
        ({"side": "hold"}, "51000"),
        ({"clOrdId": "with-hyphen"}, "51000"),
        ({"clOrdId": "x" * 33}, "51000"),
        ({"posSide": "long"}, "51000"),
        ({"side": None}, "51000"),
        ({"instId": None}, "50014"),
    ],
)
async def test_what_is_refused_changes_nothing(trader: OkxTrader, fields: dict[str, Any], code: str) -> None:
    reply = await trader.place(**fields)
    assert (reply.body["code"], reply.refusal, reply.row["ordId"]) == ("1", code, "")
    assert reply.body["msg"] == "All operations failed"
    kept = await trader.truth()
    assert (kept["orders"], kept["trades"]) == ([], [])


async def test_a_client_id_is_taken_only_while_its_order_is_open(trader: OkxTrader) -> None:
    first = (await trader.place(clOrdId="twice")).row
    assert (await trader.place(clOrdId="twice")).refusal == "51016"
    assert (await trader.place(clOrdId="twice", instId="ETH-USDT", px="2500")).refusal == "51016"
    await trader.cancel(ordId=first["ordId"])
    second = (await trader.place(clOrdId="twice")).row
    assert second["sCode"] == "0"
    assert (await trader.order(clOrdId="twice")).row["ordId"] == second["ordId"]
    accepted = (await trader.truth())["accepted"]
    assert [row["times"] for row in accepted if row["client_order_id"] == "twice"] == [2]


async def test_cancels_of_what_is_gone_are_refused_alike(trader: OkxTrader) -> None:
    placed = (await trader.place()).row
    await trader.cancel(ordId=placed["ordId"])
    assert (await trader.cancel(ordId=placed["ordId"])).refusal == "51400"
    assert (await trader.cancel(ordId="1")).refusal == "51400"
    assert (await trader.cancel(clOrdId="never")).refusal == "51400"
    assert (await trader.cancel()).refusal == "51003"
    assert (await trader.order(ordId="1")).body["code"] == "51603"


async def test_a_batch_answers_row_by_row(trader: OkxTrader) -> None:
    rows = [order(clOrdId="b1"), order(clOrdId="b2", sz="100"), order(clOrdId="b3", instId="ETH-USDT", px="2500")]
    reply = await trader.post("trade/batch-orders", rows)
    assert reply.body["code"] == "2"
    assert [row["sCode"] for row in reply.body["data"]] == ["0", "51008", "0"]
    ids = [{"instId": "BTC-USDT", "clOrdId": "b1"}, {"instId": "ETH-USDT", "clOrdId": "b3"}]
    assert (await trader.post("trade/cancel-batch-orders", ids)).body["code"] == "0"
    assert (await trader.post("trade/batch-orders", rows[1:2])).body["code"] == "1"
    assert (await trader.post("trade/batch-orders", [order()] * 21)).body["code"] == "50025"


async def test_an_own_maker_is_canceled_by_default(trader: OkxTrader) -> None:
    await trader.admin("market", symbol="BTC-USDT", clear=True)
    maker = (await trader.place(side="sell", px="60000", sz="0.1")).row
    taker = (await trader.place(px="60001", sz="0.05")).row
    assert (await trader.order(ordId=maker["ordId"])).row["cancelSource"] == "32"
    assert (await trader.order(ordId=taker["ordId"])).row["state"] == "live"
    late = (await trader.place(side="sell", px="60001", sz="0.05", stpMode="cancel_taker")).row
    assert (await trader.order(ordId=late["ordId"])).row["cancelSource"] == "32"
    assert (await trader.order(ordId=taker["ordId"])).row["state"] == "live"


async def test_an_amended_order_keeps_its_id(trader: OkxTrader) -> None:
    placed = (await trader.place(clOrdId="m1")).row
    body = {"instId": "BTC-USDT", "clOrdId": "m1", "newSz": "0.02", "newPx": "51000", "reqId": "r1"}
    assert (await trader.post("trade/amend-order", body)).row["sCode"] == "0"
    changed = (await trader.order(ordId=placed["ordId"])).row
    assert [changed[name] for name in ("state", "sz", "px")] == ["live", "0.02", "51000"]
    await trader.trade_at("51000", "0.015")
    assert (await trader.order(ordId=placed["ordId"])).row["accFillSz"] == "0.015"
    await trader.post("trade/amend-order", {"instId": "BTC-USDT", "clOrdId": "m1", "newSz": "0.015"})
    assert (await trader.order(ordId=placed["ordId"])).row["state"] == "filled"
    assert (await trader.post("trade/amend-order", body)).refusal == "51503"


async def test_an_amendment_needs_what_a_new_order_would(trader: OkxTrader) -> None:
    spot = (await trader.place(sz="10")).row["ordId"]
    body = {"instId": "BTC-USDT", "ordId": spot}
    assert (await trader.post("trade/amend-order", body | {"newSz": "20.1"})).refusal == "51008"
    assert (await trader.post("trade/amend-order", body | {"newSz": "0.0000000001"})).refusal == "51121"
    assert (await trader.post("trade/amend-order", body | {"newPx": "50000.05"})).refusal == "51000"
    assert (await trader.post("trade/amend-order", body | {"newPx": "90000"})).refusal == "51006"
    assert (await trader.post("trade/amend-order", body | {"newSz": "19"})).body["code"] == "0"
    swap = (await trader.swap(ordType="limit", px="50000", sz="10")).row["ordId"]
    body = {"instId": "BTC-USDT-SWAP", "ordId": swap}
    assert (await trader.post("trade/amend-order", body | {"newSz": "1100"})).refusal == "51008"
    assert (await trader.order(ordId=swap, instId="BTC-USDT-SWAP")).row["sz"] == "10"
    failed = await trader.post("trade/amend-order", body | {"newSz": "1100", "cxlOnFail": True})
    assert failed.refusal == "51008"
    assert (await trader.order(ordId=swap, instId="BTC-USDT-SWAP")).row["state"] == "canceled"


class JumpingClock:
    """The system's clock, but a sleep of a minute moves the venue's time at once instead."""

    def __init__(self, venue: OkxVenue) -> None:
        self._venue = venue
        self._clock = venue.clock

    def now_ms(self) -> int:
        return self._clock.now_ms()

    def monotonic_ms(self) -> int:
        return self._clock.monotonic_ms()

    async def sleep_ms(self, duration_ms: int) -> None:
        if duration_ms == 60_000:
            self._venue.faults.clock_offset_ms += duration_ms
        else:
            await self._clock.sleep_ms(duration_ms)


async def test_the_deadline_of_a_request(trader: OkxTrader) -> None:
    venue = trader.simulator.venue
    venue.clock = JumpingClock(venue)
    assert (await trader.place({"expTime": str(venue.now_ms() - 1)})).refusal == "50036"
    late = {"expTime": str(venue.now_ms() + 30_000), "X-Simulator-Fault": "late:60000"}
    assert (await trader.place(late)).refusal == "50037"
    in_time = {"expTime": str(venue.now_ms() + 90_000), "X-Simulator-Fault": "late:60000"}
    assert (await trader.place(in_time)).row["sCode"] == "0"
    assert len((await trader.truth())["orders"]) == 1


async def test_a_resting_order_is_filled_by_others(trader: OkxTrader) -> None:
    placed = (await trader.place(px="59995", sz="0.02")).row
    await trader.trade_at("59995", "0.005")
    await trader.trade_at("59995", "0.015")
    filled = (await trader.order(ordId=placed["ordId"])).row
    assert (filled["state"], filled["accFillSz"], filled["avgPx"], filled["fillSz"]) == (
        "filled",
        "0.02",
        "59995",
        "0.015",
    )
    fills = (await trader.get("trade/fills-history", instType="SPOT")).data
    assert [(row["fillSz"], row["execType"], row["fee"]) for row in fills] == [
        ("0.015", "M", "-0.000012"),
        ("0.005", "M", "-0.000004"),
    ]


async def test_lists_are_pages_of_the_newest_first(trader: OkxTrader) -> None:
    ids = [(await trader.place(px=str(50_000 + number))).row["ordId"] for number in range(5)]
    newest = (await trader.get("trade/orders-pending", limit=2)).data
    assert [row["ordId"] for row in newest] == [ids[4], ids[3]]
    older = (await trader.get("trade/orders-pending", limit=2, after=ids[3])).data
    assert [row["ordId"] for row in older] == [ids[2], ids[1]]
    newer = (await trader.get("trade/orders-pending", before=ids[3])).data
    assert [row["ordId"] for row in newer] == [ids[4]]


async def test_what_ended_without_an_execution_is_forgotten_after_two_hours(trader: OkxTrader) -> None:
    unfilled = (await trader.place(clOrdId="gone")).row["ordId"]
    await trader.cancel(ordId=unfilled)
    filled = (await trader.place(ordType="market", px=None, sz="0.1", tgtCcy="base_ccy")).row["ordId"]
    hour_ms = 60 * 60 * 1000
    await trader.admin("memory", age_ms=2 * hour_ms - 60_000)
    assert (await trader.order(clOrdId="gone")).row["state"] == "canceled"
    await trader.admin("memory", age_ms=2 * hour_ms + 1_000)
    assert (await trader.order(clOrdId="gone")).body["code"] == "51603"
    history = (await trader.get("trade/orders-history", instType="SPOT")).data
    assert [row["ordId"] for row in history] == [filled]
    await trader.admin("memory", age_ms=4 * 24 * hour_ms)
    assert (await trader.get("trade/fills")).data == []
    assert len((await trader.get("trade/fills-history", instType="SPOT")).data) == 1
    await trader.admin("memory", age_ms=8 * 24 * hour_ms)
    assert (await trader.get("trade/orders-history", instType="SPOT")).data == []
    assert len((await trader.get("trade/orders-history-archive", instType="SPOT")).data) == 1


async def test_all_orders_are_canceled_unless_the_client_speaks(trader: OkxTrader) -> None:
    placed = (await trader.place()).row["ordId"]
    answer = (await trader.post("trade/cancel-all-after", {"timeOut": "10"})).row
    due_ms = int(answer["triggerTime"])
    trader.simulator.venue.dead_man.check(due_ms - 1)
    assert (await trader.order(ordId=placed)).row["state"] == "live"
    trader.simulator.venue.dead_man.check(due_ms)
    assert (await trader.order(ordId=placed)).row["cancelSource"] == "20"
    assert (await trader.post("trade/cancel-all-after", {"timeOut": "5"})).body["code"] == "51000"
