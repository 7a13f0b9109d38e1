"""The instruments that the simulator lists. The figures are those of the venue's lists, some years old."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from cadenza.domain.money import ONE, divide, to_plain
from cadenza.simulators.kit.counter_market import LadderShape, usual_shape
from cadenza.simulators.kit.engines import ListedSymbol

D = Decimal
SPOT, MARGIN, SWAP, FUTURES, OPTION = "SPOT", "MARGIN", "SWAP", "FUTURES", "OPTION"
INSTRUMENT_TYPES = (SPOT, MARGIN, SWAP, FUTURES, OPTION)
STATES = ("live", "suspend", "preopen", "test")
COIN_PLACES = 16
"""Decimals of a value in coin that comes from a division."""

_LISTED_MS = "1548133413000"
_LEVEL_VALUE = D(10_000)
"""About what a level of the counter-market is worth, in dollars."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TickBand:
    """Prices from `least` on move in steps of `tick`."""

    least: Decimal
    tick: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedInstrument:
    """An instrument. `lot`, `least` and `most` are base units of spot and contracts of derivatives; one contract is
    `face` of `face_asset`. `family` is the pair that contracts belong to. `lever` is the most, 0 for none."""

    inst_id: str
    code: int
    type: str
    base: str
    quote: str
    tick: Decimal
    lot: Decimal
    least: Decimal
    most: Decimal
    most_market: Decimal
    opening_price: Decimal
    dollar_price: Decimal
    lever: int = 0
    settle: str = ""
    contract_value: Decimal = ONE
    contract_multiplier: Decimal = ONE
    face_asset: str = ""
    is_inverse: bool = False
    expires_ms: int = 0
    strike: Decimal | None = None
    option_type: str = ""
    bands: tuple[TickBand, ...] = ()

    @property
    def name(self) -> str:
        return self.inst_id

    @property
    def is_spot(self) -> bool:
        return self.type == SPOT

    @property
    def is_option(self) -> bool:
        return self.type == OPTION

    @property
    def family(self) -> str:
        return "" if self.is_spot else f"{self.base}-{self.quote}"

    @property
    def margin_asset(self) -> str:
        """The asset of margin and profit: what settles a contract, and the quote asset of a margin pair."""
        return self.settle or self.quote

    @property
    def position_type(self) -> str:
        """The type under which positions are listed."""
        return MARGIN if self.is_spot else self.type

    @property
    def face(self) -> Decimal:
        """How much one contract is, in `face_asset`."""
        return self.contract_value * self.contract_multiplier

    @property
    def level_quantity(self) -> Decimal:
        if self.is_spot:
            return _LEVEL_VALUE / self.dollar_price
        worth = self.face if self.is_inverse else self.face * self.dollar_price
        return _LEVEL_VALUE / worth

    def value(self, quantity: Decimal, price: Decimal) -> Decimal:
        """Return what a quantity costs: in the quote asset of spot, else in the asset that settles."""
        if self.is_inverse:
            return divide(quantity * self.face, price, COIN_PLACES)
        return quantity * self.face * price

    def tick_at(self, price: Decimal) -> Decimal:
        """Return the step of prices at a price."""
        return next((band.tick for band in reversed(self.bands) if price >= band.least), self.tick)

    def types(self) -> tuple[str, ...]:
        """Return the types under which it is listed: a pair with leverage is a margin pair too."""
        return (SPOT, MARGIN) if self.is_spot and self.lever else (self.type,)

    def payload(self, type: str, state: str) -> dict[str, object]:
        """Return the instrument as a list of that type has it."""
        is_derivative = not self.is_spot
        return {
            "alias": "",
            "auctionEndTime": "",
            "baseCcy": "" if is_derivative else self.base,
            "category": "1",
            "ctMult": to_plain(self.contract_multiplier) if is_derivative else "",
            "ctType": self._contract_type(),
            "ctVal": to_plain(self.contract_value) if is_derivative else "",
            "ctValCcy": self.face_asset,
            "expTime": str(self.expires_ms or ""),
            "futureSettlement": False,
            "instFamily": self.family,
            "instId": self.inst_id,
            "instIdCode": self.code,
            "instType": type,
            "lever": str(self.lever) if self.lever and type != SPOT else "",
            "listTime": _LISTED_MS,
            "lotSz": to_plain(self.lot),
            "maxIcebergSz": to_plain(self.most),
            "maxLmtAmt": "20000000",
            "maxLmtSz": to_plain(self.most),
            "maxMktAmt": "" if is_derivative else "1000000",
            "maxMktSz": to_plain(self.most_market),
            "maxStopSz": to_plain(self.most_market),
            "maxTriggerSz": to_plain(self.most),
            "maxTwapSz": to_plain(self.most),
            "minSz": to_plain(self.least),
            "openType": "",
            "optType": self.option_type,
            "quoteCcy": "" if is_derivative else self.quote,
            "ruleType": "normal",
            "settleCcy": self.settle,
            "state": state,
            "stk": "" if self.strike is None else to_plain(self.strike),
            "tickSz": to_plain(self.tick),
            "tradeQuoteCcyList": [] if is_derivative else [self.quote],
            "uly": self.family,
        }

    def _contract_type(self) -> str:
        if self.is_spot or self.is_option:
            return ""
        return "inverse" if self.is_inverse else "linear"


def okx_ladder(symbol: ListedSymbol) -> LadderShape:
    """Return the ladder of an instrument. Every price of it is a multiple of the step at the opening price."""
    assert isinstance(symbol, SimulatedInstrument)
    usual = usual_shape(symbol)
    step = int(symbol.tick_at(symbol.opening_price) / symbol.tick)
    if step == 1:
        return usual
    spacing = step * max(1, usual.spacing // step)
    return LadderShape(spacing=spacing, stride=step)


def _spot(
    code: int, pair: str, tick: str, lot: str, least: str, price: str, dollars: str, lever: int
) -> SimulatedInstrument:
    base, quote = pair.split("-")
    return SimulatedInstrument(
        inst_id=pair,
        code=code,
        type=SPOT,
        base=base,
        quote=quote,
        tick=D(tick),
        lot=D(lot),
        least=D(least),
        most=D(9_999_999_999),
        most_market=D(1_000_000),
        opening_price=D(price),
        dollar_price=D(dollars),
        lever=lever,
    )


def _contract(code: int, inst_id: str, tick: str, lot: str, face: str, price: str) -> SimulatedInstrument:
    """A swap, or a future that expires when its name says so. One against USD is inverse."""
    base, quote, last = inst_id.split("-")
    is_inverse = quote == "USD"
    return SimulatedInstrument(
        inst_id=inst_id,
        code=code,
        type=SWAP if last == "SWAP" else FUTURES,
        base=base,
        quote=quote,
        tick=D(tick),
        lot=D(lot),
        least=D(lot),
        most=D(100_000_000),
        most_market=D(100_000),
        opening_price=D(price),
        dollar_price=D(price),
        lever=100,
        settle=base if is_inverse else quote,
        contract_value=D(face),
        face_asset="USD" if is_inverse else base,
        is_inverse=is_inverse,
        expires_ms=0 if last == "SWAP" else _expiry_ms(last),
    )


def _option(code: int, inst_id: str, price: str) -> SimulatedInstrument:
    base, quote, date, strike, type = inst_id.split("-")
    return SimulatedInstrument(
        inst_id=inst_id,
        code=code,
        type=OPTION,
        base=base,
        quote=quote,
        tick=D("0.0001"),
        lot=ONE,
        least=ONE,
        most=D(1_000_000),
        most_market=D(5_000),
        opening_price=D(price),
        dollar_price=D(6_000),
        settle=base,
        contract_multiplier=D("0.01"),
        face_asset=base,
        expires_ms=_expiry_ms(date),
        strike=D(strike),
        option_type=type,
        bands=OPTION_BANDS,
    )


def _expiry_ms(date: str) -> int:
    """Contracts expire at 08:00 UTC of the day in their name."""
    day = datetime.strptime(date, "%y%m%d").replace(hour=8, tzinfo=UTC)
    return int(day.timestamp()) * 1000


OPTION_BANDS = (TickBand(least=D(0), tick=D("0.0001")), TickBand(least=D("0.005"), tick=D("0.0005")))
INSTRUMENTS = (
    _spot(10458, "BTC-USDT", "0.1", "0.00000001", "0.00001", "60000", "60000", 10),
    _spot(10459, "ETH-USDT", "0.01", "0.000001", "0.0001", "3000", "3000", 10),
    _spot(10460, "ETH-BTC", "0.00001", "0.000001", "0.001", "0.05", "3000", 5),
    _spot(20459, "BTC-USDC", "0.1", "0.00000001", "0.00001", "60000", "60000", 0),
    _spot(10470, "OKB-USDT", "0.01", "0.000001", "0.01", "50", "50", 10),
    _contract(10500, "BTC-USDT-SWAP", "0.1", "0.01", "0.01", "60000"),
    _contract(10501, "ETH-USDT-SWAP", "0.01", "0.01", "0.1", "3000"),
    _contract(10502, "BTC-USDC-SWAP", "0.1", "1", "0.0001", "60000"),
    _contract(10510, "BTC-USD-SWAP", "0.1", "0.1", "100", "60000"),
    _contract(10511, "ETH-USD-SWAP", "0.01", "0.1", "10", "3000"),
    _contract(10600, "BTC-USDT-301227", "0.1", "0.01", "0.01", "60000"),
    _contract(10610, "BTC-USD-301227", "0.1", "0.1", "100", "60000"),
    _option(10700, "BTC-USD-301227-60000-C", "0.1"),
    _option(10701, "BTC-USD-301227-60000-P", "0.1"),
    _option(10702, "BTC-USD-301227-100000-C", "0.002"),
)
