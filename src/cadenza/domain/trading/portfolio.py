"""The portfolio of an account: balances, positions and a summary in one currency.

Valuation rule: an asset is worth its amount times the fresh marks along the most direct path of instruments of the
account's venue (`domain/market/asset_graph.py`), or of another venue where that has none. An asset without such a path
adds nothing, because its price is unknown or old; the summary names it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from cadenza.domain.accounts.balance import Balance
from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.evolve import evolve
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.enums import Side
from cadenza.domain.market.instrument import Instrument, InstrumentType, SecurityType
from cadenza.domain.money import ZERO, divide
from cadenza.domain.trading.position import Position

Rate = Callable[[str], Decimal | None]
"""Units of the summary's currency per unit of an asset; None when unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedPosition:
    """A position valued at the market. `mark` is None when no fresh price is known, `instrument` when the catalogue has
    it no more, or not yet; the position's prices and profit are None then too."""

    position: Position
    instrument: Instrument | None
    mark: Decimal | None

    @property
    def symbol(self) -> str:
        """The base asset."""
        if self.instrument is not None:
            return self.instrument.base_asset
        return self.position.instrument_id.partition(":")[2].partition("/")[0]

    @property
    def security_type(self) -> SecurityType:
        """The kind of contract, or for spot the base asset's type."""
        if self.instrument is None:
            return SecurityType.DERIVATIVE
        if self.instrument.type is InstrumentType.SPOT:
            return self.instrument.base_security_type
        return _CONTRACTS[self.instrument.type]

    @property
    def entry_price(self) -> Decimal | None:
        return None if self.instrument is None else self.position.entry_price(self.instrument)

    @property
    def exit_price(self) -> Decimal | None:
        """None also when nothing was closed."""
        if self.instrument is None or not self.position.closed_quantity:
            return None
        return self.position.exit_price(self.instrument)

    @property
    def unrealized_pnl(self) -> Decimal | None:
        """In the instrument's settlement asset."""
        if self.instrument is None or self.mark is None:
            return None
        return self.position.unrealized_pnl(self.instrument, self.mark)

    @property
    def initial_margin(self) -> Decimal | None:
        """In the settlement asset; None when it is unknown. An option that was bought needs none: it is paid for."""
        if self.instrument is None:
            return None
        if self.instrument.type is InstrumentType.OPTION and self.position.quantity > 0:
            return ZERO
        if self.mark is None or self.position.leverage is None:
            return None
        return position_margin(self.position, self.instrument, self.mark)

    @property
    def maintenance_margin(self) -> Decimal | None:
        """In the settlement asset: what the venue stated last, else what the instrument's rate asks for; None when
        neither is known."""
        if self.position.maintenance_margin is not None:
            return self.position.maintenance_margin
        if self.instrument is None or self.mark is None or self.instrument.maintenance_margin is None:
            return None
        return self.instrument.cost(abs(self.position.quantity), self.mark) * self.instrument.maintenance_margin


_CONTRACTS = {
    InstrumentType.PERPETUAL: SecurityType.PERPETUAL,
    InstrumentType.FUTURES: SecurityType.FUTURES,
    InstrumentType.OPTION: SecurityType.OPTION,
    InstrumentType.DERIVATIVE: SecurityType.DERIVATIVE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldBalance:
    balance: Balance
    security_type: SecurityType


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Margin figures in `currency`: `equity` as of `Equity`; `margin` = initial margin in use; `margin_requirement` =
    maintenance margin, as the venue stated it of each position, else by the instrument's rate; `risk_exposure` =
    notional of all positions. 0 where it does not apply. `leverage` is the highest of the open positions; None without
    one, and when that of one is unknown.

    The sums are of what is known. `unpriced` names the held assets that no fresh price values: none of the sums has
    them. `unmarked` names the instruments of open positions without a fresh price: equity and exposure lack these.
    `unmargined` and `unrequired` name those whose initial and maintenance margin is unknown. A ratio of a sum that
    lacks a position is None.
    """

    currency: str
    leverage: int | None
    equity: Decimal
    margin: Decimal
    margin_loan: Decimal
    margin_requirement: Decimal
    credit: Decimal
    risk_exposure: Decimal
    unpriced: tuple[str, ...] = ()
    unmarked: tuple[InstrumentId, ...] = ()
    unmargined: tuple[InstrumentId, ...] = ()
    unrequired: tuple[InstrumentId, ...] = ()

    @property
    def margin_usage(self) -> Decimal | None:
        """Requirement / equity."""
        if self.unmarked or self.unrequired:
            return None
        return divide(self.margin_requirement, self.equity, 8) if self.equity > 0 else ZERO

    @property
    def margin_level(self) -> Decimal | None:
        """Equity / margin."""
        if self.unmarked or self.unmargined:
            return None
        return divide(self.equity, self.margin, 8) if self.margin > 0 else ZERO

    @property
    def risk_exposure_rate(self) -> Decimal | None:
        """Exposure / equity; None too when an asset has no price: it says whether all that is held is in the sums."""
        if self.unmarked or self.unpriced:
            return None
        return divide(self.risk_exposure, self.equity, 8) if self.equity > 0 else ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Portfolio:
    account: TradingAccount
    positions: tuple[MarkedPosition, ...]
    balances: tuple[HeldBalance, ...]
    summary: Summary
    updated_at_ms: int


def position_margin(position: Position, instrument: Instrument, mark: Decimal) -> Decimal:
    """Return the initial margin of a position in the settlement asset: what it is worth, divided by its leverage. Where
    that is unknown, the most that it can be."""
    return divide(instrument.cost(abs(position.quantity), mark), Decimal(position.leverage_at_least))


def margin_of_leverage(
    position: Position | None, instrument: Instrument, side: Side, leverage: int | None, mark: Decimal
) -> Decimal:
    """Return how much more margin a position needs when an order of `side` adds to it at `leverage`.

    The order's leverage becomes the whole position's. An order without a leverage, one with a higher leverage, and one
    that closes the position need nothing more.
    """
    if position is None or leverage is None or (position.quantity > 0) is not (side is Side.BUY):
        return ZERO
    re_margined = evolve(position, leverage=leverage)
    more = position_margin(re_margined, instrument, mark) - position_margin(position, instrument, mark)
    return max(more, ZERO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Equity:
    """What an account is worth in one currency: its net balances, and what its positions add to them. `unpriced` names
    the assets without a fresh price and `unmarked` the positions without one, each in the order of looking; `amount`
    lacks them."""

    amount: Decimal
    unpriced: tuple[str, ...]
    unmarked: tuple[InstrumentId, ...]


def value_equity(balances: Iterable[Balance], positions: Iterable[MarkedPosition], rate: Rate) -> Equity:
    """Return the equity at the rates. All of them are asked for, also when one is unknown: asking has the books of the
    market opened."""
    amount = ZERO
    unpriced: dict[str, None] = {}
    unmarked: dict[InstrumentId, None] = {}

    def worth(asset: str, quantity: Decimal) -> Decimal:
        to_currency = rate(asset)
        if to_currency is None:
            unpriced[asset] = None
            return ZERO
        return quantity * to_currency

    for balance in balances:
        if balance.total or balance.borrowed:
            amount += worth(balance.asset, balance.net)
    for marked in positions:
        position, instrument, mark = marked.position, marked.instrument, marked.mark
        if position.quantity == 0:
            continue
        if instrument is None or mark is None:
            unmarked[position.instrument_id] = None
            continue
        amount += worth(instrument.settled_in, position.equity(instrument, mark))
    return Equity(amount=amount, unpriced=tuple(unpriced), unmarked=tuple(unmarked))


def summarize(
    balances: tuple[Balance, ...],
    positions: tuple[MarkedPosition, ...],
    currency: str,
    rate: Rate,
) -> Summary:
    """Value balances and open positions in `currency`."""
    equity = value_equity(balances, positions, rate)
    margin = requirement = exposure = loan = ZERO
    leverages: list[int | None] = []
    unmargined: dict[InstrumentId, None] = {}
    unrequired: dict[InstrumentId, None] = {}
    for balance in balances:
        if balance.borrowed:
            loan += balance.borrowed * (rate(balance.asset) or ZERO)
    for marked in positions:
        position, instrument, mark = marked.position, marked.instrument, marked.mark
        if position.quantity == 0:
            continue
        to_currency = ZERO if instrument is None else rate(instrument.settled_in) or ZERO
        initial, maintained = marked.initial_margin, marked.maintenance_margin
        if initial is None:
            unmargined[position.instrument_id] = None
        if instrument is None or maintained is None:
            unrequired[position.instrument_id] = None
        margin += (initial or ZERO) * to_currency
        requirement += (maintained or ZERO) * to_currency
        if instrument is not None and mark is not None:
            exposure += instrument.cost(abs(position.quantity), mark) * to_currency
        leverages.append(position.leverage)
    return Summary(
        currency=currency,
        leverage=_highest(leverages),
        equity=equity.amount,
        margin=margin,
        margin_loan=loan,
        margin_requirement=requirement,
        credit=ZERO,
        risk_exposure=exposure,
        unpriced=tuple(sorted(equity.unpriced)),
        unmarked=equity.unmarked,
        unmargined=tuple(unmargined),
        unrequired=tuple(unrequired),
    )


def _highest(leverages: Sequence[int | None]) -> int | None:
    known = [each for each in leverages if each is not None]
    return max(known, default=None) if len(known) == len(leverages) else None
