"""Orders of the exchange wallet by REST: types, refusals, statuses, changes, cancels and lists."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cadenza.simulators.bitfinex.server import BitfinexSimulator

from .trader import BitfinexTrader, D, order


def text_of(row: list[Any]) -> str:
    return str(row[13])


async def test_a_limit_order_rests(trader: BitfinexTrader) -> None:
    reply = await trader.submit(cid=12345, gid=7)
    assert reply.data[1] == "on-req"
    assert reply.data[6:] == ["SUCCESS", "Submitting exchange limit buy order for 0.01 BTC."]
    row = reply.order
    assert row[1:4] == [7, 12345, "tBTCUSD"]
    assert row[6:9] == [D("0.01"), D("0.01"), "EXCHANGE LIMIT"]
    assert (row[13], row[16], row[17], row[28], len(row)) == ("ACTIVE", 50000, 0, "API>BFX", 33)
    assert await trader.open_orders() == [row]
    assert await trader.wallet("exchange", "USD") == (D(1_000_000), D(999_500))


async def test_a_market_order_executes_and_pays_its_fee_in_what_it_brings(trader: BitfinexTrader) -> None:
    row = (await trader.submit(type="EXCHANGE MARKET", price=None, amount="0.1")).order
    assert text_of(row) == "EXECUTED @ 60006.0(0.1)"
    assert (row[6], row[7], row[17]) == (0, D("0.1"), 60006)
    (trade,) = await trader.trades()
    assert trade[3:12] == [row[0], D("0.1"), 60006, "EXCHANGE MARKET", 0, -1, D("-0.0002"), "BTC", row[2]]
    assert await trader.wallet("exchange", "BTC") == (D("10.0998"), D("10.0998"))
    assert (await trader.wallet("exchange", "USD"))[0] == D(1_000_000) - D("6000.6")
    assert (await trader.closed_orders())[0][0] == row[0]
    assert (await trader.post(f"auth/r/order/tBTCUSD:{row[0]}/trades")).data == [trade]


async def test_a_sell_pays_its_fee_in_the_quote(trader: BitfinexTrader) -> None:
    await trader.submit(type="EXCHANGE MARKET", price=None, amount="-0.1")
    (trade,) = await trader.trades()
    assert (trade[4], trade[5], trade[9], trade[10]) == (D("-0.1"), 59994, D("-11.9988"), "USD")


async def test_a_status_tells_all_executions(trader: BitfinexTrader) -> None:
    row = (await trader.submit(amount="0.3")).order
    await trader.trade_at("50000", "0.1")
    (row,) = await trader.open_orders()
    assert text_of(row) == "PARTIALLY FILLED @ 50000.0(0.1)"
    await trader.trade_at("50000", "0.05")
    (row,) = await trader.open_orders()
    assert text_of(row) == "PARTIALLY FILLED @ 50000.0(0.1), PARTIALLY FILLED @ 50000.0(0.05)"
    await trader.cancel(id=row[0])
    (row,) = await trader.closed_orders()
    assert text_of(row) == "CANCELED was: PARTIALLY FILLED @ 50000.0(0.1), PARTIALLY FILLED @ 50000.0(0.05)"
    assert row[6] == D("0.15")


async def test_an_executed_order_tells_what_came_before(trader: BitfinexTrader) -> None:
    await trader.submit(amount="-0.2", price="70000")
    await trader.trade_at("70000", "0.15", side="BUY")
    await trader.trade_at("70000", "0.05", side="BUY")
    (row,) = await trader.closed_orders()
    assert text_of(row) == "EXECUTED @ 70000.0(-0.05): was PARTIALLY FILLED @ 70000.0(-0.15)"
    assert {trade[8] for trade in await trader.trades()} == {1}


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"flags": 4096, "price": "60006"}, "POSTONLY CANCELED"),
        ({"type": "EXCHANGE FOK", "price": "60006", "amount": "5"}, "FILLORKILL CANCELED"),
        ({"type": "EXCHANGE IOC", "price": "60000"}, "IOC CANCELED"),
        (
            {"type": "EXCHANGE IOC", "price": "60006", "amount": "1"},
            "IOC CANCELED was: PARTIALLY FILLED @ 60006.0(0.16666666)",
        ),
        ({"type": "EXCHANGE FOK", "price": "60006"}, "EXECUTED @ 60006.0(0.01)"),
    ],
)
async def test_orders_that_end_at_once(trader: BitfinexTrader, fields: dict[str, Any], status: str) -> None:
    reply = await trader.submit(**fields)
    assert reply.data[6] == "SUCCESS"
    assert text_of(reply.order) == status
    assert await trader.open_orders() == []
    assert text_of((await trader.closed_orders())[0]) == status


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"symbol": "tNONE"}, (10020, "symbol: invalid")),
        ({"type": "LIMIT ORDER"}, (10020, "type: invalid")),
        ({"type": None}, (10020, "type: invalid")),
        ({"amount": "0"}, (10020, "amount: invalid")),
        ({"amount": "x"}, (10020, "amount: invalid")),
        ({"price": None}, (10020, "price: invalid")),
        ({"price": "-1"}, (10020, "price: invalid")),
        ({"cid": 2**45}, (10020, "cid: invalid")),
        ({"cid": "abc"}, (10020, "cid: invalid")),
        ({"flags": 1}, (10020, "flags: invalid")),
        ({"lev": 5}, (10020, "lev: invalid")),
        ({"tif": "2020-01-01 00:00:00"}, (10020, "tif: invalid")),
        ({"type": "EXCHANGE MARKET", "flags": 4096}, (10020, "flags: invalid")),
        ({"type": "EXCHANGE STOP LIMIT"}, (10020, "price_aux_limit: invalid")),
        ({"type": "EXCHANGE TRAILING STOP"}, (10020, "price_trailing: invalid")),
        ({"flags": 16384}, (10020, "price_oco_stop: invalid")),
        ({"amount": "0.00003"}, (10001, "Invalid order: minimum size for BTC/USD is 0.00004")),
        ({"amount": "2001"}, (10001, "Invalid order: maximum size for BTC/USD is 2000.0")),
        ({"amount": "30"}, (10001, "Invalid order: not enough exchange balance for 30.0 BTCUSD at 50000.0")),
        ({"amount": "-11"}, (10001, "Invalid order: not enough exchange balance for 11.0 BTCUSD at 50000.0")),
        ({"type": "LIMIT", "symbol": "tLTCUSD"}, (10001, "Invalid order: symbol is not traded on margin")),
        ({"symbol": "tBTCF0:USTF0"}, (10020, "type: invalid")),
    ],
)
async def test_refusals_change_nothing(
    trader: BitfinexTrader, fields: dict[str, Any], refusal: tuple[int, str]
) -> None:
    assert (await trader.submit(**fields)).refusal == refusal
    assert await trader.open_orders() == []
    assert await trader.wallet("exchange", "USD") == (D(1_000_000), D(1_000_000))


async def test_prices_are_cut_to_five_digits_and_amounts_rounded_to_eight_decimals(trader: BitfinexTrader) -> None:
    row = (await trader.submit(price="50000.9", amount="0.0100000049")).order
    assert (row[16], row[7]) == (50000, D("0.01"))
    row = (await trader.submit(price="123.456", amount="0.010000005")).order
    assert (row[16], row[7]) == (D("123.45"), D("0.01000001"))
    row = (await trader.submit(symbol="tDOGE:USD", price="0.0123456789", amount="100")).order
    assert row[16] == D("0.012345")


async def test_a_cid_may_come_twice(trader: BitfinexTrader) -> None:
    first, second = [(await trader.submit(cid=5)).order for _ in range(2)]
    assert first[0] != second[0]
    assert (await trader.truth())["accepted"][0]["times"] == 2
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    assert [row[0] for row in await trader.open_orders(cid=5, cid_date=today)] == [second[0], first[0]]
    canceled = await trader.cancel(cid=5, cid_date=today)
    assert canceled.order[0] == second[0]
    assert canceled.data[7] == f"Submitted for cancellation; waiting for confirmation (ID: {second[0]})."


async def test_a_cancel_by_cid_needs_the_day(trader: BitfinexTrader) -> None:
    await trader.submit(cid=5)
    yesterday = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%d")
    assert (await trader.cancel(cid=5, cid_date=yesterday)).refusal == (10001, "Order not found.")
    assert (await trader.cancel(cid=5)).refusal == (10020, "cid_date: invalid")
    assert (await trader.cancel()).refusal == (10020, "id: invalid")


async def test_a_cancel_comes_too_late(trader: BitfinexTrader) -> None:
    row = (await trader.submit(type="EXCHANGE MARKET", price=None)).order
    assert (await trader.cancel(id=row[0])).refusal == (10001, "Order not found.")
    assert (await trader.cancel(id=1)).refusal == (10001, "Order not found.")


async def test_several_orders_are_canceled_at_once(trader: BitfinexTrader) -> None:
    rows = [(await trader.submit(cid=cid, gid=cid % 2)).order for cid in range(1, 7)]
    path, today = "auth/w/order/cancel/multi", datetime.now(UTC).strftime("%Y-%m-%d")

    async def canceled(**fields: Any) -> list[int]:
        reply = await trader.post(path, fields)
        assert reply.data[1] == "oc_multi-req"
        return [row[2] for row in reply.data[4]]

    assert await canceled(id=[rows[0][0]]) == [1]
    assert await canceled(cid=[[2, today], [3, "2020-01-01"]]) == [2]
    assert await canceled(gid=1) == [3, 5]
    assert await canceled(all=1) == [4, 6]
    assert await canceled(all=1) == []
    assert (await trader.post(path, {})).refusal == (10001, "Invalid params")


async def test_an_order_is_changed(trader: BitfinexTrader) -> None:
    row = (await trader.submit(amount="0.3")).order
    await trader.trade_at("50000", "0.1")
    (filled,) = await trader.open_orders()
    changed = await trader.update(id=row[0], price="51000")
    assert (row[9], filled[9], changed.order[9]) == (None, None, "EXCHANGE LIMIT"), "its type before"
    assert (changed.data[1], changed.data[7]) == (
        "ou-req",
        "Submitting update to exchange limit buy order for 0.2 BTC.",
    )
    assert (changed.order[6], changed.order[7], changed.order[16]) == (D("0.2"), D("0.3"), 51000)
    changed = await trader.update(id=row[0], amount="0.5")
    assert (changed.order[6], changed.order[7]) == (D("0.5"), D("0.6"))
    changed = await trader.update(id=row[0], delta="-0.1", gid=9)
    assert (changed.order[6], changed.order[1]) == (D("0.4"), 9)
    assert (await trader.wallet("exchange", "USD"))[1] == D(1_000_000) - 5000 - D("0.4") * 51000
    assert text_of(changed.order) == "PARTIALLY FILLED @ 50000.0(0.1)"
    too_much = await trader.update(id=row[0], amount="100")
    assert too_much.refusal == (10001, "Invalid order: not enough exchange balance for 100.0 BTCUSD at 51000.0")
    assert (await trader.update(id=row[0], amount="-1")).refusal == (10020, "amount: invalid")
    assert (await trader.update(id=1, price="1")).refusal == (10001, "Order not found.")


async def test_operations_go_together(trader: BitfinexTrader) -> None:
    resting = (await trader.submit()).order
    reply = await trader.post(
        "auth/w/order/multi",
        {
            "ops": [
                ["on", order(cid=1)],
                ["on", order(cid=2, amount="0.00001")],
                ["ou", {"id": resting[0], "price": "49000"}],
                ["oc", {"id": resting[0]}],
            ]
        },
    )
    assert (reply.data[1], reply.data[6]) == ("ox_multi-req", "SUCCESS")
    notices = reply.data[4]
    assert [(row[1], row[6]) for row in notices] == [
        ("on-req", "SUCCESS"),
        ("on-req", "ERROR"),
        ("ou-req", "SUCCESS"),
        ("oc-req", "SUCCESS"),
    ]
    assert notices[0][4][0][2] == 1
    assert notices[1][7] == "Invalid order: minimum size for BTC/USD is 0.00004"
    assert (await trader.post("auth/w/order/multi", {"ops": [["xx", {}]]})).refusal == (10020, "ops: invalid")


async def test_a_stop_becomes_a_market_order(trader: BitfinexTrader) -> None:
    row = (await trader.submit(type="EXCHANGE STOP", price="61000", amount="0.01")).order
    assert (text_of(row), row[16]) == ("ACTIVE", 61000)
    assert (await trader.wallet("exchange", "USD"))[1] == D(1_000_000) - D("622.2")
    await trader.trade_at("61000", "0.1", side="BUY")
    (row,) = await trader.closed_orders()
    assert (row[8], row[9], text_of(row)) == ("EXCHANGE MARKET", "EXCHANGE STOP", "EXECUTED @ 60006.0(0.01)")


async def test_a_triggered_buy_trades_no_further_than_it_can_pay(trader: BitfinexTrader) -> None:
    await trader.submit(type="EXCHANGE STOP", price="61000", amount="0.01")
    await trader.admin(
        "market", symbol="tBTCUSD", clear=True, levels=[{"side": "SELL", "price": "70000", "quantity": "1"}]
    )
    await trader.trade_at("61000", "0.1", side="BUY")
    (row,) = await trader.closed_orders()
    assert text_of(row) == "INSUFFICIENT BALANCE (G1)"


async def test_a_stop_whose_price_is_reached_does_not_wait(trader: BitfinexTrader) -> None:
    row = (await trader.submit(type="EXCHANGE STOP", price="50000", amount="0.01")).order
    assert (row[8], row[9], text_of(row)) == ("EXCHANGE MARKET", "EXCHANGE STOP", "EXECUTED @ 60006.0(0.01)")
    row = (await trader.submit(type="EXCHANGE STOP", price="55000", amount="-0.01")).order
    changed = (await trader.update(id=row[0], price="60000")).order
    assert (changed[8], text_of(changed)) == ("EXCHANGE MARKET", "EXECUTED @ 59994.0(-0.01)")
    pair = await trader.submit(amount="-1", price="65000", flags=16384, price_oco_stop="60000")
    assert pair.refusal == (10001, "Invalid order: stop price is reached")


async def test_a_stop_limit_becomes_a_limit_order(trader: BitfinexTrader) -> None:
    await trader.submit(type="EXCHANGE STOP LIMIT", price="59000", price_aux_limit="58500", amount="-0.01")
    await trader.admin("market", symbol="tBTCUSD", clear=True)
    await trader.trade_at("59000", "0.1")
    (row,) = await trader.open_orders()
    assert (row[8], row[9], row[16]) == ("EXCHANGE LIMIT", "EXCHANGE STOP LIMIT", 58500)


async def test_a_trailing_stop_follows(trader: BitfinexTrader) -> None:
    await trader.submit(type="EXCHANGE TRAILING STOP", price=None, price_trailing="1000", amount="-0.01")
    await trader.trade_at("62000", "0.1", side="BUY")
    (row,) = await trader.open_orders()
    assert (row[16], row[18]) == (61000, 1000)
    await trader.trade_at("61000", "0.1")
    (row,) = await trader.closed_orders()
    assert text_of(row) == "EXECUTED @ 59994.0(-0.01)"


async def test_one_order_of_a_pair_cancels_the_other(trader: BitfinexTrader) -> None:
    reply = await trader.submit(amount="-1", price="65000", flags=16384, price_oco_stop="58000")
    limit, stop = reply.data[4]
    assert (limit[25], stop[25]) == (stop[0], limit[0])
    assert await trader.wallet("exchange", "BTC") == (D(10), D(9))
    await trader.trade_at("65000", "0.5", side="BUY")
    assert {row[0]: text_of(row) for row in await trader.closed_orders()} == {stop[0]: "CANCELED"}
    assert text_of((await trader.open_orders())[0]) == "PARTIALLY FILLED @ 65000.0(-0.5)"


async def test_a_canceled_order_takes_its_pair_along(trader: BitfinexTrader) -> None:
    reply = await trader.submit(amount="-1", price="65000", flags=16384, price_oco_stop="58000")
    await trader.cancel(id=reply.data[4][1][0])
    assert await trader.open_orders() == []
    assert await trader.wallet("exchange", "BTC") == (D(10), D(10))


async def test_a_triggered_stop_of_a_pair_cancels_the_limit(trader: BitfinexTrader) -> None:
    await trader.submit(amount="-0.1", price="65000", flags=16384, price_oco_stop="59000")
    await trader.trade_at("59000", "0.5")
    assert {row[8]: text_of(row) for row in await trader.closed_orders()} == {
        "EXCHANGE MARKET": "EXECUTED @ 59994.0(-0.1)",
        "EXCHANGE LIMIT": "CANCELED",
    }


async def test_an_order_ends_at_its_time(trader: BitfinexTrader) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=10)
    row = (await trader.submit(tif=soon.strftime("%Y-%m-%d %H:%M:%S"))).order
    assert row[10] == int(soon.timestamp()) * 1000
    await trader.admin("faults", clock_offset_ms=11_000)
    assert await trader.open_orders() == []
    (row,) = await trader.closed_orders()
    assert text_of(row) == "CANCELED"


async def test_a_hidden_order_is_not_in_the_book(trader: BitfinexTrader) -> None:
    before = (await trader.public("book/tBTCUSD/P0?len=25")).data
    row = (await trader.submit(price="59999", amount="0.1", flags=64)).order
    assert (row[12], row[24]) == (64, 1)
    assert (await trader.public("book/tBTCUSD/P0?len=25")).data == before
    await trader.submit(price="59998", amount="0.1")
    assert (await trader.public("book/tBTCUSD/P0?len=25")).data[0] == [59998, 1, D("0.1")]
    await trader.trade_at("59999", "0.1")
    (trade,) = await trader.trades()
    assert (trade[8], trade[9]) == (-1, D("-0.0002"))


async def test_the_venue_ends_orders_with_words_of_its_own(trader: BitfinexTrader) -> None:
    await trader.admin("symbols", symbol="tBTCUSD", is_paused=True)
    assert text_of((await trader.submit()).order) == "RSN_PAUSE"
    await trader.admin("symbols", symbol="tBTCUSD", is_paused=False)
    row = (await trader.submit()).order
    await trader.admin("orders", order_id=row[0], ending="RSN_DUST")
    assert text_of((await trader.closed_orders())[0]) == "RSN_DUST"


async def test_lists_are_limited_by_time_ids_and_number(trader: BitfinexTrader) -> None:
    rows = [(await trader.submit(type="EXCHANGE MARKET", price=None, cid=cid)).order for cid in range(30)]
    assert len(await trader.closed_orders()) == 25
    assert len(await trader.closed_orders(limit=30)) == 30
    assert [row[2] for row in await trader.closed_orders(limit=2)] == [29, 28]
    assert [row[2] for row in await trader.closed_orders(id=[rows[3][0], rows[5][0]])] == [5, 3]
    assert await trader.closed_orders(end=rows[0][4] - 1) == []
    assert {row[3] for row in await trader.trades(start=rows[0][4], limit=100)} == {row[0] for row in rows}
    assert (await trader.trades(sort=1))[0][11] == 0
    assert (await trader.post("auth/r/trades/tETHUSD/hist")).data == []
    assert (await trader.post("auth/r/orders/tBTCUSD/hist", {"limit": 2501})).refusal == (10020, "limit: invalid")
    assert (await trader.post("auth/r/orders/tNONE")).refusal == (10020, "symbol: invalid")


async def test_a_paper_account_has_paper_currencies_alone(trader: BitfinexTrader, simulator: BitfinexSimulator) -> None:
    async with BitfinexTrader(simulator, simulator.venue.keys.of("paper")) as paper:
        row = (await paper.submit(symbol="tTESTBTC:TESTUSD", type="EXCHANGE MARKET", price=None)).order
        assert text_of(row) == "EXECUTED @ 60006.0(0.01)"
        assert (await paper.wallet("exchange", "TESTBTC"))[0] == D("10.00998")
        assert (await paper.post(f"auth/r/order/tTESTBTC:TESTUSD:{row[0]}/trades")).data[0][1] == "tTESTBTC:TESTUSD"
        assert {each[1][:4] for each in (await paper.post("auth/r/wallets")).data} == {"TEST"}
        users = [(await each.post("auth/r/info/user")).data for each in (trader, paper)]
        assert [user[21] for user in users] == [0, 1]
        assert users[0][0] != users[1][0]
    assert not any(each[1].startswith("TEST") for each in (await trader.post("auth/r/wallets")).data)


async def test_movements_add_up(trader: BitfinexTrader) -> None:
    await trader.submit(type="EXCHANGE MARKET", price=None, amount="0.1")
    entries = (await trader.post("auth/r/ledgers/USD/hist")).data
    assert [(row[1], row[2], row[5]) for row in entries[:1]] == [("USD", "exchange", D("-6000.6"))]
    assert entries[0][8] == "Exchange 0.1 BTC for USD @ 60006.0 on wallet exchange"
    fees = (await trader.post("auth/r/ledgers/BTC/hist")).data
    assert fees[0][8] == "Trading fees for 0.1 BTC (BTCUSD) @ 60006.0 on BFX (0.2%) on wallet exchange"
    assert sum(row[5] for row in fees) == (await trader.wallet("exchange", "BTC"))[0]


async def test_what_the_account_says_of_itself(trader: BitfinexTrader) -> None:
    user = (await trader.post("auth/r/info/user")).data
    assert user[0] == trader.simulator.venue.queries.user_id("main")
    assert len(user) >= 56
    fees = (await trader.post("auth/r/summary")).data[4]
    assert (fees[0][0], fees[1][0]) == (D("0.001"), D("0.002"))
    available = await trader.post("auth/calc/order/avail", {"symbol": "tBTCUSD", "type": "EXCHANGE", "rate": "50000"})
    assert available.data == [20]


async def test_a_change_may_execute_or_end_an_order(trader: BitfinexTrader) -> None:
    plain, shy = [(await trader.submit(flags=flags)).order for flags in (0, 4096)]
    assert text_of((await trader.update(id=plain[0], price="60006")).order) == "EXECUTED @ 60006.0(0.01)"
    assert text_of((await trader.update(id=shy[0], price="60006")).order) == "POSTONLY CANCELED"
    assert (await trader.update(id=shy[0], price="50000")).refusal == (10001, "Order not found.")
    assert (await trader.wallet("exchange", "USD"))[0] == (await trader.wallet("exchange", "USD"))[1]


async def test_a_change_may_name_the_order_by_its_cid(trader: BitfinexTrader) -> None:
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    row = (await trader.submit(cid=5)).order
    changed = (await trader.update(cid=5, cid_date=today, price="49000")).order
    assert (changed[0], changed[2], changed[16]) == (row[0], 5, 49000)


async def test_own_orders_do_not_trade_with_one_another(trader: BitfinexTrader) -> None:
    await trader.submit(price="60005", amount="0.1")
    assert text_of((await trader.submit(price="60005", amount="-0.1")).order) == "CANCELED"
    assert await trader.trades() == []
