"""Public channels of a server whose market a test moves by hand: subscriptions, gaps, silence, renewals."""

from collections.abc import Mapping
from decimal import Decimal as D
from typing import Any

import pytest
from tests.adapters.kit.sync_world import Listener
from tests.adapters.okx.feeds_world import VENUE_MS, MarketServer, feeds_at, market_server
from tests.adapters.okx.okx_world import BTC_USDT, LINEAR
from tests.inhouse_kit import until

from cadenza.adapters.venues.okx.spec import BOOK_RULE
from cadenza.domain.errors import InstrumentNotFound, VenueUnavailable
from cadenza.domain.ids import InstrumentId

pytestmark = pytest.mark.timeout(60)
BOOKS, TRADES = "books:BTC-USDT", "trades:BTC-USDT"
MARKS = "mark-price:BTC-USDT-SWAP"


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
    async with market_server() as server, feeds_at(server.base, factor=100) as feeds:
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
        for client in list(server.clients):
            client.transport.abort()
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
        with pytest.raises(VenueUnavailable, match=r"refused the channel .*60018 Wrong channel"):
            await feeds.open_book(BTC_USDT, listener())
        assert not feeds.feeds


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
