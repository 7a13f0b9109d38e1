"""What the interface has no field for stands in `orderFilters`, and only where it says something."""

from decimal import Decimal as D

from tests.domain.trading.worlds import instrument

from cadenza.domain.market.instrument import InstrumentType, MarketLot, PriceBand
from cadenza.wire.market import instrument as write


def test_a_plain_instrument_has_the_filters_of_its_venue_alone() -> None:
    written = write(instrument(order_filters={"PRICE_FILTER": {"tickSize": D("1E-2")}}))
    assert written.order_filters == {"PRICE_FILTER": {"tickSize": "0.01"}}
    assert written.quote_max_significant is None


def test_a_derivative_says_how_it_is_settled() -> None:
    written = write(
        instrument(
            type=InstrumentType.PERPETUAL, is_inverse=True, contract_size=D(10), price_significant_digits=5,
            price_steps=((D("0.005"), D("5E-4")),), max_open_orders=200,
            market_lot=MarketLot(lot_size=D(10), min_quantity=D(20), max_quantity=D("3E+5")),
            price_band=PriceBand(bid_down=D("0.2"), bid_up=D(5), ask_down=D("0.3"), ask_up=D(4)),
        )
    )  # fmt: skip
    assert written.quote_max_significant == 5
    assert written.order_filters == {
        "contractSize": "10",
        "isInverse": True,
        "settlementAsset": "BTC",
        "priceSteps": [{"fromPrice": "0.005", "pipSize": "0.0005"}],
        "marketLot": {"lotSize": "10", "minQuantity": "20", "maxQuantity": "300000"},
        "maxOpenOrders": 200,
        "priceBand": {"bidDown": "0.2", "bidUp": "5", "askDown": "0.3", "askUp": "4"},
    }
