"""Positions and margin of USD-M: leverage, cross and isolated margin, hedged positions, funding and liquidation."""

from decimal import Decimal
from typing import Any

import pytest

from .trader import Trader

D = Decimal


async def risk(trader: Trader, symbol: str = "BTCUSDT") -> Any:
    rows = (await trader.usdm("GET", "v3/positionRisk", symbol=symbol)).ok
    return rows[0] if rows else None


async def usdt(trader: Trader) -> dict[str, Decimal]:
    """The figures of USDT in the account."""
    (row,) = (each for each in (await trader.usdm("GET", "v3/account")).ok["assets"] if each["asset"] == "USDT")
    return {name: D(value) for name, value in row.items() if name != "asset"}


async def isolate(trader: Trader, leverage: int = 20) -> None:
    await trader.usdm("POST", "v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
    await trader.usdm("POST", "v1/leverage", symbol="BTCUSDT", leverage=leverage)


async def test_a_position_s_figures_add_up(trader: Trader) -> None:
    await trader.place_usdm(type="MARKET", quantity="1")
    await trader.mark_usdm("60306")
    row, asset = await risk(trader), await usdt(trader)
    assert (row["positionAmt"], row["entryPrice"], row["unRealizedProfit"]) == ("1.000", "60006", "300.00000000")
    assert (D(row["positionInitialMargin"]), D(row["maintMargin"])) == (D("3015.3"), D("241.224"))
    assert asset["walletBalance"] == 100_000 - D("30.003")
    assert asset["marginBalance"] == asset["walletBalance"] + 300
    assert asset["availableBalance"] == asset["marginBalance"] - D("3015.3")
    assert row["liquidationPrice"] == "0", "the wallet holds more than the position can lose"


async def test_open_orders_hold_the_margin_of_what_they_may_open(trader: Trader) -> None:
    await trader.place_usdm(quantity="1")
    assert (await usdt(trader))["openOrderInitialMargin"] == 2950
    await trader.place_usdm("SELL", price="61000", quantity="2")
    assert (await usdt(trader))["openOrderInitialMargin"] == 6100, "the larger side counts"
    await trader.usdm("DELETE", "v1/allOpenOrders", symbol="BTCUSDT")
    await trader.place_usdm("SELL", "MARKET", quantity="1")
    await trader.mark_usdm("60000")
    await trader.place_usdm(quantity="1")
    assert (await usdt(trader))["openOrderInitialMargin"] == 0, "it only closes"
    await trader.place_usdm(quantity="1")
    assert (await usdt(trader))["openOrderInitialMargin"] == 2900


async def test_leverage_has_its_limits(trader: Trader) -> None:
    done = (await trader.usdm("POST", "v1/leverage", symbol="BTCUSDT", leverage=50)).ok
    assert done == {"leverage": 50, "maxNotionalValue": "3000000", "symbol": "BTCUSDT"}
    assert (await trader.usdm("POST", "v1/leverage", symbol="BTCUSDT", leverage=126)).error[0] == -4028
    await trader.place_usdm(type="MARKET", quantity="10")
    assert (await trader.usdm("POST", "v1/leverage", symbol="BTCUSDT", leverage=125)).error[0] == -2027
    assert (await trader.usdm("POST", "v1/leverage", symbol="BTCUSDT", leverage=2)).error[0] == -2019
    (row,) = (await trader.usdm("GET", "v1/symbolConfig", symbol="BTCUSDT")).ok
    assert (row["leverage"], row["marginType"]) == (50, "CROSSED")


async def test_the_margin_type_changes_only_without_orders_and_positions(trader: Trader) -> None:
    change = {"symbol": "BTCUSDT", "marginType": "ISOLATED"}
    await trader.place_usdm()
    assert (await trader.usdm("POST", "v1/marginType", **change)).error[0] == -4047
    await trader.usdm("DELETE", "v1/allOpenOrders", symbol="BTCUSDT")
    assert (await trader.usdm("POST", "v1/marginType", **change)).ok["code"] == 200
    assert (await trader.usdm("POST", "v1/marginType", **change)).error[0] == -4046
    await trader.place_usdm(type="MARKET")
    assert (await trader.usdm("POST", "v1/marginType", **{**change, "marginType": "CROSSED"})).error[0] == -4048


async def test_an_isolated_position_holds_its_own_margin(trader: Trader) -> None:
    await isolate(trader)
    await trader.place_usdm(type="MARKET", quantity="1")
    row, asset = await risk(trader), await usdt(trader)
    assert D(row["isolatedWallet"]) == D("3000.3")
    assert asset["walletBalance"] - asset["crossWalletBalance"] == D("3000.3")
    await trader.usdm("POST", "v1/positionMargin", symbol="BTCUSDT", amount="500", type=1)
    assert D((await risk(trader))["isolatedWallet"]) == D("3500.3")
    assert (await trader.usdm("POST", "v1/positionMargin", symbol="BTCUSDT", amount="600", type=2)).error[0] == -4051
    await trader.place_usdm("SELL", "MARKET", quantity="0.5")
    assert D((await risk(trader))["isolatedWallet"]) == D("1750.15")


async def test_hedged_positions_stand_side_by_side(trader: Trader) -> None:
    assert (await trader.usdm("POST", "v1/positionSide/dual", dualSidePosition="true")).ok["code"] == 200
    assert (await trader.usdm("GET", "v1/accountConfig")).ok["dualSidePosition"] is True
    assert (await trader.place_usdm(type="MARKET")).error[0] == -4061
    await trader.place_usdm(type="MARKET", positionSide="LONG", quantity="1")
    await trader.place_usdm("SELL", "MARKET", positionSide="SHORT", quantity="0.4")
    rows = (await trader.usdm("GET", "v3/positionRisk")).ok
    assert [(row["positionSide"], row["positionAmt"]) for row in rows] == [("LONG", "1.000"), ("SHORT", "-0.400")]
    close_too_much = await trader.place_usdm("SELL", "MARKET", positionSide="LONG", quantity="1.1")
    assert close_too_much.error[0] == -2022
    await trader.place_usdm(type="MARKET", positionSide="SHORT", quantity="0.4")
    (row,) = (await trader.usdm("GET", "v3/positionRisk")).ok
    assert row["positionSide"] == "LONG"
    assert (await trader.usdm("POST", "v1/positionSide/dual", dualSidePosition="false")).error[0] == -4068


async def test_wallets_of_two_assets_are_apart(trader: Trader) -> None:
    await trader.place_usdm(symbol="BTCUSDC", type="MARKET", quantity="1")
    balances = {row["asset"]: D(row["balance"]) for row in (await trader.usdm("GET", "v3/balance")).ok}
    assert balances == {"USDT": D(100_000), "USDC": D(100_000) - D("30.003")}


async def test_funding_is_paid_by_one_side_to_the_other(trader: Trader) -> None:
    await trader.place_usdm("SELL", "MARKET", quantity="2")
    await trader.mark_usdm("60000")
    before = (await usdt(trader))["walletBalance"]
    await trader.admin("funding", symbol="BTCUSDT", rate="0.0002")
    assert (await usdt(trader))["walletBalance"] - before == 24
    (row,) = (await trader.usdm("GET", "v1/income", incomeType="FUNDING_FEE")).ok
    assert (row["symbol"], row["income"]) == ("BTCUSDT", "24.00000000")
    (rate,) = (await trader.public("/usdm/fapi/v1/fundingRate", symbol="BTCUSDT")).ok
    assert (rate["fundingRate"], rate["markPrice"]) == ("0.00020000", "60000.00000000")


async def test_funding_comes_when_its_time_has_come(trader: Trader) -> None:
    usdm = trader.simulator.venue.usdm
    await trader.place_usdm(type="MARKET", quantity="1")
    at_ms = usdm.funding.next_ms
    usdm.advance(at_ms - 1)
    assert usdm.funding.settlements == []
    usdm.advance(at_ms)
    assert [each.symbol for each in usdm.funding.settlements] == ["BTCUSDT", "ETHUSDT", "BTCUSDC"]
    assert usdm.funding.next_ms == at_ms + 8 * 3_600_000
    (paid,) = (each for each in usdm.ledger.incomes if each.kind == "FUNDING_FEE")
    assert (paid.amount, paid.at_ms) == (D(-6), at_ms)


async def test_an_isolated_position_is_liquidated_alone(trader: Trader) -> None:
    await isolate(trader, 100)
    await trader.place_usdm(type="MARKET", quantity="1")
    await trader.place_algo("SELL", "STOP_MARKET", triggerPrice="59000")
    await trader.place_usdm(quantity="0.1")
    liquidation_price = D((await risk(trader))["liquidationPrice"])
    await trader.admin("market", market="usdm", symbol="BTCUSDT", clear=True)
    await trader.mark_usdm(f"{liquidation_price + D('0.1')}")
    assert await risk(trader) is not None
    await trader.mark_usdm(f"{liquidation_price - D('0.1')}")
    assert await risk(trader) is None
    truth = await trader.truth("usdm")
    last = truth["orders"][-1]
    assert last["client_order_id"].startswith("autoclose-")
    assert (last["type"], last["status"], D(last["price"])) == ("LIQUIDATION", "FILLED", D("59435.7"))
    assert [row["expiry_reason"] for row in truth["orders"]] == ["0", "5", "0"]
    assert truth["algo_orders"][0]["status"] == "EXPIRED"
    lost = 100_000 - (await usdt(trader))["walletBalance"]
    assert D("630") < lost < D("630.1"), "its margin and the first fee, and no more than a tick less"


async def test_a_cross_account_never_owes(trader: Trader) -> None:
    await trader.place_usdm(type="MARKET", quantity="20")
    await trader.admin("market", market="usdm", symbol="BTCUSDT", clear=True)
    await trader.mark_usdm("40000")
    assert await risk(trader) is None
    assert D(0) <= (await usdt(trader))["walletBalance"] < D(5)
    kinds = {row["incomeType"] for row in (await trader.usdm("GET", "v1/income", limit=1000)).ok}
    assert kinds == {"TRANSFER", "COMMISSION", "REALIZED_PNL"}, "the bankruptcy price left no debt to cover"


async def test_transfers_move_the_wallet(trader: Trader) -> None:
    await trader.admin("deposits", market="usdm", asset="USDT", amount="-40000")
    assert (await usdt(trader))["walletBalance"] == 60_000
    assert [row["income"] for row in (await trader.usdm("GET", "v1/income", incomeType="TRANSFER")).ok] == [
        "100000.00000000",
        "100000.00000000",
        "-40000.00000000",
    ]


async def test_the_second_version_lists_all_symbols(trader: Trader) -> None:
    account = (await trader.usdm("GET", "v2/account")).ok
    assert [row["symbol"] for row in account["positions"]] == ["BTCUSDT", "ETHUSDT", "BTCUSDC", "BTCUSDT_301227"]
    rows = (await trader.usdm("GET", "v2/positionRisk")).ok
    assert {row["leverage"] for row in rows} == {"20"}
    assert {row["marginType"] for row in rows} == {"cross"}
    assert (await trader.usdm("GET", "v3/account")).ok["positions"] == []


async def test_the_leverage_brackets_are_numbers(trader: Trader) -> None:
    (row,) = (await trader.usdm("GET", "v1/leverageBracket", symbol="BTCUSDT")).ok
    first, second, *_ = row["brackets"]
    assert (first["maintMarginRatio"], first["cum"], first["initialLeverage"]) == (0.004, 0, 125)
    assert second["notionalFloor"] == first["notionalCap"]
    assert second["cum"] == pytest.approx(first["notionalCap"] * (second["maintMarginRatio"] - 0.004))
