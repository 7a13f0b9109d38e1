"""Channels: what is granted, what a listener gets first, and what each change sends."""

from decimal import Decimal
from typing import Any

import pytest

from cadenza.simulators.deribit.server import DeribitSimulator

from .trader import PERPETUAL, HttpTrader, Refused, SocketTrader, connected

D = Decimal
BOOK = f"book.{PERPETUAL}.raw"


async def subscribe(socket: SocketTrader, *channels: str) -> list[str]:
    granted: list[str] = await socket.ask("private/subscribe", channels=list(channels))
    return granted


def applied(book: dict[str, Any], message: Any) -> dict[str, Any]:
    """Return a book after a message, as a client keeps it."""
    sides = {"bids": dict(book.get("bids", {})), "asks": dict(book.get("asks", {}))}
    for name, side in sides.items():
        for action, price, amount in message[name]:
            assert (price in side) is (action != "new"), (action, price)
            if action == "delete":
                assert amount == 0
                del side[price]
            else:
                side[price] = amount
    return sides


async def read_book(trader: HttpTrader) -> tuple[Any, Any]:
    book = await trader.get("public/get_order_book", instrument_name=PERPETUAL, depth=1000)
    return {"bids": dict(book["bids"]), "asks": dict(book["asks"])}, book["change_id"]


async def test_the_answer_lists_what_is_granted(socket: SocketTrader) -> None:
    asked = ["user.trades.any.any.raw", "nope", BOOK, BOOK, "book.NOPE.raw", "user.portfolio.SOL"]
    assert await subscribe(socket, *asked) == ["user.trades.any.any.raw", BOOK]
    assert await socket.ask("private/unsubscribe", channels=[BOOK, "never"]) == [BOOK]
    assert await socket.ask("public/unsubscribe_all") == "ok"


async def test_what_needs_a_login_is_not_for_everybody(simulator: DeribitSimulator) -> None:
    async with connected(simulator, login=False) as socket:
        with pytest.raises(Refused) as caught:
            await socket.ask("public/subscribe", channels=[BOOK])
        assert (caught.value.code, caught.value.message) == (13778, "raw_subscriptions_not_available_for_unauthorized")
        channels = ["book.BTC-PERPETUAL.100ms", "user.orders.any.any.raw"]
        assert await socket.ask("public/subscribe", channels=channels) == ["book.BTC-PERPETUAL.100ms"]


async def test_a_key_without_the_scope_gets_no_user_channels(simulator: DeribitSimulator, socket: SocketTrader) -> None:
    await socket.login("account:read")
    assert await subscribe(socket, "user.orders.any.any.raw", "user.portfolio.any") == ["user.portfolio.any"]


async def test_channels_need_a_socket(trader: HttpTrader) -> None:
    with pytest.raises(Refused) as caught:
        await trader.get("public/subscribe", channels=[BOOK])
    assert caught.value.code == 10030


# Books


@pytest.mark.parametrize("interval", ["raw", "100ms", "agg2"])
async def test_a_book_is_a_snapshot_and_a_chain_of_changes(
    trader: HttpTrader, socket: SocketTrader, interval: str
) -> None:
    channel = f"book.{PERPETUAL}.{interval}"
    await subscribe(socket, channel)
    message = await socket.data(channel)
    assert (message["type"], message["instrument_name"]) == ("snapshot", PERPETUAL)
    assert "prev_change_id" not in message
    book, change_id = applied({}, message), message["change_id"]
    id = (await trader.buy("60000", "100"))["order"]["order_id"]
    await trader.buy("60000", "50")
    await trader.trade_at("60000", "30")
    await trader.post("private/cancel", order_id=id)
    await trader.post("private/cancel_all")
    await trader.sell(None, "200000")
    wanted, last = await read_book(trader)
    while change_id != last:
        message = await socket.data(channel)
        assert (message["type"], message["prev_change_id"]) == ("change", change_id)
        book, change_id = applied(book, message), message["change_id"]
    assert book == wanted


async def test_a_second_listener_joins_the_chain(
    simulator: DeribitSimulator, trader: HttpTrader, socket: SocketTrader
) -> None:
    await subscribe(socket, BOOK)
    await socket.data(BOOK)
    await trader.buy("60000", "100")
    change = await socket.data(BOOK)
    async with connected(simulator) as other:
        await subscribe(other, BOOK)
        snapshot = await other.data(BOOK)
        assert snapshot["change_id"] == change["change_id"]
        await trader.buy("60000", "100")
        assert (await other.data(BOOK))["prev_change_id"] == snapshot["change_id"]
        assert (await socket.data(BOOK))["bids"] == [["change", 60000, 200]]


async def test_a_book_with_a_depth_is_sent_whole(trader: HttpTrader, socket: SocketTrader) -> None:
    channel = f"book.{PERPETUAL}.none.10.100ms"
    await subscribe(socket, channel)
    first = await socket.data(channel)
    assert (len(first["bids"]), first["bids"][0], first["asks"][0]) == (10, [59994, 100000], [60006, 100000])
    await trader.buy("60000", "100")
    assert (await socket.data(channel))["bids"][0] == [60000, 100]


async def test_the_answer_comes_before_the_snapshot(socket: SocketTrader) -> None:
    id = await socket.send("private/subscribe", {"channels": [BOOK]})
    assert (await socket.receive())["id"] == id
    assert (await socket.receive())["params"]["data"]["type"] == "snapshot"


# Trades, tickers, prices and states


async def test_public_trades_are_numbered(trader: HttpTrader, socket: SocketTrader) -> None:
    raw, all_of_them = f"trades.{PERPETUAL}.raw", "trades.future.BTC.100ms"
    await subscribe(socket, raw, all_of_them)
    await trader.trade_at("59994", "50")
    await trader.buy(None, "100")
    (first,), (second,) = await socket.data(raw), await socket.data(raw)
    assert (first["price"], first["amount"], first["direction"], first["contracts"]) == (59994, 50, "sell", 5)
    assert (second["price"], second["direction"], second["tick_direction"]) == (60006, "buy", 0)
    assert second["trade_seq"] == first["trade_seq"] + 1
    assert int(second["trade_id"]) == int(first["trade_id"]) + 1
    later = await socket.data(all_of_them)
    while len(later) < 2:
        later += await socket.data(all_of_them)
    assert later == [first, second]
    answer = await trader.get("public/get_last_trades_by_instrument", instrument_name=PERPETUAL, count=2)
    assert (answer["trades"], answer["has_more"]) == ([second, first], True)


async def test_a_ticker_and_a_quote_follow_the_book(trader: HttpTrader, socket: SocketTrader) -> None:
    channels = [f"ticker.{PERPETUAL}.raw", f"ticker.{PERPETUAL}.100ms", f"quote.{PERPETUAL}"]
    await subscribe(socket, *channels)
    for channel in channels:
        assert (await socket.data(channel))["best_bid_price"] == 59994
    await trader.buy("60000", "100")
    for channel in channels:
        message = await socket.data(channel)
        assert (message["best_bid_price"], message["best_bid_amount"]) == (60000, 100)


async def test_an_index_is_told_at_once_and_when_it_moves(trader: HttpTrader, socket: SocketTrader) -> None:
    channel = "deribit_price_index.btc_usd"
    await subscribe(socket, channel)
    assert (await socket.data(channel))["price"] == 60000
    await trader.admin("prices", name="btc_usd", price="60100")
    message = await socket.data(channel)
    assert (message["price"], message["index_name"]) == (60100, "btc_usd")
    assert (await trader.get("public/get_index_price", index_name="btc_usd"))["index_price"] == 60100


async def test_a_state_is_told_to_those_who_ask_for_its_kind(trader: HttpTrader, socket: SocketTrader) -> None:
    await subscribe(socket, "instrument.state.future.BTC", "instrument.state.option.any")
    await trader.admin("instruments", instrument_name="ETH-PERPETUAL", state="locked")
    await trader.admin("instruments", instrument_name=PERPETUAL, state="halted")
    message = await socket.data("instrument.state.future.BTC")
    assert (message["instrument_name"], message["state"]) == (PERPETUAL, "halted")


# User channels


async def test_a_fill_is_told_on_every_user_channel(trader: HttpTrader, socket: SocketTrader) -> None:
    channels = ["user.orders.any.any.raw", "user.trades.any.any.raw", "user.changes.any.any.raw", "user.portfolio.btc"]
    await subscribe(socket, *channels)
    assert (await socket.data("user.portfolio.btc"))["equity"] == 10
    placed = await socket.buy(None, "100", label="mine")
    order = await socket.data("user.orders.any.any.raw")
    assert order == placed["order"]
    assert await socket.data("user.trades.any.any.raw") == placed["trades"]
    changes = await socket.data("user.changes.any.any.raw")
    assert (changes["orders"], changes["trades"]) == ([order], placed["trades"])
    (position,) = changes["positions"]
    assert (position["size"], position["direction"], position["average_price"]) == (100, "buy", 60006)
    portfolio = await socket.data("user.portfolio.btc")
    assert portfolio["balance"] == D(10) - placed["trades"][0]["fee"]
    assert portfolio["initial_margin"] == D("0.00003333")


async def test_an_order_is_told_when_it_is_placed_edited_and_canceled(socket: SocketTrader) -> None:
    channel = f"user.orders.{PERPETUAL}.raw"
    await subscribe(socket, channel)
    id = (await socket.buy())["order"]["order_id"]
    await socket.ask("private/edit", order_id=id, amount=50)
    await socket.ask("private/cancel", order_id=id)
    told = [await socket.data(channel) for _ in range(3)]
    assert [(each["order_state"], each["amount"]) for each in told] == [("open", 100), ("open", 50), ("cancelled", 50)]


async def test_an_aggregated_channel_collects_its_interval(trader: HttpTrader, socket: SocketTrader) -> None:
    await subscribe(socket, "user.orders.any.any.100ms", "user.changes.any.any.100ms", "user.trades.future.BTC.100ms")
    id = (await socket.buy("60000", "100"))["order"]["order_id"]
    await trader.trade_at("60000", "100")
    orders: list[Any] = []
    while not orders or orders[-1]["order_state"] != "filled":
        orders += await socket.data("user.orders.any.any.100ms")
    assert [each["order_state"] for each in orders] == ["open", "filled"]
    trades: list[Any] = []
    while not trades:
        changes = await socket.data("user.changes.any.any.100ms")
        trades = changes["trades"]
    assert [order["order_id"] for order in changes["orders"]] == [id]
    assert await socket.data("user.trades.future.BTC.100ms") == trades


async def test_a_channel_of_another_currency_is_silent(socket: SocketTrader) -> None:
    await subscribe(socket, "user.orders.any.ETH.raw", "user.orders.future.BTC.raw", "user.orders.option.BTC.raw")
    await socket.buy()
    assert (await socket.frame())["params"]["channel"] == "user.orders.future.BTC.raw"
    await socket.buy("2900", "10", instrument_name="ETH-PERPETUAL")
    assert (await socket.data("user.orders.any.ETH.raw"))["order_id"] == "ETH-1"
