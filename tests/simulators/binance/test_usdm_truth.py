"""The truth of USD-M: money adds up, the API says what the truth says, and a restart continues."""

from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cadenza.runtime.local import SystemClock, SystemIds
from cadenza.simulators.binance.server import run_simulator
from cadenza.simulators.binance.settings import SimulatorSettings

from .trader import Trader

D = Decimal
SIDES = st.sampled_from(["BUY", "SELL"])
ACTIONS = st.one_of(
    st.tuples(st.just("limit"), SIDES, st.integers(-30, 30), st.integers(2, 5_000)),
    st.tuples(st.just("market"), SIDES, st.just(0), st.integers(2, 9_000)),
    st.tuples(st.just("reduce"), SIDES, st.integers(-30, 30), st.integers(1, 5_000)),
    st.tuples(st.just("stop"), SIDES, st.integers(1, 20), st.integers(2, 5_000)),
    st.tuples(st.just("trail"), SIDES, st.integers(1, 4), st.integers(2, 5_000)),
    st.tuples(st.just("cancel"), SIDES, st.integers(0, 5), st.just(0)),
    st.tuples(st.just("others"), SIDES, st.integers(-40, 40), st.integers(1, 9_000)),
    st.tuples(st.just("mark"), SIDES, st.integers(-2_000, 2_000), st.just(0)),
    st.tuples(st.just("funding"), SIDES, st.integers(1, 90), st.just(0)),
)


def _copy_keys(made_keys: Path, directory: Path) -> None:
    (directory / "keys.json").write_bytes(made_keys.read_bytes())


async def act(trader: Trader, action: tuple[str, str, int, int]) -> None:
    """Do something that the venue may also refuse."""
    kind, side, offset, lots = action
    price, quantity = f"{60_000 + 3 * offset}", f"{lots * D('0.001'):f}"
    match kind:
        case "limit":
            await trader.place_usdm(side, price=price, quantity=quantity)
        case "market":
            await trader.place_usdm(side, "MARKET", quantity=quantity)
        case "reduce":
            await trader.place_usdm(side, price=price, quantity=quantity, reduceOnly="true")
        case "stop":
            trigger = f"{60_000 + (1 if side == 'BUY' else -1) * 3 * offset}"
            await trader.place_algo(side, "STOP_MARKET", triggerPrice=trigger, quantity=quantity)
        case "trail":
            await trader.place_algo(side, "TRAILING_STOP_MARKET", callbackRate=f"0.{offset}", quantity=quantity)
        case "cancel":
            await trader.usdm("DELETE", "v1/order", symbol="BTCUSDT", orderId=offset)
        case "others":
            await trader.trade_usdm(price, quantity, side)
        case "mark":
            await trader.mark_usdm(price)
        case "funding":
            await trader.admin("funding", symbol="BTCUSDT", rate=f"0.00{offset:02d}")


async def said(trader: Trader) -> dict[str, Any]:
    """All that the API says about the account, but what depends on the mark price that a test may have set."""
    account = (await trader.usdm("GET", "v3/account")).ok
    positions = (await trader.usdm("GET", "v3/positionRisk")).ok
    return {
        "balances": [{name: row[name] for name in ("asset", "walletBalance")} for row in account["assets"]],
        "positions": [{name: row[name] for name in ("symbol", "positionAmt", "entryPrice")} for row in positions],
        "orders": (await trader.usdm("GET", "v1/allOrders", symbol="BTCUSDT")).ok,
        "open": (await trader.usdm("GET", "v1/openOrders")).ok,
        "algo": (await trader.usdm("GET", "v1/allAlgoOrders", symbol="BTCUSDT")).ok,
        "trades": (await trader.usdm("GET", "v1/userTrades", symbol="BTCUSDT")).ok,
        "income": (await trader.usdm("GET", "v1/income", limit=1000)).ok,
    }


def check_laws(truth: dict[str, Any], api: dict[str, Any]) -> None:
    """Incomes are balances, trades are positions, and the API says what the truth says."""
    wallets = {row["asset"]: D(row["balance"]) for row in truth["wallets"]}
    moved: dict[str, Decimal] = defaultdict(Decimal)
    for row in truth["incomes"]:
        moved[row["asset"]] += D(row["amount"])
    assert moved == wallets
    assert {row["asset"]: D(row["walletBalance"]) for row in api["balances"]} == wallets
    assert all(balance >= 0 for balance in wallets.values())
    amount = cash = realized = D(0)
    executed: dict[int, Decimal] = defaultdict(Decimal)
    for trade in truth["trades"]:
        sign = 1 if trade["side"] == "BUY" else -1
        amount += sign * D(trade["quantity"])
        cash -= sign * D(trade["quantity"]) * D(trade["price"])
        realized += D(trade["realized"])
        executed[trade["order_id"]] += D(trade["quantity"])
    held = [row for row in truth["positions"] if row["symbol"] == "BTCUSDT"]
    assert sum((D(row["amount"]) for row in held), D(0)) == amount
    assert sum((D(row["cost"]) for row in held), D(0)) == realized - cash
    shown = [D(row["positionAmt"]) for row in api["positions"] if D(row["positionAmt"])]
    assert shown == ([amount] if amount else [])
    for order in truth["orders"]:
        assert D(order["executed"]) == executed[order["order_id"]] <= D(order["quantity"])
        assert (order["status"] == "FILLED") is (D(order["executed"]) == D(order["quantity"]))
    kept = {row["order_id"]: (row["status"], D(row["executed"])) for row in truth["orders"]}
    assert {row["orderId"]: (row["status"], D(row["executedQty"])) for row in api["orders"]} == kept
    statuses = {row["algo_id"]: row["status"] for row in truth["algo_orders"]}
    assert {row["algoId"]: row["algoStatus"] for row in api["algo"]} == statuses
    assert "TRIGGERING" not in statuses.values()
    assert [row["id"] for row in api["trades"]] == [row["trade_id"] for row in truth["trades"]]


@settings(
    max_examples=20,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a smaller example costs minutes, with two servers each
)
@given(first=st.lists(ACTIONS, max_size=14), second=st.lists(ACTIONS, max_size=6))
async def test_laws_hold_and_a_restart_continues(
    tmp_path_factory: pytest.TempPathFactory, made_keys: Path, first: list[Any], second: list[Any]
) -> None:
    directory = tmp_path_factory.mktemp("simulator")
    _copy_keys(made_keys, directory)
    chosen, clock, ids = SimulatorSettings(data_dir=directory), SystemClock(), SystemIds()
    async with run_simulator(chosen, clock, ids) as simulator, Trader(simulator) as trader:
        for action in first:
            await act(trader, action)
        before = await said(trader)
        check_laws(await trader.truth("usdm"), before)
    async with run_simulator(chosen, clock, ids) as simulator, Trader(simulator) as trader:
        assert await said(trader) == before
        for action in second:
            await act(trader, action)
        check_laws(await trader.truth("usdm"), await said(trader))


async def test_the_last_price_survives_where_it_matters(data_dir: Path) -> None:
    chosen = SimulatorSettings(data_dir=data_dir)
    async with run_simulator(chosen, SystemClock(), SystemIds()) as simulator, Trader(simulator) as trader:
        await trader.trade_usdm("61000", "0.001")
        await trader.place_algo("SELL", "TRAILING_STOP_MARKET", callbackRate="1")
        await trader.trade_usdm("61500", "0.001")
    async with run_simulator(chosen, SystemClock(), SystemIds()) as simulator, Trader(simulator) as trader:
        assert simulator.venue.usdm.exchange.last_price("BTCUSDT") == 61_500
        (algo,) = (await trader.usdm("GET", "v1/openAlgoOrders")).ok
        assert algo["algoStatus"] == "NEW"


async def test_settings_survive_a_restart(data_dir: Path) -> None:
    chosen = SimulatorSettings(data_dir=data_dir)
    async with run_simulator(chosen, SystemClock(), SystemIds()) as simulator, Trader(simulator) as trader:
        await trader.usdm("POST", "v1/leverage", symbol="BTCUSDT", leverage=9)
        await trader.usdm("POST", "v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
        await trader.usdm("POST", "v1/positionSide/dual", dualSidePosition="true")
        await trader.place_algo("SELL", "STOP_MARKET", triggerPrice="59000", positionSide="LONG")
    async with run_simulator(chosen, SystemClock(), SystemIds()) as simulator, Trader(simulator) as trader:
        (row,) = (await trader.usdm("GET", "v1/symbolConfig", symbol="BTCUSDT")).ok
        assert (row["leverage"], row["marginType"]) == (9, "ISOLATED")
        assert (await trader.usdm("GET", "v1/positionSide/dual")).ok == {"dualSidePosition": True}
        (algo,) = (await trader.usdm("GET", "v1/openAlgoOrders")).ok
        assert algo["algoStatus"] == "NEW"


async def test_requests_say_of_which_market_they_were(trader: Trader) -> None:
    await trader.place()
    await trader.place_usdm(price="70000")
    rows = await trader.admin("requests", method="GET")
    assert [(row["market"], row["outcome"][:5]) for row in rows] == [("spot", "OK"), ("usdm", "-4016")]
