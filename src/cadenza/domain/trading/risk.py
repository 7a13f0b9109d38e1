"""The brake and the limits that a user sets: whether a new order is taken.

A limit counts what is open and in flight, and not only what is filled. An order that only closes what the account holds
passes the limits of positions and of the daily loss: a brake must not keep anybody from getting out.
"""

from dataclasses import dataclass, replace
from decimal import Decimal

from cadenza.domain.accounts.risk_limits import AccountRisk, DayStart, RiskLimits
from cadenza.domain.accounts.trading_account import TradingAccount, TradingMode
from cadenza.domain.errors import OrderNotReducing, RiskLimitExceeded, RiskNotMeasurable
from cadenza.domain.evolve import evolve
from cadenza.domain.market.enums import Side
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.money import ONE, ZERO, to_plain
from cadenza.domain.trading.exposure import Exposures, equity_of, reducible, worth
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reservation import reference_price, walk_cost
from cadenza.domain.trading.state import TradingState

DAY_MS = 86_400_000
SECOND_MS = 1_000


def check_reducing(order: Order, account: TradingAccount, state: TradingState) -> None:
    """Raise `OrderNotReducing` if the account, or its tenant, takes orders that only close, and this one does more."""
    if account.effective_trading_mode is not TradingMode.REDUCING:
        return
    most = reducible(order, account, state)
    if order.quantity > most:
        raise OrderNotReducing(
            f"tradingState is REDUCING: the order may close at most {to_plain(most)}, and asks for "
            f"{to_plain(order.quantity)}",
            {"closable": to_plain(most), "quantity": to_plain(order.quantity)},
        )


def check_limits(order: Order, account: TradingAccount, instrument: Instrument, state: TradingState) -> None:
    """Raise `RiskLimitExceeded` if the order exceeds a limit of the account, and `RiskNotMeasurable` if one cannot be
    checked. What must be remembered to check the next order is put into the state."""
    if account.risk is None:
        return
    risk = account.risk
    check = _Check(order, account, instrument, state, risk.limits)
    check.size()
    check.price()
    check.open_orders()
    if risk.limits.limits_holdings and order.quantity > reducible(order, account, state):
        check.positions()
        risk = with_day_measured(risk, account, state)
        check.daily_loss(risk.day_start)
    if risk.limits.orders_per_second_max is not None:
        risk = replace(risk, recent_orders_ms=_with_one_more(risk, risk.limits.orders_per_second_max, state))
    if risk is not account.risk:
        state.put_account(evolve(account, risk=risk))


def with_day_measured(risk: AccountRisk, account: TradingAccount, state: TradingState) -> AccountRisk:
    """Return what is remembered, with the account's equity at the start of the day. The first call of a day measures
    it. Raises `RiskNotMeasurable` without a price."""
    day = state.world.now_ms // DAY_MS
    if not is_day_unmeasured(risk, day):
        return risk
    return replace(risk, day_start=DayStart(day=day, equity=equity_of(account, risk.limits, state)))


def is_day_unmeasured(risk: AccountRisk, day: int) -> bool:
    """Return whether the account's equity at the start of the day is needed and not known. A clock that goes back a day
    begins no new one."""
    start = risk.day_start
    return risk.limits.daily_loss_max is not None and (start is None or start.day not in (day, day + 1))


@dataclass(frozen=True, slots=True)
class _Check:
    order: Order
    account: TradingAccount
    instrument: Instrument
    state: TradingState
    limits: RiskLimits

    def size(self) -> None:
        """Check the order's quantity and value."""
        order, limits = self.order, self.limits
        most = limits.order_quantity_max.get(order.instrument_id)
        if most is not None and order.quantity > most:
            raise _exceeded("orderQuantityMax", most, order.quantity, "")
        if limits.order_value_max is not None:
            value = self._highest_cost() * worth(self.instrument.settled_in, self.account, limits, self.state)
            if value > limits.order_value_max:
                raise _exceeded("orderValueMax", limits.order_value_max, value, limits.currency)

    def price(self) -> None:
        """Check the worst price at which the order may trade now against the market: the best opposite price, or the
        middle of the book if that is stricter, as in a book that is nearly empty on one side. An order with
        a trigger trades near it, so its limit price is compared with the trigger."""
        ratio, order = self.limits.price_collar, self.order
        if ratio is None or (order.stop_price is not None and order.limit_price is None):
            return
        worst = order.limit_price or self._last_level_taken()
        is_buy = order.side is Side.BUY
        best = order.stop_price or self._market_price()
        bound = best * (ONE + ratio if is_buy else ONE - ratio)
        if worst > bound if is_buy else worst < bound:
            raise _exceeded("priceCollar", bound, worst, self.instrument.quote_asset)

    def open_orders(self) -> None:
        most = self.limits.open_orders_max
        if most is None:
            return
        count = sum(claim.count for claim in self.state.claims.of_account(self.account.id))
        if count >= most:
            raise _exceeded("openOrdersMax", Decimal(most), Decimal(count + 1), "")

    def positions(self) -> None:
        limits = self.limits
        if limits.gross_position_max is None and limits.net_position_max is None:
            return
        exposures = Exposures(self.account, limits, self.state, self.order)
        if limits.net_position_max is not None and exposures.of_order != limits.currency:
            net = exposures.net(exposures.of_order)
            if net > limits.net_position_max:
                raise _exceeded("netPositionMax", limits.net_position_max, net, limits.currency)
        if limits.gross_position_max is not None:
            gross = exposures.gross()
            if gross > limits.gross_position_max:
                raise _exceeded("grossPositionMax", limits.gross_position_max, gross, limits.currency)

    def daily_loss(self, start: DayStart | None) -> None:
        most = self.limits.daily_loss_max
        if most is None or start is None:
            return
        loss = start.equity - equity_of(self.account, self.limits, self.state)
        if loss > most:
            raise _exceeded("dailyLossMax", most, loss, self.limits.currency)

    def _highest_cost(self) -> Decimal:
        """Return the most that the order may cost now, in the settlement asset. A SELL with a limit trades at that
        price or a better one, so it brings what the book pays, if that is more. A MARKET BUY is followed through the
        book. An inverse contract is worth its quantity in quote units whatever its price, so it is valued at the
        market."""
        order, instrument = self.order, self.instrument
        price = reference_price(order, self.state)
        if instrument.is_inverse:
            return instrument.cost(order.quantity, self._best_opposite("orderValueMax"))
        if order.limit_price is None and order.stop_price is None and order.side is Side.BUY:
            book = self.state.world.book(order.instrument_id)
            cost = None if book is None else walk_cost(book, order.side, order.quantity)
            if cost is not None:
                return cost
        if (order.side is Side.SELL and order.stop_price is None) or price is None:
            price = max(price or ZERO, self._best_opposite("orderValueMax"))
        return instrument.cost(order.quantity, price)

    def _best_opposite(self, limit: str) -> Decimal:
        top = self.state.world.top(self.order.instrument_id)
        best = None if top is None else (top.ask if self.order.side is Side.BUY else top.bid) or top.estimate
        if not best:
            raise RiskNotMeasurable(
                f"{limit}: there is no fresh book of {self.order.instrument_id}",
                {"limit": limit, "instrumentId": self.order.instrument_id},
            )
        return best

    def _market_price(self) -> Decimal:
        opposite = self._best_opposite("priceCollar")
        top = self.state.world.top(self.order.instrument_id)
        middle = (None if top is None else top.estimate) or opposite
        return min(opposite, middle) if self.order.side is Side.BUY else max(opposite, middle)

    def _last_level_taken(self) -> Decimal:
        """Return the price of the last level that a MARKET order takes."""
        book = self.state.world.book(self.order.instrument_id)
        levels = () if book is None else book.asks if self.order.side is Side.BUY else book.bids
        left = self.order.quantity
        for price, available in levels:
            left -= available
            if left <= 0:
                return price
        raise RiskNotMeasurable(
            f"priceCollar: the known book of {self.order.instrument_id} holds less than the order takes",
            {"limit": "priceCollar", "instrumentId": self.order.instrument_id},
        )


def _with_one_more(risk: AccountRisk, most: int, state: TradingState) -> tuple[int, ...]:
    """Return the instants of the orders of the last second, with this one. Instants more than a second ahead are of a
    clock that was wrong, and do not count."""
    now_ms = state.world.now_ms
    recent = tuple(at_ms for at_ms in risk.recent_orders_ms if abs(now_ms - at_ms) < SECOND_MS)
    if len(recent) >= most:
        raise _exceeded("ordersPerSecondMax", Decimal(most), Decimal(len(recent) + 1), "")
    return (*recent, now_ms)


def _exceeded(limit: str, allowed: Decimal, value: Decimal, unit: str) -> RiskLimitExceeded:
    shown, bound = to_plain(value), to_plain(allowed)
    return RiskLimitExceeded(
        f"{limit}: {shown} {unit}".rstrip() + f" is beyond {bound} {unit}".rstrip(),
        {"limit": limit, "allowed": bound, "value": shown, "unit": unit},
    )
