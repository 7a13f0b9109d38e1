"""What is made of every catalogue: the venue's assets, and what a probe says of it."""

from dataclasses import replace

import pytest
from tests.domain.trading.worlds import D, instrument

from cadenza.adapters.venues.kit.probe import SeenOtherwise, shown_catalogue
from cadenza.adapters.venues.kit.securities import securities_of
from cadenza.domain.ids import Environment, InstrumentId, SecurityId, Venue, VenueId
from cadenza.domain.market.instrument import SecurityType

OKX = VenueId(Venue.OKX, Environment.LIVE)


def type_of(asset: str) -> SecurityType:
    return SecurityType.CURRENCY if asset == "EUR" else SecurityType.CRYPTO


def test_an_asset_is_as_precise_as_the_finest_of_its_instruments() -> None:
    pair = replace(
        instrument(),
        base_asset="BTC",
        quote_asset="EUR",
        base_security_type=SecurityType.CRYPTO,
        quote_security_type=SecurityType.CURRENCY,
        base_precision=8,
        quote_precision=1,
        settlement_asset=None,
    )
    coarse = replace(pair, id=InstrumentId("OKX:BTC/EUR-PERP"), base_precision=3, quote_precision=2)
    settled = replace(coarse, id=InstrumentId("OKX:BTC/EUR-261225"), settlement_asset="USDC", quote_precision=4)
    found = securities_of([coarse, pair, settled], OKX, type_of)
    assert [(each.symbol, each.precision, each.type) for each in found] == [
        ("BTC", 8, SecurityType.CRYPTO),
        ("EUR", 4, SecurityType.CURRENCY),
        ("USDC", 4, SecurityType.CRYPTO),
    ]
    assert (found[0].id, found[0].lot_size, found[0].min_quantity) == (SecurityId("OKX:BTC"), D("1E-8"), D("1E-8"))


def test_a_catalogue_that_was_read_is_counted_and_one_that_was_not_names_the_first_cause() -> None:
    assert shown_catalogue(12, []) == "12 instruments"
    with pytest.raises(SeenOtherwise, match="2 cannot be read, the first is BTC-USDT: no lot"):
        shown_catalogue(12, [("BTC-USDT", "no lot"), (None, "no name")])
    with pytest.raises(SeenOtherwise, match="1 cannot be read, the first is one without a name: no name"):
        shown_catalogue(0, [(None, "no name")])
