"""The ledger of truth: a restart continues where the last line ends."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cadenza.runtime.local import SystemClock, SystemIds
from cadenza.simulators.deribit.server import DeribitSimulator, run_deribit
from cadenza.simulators.deribit.settings import DeribitSettings
from cadenza.simulators.deribit.trading.records import DeribitRow
from cadenza.simulators.deribit.wire.credits import unlimited
from cadenza.simulators.kit.truth import TruthError

from .trader import PERPETUAL, HttpTrader, connected


@asynccontextmanager
async def running(data_dir: Path, **settings: Any) -> AsyncIterator[tuple[DeribitSimulator, HttpTrader]]:
    asked = DeribitSettings(data_dir=data_dir, limits=unlimited(), **settings)
    async with run_deribit(asked, SystemClock(), SystemIds()) as simulator:
        key = simulator.venue.keys.all()[0]
        async with HttpTrader(simulator.url, key.key, key.secret, simulator.venue.now_ms) as trader:
            yield simulator, trader


async def account(trader: HttpTrader) -> Any:
    return [
        await trader.truth(),
        await trader.get("private/get_account_summaries"),
        await trader.get("private/get_open_orders"),
        [each["size"] for each in await trader.get("private/get_positions")],
    ]


async def test_a_restart_continues_with_everything(tmp_path: Path) -> None:
    async with running(tmp_path) as (_, trader):
        await trader.buy("60000", "100", label="resting")
        await trader.buy("60000", "3000", display_amount="1000")
        await trader.trade_at("60000", "30")
        await trader.buy(None, "500")
        await trader.sell(None, "100", instrument_name="ETH-PERPETUAL")
        await trader.buy(None, "1", instrument_name="BTC-27DEC30-60000-C")
        await trader.buy(None, "1", instrument_name="BTC_USDC")
        await trader.sell(None, type="trailing_stop", trigger="last_price", trigger_offset="100")
        await trader.admin("prices", name="btc_usd", price="60500")
        await trader.admin("prices", name="ETH-PERPETUAL", price="3010")
        await trader.admin("instruments", instrument_name="BTC-27DEC30", state="locked")
        before = await account(trader)
    async with running(tmp_path) as (_, trader):
        assert await account(trader) == before
        book = await trader.get("public/get_order_book", instrument_name=PERPETUAL)
        assert book["bids"][0] == [60000, 1070]
        await trader.trade_at("60000", "70")
        (resting,) = await trader.get("private/get_order_state_by_label", currency="BTC", label="resting")
        assert resting["order_state"] == "filled"
        new = (await trader.buy("59000"))["order"]["order_id"]
        assert new not in {each["id"] for each in before[0]["orders"]}
        trades = [each["id"] for each in (await trader.truth())["trades"] if each["instrument"] == PERPETUAL]
        assert len(trades) == len(set(trades))


async def test_every_line_is_on_disk_before_the_answer(tmp_path: Path) -> None:
    async with running(tmp_path) as (simulator, _):
        decoder = msgspec.json.Decoder(DeribitRow)

        def ids() -> set[str]:
            rows = [decoder.decode(line) for line in (tmp_path / "truth.jsonl").read_bytes().splitlines()]
            return {order.id for row in rows for order in row.orders}

        async with connected(simulator) as socket:
            await socket.ask("private/subscribe", channels=["user.orders.any.any.raw"])
            for _ in range(5):
                await socket.send("private/buy", {"instrument_name": PERPETUAL, "amount": 100, "price": 59000})
                frame = await socket.receive()
                told = frame["params"]["data"] if "params" in frame else frame["result"]["order"]
                assert told["order_id"] in ids()


async def test_an_account_keeps_what_it_set_for_lost_connections(tmp_path: Path) -> None:
    async with running(tmp_path) as (_, trader):
        await trader.get("private/enable_cancel_on_disconnect", scope="account")
    async with running(tmp_path) as (_, trader):
        kept = await trader.get("private/get_cancel_on_disconnect", scope="account")
        assert kept == {"scope": "account", "enabled": True}


async def test_a_torn_last_line_is_cut_off_and_other_damage_stops_the_start(tmp_path: Path) -> None:
    async with running(tmp_path) as (_, trader):
        await trader.buy()
    path = tmp_path / "truth.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"at_ms": 1, "ord')
    async with running(tmp_path) as (_, trader):
        assert len(await trader.get("private/get_open_orders")) == 1
    path.write_bytes(b"nonsense\n" + whole)
    with pytest.raises(TruthError, match="line 1"):
        async with running(tmp_path):
            pass


async def test_a_market_that_moves_writes_nothing_unless_it_matters(tmp_path: Path) -> None:
    async with running(tmp_path, market_step_ms=100) as (_, trader):
        path, moves = tmp_path / "truth.jsonl", set()
        size = path.stat().st_size
        while len(moves) < 5:
            book = await trader.get("public/get_order_book", instrument_name=PERPETUAL)
            moves.add(book["change_id"])
        assert path.stat().st_size == size
        await trader.buy(None, "1000")
        assert path.stat().st_size > size


async def test_a_reset_gives_the_opening_money_without_orders_and_positions(tmp_path: Path) -> None:
    async with running(tmp_path) as (_, trader):
        opening = await trader.get("private/get_account_summaries")
        await trader.buy(None, "500")
        await trader.buy(None, "1", instrument_name="BTC_USDC")
        await trader.buy(None, "1", instrument_name="BTC-27DEC30-60000-C")
        await trader.buy("59000")
        await trader.sell(None, type="stop_market", trigger="last_price", trigger_price="55000")
        await trader.admin("settlement")
        await trader.sell(None, "100")
        await trader.admin("instruments", instrument_name="BTC-27DEC30", state="delivered")
        await trader.admin("faults", lookup_lag_ms=1_000)
        await trader.admin("reset")
        assert await trader.get("private/get_account_summaries") == opening
        assert await trader.get("private/get_open_orders") == []
        assert {each["size"] for each in await trader.get("private/get_positions")} <= {0}
        assert (await trader.get("public/ticker", instrument_name="BTC-27DEC30"))["state"] == "open"
        before = await account(trader)
        ids = {each["id"] for each in before[0]["orders"]}
    async with running(tmp_path) as (_, trader):
        assert await account(trader) == before
        await trader.buy(None, "10", instrument_name="BTC-27DEC30")
        new = (await trader.buy())["order"]["order_id"]
        assert new not in ids
        assert (await trader.get("private/get_order_state", order_id=new))["order_state"] == "open"
