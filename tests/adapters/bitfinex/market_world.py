"""What the tests of BITFINEX's market share: a catalogue, and a recorded public socket."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cadenza.adapters.venues.bitfinex.parse_instruments import ReadInstruments, read_instruments
from cadenza.adapters.venues.bitfinex.stream_wire import PUBLIC_FLAGS, PublicChannels
from cadenza.domain.ids import Environment, InstrumentId, Venue, VenueId
from cadenza.domain.market.instrument import Instrument

DATA = Path(__file__).parent / "data"
BITFINEX = VenueId(Venue.BITFINEX, Environment.LIVE)
UAT = VenueId(Venue.BITFINEX, Environment.UAT)
BTC_USD, PERPETUAL = InstrumentId("BITFINEX:BTC/USD"), InstrumentId("BITFINEX:BTC/USDT-PERP")
RECORDED = ("BFTUSD", "IOTETH", "DOGUSD", "MNABTC", "ODEUSD", "SNGUSD", "TESTBTC:TESTUSD")


def limits(pair: str, least: object = "0.00004", most: object = "2000.0", margin: object = None) -> list[object]:
    """A row of `pub:info:pair`, as the venue's reference shows it."""
    half = None if margin is None else float(str(margin)) / 2
    return [pair, [None, None, None, least, most, None, None, None, margin, half, None, None]]


def lists(**changed: Any) -> bytes:
    """The answer to a question for the whole catalogue."""
    found: dict[str, Any] = {
        "exchange": ["BTCUSD", "BTCUST", "ETHBTC", "DOGE:USD", *RECORDED],
        "margin": ["BTCUSD"],
        "futures": ["BTCF0:USTF0", "DOTF0:BTCF0", "TESTBTCF0:TESTUSDTF0"],
        "info": [
            limits("BTCUSD", margin=0.2),
            limits("BTCUST"),
            limits("ETHBTC", "0.0006", "5000.0"),
            limits("DOGE:USD", "22.0", "500000.0"),
            *(limits(pair) for pair in RECORDED),
        ],
        "info_futures": [
            limits("BTCF0:USTF0", "0.00004", "100.0", 0.01),
            limits("DOTF0:BTCF0", "0.2", "1000.0", 0.05),
            limits("TESTBTCF0:TESTUSDTF0", "0.00004", "100.0", 0.01),
        ],
        "currencies": ["BTC", "USD", "UST", "ETH", "DOGE", "DOG", "IOT", "MNA", "BTCF0", "USTF0", "DOTF0", "DOT"],
        "sym": [["UST", "USDt"], ["USTF0", "USDt0"], ["IOT", "IOTA"], ["DOG", "MDOGE"]],
        "undl": [["USTF0", "UST"], ["BTCF0", "BTC"], ["DOTF0", "DOT"]],
        **changed,
    }
    return json.dumps(list(found.values())).encode()


def catalogue(venue_id: VenueId = BITFINEX, **changed: Any) -> ReadInstruments:
    return read_instruments(lists(**changed), venue_id)


def named(venue_id: VenueId = BITFINEX) -> dict[str, Instrument]:
    """Instruments by the venue's names."""
    return {each.external_symbol: each for each in catalogue(venue_id).instruments}


def recorded() -> Iterator[bytes]:
    """The messages of the recorded socket. What a flag of today adds is added: the instant at which the venue sent a
    frame, for which that of its arrival stands."""
    with gzip.open(DATA / "channels-20210417.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            at_ms, _, text = line.rstrip().partition(" ")
            if text.startswith('{"event":"conf"'):
                yield CONFIGURED
            else:
                yield f"{text[:-1]},{at_ms}]".encode() if text.startswith("[") else text.encode()


CONFIGURED = json.dumps({"event": "conf", "status": "OK", "flags": PUBLIC_FLAGS}).encode()


def wire() -> PublicChannels:
    """A connection whose frames are numbered."""
    found = PublicChannels()
    assert found.read(CONFIGURED) is None
    return found


def message(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def frame(*parts: Any) -> bytes:
    return json.dumps(parts).encode()
