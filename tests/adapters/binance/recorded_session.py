"""The recorded session of BTCUSDT, through the parsers; and the same book in the wire's form of USD-M."""

import gzip
from collections.abc import Iterator
from dataclasses import replace

import msgspec
from tests.adapters.binance.binance_world import BTC_PERP, BTC_USDT, DATA

from cadenza.adapters.venues.binance.models import (
    BestPricesEvent,
    BinanceDepthReply,
    BinancePayload,
    BinanceTradeEvent,
)
from cadenza.adapters.venues.binance.parse_market import book_snapshot, market_trade, spot_delta, usdm_delta
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.domain.market.book_messages import BookDelta, BookSnapshot, MarketTrade


class StreamFrame(BinancePayload, frozen=True, kw_only=True):
    """A message of a combined stream, as the recording has them."""

    stream: str
    data: msgspec.Raw


Recorded = BookSnapshot | BookDelta | BestPricesEvent | MarketTrade


def recorded_lines() -> Iterator[tuple[int, str]]:
    """Receive time in ms and the frame, in the order in which they came."""
    with gzip.open(DATA / "btcusdt-20240808.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            received_ns, _, text = line.partition(" ")
            yield int(received_ns) // 1_000_000, text


def spot_session() -> Iterator[Recorded]:
    for received_ms, text in recorded_lines():
        if text.startswith('{"lastUpdateId"'):
            yield book_snapshot(decode(BinanceDepthReply, text), BTC_USDT, received_ms)
            continue
        frame = decode(StreamFrame, text)
        match frame.stream:
            case "btcusdt@depth@100ms":
                yield spot_delta(frame.data, BTC_USDT)
            case "btcusdt@bookTicker":
                yield decode(BestPricesEvent, frame.data)
            case "btcusdt@trade":
                yield market_trade(decode(BinanceTradeEvent, frame.data), BTC_USDT)


def usdm_session() -> Iterator[Recorded]:
    """There is no recording of USD-M. This is the book of the spot session with the numbers that USD-M gives: each
    update names the one before it, and an update of another book lies between two of them."""
    previous: int | None = None
    for message in spot_session():
        match message:
            case BookSnapshot():
                # What lies between the last update of this book and the next belongs to another book.
                yield replace(message, instrument_id=BTC_PERP, sequence=message.sequence * 2)
            case BookDelta():
                assert message.first_sequence is not None
                last, first = message.sequence * 2, message.first_sequence * 2 - 1
                event = {
                    "e": "depthUpdate",
                    "E": message.at_ms,
                    "s": "BTCUSDT",
                    "U": first,
                    "u": last,
                    "pu": last - 2 if previous is None else previous,
                    "b": message.bids,
                    "a": message.asks,
                }
                previous = last
                yield usdm_delta(msgspec.Raw(msgspec.json.encode(event)), BTC_PERP)
            case BestPricesEvent():
                yield BestPricesEvent(
                    symbol=message.symbol,
                    update_id=message.update_id * 2,
                    bid=message.bid,
                    bid_quantity=message.bid_quantity,
                    ask=message.ask,
                    ask_quantity=message.ask_quantity,
                )
