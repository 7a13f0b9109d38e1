"""What the simulated venue lists: five markets with the filters that BINANCE gives such markets."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from cadenza.domain.ids import Environment, InstrumentId, Venue, VenueId
from cadenza.domain.market.enums import OrderType, TimeInForce
from cadenza.domain.market.instrument import Instrument, InstrumentStatus, InstrumentType, SecurityType
from cadenza.simulators.binance.wire.numbers import fixed

ORDER_TYPES = (
    "LIMIT",
    "LIMIT_MAKER",
    "MARKET",
    "STOP_LOSS",
    "STOP_LOSS_LIMIT",
    "TAKE_PROFIT",
    "TAKE_PROFIT_LIMIT",
)
STP_MODE = "EXPIRE_TAKER"
"""The one self-trade prevention mode that the engine knows."""

STATUSES = ("TRADING", "END_OF_DAY", "HALT", "BREAK", "CANCEL_ONLY")
TRAILING_DELTA_MIN, TRAILING_DELTA_MAX = 10, 2000
FEE_RATE = Decimal("0.001")
PLACES = 8
"""Decimals of every asset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotSymbol:
    """A market with its filters. Prices are in quote units, quantities in base units."""

    base: str
    quote: str
    tick: Decimal
    lot: Decimal
    opening_price: Decimal
    quantity_max: Decimal
    market_quantity_max: Decimal
    notional_min: Decimal
    notional_max: Decimal
    price_max: Decimal = Decimal(1_000_000)
    open_orders_max: int = 200
    algo_orders_max: int = 5
    band_up: Decimal = Decimal(5)
    band_down: Decimal = Decimal("0.2")

    @property
    def name(self) -> str:
        return f"{self.base}{self.quote}"

    @property
    def level_quantity(self) -> Decimal:
        return self.notional_min * 2_000 / self.opening_price

    @property
    def id(self) -> InstrumentId:
        return InstrumentId(self.name)

    @property
    def instrument(self) -> Instrument:
        """The market as the ledger needs it."""
        return Instrument(
            id=self.id,
            venue_id=VenueId(Venue.BINANCE, Environment.SANDBOX),
            symbol=f"{self.base}/{self.quote}",
            external_symbol=self.name,
            type=InstrumentType.SPOT,
            status=InstrumentStatus.ACTIVE,
            base_asset=self.base,
            quote_asset=self.quote,
            base_security_type=SecurityType.CRYPTO,
            quote_security_type=SecurityType.CRYPTO,
            base_precision=PLACES,
            quote_precision=PLACES,
            lot_size=self.lot,
            pip_size=self.tick,
            min_quantity=self.lot,
            max_quantity=self.quantity_max,
            min_notional=self.notional_min,
            order_types=tuple(OrderType),
            time_in_force_options=tuple(TimeInForce),
            maker_fee=FEE_RATE,
            taker_fee=FEE_RATE,
        )

    def filters(self) -> list[dict[str, object]]:
        """The filters in the order in which the venue lists and checks them."""
        band = {
            "bidMultiplierUp": str(self.band_up),
            "bidMultiplierDown": str(self.band_down),
            "askMultiplierUp": str(self.band_up),
            "askMultiplierDown": str(self.band_down),
        }
        return [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": fixed(self.tick),
                "maxPrice": fixed(self.price_max),
                "tickSize": fixed(self.tick),
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": fixed(self.lot),
                "maxQty": fixed(self.quantity_max),
                "stepSize": fixed(self.lot),
            },
            {"filterType": "ICEBERG_PARTS", "limit": 100},
            {
                "filterType": "MARKET_LOT_SIZE",
                "minQty": fixed(Decimal(0)),
                "maxQty": fixed(self.market_quantity_max),
                "stepSize": fixed(Decimal(0)),
            },
            {
                "filterType": "TRAILING_DELTA",
                "minTrailingAboveDelta": TRAILING_DELTA_MIN,
                "maxTrailingAboveDelta": TRAILING_DELTA_MAX,
                "minTrailingBelowDelta": TRAILING_DELTA_MIN,
                "maxTrailingBelowDelta": TRAILING_DELTA_MAX,
            },
            {"filterType": "PERCENT_PRICE_BY_SIDE", **band, "avgPriceMins": 5},
            {
                "filterType": "NOTIONAL",
                "minNotional": fixed(self.notional_min),
                "applyMinToMarket": True,
                "maxNotional": fixed(self.notional_max),
                "applyMaxToMarket": False,
                "avgPriceMins": 5,
            },
            {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": self.open_orders_max},
            {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": 20},
            {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": self.algo_orders_max},
            {"filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": 10},
        ]

    def payload(self, status: str) -> dict[str, object]:
        """The market as `exchangeInfo` shows it."""
        return {
            "symbol": self.name,
            "status": status,
            "baseAsset": self.base,
            "baseAssetPrecision": PLACES,
            "quoteAsset": self.quote,
            "quotePrecision": PLACES,
            "quoteAssetPrecision": PLACES,
            "baseCommissionPrecision": PLACES,
            "quoteCommissionPrecision": PLACES,
            "orderTypes": list(ORDER_TYPES),
            "icebergAllowed": False,
            "ocoAllowed": False,
            "otoAllowed": False,
            "opoAllowed": False,
            "quoteOrderQtyMarketAllowed": True,
            "allowTrailingStop": True,
            "cancelReplaceAllowed": False,
            "amendAllowed": False,
            "pegInstructionsAllowed": False,
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": True,
            "filters": self.filters(),
            "permissions": [],
            "permissionSets": [["SPOT", "MARGIN"]],
            "defaultSelfTradePreventionMode": STP_MODE,
            "allowedSelfTradePreventionModes": [STP_MODE],
        }


def _symbol(base: str, quote: str, price: str, tick: str, lot: str, most: str, notional_min: str) -> SpotSymbol:
    notional_max = Decimal(9_000_000) if quote == "USDT" else Decimal(90_000)
    return SpotSymbol(
        base=base,
        quote=quote,
        tick=Decimal(tick),
        lot=Decimal(lot),
        opening_price=Decimal(price),
        quantity_max=Decimal(most),
        market_quantity_max=Decimal(most) / 50,
        notional_min=Decimal(notional_min),
        notional_max=notional_max,
    )


SYMBOLS = (
    _symbol("BTC", "USDT", "60000", "0.01", "0.00001", "9000", "5"),
    _symbol("ETH", "USDT", "3000", "0.01", "0.0001", "9000", "5"),
    _symbol("BNB", "USDT", "600", "0.01", "0.001", "90000", "5"),
    _symbol("ETH", "BTC", "0.05", "0.00001", "0.001", "100000", "0.0001"),
    _symbol("币安人生", "USDT", "0.1", "0.0001", "0.1", "9000000", "5"),
)
"""Real venues list symbols that are not ASCII, so the simulator does too."""
