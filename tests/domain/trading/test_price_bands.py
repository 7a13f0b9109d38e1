"""A limit price outside the instrument's band is refused before it is sent, where the market has a price."""

import pytest

from cadenza.domain import errors as e
from cadenza.domain.market.enums import OrderType, Side
from cadenza.domain.market.instrument import Instrument, InstrumentType, PriceBand
from tests.domain.trading.worlds import D, instrument, state, submit, venue_spec


def banded() -> Instrument:
    band = PriceBand(bid_down=D("0.5"), bid_up=D(2), ask_down=D("0.8"), ask_up=D(4))
    return instrument(price_band=band, max_notional=None)


@pytest.mark.parametrize(  # the mark is 99.75
    ("side", "inside", "outside", "lowest", "highest"),
    [
        (Side.BUY, "50", "49.5", "49.875", "199.5"),
        (Side.BUY, "199.5", "200", "49.875", "199.5"),
        (Side.SELL, "80", "79.5", "79.8", "399"),
        (Side.SELL, "399", "399.5", "79.8", "399"),
    ],
)
def test_a_limit_price_stays_within_the_band_of_its_side(
    side: Side, inside: str, outside: str, lowest: str, highest: str
) -> None:
    world = state(traded=banded())
    assert submit(world, side=side, limit_price=D(inside)).limit_price == D(inside)
    with pytest.raises(e.InvalidPrice, match=f"{outside} is outside of {lowest} to {highest}") as refused:
        submit(world, number=101, side=side, limit_price=D(outside))
    assert refused.value.metadata == {"limitPrice": outside, "lowest": lowest, "highest": highest, "mark": "99.75"}


def test_a_stop_limit_has_a_limit_price_too() -> None:
    with pytest.raises(e.InvalidPrice, match="is outside of"):
        submit(state(traded=banded()), type=OrderType.STOP_LIMIT, stop_price=D(110), limit_price=D(900))


def test_without_a_market_price_the_venue_alone_decides() -> None:
    world = state(traded=banded(), market=None)
    assert submit(world, limit_price=D(900_000)).limit_price == 900_000


def test_a_trigger_that_its_venue_compares_itself_frees_the_limit_price_of_the_band() -> None:
    spec = venue_spec(banded_by_trigger=frozenset({InstrumentType.SPOT}))
    asked = {"stop_price": D(400), "limit_price": D(400)}
    assert submit(state(traded=banded(), spec=spec), type=OrderType.STOP_LIMIT, **asked).limit_price == 400
    with pytest.raises(e.InvalidPrice, match="is outside of"):
        submit(state(traded=banded(), spec=spec), limit_price=D(400))
