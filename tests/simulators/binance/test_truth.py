"""The ledger of truth: on disk before the answer, equal to what the API says, and the start of the next run."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cadenza.runtime.local import SystemClock, SystemIds
from cadenza.simulators.binance.server import run_simulator
from cadenza.simulators.binance.settings import SimulatorSettings
from cadenza.simulators.binance.truth_row import TruthRow
from cadenza.simulators.kit.truth import FILE, TruthError, TruthFile

from .trader import Trader

D = Decimal
ACTIONS = st.one_of(
    st.tuples(st.just("limit"), st.sampled_from(["BUY", "SELL"]), st.integers(-30, 30), st.integers(10, 2000)),
    st.tuples(st.just("market"), st.sampled_from(["BUY", "SELL"]), st.just(0), st.integers(10, 20_000)),
    st.tuples(st.just("stop"), st.sampled_from(["BUY", "SELL"]), st.integers(1, 20), st.integers(10, 2000)),
    st.tuples(st.just("trail"), st.sampled_from(["BUY", "SELL"]), st.integers(-1, 4), st.integers(10, 2000)),
    st.tuples(st.just("cancel"), st.just("BUY"), st.integers(0, 5), st.just(0)),
    st.tuples(st.just("others"), st.sampled_from(["BUY", "SELL"]), st.integers(-20, 20), st.integers(1, 9_000)),
)


def _copy_keys(made_keys: Path, directory: Path) -> None:
    (directory / "keys.json").write_bytes(made_keys.read_bytes())


async def act(trader: Trader, action: tuple[str, str, int, int]) -> None:
    """Do something that the venue may also refuse."""
    kind, side, offset, lots = action
    price, quantity = f"{60_000 + 3 * offset}", f"{lots * D('0.00001'):f}"
    match kind:
        case "limit":
            await trader.place(side=side, price=price, quantity=quantity)
        case "market":
            await trader.place(side=side, type="MARKET", quantity=quantity)
        case "stop":
            stop = f"{60_000 + (1 if side == 'BUY' else -1) * 3 * offset}"
            await trader.place(side=side, type="STOP_LOSS", stopPrice=stop, quantity=quantity)
        case "trail":
            kind = "STOP_LOSS" if offset < 0 else "TAKE_PROFIT_LIMIT"
            limit = {} if offset < 0 else {"price": price, "timeInForce": "GTC"}
            await trader.place(side=side, type=kind, trailingDelta=10 + abs(offset), quantity=quantity, **limit)
        case "cancel":
            await trader.cancel(orderId=offset)
        case "others":
            await trader.trade_at(price, quantity, side)


async def said(trader: Trader) -> dict[str, Any]:
    """All that the API says about the account."""
    account = (await trader.signed("GET", "/api/v3/account")).ok
    return {
        "balances": account["balances"],
        "orders": (await trader.signed("GET", "/api/v3/allOrders", symbol="BTCUSDT")).ok,
        "open": (await trader.signed("GET", "/api/v3/openOrders")).ok,
        "trades": (await trader.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT")).ok,
    }


def check_laws(truth: dict[str, Any], api: dict[str, Any]) -> None:
    """Money is conserved, fills add up, and the API says what the truth says."""
    sums: dict[str, Decimal] = {}
    for row in truth["totals"]:
        sums[row["asset"]] = sums.get(row["asset"], D(0)) + D(row["total"])
    assert set(sums.values()) <= {D(0)}
    executed: dict[int, Decimal] = {}
    for trade in truth["trades"]:
        executed[trade["order_id"]] = executed.get(trade["order_id"], D(0)) + D(trade["quantity"])
    for order in truth["orders"]:
        assert D(order["executed"]) == executed.get(order["order_id"], D(0)) <= D(order["quantity"])
        assert (order["status"] == "FILLED") is (D(order["executed"]) == D(order["quantity"]))
    shown = {
        row["orderId"]: (row["status"], D(row["executedQty"]), D(row["cummulativeQuoteQty"])) for row in api["orders"]
    }
    kept = {row["order_id"]: (row["status"], D(row["executed"]), D(row["cost"])) for row in truth["orders"]}
    assert shown == kept
    assert [row["id"] for row in api["trades"]] == [row["trade_id"] for row in truth["trades"]]
    for row in api["balances"]:
        balance = truth["balances"][row["asset"]]
        assert (D(row["free"]), D(row["locked"])) == (D(balance["free"]), D(balance["locked"]))
        assert D(row["free"]) >= 0
        if not api["open"]:
            assert D(row["locked"]) == 0


@settings(
    max_examples=20,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a smaller example costs minutes, with two servers each
)
@given(first=st.lists(ACTIONS, max_size=12), second=st.lists(ACTIONS, max_size=6))
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
        check_laws(await trader.truth(), before)
    async with run_simulator(chosen, clock, ids) as simulator, Trader(simulator) as trader:
        assert await said(trader) == before
        for action in second:
            await act(trader, action)
        check_laws(await trader.truth(), await said(trader))


async def test_an_answered_order_is_on_disk(trader: Trader, data_dir: Path) -> None:
    placed = (await trader.place(newClientOrderId="kept")).ok
    last = json.loads((data_dir / FILE).read_text().splitlines()[-1])
    assert last["spot"]["orders"][0]["order_id"] == placed["orderId"]
    assert last["request"]["parameters"]["newClientOrderId"] == "kept"
    assert last["request"]["outcome"] == "OK"


async def test_refused_requests_are_kept_with_their_reason(trader: Trader) -> None:
    await trader.place(price="1")
    (row,) = await trader.admin("requests", method="GET")
    assert row["outcome"] == "-1013 Filter failure: PERCENT_PRICE_BY_SIDE"
    assert "signature" not in row["parameters"]


async def test_trade_ids_are_never_given_twice(data_dir: Path) -> None:
    chosen, given = SimulatorSettings(data_dir=data_dir), []
    for _ in range(2):
        async with run_simulator(chosen, SystemClock(), SystemIds()) as simulator, Trader(simulator) as trader:
            await trader.trade_at("60000", "0.01")
            await trader.place(type="MARKET", quantity="0.01")
            given += [row["id"] for row in (await trader.public("/api/v3/trades", symbol="BTCUSDT")).ok]
    assert len(given) == len(set(given)) > 2


async def test_a_line_that_was_not_finished_is_cut_off(data_dir: Path) -> None:
    whole = b'{"at_ms":1}\n{"at_ms":2}\n'
    (data_dir / FILE).write_bytes(whole + b'{"at_ms":')
    truth = TruthFile(data_dir, TruthRow)
    assert [row.at_ms for row in truth.rows()] == [1, 2]
    truth.close()
    assert (data_dir / FILE).read_bytes() == whole


async def test_one_simulator_at_a_time_uses_a_directory(trader: Trader, data_dir: Path) -> None:
    with pytest.raises(TruthError, match="another simulator uses it"):
        TruthFile(data_dir, TruthRow)


async def test_a_damaged_line_is_an_error(data_dir: Path) -> None:
    (data_dir / FILE).write_text('{"at_ms":1}\nnonsense\n{"at_ms":2}\n')
    truth = TruthFile(data_dir, TruthRow)
    with pytest.raises(TruthError, match="line 2"):
        list(truth.rows())
    truth.close()


async def test_a_new_directory_is_another_account(tmp_path: Path, made_keys: Path) -> None:
    """Its order ids begin again, so a client must not take its orders for older ones."""
    numbers = []
    for name in ("one", "two", "one"):
        directory = tmp_path / name
        if not directory.exists():
            directory.mkdir()
            _copy_keys(made_keys, directory)
        settings = SimulatorSettings(data_dir=directory)
        async with run_simulator(settings, SystemClock(), SystemIds()) as simulator, Trader(simulator) as trader:
            numbers.append((await trader.signed("GET", "/api/v3/account")).ok["uid"])
    assert numbers[0] == numbers[2] != numbers[1]
