"""The ledger of truth: what it tells, and that a restart goes on from it."""

from pathlib import Path
from typing import Any

import pytest

from cadenza.runtime.local import SystemClock, SystemIds
from cadenza.simulators.bitfinex.server import BitfinexSimulator, run_bitfinex
from cadenza.simulators.bitfinex.settings import BitfinexSettings
from cadenza.simulators.kit.truth import TruthError

from .trader import BitfinexTrader, D


def running(directory: Path, **settings: Any) -> Any:
    return run_bitfinex(BitfinexSettings(data_dir=directory, is_limited=False, **settings), SystemClock(), SystemIds())


async def everything(trader: BitfinexTrader) -> list[Any]:
    """Return what an account may ask."""
    paths = ("orders", "orders/hist", "trades/hist", "wallets", "positions", "ledgers/hist")
    return [(await trader.post(f"auth/r/{path}")).data for path in paths]


async def test_a_restart_goes_on(tmp_path: Path) -> None:
    async with running(tmp_path) as simulator, BitfinexTrader(simulator) as trader:
        await trader.submit(type="EXCHANGE MARKET", price=None, amount="0.1")
        await trader.submit(type="MARKET", price=None, amount="0.1")
        resting = (await trader.submit(amount="0.3")).order
        await trader.trade_at("50000", "0.1")
        pair = (await trader.submit(amount="-1", price="65000", flags=16384, price_oco_stop="48000")).data[4]
        await trader.submit(type="EXCHANGE TRAILING STOP", price=None, price_trailing="1000", amount="-0.01")
        before, truth = await everything(trader), await trader.truth()
        user = simulator.venue.queries.user_id("main")
    async with running(tmp_path) as simulator, BitfinexTrader(simulator) as trader:
        assert simulator.venue.queries.user_id("main") == user
        assert await everything(trader) == before
        assert await trader.truth() == truth
        ids = {row[0] for rows in before[:2] for row in rows}
        again = (await trader.submit()).order
        assert again[0] not in ids
        assert again[0] > max(ids)
        await trader.trade_at("50000", "0.2")
        rows = {row[0]: row for row in await trader.closed_orders()}
        assert rows[resting[0]][13] == "EXECUTED @ 50000.0(0.2): was PARTIALLY FILLED @ 50000.0(0.1)"
        await trader.trade_at("65000", "0.1", side="BUY")
        rows = {row[0]: row for row in await trader.closed_orders()}
        assert rows[pair[1][0]][13] == "CANCELED"
        trades = [row[0] for row in await trader.trades()]
        assert len(set(trades)) == len(trades)


async def test_nonces_survive_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path) as simulator, BitfinexTrader(simulator) as trader:
        assert (await trader.post("auth/r/wallets", nonce=5_000_000_000_000_000)).status == 200
    async with running(tmp_path) as simulator, BitfinexTrader(simulator) as trader:
        assert (await trader.post("auth/r/wallets", nonce=5_000_000_000_000_000)).refusal == (10114, "nonce: small")


async def test_requests_are_kept_with_what_became_of_them(simulator: BitfinexSimulator, trader: BitfinexTrader) -> None:
    await trader.submit(cid=5)
    await trader.submit(cid=5, amount="0")
    rows = await trader.send("GET", f"{simulator.url}/simulator/requests", {}, None)
    assert [(row["name"], row["parameters"]["cid"], row["outcome"]) for row in rows.data] == [
        ("order.submit", "5", "OK"),
        ("order.submit", "5", "['error', 10020, 'amount: invalid']"),
    ]
    assert [row["times"] for row in (await trader.truth())["accepted"]] == [1]


async def test_wallets_are_the_sum_of_their_movements(trader: BitfinexTrader) -> None:
    await trader.admin("deposits", currency="USD", amount="-500", wallet="margin")
    await trader.submit(type="EXCHANGE MARKET", price=None, amount="0.1")
    await trader.submit(type="MARKET", price=None, amount="-0.1")
    truth = await trader.truth()
    for wallet in truth["wallets"]:
        moved = [
            D(entry["amount"])
            for entry in truth["entries"]
            if (entry["wallet"], entry["currency"]) == (wallet["type"], wallet["currency"])
        ]
        assert sum(moved) == D(wallet["balance"])


async def test_it_can_begin_again_while_it_runs(simulator: BitfinexSimulator, trader: BitfinexTrader) -> None:
    opening = (await trader.post("auth/r/wallets")).data
    await trader.submit(type="EXCHANGE MARKET", price=None, amount="0.1")
    await trader.submit(type="MARKET", price=None, amount="0.1")
    await trader.submit(amount="-1", price="65000", flags=16384, price_oco_stop="48000")
    await trader.admin("symbols", symbol="tBTCUSD", is_paused=True)
    await trader.admin("sockets", action="begin_maintenance")
    await trader.admin("faults", requests=[{"on": "*", "kind": "banned"}])
    await trader.admin("reset")
    assert [row[:3] for row in (await trader.post("auth/r/wallets")).data] == [row[:3] for row in opening]
    assert await trader.open_orders() == []
    assert await trader.positions() == []
    assert (await trader.submit()).order[13] == "ACTIVE"
    assert (await trader.public("book/tBTCUSD/P0?len=1")).data[1] == [60006, 1, D("-0.16666666")]
    assert len(await trader.closed_orders()) == 4


async def test_two_simulators_never_share_a_directory(tmp_path: Path) -> None:
    async with running(tmp_path):
        with pytest.raises(TruthError, match="another simulator"):
            async with running(tmp_path):
                pass
