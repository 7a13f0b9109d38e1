"""Margin trading and derivatives: positions by symbol, collateral, reduce-only, close, fees and the wallets behind."""

from typing import Any

import pytest

from cadenza.simulators.bitfinex.server import BitfinexSimulator

from .trader import BitfinexTrader, D, is_account, logged_in, order

PERPETUAL = "tBTCF0:USTF0"


async def margin(trader: BitfinexTrader, amount: str, **fields: Any) -> list[Any]:
    """Trade on margin at market, and return the order."""
    fields = {"type": "MARKET", "symbol": "tBTCUSD", "price": None, "amount": amount, **fields}
    return (await trader.submit(**fields)).order


async def test_a_margin_order_makes_a_position(trader: BitfinexTrader) -> None:
    assert (await margin(trader, "0.1"))[13] == "EXECUTED @ 60006.0(0.1)"
    (row,) = await trader.positions()
    assert row[:4] == ["tBTCUSD", "ACTIVE", D("0.1"), 60006]
    assert (row[6], row[9], row[15]) == (D("-0.6"), D("5.0005"), 0)
    assert len(row) == 21
    assert row[19]["trade_price"] == "60006"
    (trade,) = await trader.trades()
    assert (trade[9], trade[10]) == (D("-12.0012"), "USD")
    balance, available = await trader.wallet("margin", "USD")
    assert balance == D(100_000) - D("12.0012")
    assert available == balance - D("0.6") - D("1200")
    assert await trader.wallet("exchange", "USD") == (D(1_000_000), D(1_000_000))


async def test_a_position_grows_shrinks_turns_and_ends(trader: BitfinexTrader) -> None:
    await margin(trader, "0.1")
    await margin(trader, "0.1", type="LIMIT", price="60030")  # 0.06666666 at 60006, the rest at 60012
    (row,) = await trader.positions()
    first = row[11]
    assert row[2] == D("0.2")
    assert round(row[3], 4) == D("60007.0000")
    await margin(trader, "-0.1")
    (row,) = await trader.positions()
    assert (row[2], row[11]) == (D("0.1"), first)
    await margin(trader, "-0.15")
    (row,) = await trader.positions()
    assert row[2] == D("-0.05")
    assert row[11] != first
    await margin(trader, "0.05")
    assert await trader.positions() == []
    truth = await trader.truth()
    entries = [
        D(entry["amount"]) for entry in truth["entries"] if entry["wallet"] == "margin" and entry["currency"] == "USD"
    ]
    assert sum(entries) == (await trader.wallet("margin", "USD"))[0]


async def test_profits_go_to_the_margin_wallet(trader: BitfinexTrader) -> None:
    await margin(trader, "0.1")
    before = (await trader.wallet("margin", "USD"))[0]
    await trader.admin(
        "market", symbol="tBTCUSD", clear=True, levels=[{"side": "BUY", "price": "61006", "quantity": "1"}]
    )
    await margin(trader, "-0.1")
    fee = D("0.1") * 61006 * D("0.002")
    assert (await trader.wallet("margin", "USD"))[0] == before + 100 - fee
    (entry, *_) = [row for row in (await trader.post("auth/r/ledgers/USD/hist")).data if row[5] == 100]
    assert "closed @ 61006.0 on wallet margin" in entry[8]


async def test_margin_orders_need_tradable_balance(trader: BitfinexTrader) -> None:
    reply = await trader.submit(type="LIMIT", amount="11", price="50000")
    assert reply.refusal == (10001, "Invalid order: not enough tradable balance for 11.0 BTCUSD at 50000.0")
    await trader.submit(type="LIMIT", amount="9", price="50000")
    assert (await trader.wallet("margin", "USD"))[1] == D(10_000)
    base = (await trader.post("auth/r/info/margin/base")).data
    assert base == ["base", [0, 0, 200_000, 200_000, 0]]
    info = (await trader.post("auth/r/info/margin/tBTCUSD")).data
    assert info[:2] == ["sym", "tBTCUSD"]
    assert info[2][0] == D(50_000)
    assert len((await trader.post("auth/r/info/margin/sym_all")).data) == 7
    assert (await trader.post("auth/r/info/margin/tLTCUSD")).refusal == (10020, "symbol: invalid")


async def test_a_derivative_settles_in_its_own_wallet(trader: BitfinexTrader) -> None:
    row = await margin(trader, "1", symbol=PERPETUAL, lev=20)
    assert row[31] == {"lev": 20}
    (row,) = await trader.positions()
    assert row[:3] == [PERPETUAL, "ACTIVE", 1]
    assert (row[9], row[15]) == (20, 1)
    assert row[17] == round(row[3] / 20, 8)
    assert row[18] == D("300")
    balance, available = await trader.wallet("margin", "USTF0")
    fees = sum(trade[9] for trade in await trader.trades())
    assert {trade[10] for trade in await trader.trades()} == {"USTF0"}
    assert balance == D(100_000) + fees
    assert abs(available - (balance + row[6] - row[17])) < D("0.0001")
    await trader.admin("market", symbol=PERPETUAL, mark_price="61000")
    (row,) = await trader.positions()
    assert row[6] == round(61000 - row[3], 8)


async def test_the_leverage_of_a_derivative_is_ten_unless_named(trader: BitfinexTrader) -> None:
    await margin(trader, "0.1", symbol=PERPETUAL)
    (row,) = await trader.positions()
    assert row[9] == 10
    assert (await trader.submit(type="LIMIT", symbol=PERPETUAL, lev=101)).refusal == (10020, "lev: invalid")
    assert (await trader.submit(type="LIMIT", symbol=PERPETUAL, lev=0)).refusal == (10020, "lev: invalid")


@pytest.mark.parametrize(
    ("held", "amount", "status"),
    [
        (None, "-0.1", "RSN_POS_NOTFOUND"),
        ("0.1", "0.1", "RSN_POS_REDUCE_INCR"),
        ("0.1", "-0.2", "RSN_POS_REDUCE_FLIP"),
        ("0.1", "-0.1", "EXECUTED @ 59994.0(-0.1)"),
        ("-0.1", "0.05", "EXECUTED @ 60006.0(0.05)"),
    ],
)
async def test_reduce_only_orders_only_reduce(
    trader: BitfinexTrader, held: str | None, amount: str, status: str
) -> None:
    if held is not None:
        await margin(trader, held)
    assert (await margin(trader, amount, flags=1024))[13] == status


async def test_resting_reduce_only_orders_end_with_the_position(trader: BitfinexTrader) -> None:
    await margin(trader, "0.1")
    await margin(trader, "-0.1", type="LIMIT", price="65000", flags=1024)
    await margin(trader, "-0.05")
    (row, *_) = await trader.closed_orders()
    assert {each[13] for each in await trader.closed_orders()} >= {"RSN_POS_REDUCE_FLIP"}
    assert await trader.open_orders() == []
    assert row[0]


async def test_the_close_flag_closes_all_of_a_position(trader: BitfinexTrader) -> None:
    await margin(trader, "-0.12")
    row = await margin(trader, "0.01", flags=512)
    assert row[13] == "EXECUTED @ 60006.0(0.12)"
    assert await trader.positions() == []
    assert (await margin(trader, "0.01", flags=512))[13] == "RSN_POS_NOTFOUND"


async def test_stops_close_positions(trader: BitfinexTrader) -> None:
    await margin(trader, "0.1", symbol=PERPETUAL)
    await margin(trader, "-0.1", symbol=PERPETUAL, type="STOP", price="59000", flags=1024)
    await trader.trade_at("59000", "0.1", symbol=PERPETUAL)
    assert await trader.positions() == []
    row = (await trader.closed_orders())[0]
    assert (row[8], row[9]) == ("MARKET", "STOP")


async def test_positions_are_told_as_they_change(simulator: BitfinexSimulator) -> None:
    async with logged_in(simulator) as socket:
        await socket.until(lambda frame: is_account(frame, "bu"))
        heard = []
        for amount in ("0.1", "-0.05", "-0.05"):
            await socket.put("on", order(type="MARKET", price=None, amount=amount))
            frames = await socket.frames_until(lambda frame: is_account(frame, "miu"))
            heard.append([frame[1] for frame in frames if frame[1] in ("n", "on", "te", "tu", "oc", "pn", "pu", "pc")])
            position = next(frame[2] for frame in frames if frame[1] in ("pn", "pu", "pc"))
        assert heard == [["n", "on", "te", "tu", "oc", kind] for kind in ("pn", "pu", "pc")]
        assert position[:3] == ["tBTCUSD", "CLOSED", 0]


async def test_paper_derivatives_have_their_own_wallet(simulator: BitfinexSimulator) -> None:
    async with BitfinexTrader(simulator, simulator.venue.keys.of("paper")) as paper:
        await margin(paper, "0.1", symbol="tTESTBTCF0:TESTUSDTF0")
        (row,) = await paper.positions()
        assert row[0] == "tTESTBTCF0:TESTUSDTF0"
        assert (await paper.wallet("margin", "TESTUSDTF0"))[0] < D(100_000)
