"""Public channels of a server whose market a test moves by hand: subscriptions, gaps, silence, renewals."""

import asyncio
import json
import re
from collections.abc import Mapping
from decimal import Decimal as D
from typing import Any

import pytest
from tests.adapters.kit.sync_world import Listener
from tests.adapters.okx.feeds_world import VENUE_MS, Client, MarketServer, feeds_at, market_server
from tests.adapters.okx.okx_world import BTC_USDT, BY_ID, LINEAR
from tests.inhouse_kit import until

from cadenza.adapters.venues.kit.market_stream import SubscriptionReply
from cadenza.adapters.venues.kit.snapshot_feeds import SnapshotFeeds
from cadenza.adapters.venues.okx.spec import BOOK_RULE
from cadenza.adapters.venues.okx.stream_wire import PublicChannels
from cadenza.domain.errors import InstrumentNotFound, VenueUnavailable
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.instrument import InstrumentType

pytestmark = pytest.mark.timeout(60)
BOOKS, TRADES = "books:BTC-USDT", "trades:BTC-USDT"
MARKS = "mark-price:BTC-USDT-SWAP"
DATED = InstrumentId("OKX:BTC/USD-220527")


def book(number: int, previous: int = -1, bid: str = "100", size: str = "1") -> dict[str, Any]:
    return {
        "bids": [[bid, size, "0", "1"]], "asks": [["101", "2", "0", "1"]], "ts": str(VENUE_MS), "checksum": 0,
        "seqId": number, "prevSeqId": previous,
    }  # fmt: skip


def trade(number: int, at_ms: int = VENUE_MS + 60_000) -> Mapping[str, Any]:
    return {"instId": "BTC-USDT", "tradeId": str(number), "px": "100", "sz": "1", "side": "buy", "ts": str(at_ms)}


def listener(id: InstrumentId = BTC_USDT) -> Listener:
    return Listener(BOOK_RULE, id)


def subscribed(server: MarketServer, name: str) -> int:
    """How often a channel was subscribed to."""
    asked = [each for client in server.opened for each in client.requests if each["op"] == "subscribe"]
    return sum(f"{arg['channel']}:{arg['instId']}" == name for each in asked for arg in each["args"])


def books_of(id: InstrumentId) -> str:
    return f"books:{BY_ID[id].external_symbol}"


def names_asked(client: Client) -> set[str]:
    """What a connection was asked to subscribe to."""
    asked = [each for each in client.requests if each["op"] == "subscribe"]
    return {f"{arg['channel']}:{arg['instId']}" for each in asked for arg in each["args"]}


def refusals_of(feeds: SnapshotFeeds, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the channels that are refused from now on, as the feeds hear of them."""
    refused: list[str] = []
    take = feeds.on_refused

    def on_refused(name: str, reason: str) -> None:
        refused.append(name)
        take(name, reason)

    monkeypatch.setattr(feeds, "on_refused", on_refused)
    return refused


async def moves_on_after_a_cut(server: MarketServer, opened: Mapping[InstrumentId, Listener], number: int) -> None:
    """The connection is cut; these books begin again with snapshots of this number, and follow the market."""
    server.books = {name: book(number) for name in server.books}
    server.cut()
    books = [heard.book for heard in opened.values()]
    await until(lambda: all(each.sequence == number and each.is_fresh for each in books), "the snapshots")
    for id in opened:
        await server.push(books_of(id), book(number + 1, number, bid="99"), action="update")
    await until(lambda: all(each.sequence == number + 1 for each in books), "the changes")


@pytest.mark.parametrize(
    ("code", "text", "names"),
    [
        (
            "60018",
            "Wrong URL or channel:books,instId:BTC-USD-220527 doesn't exist. Please use",
            ("books:BTC-USD-220527",),
        ),
        ("60018", "Subscribe failed, wrong URL or channel:trades,instId:A-B doesn't exist.", ("trades:A-B",)),
        ("60018", "channel:mark-price,instId:A-B-SWAP doesn't exist", ("mark-price:A-B-SWAP",)),
        ("60018", "Wrong URL or channel:estimated-price,instType:FUTURES doesn't exist", ()),
        ("60018", "Wrong URL or subchannel:books,instId:A-B doesn't exist", ()),
        ("60013", "Invalid args: channel:books,instId:A-B doesn't exist", ()),
    ],
)
def test_a_refused_channel_is_read_from_the_venues_words(code: str, text: str, names: tuple[str, ...]) -> None:
    frame = {"event": "error", "id": "7", "code": code, "msg": text, "connId": "a4d3ae55"}
    word = PublicChannels().read(json.dumps(frame).encode())
    assert word == SubscriptionReply(id=7, names=names, refusal=f"{code} {text}")


async def test_a_book_begins_with_the_snapshot_of_its_channel() -> None:
    async with market_server() as server, feeds_at(server.base) as feeds:
        server.books[BOOKS] = book(10)
        heard = listener()
        await feeds.open_book(BTC_USDT, heard)
        await server.push(BOOKS, book(15, 10, bid="99"), action="update")
        await server.push(BOOKS, {**book(15, 15), "bids": [], "asks": []}, action="update")
        await server.push(BOOKS, book(3, 15, bid="98"), action="update")
        await until(lambda: heard.book.sequence == 3, "the numbers begin again")
        assert heard.book.is_fresh
        assert heard.stales == 0
        assert heard.book.best_bid() == (D(100), D(1))


async def test_a_gap_is_mended_by_another_subscription() -> None:
    async with market_server() as server, feeds_at(server.base, factor=20) as feeds:
        server.books[BOOKS] = book(10)
        heard = listener()
        await feeds.open_book(BTC_USDT, heard)
        server.books[BOOKS] = book(30, bid="97")
        await server.push(BOOKS, book(25, 20, bid="99"), action="update")
        await until(lambda: heard.stales >= 1, "the gap")
        await until(lambda: heard.book.is_fresh and heard.book.sequence == 30, "another snapshot")
        assert subscribed(server, BOOKS) == 2
        assert heard.book.best_bid() == (D(97), D(1))
        await server.push(BOOKS, book(31, 30, bid="96"), action="update")
        await until(lambda: heard.book.sequence == 31, "the book goes on")


async def test_a_channel_without_its_heartbeat_is_subscribed_to_again() -> None:
    async with market_server() as server, feeds_at(server.base, factor=40) as feeds:
        server.books[BOOKS] = book(10)
        heard = listener()
        await feeds.open_book(BTC_USDT, heard)
        await until(lambda: subscribed(server, BOOKS) >= 2, "another subscription")
        assert heard.stales >= 1
        await until(lambda: heard.book.is_fresh, "the book is whole again")


async def test_a_change_that_cannot_be_read_makes_the_book_stale() -> None:
    async with market_server() as server, feeds_at(server.base, factor=20) as feeds:
        server.books[BOOKS] = book(10)
        heard = listener()
        await feeds.open_book(BTC_USDT, heard)
        await server.push(BOOKS, book(11, 10, size="lots"), action="update")
        await until(lambda: heard.stales == 1, "stale")
        assert feeds.unreadable_total == 1
        await until(lambda: heard.book.is_fresh, "mended")


async def test_trades_from_before_the_feed_and_repeated_ones_are_not_delivered() -> None:
    """The venue sends the last trade with each subscription."""
    async with market_server() as server, feeds_at(server.base) as feeds:
        server.books[BOOKS] = book(10)
        server.last_trades[TRADES] = trade(1, VENUE_MS - 5_000)
        heard = listener()
        await feeds.open_book(BTC_USDT, heard)
        await server.push(TRADES, trade(2), trade(3))
        await server.push(TRADES, trade(3))
        await server.push(TRADES, trade(4))
        await until(lambda: len(heard.trades) == 3, "the trades")
        assert [each.trade_id for each in heard.trades] == ["2", "3", "4"]


async def test_contracts_have_marks_which_are_withdrawn_when_the_socket_is_lost() -> None:
    async with market_server() as server, feeds_at(server.base) as feeds:
        server.books["books:BTC-USDT-SWAP"] = book(10)
        heard = listener(LINEAR)
        await feeds.open_book(LINEAR, heard)
        await server.push(MARKS, {"instId": "BTC-USDT-SWAP", "markPx": "100.5", "ts": str(VENUE_MS)})
        await until(lambda: heard.marks == [D("100.5")], "the mark")
        server.cut()
        await until(lambda: heard.marks == [D("100.5"), None], "the mark is withdrawn")
        await until(lambda: heard.book.is_fresh, "the book is whole again")
        assert heard.stales == 1


async def test_an_announced_end_of_a_connection_is_met_by_another_one_in_time() -> None:
    async with market_server() as server, feeds_at(server.base) as feeds:
        server.books[BOOKS] = book(10)
        heard = listener()
        await feeds.open_book(BTC_USDT, heard)
        (old,) = server.clients
        server.books[BOOKS] = book(20, bid="97")
        await old.socket.send_str('{"event":"notice","code":"64008","msg":"The connection will soon be closed"}')
        await until(lambda: len(server.opened) == 2 and heard.book.sequence == 20, "the other connection")
        assert heard.book.is_fresh
        await until(lambda: old not in server.clients, "the old one is closed")
        await server.push(BOOKS, book(21, 20), action="update")
        await until(lambda: heard.book.sequence == 21, "the book goes on")


async def test_a_refused_channel_names_the_venues_words() -> None:
    async with market_server() as server, feeds_at(server.base) as feeds:
        server.refused.add(BOOKS)
        with pytest.raises(VenueUnavailable, match=r"refused the channel books:BTC-USDT: 60018 Wrong URL or channel"):
            await feeds.open_book(BTC_USDT, listener())
        assert not feeds.feeds


@pytest.mark.parametrize("refusal", [MarketServer.refusal, "Wrong channel"], ids=["named", "unnamed"])
async def test_a_contract_that_expired_costs_no_other_book_its_channels(
    refusal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a reconnect the venue refuses its channels alone, and they are not asked for at each reconnect."""
    async with market_server() as server, feeds_at(server.base, factor=20) as feeds:
        opened = {id: listener(id) for id in (BTC_USDT, LINEAR, DATED)}
        server.refusal = refusal
        server.books = {books_of(id): book(10) for id in opened}
        for id, heard in opened.items():
            await feeds.open_book(id, heard)
        expired = {name for name in server.clients[0].names if name.endswith(BY_ID[DATED].external_symbol)}
        assert len(expired) == 3
        server.refused |= expired
        refused = refusals_of(feeds, monkeypatch)
        for number in (20, 30):
            await moves_on_after_a_cut(server, {id: opened[id] for id in (BTC_USDT, LINEAR)}, number)
            await until(lambda: len(refused) >= 3, "its refusals")
            assert not opened[DATED].book.is_fresh
        assert sorted(refused) == sorted(expired)
        assert [expired & names_asked(client) for client in server.opened] == [expired, expired, set()]


async def test_many_books_are_opened_at_once_though_one_was_delisted() -> None:
    async with market_server() as server, feeds_at(server.base) as feeds:
        found = [each for each in BY_ID.values() if each.type is not InstrumentType.OPTION][:8]
        assert len(found) == 8
        *others, delisted = found
        server.books |= {f"books:{each.external_symbol}": book(10) for each in others}
        server.refused |= {f"{channel}:{delisted.external_symbol}" for channel in ("books", "trades", "mark-price")}
        heard = {each.id: listener(each.id) for each in found}
        results = await asyncio.gather(
            *(feeds.open_book(id, each) for id, each in heard.items()), return_exceptions=True
        )
        assert results[:-1] == [None] * 7
        assert isinstance(results[-1], VenueUnavailable)
        assert re.search(rf"{delisted.id}: .*instId:{delisted.external_symbol} doesn't exist", str(results[-1]))
        assert [heard[each.id].book.is_fresh for each in found] == [True] * 7 + [False]


async def test_a_snapshot_of_a_connection_that_never_was_live_makes_no_book_fresh() -> None:
    async with market_server() as server, feeds_at(server.base) as feeds:
        server.books[BOOKS] = book(10)
        heard = listener()
        await feeds.open_book(BTC_USDT, heard)
        server.books[BOOKS] = book(20)
        server.fatal.add(TRADES)
        server.cut()
        await until(lambda: len(server.opened) >= 4, "three more connections")
        assert (heard.snapshots, heard.book.is_fresh, heard.stales) == (1, False, 1)
        server.fatal.clear()
        await until(lambda: heard.book.is_fresh, "the book is whole again")
        assert heard.book.sequence == 20


async def test_a_renewal_that_fails_leaves_the_book_to_the_connection_that_stands() -> None:
    async with market_server() as server, feeds_at(server.base) as feeds:
        server.books[BOOKS] = book(10)
        heard = listener()
        await feeds.open_book(BTC_USDT, heard)
        (old,) = server.clients
        server.books[BOOKS] = book(20)
        server.fatal.add(TRADES)
        await old.socket.send_str('{"event":"notice","code":"64008","msg":"The connection will soon be closed"}')
        await until(lambda: len(server.opened) >= 3, "two tries")
        await old.push(BOOKS, [book(11, 10)], action="update")
        await until(lambda: heard.book.sequence == 11, "the book goes on")
        assert heard.book.is_fresh


async def test_what_is_refused_for_the_pace_is_asked_for_again() -> None:
    async with market_server() as server, feeds_at(server.base, factor=4) as feeds:
        server.books[BOOKS] = book(10)
        server.is_too_fast = True
        opening = asyncio.create_task(feeds.open_book(BTC_USDT, heard := listener()))
        await until(lambda: any(client.requests for client in server.opened), "a request")
        server.is_too_fast = False
        await opening
        assert heard.book.is_fresh


async def test_a_book_without_a_snapshot_is_not_opened() -> None:
    async with market_server() as server, feeds_at(server.base, factor=20) as feeds:
        with pytest.raises(VenueUnavailable, match="no snapshot"):
            await feeds.open_book(BTC_USDT, listener())
        await until(lambda: not server.clients, "no connection is left")


async def test_an_instrument_that_is_not_listed_has_no_book() -> None:
    async with market_server() as server, feeds_at(server.base) as feeds:
        with pytest.raises(InstrumentNotFound):
            await feeds.open_book(InstrumentId("OKX:DOGE/MOON"), listener())


async def test_a_closed_book_is_unsubscribed_from() -> None:
    async with market_server() as server, feeds_at(server.base) as feeds:
        server.books[BOOKS] = server.books["books:BTC-USDT-SWAP"] = book(10)
        await feeds.open_book(BTC_USDT, listener())
        await feeds.open_book(LINEAR, listener(LINEAR))
        await feeds.close_book(BTC_USDT)
        (client,) = server.clients
        await until(lambda: BOOKS not in client.names and TRADES not in client.names, "the unsubscription")
        assert "books:BTC-USDT-SWAP" in client.names
        await feeds.close_book(LINEAR)
        await until(lambda: not server.clients, "no connection is left")


async def test_the_venue_is_pinged_by_a_text() -> None:
    async with market_server() as server, feeds_at(server.base, factor=50) as feeds:
        server.books[BOOKS] = book(10)
        await feeds.open_book(BTC_USDT, listener())
        await until(lambda: "ping" in server.clients[0].texts, "a ping")
        assert feeds.unreadable_total == 0
