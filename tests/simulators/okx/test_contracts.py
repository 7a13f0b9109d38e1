"""Swaps of both kinds, futures and options: positions, margin, modes, funding and expiry."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadenza.simulators.okx.instruments import INSTRUMENTS
from cadenza.simulators.okx.trading.positions import after_fill, entry_price, profit_at
from cadenza.simulators.okx.trading.records import SimulatedPosition

from .trader import OkxTrader

D = Decimal
LINEAR, INVERSE = (next(each for each in INSTRUMENTS if each.name == f"BTC-{asset}-SWAP") for asset in ("USDT", "USD"))


async def one(trader: OkxTrader, **params: Any) -> dict[str, str]:
    (position,) = await trader.positions(**params)
    assert isinstance(position, dict)
    return position


async def test_a_linear_position_realises_in_quote_units(trader: OkxTrader) -> None:
    bought = (await trader.swap("buy")).row
    held = await one(trader)
    assert [held[name] for name in ("pos", "avgPx", "posSide", "mgnMode", "lever", "ccy")] == [
        "10",
        "60006",
        "net",
        "cross",
        "10",
        "USDT",
    ]
    assert held["upl"] == "-0.6"
    filled = (await trader.order(instId="BTC-USDT-SWAP", ordId=bought["ordId"])).row
    assert (filled["fee"], filled["feeCcy"], filled["pnl"]) == ("-3.0003", "USDT", "0")
    sold = (await trader.swap("sell", sz="4")).row
    closed = (await trader.order(instId="BTC-USDT-SWAP", ordId=sold["ordId"])).row
    assert closed["pnl"] == str(D("0.04") * (59994 - 60006))
    left = await one(trader)
    assert (left["pos"], left["avgPx"]) == ("6", "60006")
    fees = D("0.1") * 60006 * D("0.0005") + D("0.04") * 59994 * D("0.0005")
    assert D((await trader.balance("USDT"))["cashBal"]) == 1_000_000 - D("0.48") - fees


async def test_an_inverse_position_realises_in_coin(trader: OkxTrader) -> None:
    await trader.swap("sell", instId="BTC-USD-SWAP", sz="100")
    held = await one(trader, instId="BTC-USD-SWAP")
    assert (held["pos"], held["avgPx"], held["ccy"]) == ("-100", "59994", "BTC")
    closed = (await trader.swap("buy", instId="BTC-USD-SWAP", sz="100", reduceOnly=True)).row
    row = (await trader.order(instId="BTC-USD-SWAP", ordId=closed["ordId"])).row
    exact = D(10_000) / D(60006) - D(10_000) / D(59994)
    assert abs(D(row["pnl"]) - exact) < D("1e-14")
    assert D(row["pnl"]) < 0
    assert await trader.positions() == []


async def test_a_position_turns_around_in_one_order(trader: OkxTrader) -> None:
    await trader.swap("buy", sz="5")
    await trader.swap("sell", sz="8")
    turned = await one(trader)
    assert (turned["pos"], turned["avgPx"]) == ("-3", "59994")


async def test_orders_need_margin(trader: OkxTrader) -> None:
    refused = await trader.swap(ordType="limit", px="60000", sz="20000")
    assert refused.refusal == "51008"
    await trader.swap(ordType="limit", px="60000", sz="10000")
    frozen = await trader.balance("USDT")
    assert frozen["ordFrozen"] == "600000"
    assert frozen["availBal"] == "400000"
    body = {"instId": "BTC-USDT-SWAP", "lever": "100", "mgnMode": "cross"}
    assert (await trader.post("account/set-leverage", body)).body["code"] == "0"
    assert (await trader.balance("USDT"))["ordFrozen"] == "60000"
    assert (await trader.post("account/set-leverage", body | {"lever": "101"})).body["code"] == "59102"


@pytest.mark.parametrize("settings", [{"position_mode": "long_short_mode"}], indirect=True)
async def test_both_sides_of_a_hedged_position(trader: OkxTrader) -> None:
    assert (await trader.swap("buy")).refusal == "51000"
    await trader.swap("buy", posSide="long", sz="3")
    await trader.swap("sell", posSide="short", sz="2")
    sides = {row["posSide"]: row["pos"] for row in await trader.positions()}
    assert sides == {"long": "3", "short": "2"}
    assert (await trader.swap("sell", posSide="long", sz="4")).refusal == "51112"
    await trader.swap("sell", posSide="long", sz="3")
    assert [row["posSide"] for row in await trader.positions()] == ["short"]
    body = {"posMode": "net_mode"}
    assert (await trader.post("account/set-position-mode", body)).body["code"] == "59000"
    await trader.swap("buy", posSide="short", sz="2")
    assert (await trader.post("account/set-position-mode", body)).body["code"] == "0"


async def test_reduce_only_orders_are_never_trimmed(trader: OkxTrader) -> None:
    assert (await trader.swap("sell", reduceOnly=True)).refusal == "51169"
    await trader.swap("buy", sz="5")
    assert (await trader.swap("buy", reduceOnly=True, sz="1")).refusal == "51170"
    assert (await trader.swap("sell", reduceOnly=True, sz="6")).refusal == "51112"
    resting = (await trader.swap("sell", reduceOnly=True, sz="5", ordType="limit", px="61000")).row["ordId"]
    assert (await trader.swap("sell", reduceOnly=True, sz="1")).refusal == "51112"
    await trader.swap("sell", sz="2")
    found = (await trader.order(instId="BTC-USDT-SWAP", ordId=resting)).row
    assert (found["state"], found["cancelSource"]) == ("canceled", "23")
    last = (await trader.swap("sell", reduceOnly=True, sz="3", ordType="limit", px="61000")).row["ordId"]
    await trader.swap("sell", sz="3")
    assert (await trader.order(instId="BTC-USDT-SWAP", ordId=last)).row["cancelSource"] == "17"


async def test_isolated_positions_have_a_margin_of_their_own(trader: OkxTrader) -> None:
    await trader.swap("buy", tdMode="isolated")
    await trader.swap("buy", tdMode="cross", sz="1")
    held = {row["mgnMode"]: row for row in await trader.positions()}
    assert D(held["isolated"]["margin"]) == D("600.06")
    assert (held["isolated"]["imr"], held["cross"]["margin"]) == ("", "")
    assert D(held["isolated"]["liqPx"]) < 60000
    assert D((await trader.balance("USDT"))["isoEq"]) == D("600.06") - D("0.6")


@pytest.mark.parametrize(
    ("level", "fields", "code"),
    [
        ("1", {"instId": "BTC-USDT-SWAP", "tdMode": "cross", "sz": "1"}, "51010"),
        ("1", {"tdMode": "isolated"}, "51010"),
        ("1", {}, "0"),
        ("2", {"tdMode": "cross"}, "0"),
        ("2", {"instId": "BTC-USDT-SWAP", "tdMode": "cash", "sz": "1"}, "51000"),
        ("3", {}, "51000"),
        ("3", {"tdMode": "cross"}, "0"),
        ("4", {"instId": "BTC-USDT-SWAP", "tdMode": "cross", "sz": "1"}, "0"),
    ],
)
async def test_what_an_account_level_may_trade(
    trader: OkxTrader, level: str, fields: dict[str, Any], code: str
) -> None:
    assert (await trader.post("account/set-account-level", {"acctLv": level})).body["code"] == "0"
    assert (await trader.get("account/config")).row["acctLv"] == level
    assert (await trader.place(**fields)).row["sCode"] == code


@pytest.mark.parametrize("settings", [{"account_level": "3", "borrows": True}], indirect=True)
async def test_a_multi_currency_account_borrows_what_it_can_back(trader: OkxTrader) -> None:
    await trader.admin("deposits", asset="BTC", amount="-10")
    placed = (await trader.place(tdMode="cross", side="sell", ordType="market", px=None, sz="0.1")).row
    assert placed["sCode"] == "0"
    owed = await trader.balance("BTC")
    assert (owed["cashBal"], owed["liab"], owed["eq"]) == ("-0.1", "0.1", "-0.1")
    assert (await trader.order(ordId=placed["ordId"])).row["instType"] == "SPOT"
    (account,) = (await trader.get("account/balance")).data
    assert D(account["adjEq"]) > 0
    refused = await trader.place(tdMode="cross", side="sell", px="60100", sz="2000")
    assert refused.refusal == "51008"
    accepted = [(await trader.place(tdMode="cross", side="sell", px="60100", sz="8")).row["sCode"] for _ in range(4)]
    assert accepted == ["0", "0", "0", "51008"], "what open orders would borrow counts"


@pytest.mark.parametrize("mode", ["cross", "isolated"])
async def test_positions_of_a_margin_pair(trader: OkxTrader, mode: str) -> None:
    pair = {"tdMode": mode, "ccy": "USDT", "ordType": "market", "px": None}
    bought = (await trader.place(**pair, sz="0.1", tgtCcy="base_ccy")).row
    row = (await trader.order(ordId=bought["ordId"])).row
    assert (row["instType"], row["feeCcy"], row["lever"]) == ("MARGIN", "USDT", "10")
    held = await one(trader, instType="MARGIN")
    assert [held[name] for name in ("pos", "posCcy", "liab", "liabCcy", "avgPx", "mgnMode")] == [
        "0.1",
        "BTC",
        "-6000.6",
        "USDT",
        "60006",
        mode,
    ]
    assert (await trader.balance("BTC"))["cashBal"] == "10", "the assets of spot do not move"
    assert (await trader.place(**pair, side="sell", sz="0.2", reduceOnly=True)).refusal == "51112"
    await trader.place(**pair, side="sell", sz="0.16")
    short = await one(trader)
    assert [short[name] for name in ("pos", "posCcy", "liab", "liabCcy")] == ["3599.64", "USDT", "-0.06", "BTC"]
    await trader.place(**pair, side="buy", sz="0.06", tgtCcy="base_ccy", reduceOnly=True)
    assert await trader.positions() == []
    fees = D("0.32") * 60000 * D("0.001")
    won = D("0.1") * (59994 - 60006) + D("0.06") * (59994 - 60006)
    assert abs(D((await trader.balance("USDT"))["cashBal"]) - (1_000_000 + won - fees)) < D("0.01")


async def test_a_margin_pair_is_bought_for_quote_units_and_needs_margin(trader: OkxTrader) -> None:
    pair = {"tdMode": "cross", "ordType": "market", "px": None}
    await trader.place(**pair, sz="600.06")
    assert (await one(trader))["pos"] == "0.01"
    refused = await trader.place(tdMode="cross", sz="201")
    assert refused.refusal == "51008"
    accepted = (await trader.place(tdMode="cross", sz="100")).row["ordId"]
    assert (await trader.order(ordId=accepted)).row["state"] == "live"
    assert (await trader.balance("USDT"))["ordFrozen"] == "500000"


async def test_options_are_paid_and_settled(trader: OkxTrader) -> None:
    name = "BTC-USD-301227-60000-C"
    option = {"instId": name, "tdMode": "cross"}
    assert (await trader.place(**option, ordType="market", px=None, sz="1")).refusal == "51000"
    bought = (await trader.place(**option, px="0.10052", sz="2")).row
    row = (await trader.order(instId=name, ordId=bought["ordId"])).row
    assert (row["px"], row["state"], row["avgPx"]) == ("0.1005", "filled", "0.1005")
    premium, fee = D("0.02") * D("0.1005"), D("0.02") * D("0.0003")
    assert D((await trader.balance("BTC"))["cashBal"]) == 10 - premium - fee
    held = await one(trader)
    assert [held[field] for field in ("instType", "pos", "avgPx", "optVal")] == ["OPTION", "2", "0.1005", "0.002"]
    await trader.trade_at("80000", "0.1", "BUY")
    await trader.admin("instruments", symbol=name, state="expired")
    assert await trader.positions() == []
    assert D((await trader.balance("BTC"))["cashBal"]) == 10 - premium - fee + D("0.02") * D("0.25")
    assert (await trader.place(**option, px="0.1", sz="1")).refusal == "51001"
    bill = (await trader.get("account/bills", type="3")).row
    assert (bill["subType"], bill["balChg"], bill["instId"]) == ("170", "0.005", name)


async def test_a_future_is_delivered_at_its_mark_price(trader: OkxTrader) -> None:
    name = "BTC-USDT-301227"
    await trader.swap("buy", instId=name, sz="10")
    resting = (await trader.swap("buy", instId=name, sz="1", ordType="limit", px="50000")).row["ordId"]
    before = D((await trader.balance("USDT"))["cashBal"])
    await trader.admin("market", symbol=name, mark_price="61006")
    await trader.admin("instruments", symbol=name, state="expired")
    assert D((await trader.balance("USDT"))["cashBal"]) - before == 100
    found = (await trader.order(instId=name, ordId=resting)).row
    assert (found["state"], found["cancelSource"]) == ("canceled", "7")


async def test_contracts_expire_when_their_time_has_come(trader: OkxTrader) -> None:
    name, venue = "BTC-USDT-301227", trader.simulator.venue
    await trader.swap("buy", instId=name, sz="10")
    (row,) = (await trader.public("public/instruments", instType="FUTURES", instId=name)).data
    venue.advance(int(row["expTime"]) - 1)
    assert (await one(trader))["pos"] == "10"
    venue.advance(int(row["expTime"]))
    assert await trader.positions() == []
    assert (await trader.public("public/instruments", instType="FUTURES")).data == []
    assert (await trader.public("public/instruments", instType="OPTION")).data == []


async def test_funding_is_a_bill(trader: OkxTrader) -> None:
    await trader.swap("buy")
    before = D((await trader.balance("USDT"))["cashBal"])
    await trader.admin("funding", symbol="BTC-USDT-SWAP", rate="0.001")
    assert D((await trader.balance("USDT"))["cashBal"]) - before == -6
    bill = (await trader.get("account/bills", type="8")).row
    assert (bill["subType"], bill["balChg"]) == ("173", "-6")


@pytest.mark.parametrize("mode", ["cross", "isolated"])
async def test_a_position_without_margin_is_taken_over(trader: OkxTrader, mode: str) -> None:
    await trader.admin("deposits", asset="USDT", amount="-999000")
    await trader.swap("buy", tdMode=mode)
    resting = (await trader.swap("buy", tdMode=mode, ordType="limit", sz="1", px="50000")).row["ordId"]
    held = await one(trader)
    price = D(held["liqPx"]).quantize(D("0.1"))
    await trader.admin("market", symbol="BTC-USDT-SWAP", mark_price=str(price + 5))
    assert (await one(trader))["pos"] == "10"
    await trader.admin("market", symbol="BTC-USDT-SWAP", mark_price=str(price - 5))
    assert await trader.positions() == []
    assert (await trader.order(instId="BTC-USDT-SWAP", ordId=resting)).row["cancelSource"] == "3"
    newest = (await trader.get("trade/orders-history", instType="SWAP")).data[0]
    assert (newest["category"], newest["state"], newest["clOrdId"]) == ("full_liquidation", "filled", "")
    assert int(newest["tradeId"]) < 0
    assert D((await trader.balance("USDT"))["cashBal"]) >= 0


async def test_a_position_can_be_deleveraged(trader: OkxTrader) -> None:
    await trader.swap("sell", instId="BTC-USD-SWAP", sz="100")
    await trader.admin("liquidations", symbol="BTC-USD-SWAP", category="adl")
    newest = (await trader.get("trade/orders-history", instType="SWAP")).data[0]
    assert (newest["category"], newest["side"], newest["fillPx"]) == ("adl", "buy", "60000")
    assert await trader.positions() == []


async def test_bills_add_up_to_cash(trader: OkxTrader) -> None:
    await trader.swap("buy")
    await trader.place(ordType="market", px=None, sz="600")
    await trader.swap("sell", sz="4")
    kept = await trader.truth()
    for balance in kept["balances"]:
        key = balance["account"], balance["asset"]
        total = sum(D(bill["change"]) for bill in kept["bills"] if (bill["account"], bill["asset"]) == key)
        assert total == D(balance["cash"])


FILLS = st.lists(
    st.tuples(st.sampled_from((1, -1)), st.integers(1, 500), st.integers(10_000, 1_000_000)), min_size=1, max_size=20
)


@given(fills=FILLS, is_inverse=st.booleans())
def test_what_is_realised_and_what_is_left_add_up(fills: list[tuple[int, int, int]], is_inverse: bool) -> None:
    """The profit of all trades is that of the cash that they would have moved, whatever order they came in."""
    instrument = INVERSE if is_inverse else LINEAR
    position = SimulatedPosition(account="main", symbol=instrument.name, side="net", mode="cross")
    realized = cash = D(0)
    for sign, lots, tenths in fills:
        quantity, price = lots * instrument.lot, D(tenths) / 10
        position, won = after_fill(position, instrument, sign, quantity, price, 10)
        realized += won
        cash += sign * instrument.value(quantity, price) * (1 if is_inverse else -1)
    assert position.amount == sum(sign * lots for sign, lots, _ in fills) * instrument.lot
    last = D(30_000)
    left = profit_at(position, instrument, last)
    worth = instrument.value(position.amount, last)
    assert realized + left == cash + (-worth if is_inverse else worth)
    entry = entry_price(position, instrument)
    assert (entry is None) is (not position.amount)
