"""What the PAPER venue lists. Steps, limits, fees and margins resemble the main markets of large venues."""

from decimal import Decimal

from cadenza.domain.ids import PAPER, InstrumentId, SecurityId
from cadenza.domain.market.enums import OrderType, TimeInForce
from cadenza.domain.market.instrument import (
    Instrument,
    InstrumentStatus,
    InstrumentType,
    Security,
    SecurityType,
)

ORDER_TYPES = tuple(kind for kind in OrderType if kind is not OrderType.QUOTED)
"""All but QUOTED: the venue gives no quotes, so there is no quote that such an order could execute."""
TIME_IN_FORCE = (
    TimeInForce.GTC,
    TimeInForce.IOC,
    TimeInForce.FOK,
    TimeInForce.GTD,
    TimeInForce.DAY,
    TimeInForce.GTX,
)

_ASSETS = {
    "BTC": (SecurityType.CRYPTO, 8, "0.00000001"),
    "ETH": (SecurityType.CRYPTO, 8, "0.00000001"),
    "USDT": (SecurityType.CRYPTO, 8, "0.00000001"),
    "USD": (SecurityType.CURRENCY, 8, "0.01"),
    "EUR": (SecurityType.CURRENCY, 8, "0.01"),
}


def _security(symbol: str) -> Security:
    type, places, step = _ASSETS[symbol]
    return Security(
        id=SecurityId(f"{PAPER}:{symbol}"),
        venue_id=PAPER,
        symbol=symbol,
        type=type,
        precision=places,
        scale=places,
        min_quantity=Decimal(step),
        lot_size=Decimal(step),
    )


def _instrument(
    base: str,
    quote: str,
    *,
    lot: str,
    pip: str,
    max_quantity: str,
    min_notional: str,
    fees: tuple[str, str],
    is_perpetual: bool = False,
) -> Instrument:
    symbol = f"{base}/{quote}-PERP" if is_perpetual else f"{base}/{quote}"
    return Instrument(
        id=InstrumentId(f"{PAPER}:{symbol}"),
        venue_id=PAPER,
        symbol=symbol,
        external_symbol=symbol.replace("/", ""),
        description=f"{base} in {quote}, {'perpetual' if is_perpetual else 'spot'}, simulated",
        type=InstrumentType.PERPETUAL if is_perpetual else InstrumentType.SPOT,
        status=InstrumentStatus.ACTIVE,
        base_asset=base,
        quote_asset=quote,
        base_security_type=_ASSETS[base][0],
        quote_security_type=_ASSETS[quote][0],
        base_precision=_ASSETS[base][1],
        quote_precision=_ASSETS[quote][1],
        lot_size=Decimal(lot),
        pip_size=Decimal(pip),
        min_quantity=Decimal(lot),
        max_quantity=Decimal(max_quantity),
        min_notional=Decimal(min_notional),
        order_types=ORDER_TYPES,
        time_in_force_options=TIME_IN_FORCE,
        maker_fee=Decimal(fees[0]),
        taker_fee=Decimal(fees[1]),
        initial_margin=Decimal("0.05") if is_perpetual else None,
        maintenance_margin=Decimal("0.005") if is_perpetual else None,
    )


_SPOT = ("0.0008", "0.001")
_PERPETUAL = ("0.0002", "0.0005")
_FOREX = ("0.00002", "0.00002")

SECURITIES = tuple(_security(symbol) for symbol in _ASSETS)
INSTRUMENTS = (
    _instrument(
        "BTC",
        "USDT",
        lot="0.00001",
        pip="0.01",
        max_quantity="9000",
        min_notional="5",
        fees=_SPOT,
    ),
    _instrument(
        "ETH",
        "USDT",
        lot="0.0001",
        pip="0.01",
        max_quantity="90000",
        min_notional="5",
        fees=_SPOT,
    ),
    _instrument(
        "BTC",
        "USD",
        lot="0.00001",
        pip="0.01",
        max_quantity="9000",
        min_notional="5",
        fees=_SPOT,
    ),
    _instrument(
        "EUR",
        "USD",
        lot="1",
        pip="0.00001",
        max_quantity="50000000",
        min_notional="1",
        fees=_FOREX,
    ),
    _instrument(
        "BTC",
        "USDT",
        lot="0.001",
        pip="0.1",
        max_quantity="1000",
        min_notional="5",
        fees=_PERPETUAL,
        is_perpetual=True,
    ),
    _instrument(
        "ETH",
        "USDT",
        lot="0.001",
        pip="0.01",
        max_quantity="10000",
        min_notional="5",
        fees=_PERPETUAL,
        is_perpetual=True,
    ),
)
