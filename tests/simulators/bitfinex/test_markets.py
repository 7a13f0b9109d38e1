"""Public channels and lists: books with checksums, trades, tickers, derivatives and configuration."""

from typing import Any
from zlib import crc32

import pytest

from cadenza.simulators.bitfinex.server import BitfinexSimulator
from cadenza.simulators.bitfinex.wire.numbers import number_text

from .trader import BitfinexSocket, BitfinexTrader, D, opened

TIMESTAMP, SEQUENCE, CHECKSUM, BULK = 32768, 65536, 131072, 536870912


def javascript(value: Any) -> str:
    """Return a number as JavaScript prints it, by way of the shortest text of a double. Python writes an exponent
    already below 1e-4."""
    number = float(value)
    if 1e-6 <= abs(number) < 1e-4:
        return f"{number:.12f}".rstrip("0")
    digits, _, power = repr(number).removesuffix(".0").partition("e")
    return f"{digits}e{int(power)}" if power else digits


class Book:
    """A book as a client keeps it."""

    def __init__(self, rows: list[list[Any]], *, is_raw: bool = False) -> None:
        self.is_raw = is_raw
        self.rows: dict[Any, list[Any]] = {row[0]: row for row in rows}

    def apply(self, row: list[Any]) -> None:
        if row[1] == 0:
            assert self.rows.pop(row[0])[2] * row[2] > 0
        else:
            self.rows[row[0]] = row

    def side(self, sign: int) -> list[list[Any]]:
        price = 1 if self.is_raw else 0
        rows = [row for row in self.rows.values() if row[2] * sign > 0]
        if self.is_raw:  # orders of one price in the order of their ids
            return sorted(rows, key=lambda row: (-row[price] * sign, row[0]))
        return sorted(rows, key=lambda row: -row[price] * sign)

    def checksum(self) -> int:
        parts: list[str] = []
        bids, asks = self.side(1), self.side(-1)
        for index in range(25):
            for side in (bids, asks):
                if index < len(side):
                    parts += [javascript(side[index][0]), javascript(side[index][2])]
        value = crc32(":".join(parts).encode())
        return value - 2**32 if value >= 2**31 else value


async def follow(socket: BitfinexSocket, id: int, book: Book) -> int:
    """Apply the differences up to the next checksum, and return it."""
    while True:
        frame = await socket.channel(id)
        if frame[1] == "cs":
            return int(frame[2])
        rows = frame[1] if isinstance(frame[1][0], list) else [frame[1]]
        for row in rows:
            book.apply(row)


@pytest.mark.parametrize(("precision", "flags"), [("P0", 0), ("P0", BULK), ("P1", 0), ("R0", 0)])
async def test_a_book_that_is_followed_is_the_book_that_is_asked_for(
    simulator: BitfinexSimulator, trader: BitfinexTrader, precision: str, flags: int
) -> None:
    async with opened(simulator) as socket:
        await socket.send({"event": "conf", "flags": CHECKSUM + flags})
        id = await socket.subscribe("book", symbol="tBTCUSD", prec=precision, freq="F0", len="25")
        book = Book((await socket.channel(id))[1], is_raw=precision == "R0")
        assert await follow(socket, id, book) == book.checksum()
        first = (await trader.submit(price="59999", amount="0.1")).order
        assert await follow(socket, id, book) == book.checksum()
        await trader.submit(price="59999", amount="0.2")
        assert await follow(socket, id, book) == book.checksum()
        await trader.submit(price="60100", amount="-0.3")
        assert await follow(socket, id, book) == book.checksum()
        await trader.trade_at("59999", "0.05")
        assert await follow(socket, id, book) == book.checksum()
        await trader.cancel(id=first[0])
        assert await follow(socket, id, book) == book.checksum()
        await trader.admin("market", symbol="tBTCUSD", levels=[{"side": "BUY", "price": "59994", "quantity": "0"}])
        assert await follow(socket, id, book) == book.checksum()
        asked = (await trader.public(f"book/tBTCUSD/{precision}?len=25")).data
        assert {row[0]: row for row in asked} == book.rows


async def test_a_level_has_the_count_of_its_orders(trader: BitfinexTrader) -> None:
    await trader.submit(price="59994", amount="0.1")
    await trader.submit(price="59994", amount="0.2")
    rows = (await trader.public("book/tBTCUSD/P0?len=1")).data
    assert rows == [[59994, 3, D("0.46666666")], [60006, 1, D("-0.16666666")]]
    assert len((await trader.public("book/tBTCUSD/P0?len=100")).data) == 40
    assert (await trader.public("book/tBTCUSD/P9")).refusal == (10020, "precision: invalid")
    assert (await trader.public("book/tBTCUSD/P0?len=7")).refusal == (10020, "len: invalid")
    assert (await trader.public("book/tNONE/P0")).refusal == (10020, "symbol: invalid")


async def test_coarser_books_group_their_levels(trader: BitfinexTrader) -> None:
    rows = (await trader.public("book/tBTCUSD/P2?len=25")).data
    assert [row[:2] for row in rows] == [[59900, 16], [59800, 4], [60100, 16], [60200, 4]]


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("0.00000012", "1.2e-7"),
        ("0.0000001", "1e-7"),
        ("-0.00000001", "-1e-8"),
        ("0.000001", "0.000001"),
        ("60000.00", "60000"),
        ("1E+21", "1e+21"),
        ("100000000000000000000", "100000000000000000000"),
        ("0", "0"),
    ],
)
def test_numbers_are_printed_as_in_javascript(text: str, printed: str) -> None:
    assert number_text(D(text)) == printed


async def test_a_wrong_checksum_can_be_ordered(simulator: BitfinexSimulator, trader: BitfinexTrader) -> None:
    async with opened(simulator) as socket:
        await socket.send({"event": "conf", "flags": CHECKSUM})
        id = await socket.subscribe("book", symbol="tBTCUSD")
        book = Book((await socket.channel(id))[1])
        right = await follow(socket, id, book)
        await trader.admin("sockets", action="corrupt_checksum", symbol="tBTCUSD")
        assert await follow(socket, id, book) != right


async def test_a_slow_book_comes_every_two_seconds(simulator: BitfinexSimulator, trader: BitfinexTrader) -> None:
    async with opened(simulator) as socket:
        id = await socket.subscribe("book", symbol="tBTCUSD", freq="F1")
        await socket.channel(id)
        for price in ("59999", "59998"):
            await trader.submit(price=price, amount="0.1")
        first, second = [(await socket.channel(id))[1] for _ in range(2)]
        assert {first[0], second[0]} == {59999, 59998}


async def test_trades_are_told_twice(simulator: BitfinexSimulator, trader: BitfinexTrader) -> None:
    async with opened(simulator) as socket:
        id = await socket.subscribe("trades", symbol="tBTCUSD")
        (opening,) = (await socket.channel(id))[1]
        assert opening[2:] == [D("0.00000001"), 60000]
        await trader.trade_at("60001", "0.5", side="BUY")
        te, tu = await socket.channel(id), await socket.channel(id)
        assert (te[1], tu[1]) == ("te", "tu")
        assert te[2] == tu[2]
        assert te[2][2:] == [D("0.5"), 60001]
        await trader.submit(type="EXCHANGE MARKET", price=None, amount="-0.1")
        assert (await socket.channel(id))[2][2:] == [D("-0.1"), 59994]
        rows = (await trader.public("trades/tBTCUSD/hist?limit=2")).data
        assert [row[2] for row in rows] == [D("-0.1"), D("0.5")]
        assert (await trader.public("trades/tBTCUSD/hist?sort=1&limit=1")).data == [opening]
        (own,) = await trader.trades()
        assert own[0] == rows[0][0]


async def test_tickers_tell_the_top_of_the_book(simulator: BitfinexSimulator, trader: BitfinexTrader) -> None:
    async with opened(simulator) as socket:
        id = await socket.subscribe("ticker", symbol="tBTCUSD")
        row = (await socket.channel(id))[1]
        assert (row[0], row[2], row[6]) == (59994, 60006, 60000)
        await trader.trade_at("60300", "0.5", side="BUY")
        row = (await socket.channel(id))[1]
        assert row[4:] == [300, D("0.005"), 60300, D("0.50000001"), 60300, 60000]
    assert (await trader.public("ticker/tBTCUSD")).data == row
    rows = (await trader.public("tickers?symbols=tBTCUSD,tNONE,tETHUSD")).data
    assert [each[0] for each in rows] == ["tBTCUSD", "tETHUSD"]
    assert len((await trader.public("tickers?symbols=ALL")).data) == 12
    assert (await trader.public("tickers")).refusal == (10020, "symbols: invalid")


async def test_the_status_of_derivatives(simulator: BitfinexSimulator, trader: BitfinexTrader) -> None:
    await trader.admin("market", symbol="tBTCF0:USTF0", mark_price="61000")
    (row,) = (await trader.public("status/deriv?keys=tBTCF0:USTF0")).data
    assert (row[0], row[3], row[15]) == ("tBTCF0:USTF0", 60000, 61000)
    assert len((await trader.public("status/deriv?keys=ALL")).data) == 3
    async with opened(simulator) as socket:
        id = await socket.subscribe("status", key="deriv:tBTCF0:USTF0")
        snapshot, update = await socket.channel(id), await socket.channel(id)
        assert snapshot[1][14] == update[1][14] == 61000
        assert len(update[1]) == 23


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"channel": "book", "symbol": "tNONE"}, 10300),
        ({"channel": "book", "symbol": "tBTCUSD", "prec": "P9"}, 10300),
        ({"channel": "book", "symbol": "tBTCUSD", "len": "7"}, 10300),
        ({"channel": "nothing", "symbol": "tBTCUSD"}, 10302),
        ({"channel": "status", "key": "deriv:tBTCUSD"}, 10300),
        ({"channel": "ticker", "symbol": "tETHUSD"}, 10301),
    ],
)
async def test_wrong_subscriptions_are_refused(simulator: BitfinexSimulator, fields: dict[str, str], code: int) -> None:
    async with opened(simulator) as socket:
        await socket.subscribe("ticker", symbol="tETHUSD")
        await socket.send({"event": "subscribe", **fields})
        answer = await socket.event("error")
        assert (answer["code"], answer["channel"]) == (code, fields["channel"])


async def test_a_socket_has_thirty_channels_at_most(simulator: BitfinexSimulator) -> None:
    async with opened(simulator) as socket:
        names = [name for name, symbol in simulator.venue.exchange.symbols.items() if not symbol.is_derivative]
        wanted = [(channel, name) for name in names for channel in ("book", "trades", "ticker")][:27]
        ids = [await socket.subscribe(channel, symbol=name) for channel, name in wanted]
        for length in ("1", "100", "250"):
            ids.append(await socket.subscribe("book", symbol="tBTCUSD", len=length))
        await socket.send({"event": "subscribe", "channel": "book", "symbol": "tETHUSD", "prec": "R0"})
        assert (await socket.event("error"))["code"] == 10305
        await socket.send({"event": "unsubscribe", "chanId": ids[0]})
        assert (await socket.event("unsubscribed"))["chanId"] == ids[0]
        await socket.send({"event": "unsubscribe", "chanId": ids[0]})
        assert (await socket.event("error"))["code"] == 10400
        await socket.subscribe("book", symbol="tETHUSD", prec="R0")


async def test_lists_of_pairs_and_currencies(trader: BitfinexTrader) -> None:
    keys = "pub:list:pair:exchange,pub:list:pair:margin,pub:list:pair:futures,pub:list:currency,pub:map:currency:sym"
    spot, margin, futures, currencies, codes = (await trader.public(f"conf/{keys}")).data
    assert spot[0] == "BTCUSD"
    assert "DOGE:USD" in spot
    assert "TESTBTC:TESTUSDT" in spot
    assert margin == ["BTCUSD", "BTCUST", "ETHUSD", "ETHBTC"]
    assert futures == ["BTCF0:USTF0", "ETHF0:USTF0", "TESTBTCF0:TESTUSDTF0"]
    assert {"UST", "USTF0", "BTCF0", "TESTUSD"} <= set(currencies)
    assert ["UST", "USDt"] in codes
    ((limits,),) = [
        [row for row in rows if row[0] == "BTCUSD"] for rows in (await trader.public("conf/pub:info:pair")).data
    ]
    assert (limits[1][3], limits[1][4], limits[1][8], limits[1][9]) == ("0.00004", "2000", D("0.2"), D("0.1"))
    assert (await trader.public("conf/nonsense")).refusal == (10020, "conf: invalid")
    assert (await trader.public("nothing")).status == 404


@pytest.mark.parametrize("settings", [{"market_step_ms": 100}], indirect=True)
async def test_a_market_that_moves_keeps_five_digits(simulator: BitfinexSimulator) -> None:
    async with opened(simulator) as socket:
        await socket.send({"event": "conf", "flags": CHECKSUM})
        id = await socket.subscribe("book", symbol="tBTCUSD")
        book = Book((await socket.channel(id))[1])
        for _ in range(5):
            assert await follow(socket, id, book) == book.checksum()
        assert all(row[0] == int(row[0]) for row in book.rows.values())
