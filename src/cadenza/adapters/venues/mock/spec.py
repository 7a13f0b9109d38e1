"""The MOCK venue's facts: what it lists, its fixed book and its fees. It has no URLs: it runs in this process."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from cadenza.adapters.venues.inhouse.venue_spec import in_process_spec
from cadenza.domain.ids import MOCK, InstrumentId, SecurityId
from cadenza.domain.market.enums import OrderType, TimeInForce
from cadenza.domain.market.instrument import Instrument, InstrumentStatus, InstrumentType, Security, SecurityType

SPEC = in_process_spec(MOCK, prefix="K")
DELAY_MS_MAX = 3_600_000
"""The longest delay in a script."""

OPEN_ORDERS_MAX = 100_000
"""Open orders of all accounts together. A further order is rejected as RATE_LIMITED."""

PARTS_MAX = 100
CANCELS_REFUSED_MAX = 100

ORDER_TYPES = tuple(type for type in OrderType if type is not OrderType.QUOTED)
"""All but QUOTED: the venue gives no quotes, so there is no quote that such an order could execute."""
TIME_IN_FORCE = (
    TimeInForce.GTC,
    TimeInForce.IOC,
    TimeInForce.FOK,
    TimeInForce.GTD,
    TimeInForce.DAY,
    TimeInForce.GTX,
)
LEVELS_PER_SIDE = 5
_MAKER_FEE, _TAKER_FEE = Decimal("0.0002"), Decimal("0.0005")


@dataclass(frozen=True, slots=True)
class CalmBook:
    """A book that never moves: `LEVELS_PER_SIDE` levels from `bid` down and from `ask` up, `step` apart (quote units).
    Each has `quantity` base units, the largest quantity of an order. Fills do not reduce it."""

    bid: Decimal
    ask: Decimal
    step: Decimal
    quantity: Decimal

    @property
    def middle(self) -> Decimal:
        """The price at which positions are valued, and the last price for triggers."""
        return (self.bid + self.ask) / 2


def _security(symbol: str, type: SecurityType) -> Security:
    return Security(
        id=SecurityId(f"{MOCK}:{symbol}"),
        venue_id=MOCK,
        symbol=symbol,
        type=type,
        precision=8,
        scale=8,
        min_quantity=Decimal("0.00000001"),
        lot_size=Decimal("0.00000001"),
    )


def _instrument(base: str, *, lot: str, max_quantity: str, is_perpetual: bool = False) -> Instrument:
    symbol = f"{base}/USDT-PERP" if is_perpetual else f"{base}/USDT"
    return Instrument(
        id=InstrumentId(f"{MOCK}:{symbol}"),
        venue_id=MOCK,
        symbol=symbol,
        external_symbol=symbol.replace("/", ""),
        description=f"{base} in USDT, {'perpetual' if is_perpetual else 'spot'}, scripted",
        type=InstrumentType.PERPETUAL if is_perpetual else InstrumentType.SPOT,
        status=InstrumentStatus.ACTIVE,
        base_asset=base,
        quote_asset="USDT",
        base_security_type=SecurityType.CRYPTO,
        quote_security_type=SecurityType.CRYPTO,
        base_precision=8,
        quote_precision=8,
        lot_size=Decimal(lot),
        pip_size=Decimal("0.01"),
        min_quantity=Decimal(lot),
        max_quantity=Decimal(max_quantity),
        min_notional=Decimal(5),
        order_types=ORDER_TYPES,
        time_in_force_options=TIME_IN_FORCE,
        maker_fee=_MAKER_FEE,
        taker_fee=_TAKER_FEE,
        initial_margin=Decimal("0.05") if is_perpetual else None,
        maintenance_margin=Decimal("0.005") if is_perpetual else None,
    )


SECURITIES = (
    *(_security(symbol, SecurityType.CRYPTO) for symbol in ("BTC", "ETH", "USDT")),
    *(_security(symbol, SecurityType.CURRENCY) for symbol in ("USD", "EUR")),
)
"""The assets of the default opening balances."""

_BTC = _instrument("BTC", lot="0.00001", max_quantity="1000")
_ETH = _instrument("ETH", lot="0.0001", max_quantity="10000")
_PERPETUAL = _instrument("BTC", lot="0.001", max_quantity="1000", is_perpetual=True)
INSTRUMENTS = (_BTC, _ETH, _PERPETUAL)
BOOKS: Mapping[InstrumentId, CalmBook] = {
    _BTC.id: CalmBook(Decimal(59990), Decimal(60010), Decimal(10), _BTC.max_quantity),
    _ETH.id: CalmBook(Decimal(2999), Decimal(3001), Decimal(1), _ETH.max_quantity),
    _PERPETUAL.id: CalmBook(Decimal(59990), Decimal(60010), Decimal(10), _PERPETUAL.max_quantity),
}
