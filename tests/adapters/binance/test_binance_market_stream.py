"""Public streams of a server whose market a test moves by hand: USD-M's routes, limits of connections, renewals."""

import asyncio
from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import msgspec
import pytest
from tests.adapters.binance.binance_world import BTC_PERP, BTC_USDT
from tests.adapters.binance.feeds_world import LIMITS, feeds_at, instruments, market_server
from tests.adapters.kit.sync_world import Listener
from tests.inhouse_kit import until

from cadenza.adapters.venues.binance import market_wire
from cadenza.adapters.venues.binance.endpoints import BinanceMarket
from cadenza.adapters.venues.binance.instrument_feed import InstrumentFeed
from cadenza.adapters.venues.binance.market_wire import SPOT_WIRE, USDM_WIRE, WIRES
from cadenza.adapters.venues.binance.parse_market import SPOT_BOOK_RULE, USDM_BOOK_RULE
from cadenza.adapters.venues.binance.spec import urls_at
from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.instrument import InstrumentType
from cadenza.ports.venue import MARK_AGE_MS_MAX

pytestmark = pytest.mark.timeout(60)
DEPTH, TRADES, MARK = "btcusdt@depth@100ms", "btcusdt@aggTrade", "btcusdt@markPrice@1s"
SPOT_TRADES = "btcusdt@trade"
ETH_BTC = InstrumentId("BINANCE:ETH/BTC")


def book(number: int, bid: str = "100", ask: str = "101") -> dict[str, Any]:
    return {"lastUpdateId": number, "E": 5, "T": 5, "bids": [[bid, "1"]], "asks": [[ask, "2"]]}


def change(first: int, last: int, previous: int | None = None, bid: str = "99") -> dict[str, Any]:
    event = {"e": "depthUpdate", "E": 7, "T": 7, "s": "BTCUSDT", "U": first, "u": last}
    return event | ({} if previous is None else {"pu": previous}) | {"b": [[bid, str(last)]], "a": []}


def usdm_listener() -> Listener:
    return Listener(USDM_BOOK_RULE, BTC_PERP)


def spot_listener() -> Listener:
    return Listener(SPOT_BOOK_RULE, BTC_USDT)


def test_a_mark_that_is_not_renewed_is_withdrawn_once() -> None:
    heard = usdm_listener()
    feed = InstrumentFeed(BTC_PERP, "BTCUSDT", USDM_WIRE, heard)
    mark = msgspec.Raw(b'{"e":"markPriceUpdate","s":"BTCUSDT","E":9,"p":"100.5"}')
    feed.on_event(feed.streams.mark or "", mark, 1, 0)
    feed.check(MARK_AGE_MS_MAX - 1)
    assert heard.marks == [D("100.5")]
    for now_ms in (MARK_AGE_MS_MAX, MARK_AGE_MS_MAX + 1):
        feed.check(now_ms)
        assert heard.marks == [D("100.5"), None]
    feed.on_event(feed.streams.mark or "", mark, 1, MARK_AGE_MS_MAX + 2)
    feed.check(MARK_AGE_MS_MAX + 3)
    assert heard.marks == [D("100.5"), None, D("100.5")]


async def test_usdm_has_its_books_and_its_trades_on_different_routes() -> None:
    async with market_server() as server, feeds_at(urls_at(server.base)) as feeds:
        server.depth["BTCUSDT"] = book(10)
        heard = usdm_listener()
        await feeds.open_book(BTC_PERP, heard)
        assert {(client.path, name) for client in server.clients for name in client.names} == {
            ("/usdm/public/stream", DEPTH),
            ("/usdm/market/stream", TRADES),
            ("/usdm/market/stream", MARK),
        }
        await server.push(DEPTH, change(8, 12, previous=7))
        await server.push(DEPTH, change(15, 18, previous=12))
        event = {"s": "BTCUSDT", "a": 3, "p": "100", "q": "2", "T": 9, "m": True}
        for _ in range(2):
            await server.push(TRADES, event)
        await server.push(MARK, {"e": "markPriceUpdate", "s": "BTCUSDT", "E": 9, "p": "100.5"})
        await until(lambda: heard.book.sequence == 18 and heard.marks == [D("100.5")], "the events")
        assert [trade.trade_id for trade in heard.trades] == ["3"]
        assert heard.book.best_bid() == (D(100), D(1))
        for client in server.on(MARK):
            client.transport.abort()
        await until(lambda: heard.marks == [D("100.5"), None], "the mark is withdrawn")
        assert heard.stales == 0, "the book is on another connection"


async def test_a_route_that_shakes_hands_and_says_nothing_opens_no_book() -> None:
    """So did the addresses without a route after they were retired."""
    async with market_server() as server, feeds_at(urls_at(server.base), factor=20) as feeds:
        server.depth["BTCUSDT"] = book(10)
        server.deaf_paths.add("/usdm/market/stream")
        heard = usdm_listener()
        with pytest.raises(VenueUnavailable, match=r"not connected yet|acknowledged no subscription"):
            await feeds.open_book(BTC_PERP, heard)
        assert heard.book.is_fresh is False
        await until(lambda: not server.clients, "no connection is left")


async def test_a_stream_that_was_granted_and_brings_nothing_is_stale_until_it_speaks() -> None:
    async with market_server() as server, feeds_at(urls_at(server.base), factor=20) as feeds:
        server.depth["BTCUSDT"] = book(10)
        server.best["BTCUSDT"] = ("100", "1", "101", "2")
        heard = usdm_listener()
        await feeds.open_book(BTC_PERP, heard)
        await until(lambda: heard.snapshots == 2, "a reading and a newer snapshot confirm it")
        server.best["BTCUSDT"] = ("100.5", "1", "101", "2")
        await until(lambda: heard.stales == 1, "mute")
        assert not heard.book.is_fresh
        server.depth["BTCUSDT"] = book(20, bid="100.5")
        await server.push(DEPTH, change(19, 21, previous=18))
        await until(lambda: heard.book.is_fresh, "it spoke")
        assert heard.book.sequence == 21


async def test_a_refused_stream_names_the_venues_words() -> None:
    async with market_server() as server, feeds_at(urls_at(server.base)) as feeds:
        server.depth["BTCUSDT"] = book(10)
        server.refused.add(SPOT_TRADES)
        with pytest.raises(VenueUnavailable, match=r"refused the stream .*unknown stream"):
            await feeds.open_book(BTC_USDT, spot_listener())
        server.refused.clear()
        await feeds.open_book(BTC_USDT, heard := spot_listener())
        assert heard.book.is_fresh


async def test_a_refused_stream_costs_no_other_book_its_streams() -> None:
    """The venue refuses a request as a whole. Its streams are asked for one by one then."""
    async with market_server() as server, feeds_at(urls_at(server.base), factor=4) as feeds:
        server.depth |= {"BTCUSDT": book(10), "ETHBTC": book(10)}
        heard, delisted = spot_listener(), Listener(SPOT_BOOK_RULE, ETH_BTC)
        await feeds.open_book(BTC_USDT, heard)
        await feeds.open_book(ETH_BTC, delisted)
        server.refused |= {"ethbtc@trade", "ethbtc@depth@100ms"}
        server.depth["BTCUSDT"] = book(20)
        server.cut()
        await until(lambda: heard.book.sequence == 20 and heard.book.is_fresh, "the other book")
        await server.push("btcusdt@depth@100ms", change(21, 21))
        await until(lambda: heard.book.sequence == 21, "it follows the market")
        assert not delisted.book.is_fresh
        (client,) = server.clients
        assert client.names == {"btcusdt@depth@100ms", SPOT_TRADES}


async def test_a_subscription_without_an_answer_is_asked_for_again() -> None:
    async with market_server() as server, feeds_at(urls_at(server.base), factor=4) as feeds:
        server.depth["BTCUSDT"] = book(10)
        server.unheard.add(SPOT_TRADES)
        opening = asyncio.create_task(feeds.open_book(BTC_USDT, heard := spot_listener()))
        await until(lambda: any(client.requests for client in server.clients), "a request")
        server.unheard.clear()
        await opening
        assert heard.book.is_fresh


async def test_a_second_connection_is_opened_when_the_first_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    small = replace(SPOT_WIRE, depth_route=("/stream", 4, 50), trade_route=("/stream", 4, 50))
    monkeypatch.setattr(market_wire, "WIRES", {**WIRES, InstrumentType.SPOT: small})
    monkeypatch.setattr("cadenza.adapters.venues.binance.market_data.WIRES", {InstrumentType.SPOT: small})
    spots = [each for each in instruments().values() if each.type is InstrumentType.SPOT][:5]
    async with market_server() as server, feeds_at(urls_at(server.base)) as feeds:
        server.depth.update({each.external_symbol: book(10) for each in spots})
        await asyncio.gather(*(feeds.open_book(each.id, Listener(SPOT_BOOK_RULE, each.id)) for each in spots))
        assert sorted(len(client.names) for client in server.clients) == [2, 4, 4]
        for each in spots[:4]:
            await feeds.close_book(each.id)
        await until(lambda: [len(client.names) for client in server.clients] == [2], "only what is needed is left")
        await feeds.close_book(spots[4].id)
        await until(lambda: not server.clients, "no connection is left")


async def test_names_of_any_letters_are_subscribed_to() -> None:
    async with market_server() as server, feeds_at(urls_at(server.base)) as feeds:
        listing = instruments()
        odd = replace(listing[BTC_USDT], external_symbol="币安人生USDT")
        feeds._listing = {BTC_USDT: odd}.get
        server.depth["币安人生USDT"] = book(10)
        await feeds.open_book(BTC_USDT, heard := spot_listener())
        await server.push("币安人生usdt@depth@100ms", change(11, 11))
        await until(lambda: heard.book.sequence == 11, "the change")


async def test_a_renewal_in_which_the_newer_connection_is_ahead_has_no_gap() -> None:
    async with market_server() as server, feeds_at(urls_at(server.base)) as feeds:
        server.depth["BTCUSDT"] = book(10)
        await feeds.open_book(BTC_USDT, heard := spot_listener())
        (old,) = server.clients
        await old.send(DEPTH, change(11, 11))
        server.acknowledges.clear()
        await old.socket.send_json({"e": "serverShutdown", "E": 1})
        await until(lambda: len(server.on(DEPTH)) == 2, "the newer connection")
        (new,) = [client for client in server.on(DEPTH) if client is not old]
        await new.send(DEPTH, change(13, 14))
        await old.send(DEPTH, change(12, 12))
        await old.send(DEPTH, change(13, 14))
        await until(lambda: heard.book.sequence == 14, "both")
        server.acknowledges.set()
        await until(lambda: server.clients == [new], "the older one is closed")
        await new.send(DEPTH, change(15, 15))
        await until(lambda: heard.book.sequence == 15, "the newer one alone")
        assert (heard.snapshots, heard.stales) == (1, 0)


async def test_a_connection_is_renewed_before_the_venue_ends_it() -> None:
    limits = replace(LIMITS, renew_after_ms=2_000)
    async with market_server() as server, feeds_at(urls_at(server.base), factor=10, limits=limits) as feeds:
        server.depth["BTCUSDT"] = book(10)
        await feeds.open_book(BTC_USDT, heard := spot_listener())
        await until(lambda: len(server.opened) == 3 and len(server.clients) == 1, "two renewals")
        await server.push(DEPTH, change(11, 11))
        await until(lambda: heard.book.sequence == 11, "the change")
        assert (heard.snapshots, heard.stales) == (1, 0)


async def test_an_unreadable_change_makes_its_book_stale_and_no_other() -> None:
    async with market_server() as server, feeds_at(urls_at(server.base)) as feeds:
        server.depth["BTCUSDT"] = book(10)
        spot, perpetual = spot_listener(), usdm_listener()
        await feeds.open_book(BTC_USDT, spot)
        await feeds.open_book(BTC_PERP, perpetual)
        for client in server.on(SPOT_TRADES):
            await client.send(DEPTH, change(11, 11) | {"b": [["nonsense", "1"]]})
        await until(lambda: spot.stales == 1, "stale")
        await until(lambda: spot.book.is_fresh, "mended by a snapshot")
        assert perpetual.stales == 0
        assert feeds.desks[BinanceMarket.SPOT].unreadable_total == 1


async def test_rest_that_fails_leaves_the_book_stale_until_it_answers() -> None:
    async with market_server() as server, feeds_at(urls_at(server.base)) as feeds:
        server.depth["BTCUSDT"] = book(10)
        await feeds.open_book(BTC_USDT, heard := spot_listener())
        del server.depth["BTCUSDT"]
        await server.push(DEPTH, change(20, 20))
        asked = len(server.asked)
        await until(lambda: len(server.asked) >= asked + 2, "it is asked again")
        assert not heard.book.is_fresh
        server.depth["BTCUSDT"] = book(21)
        await until(lambda: heard.book.is_fresh, "the snapshot")


async def test_a_snapshot_older_than_the_stream_is_asked_for_again() -> None:
    async with market_server() as server, feeds_at(urls_at(server.base)) as feeds:
        opening = asyncio.create_task(feeds.open_book(BTC_USDT, heard := spot_listener()))
        await until(lambda: len(server.asked) >= 1, "the first try, which fails")
        await server.push(DEPTH, change(15, 15))
        server.depth["BTCUSDT"] = book(13)
        asked = len(server.asked)
        await until(lambda: len(server.asked) >= asked + 2, "the old one is not taken")
        assert heard.outcomes == []
        server.depth["BTCUSDT"] = book(14)
        await opening
        assert (heard.book.sequence, heard.snapshots) == (15, 1)


async def test_a_venue_that_goes_down_and_comes_back() -> None:
    async with market_server() as server, feeds_at(urls_at(server.base)) as feeds:
        server.depth["BTCUSDT"] = book(10)
        await feeds.open_book(BTC_USDT, heard := spot_listener())
        server.is_down = True
        server.cut()
        await until(lambda: heard.stales == 1, "stale")
        assert not feeds.desks[BinanceMarket.SPOT].is_live
        server.depth["BTCUSDT"] = book(50)
        server.is_down = False
        await until(lambda: heard.book.sequence == 50, "back")
        assert heard.book.is_fresh
