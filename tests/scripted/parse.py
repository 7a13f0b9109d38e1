"""From the venue's lines to the platform's reports: what a connector's `parse.py` does."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

from cadenza.domain.accounts.trading_account import PositionSide
from cadenza.domain.ids import TradingAccountId
from cadenza.domain.money import ZERO
from cadenza.domain.trading.enums import LiquiditySide
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import (
    AcceptedReport,
    BalanceReport,
    CanceledReport,
    ExpiredReport,
    ExternalOrderReport,
    FeeReport,
    FillBustedReport,
    FillCorrectedReport,
    FillReport,
    OrderReport,
    OrderStatusReport,
    PositionReport,
    RejectedReport,
    Report,
    UndeterminedOutcomeReport,
    UnreadableReport,
)
from tests.scripted.venue import Line, ScriptedVenue, VenueAccount, VenueFill, VenueOrder


class Parser:
    """Makes reports for one trading account."""

    def __init__(self, venue: ScriptedVenue, account_id: TradingAccountId) -> None:
        self.venue = venue
        self.kind = venue.kind
        self.account_id = account_id

    def of_ours(self, order: Order, reports: Sequence[Report]) -> Sequence[Report]:
        """Name our order by its own id, where others may give out our ids at the venue."""
        if not self.kind.spec.sent_id.is_shared:
            return reports
        return [replace(each, order_id=order.id) if isinstance(each, OrderReport) else each for each in reports]

    def line(self, line: Line) -> Report:
        """Return the report of one line of the journal."""
        if line.order is not None and line.order.is_odd:
            return self.unreadable(line.order, line.at_ms, f"{line.what} of order {line.order.id}")
        if line.asset in self.venue.odd_assets:
            return self._unreadable_balance(line)
        match line.what:
            case "balance":
                return self.balance(line)
            case "position":
                return self.position(line)
        order = line.order
        assert order is not None
        names = self._names(order, line.at_ms) | {"venue_order_id": line.id}
        match line.what:
            case "accepted" | "external":
                external = self.external(order, line.at_ms)
                return replace(external, venue_order_id=line.id, executed_quantity=line.values[0])
            case "renamed":
                return self._rename(order, line.at_ms, line.former_id, line.id)
            case "amended":
                return replace(self.status(order, line.at_ms), venue_order_id=line.id)
            case "canceled":
                return CanceledReport(**names, reason=order.cancel_reason, executed_quantity=line.values[0])
            case "canceled without quantity":
                return CanceledReport(**names, reason=order.cancel_reason, executed_quantity=None)
            case "expired":
                return ExpiredReport(**names, executed_quantity=line.values[0])
            case "rejected":
                return RejectedReport(**names, reason="OTHER: the rest was refused")
        fill = line.fill
        assert fill is not None
        names |= self._names_of_fill(order)
        match line.what:
            case "fill":
                return replace(self.fill(fill), venue_order_id=line.id)
            case "fee":
                return FeeReport(**names, trade_id=fill.trade_id, fees=fill.fees)
            case "bust":
                return FillBustedReport(**names, trade_id=fill.trade_id)
            case "correction":
                price, quantity = line.values
                return FillCorrectedReport(
                    **names, trade_id=fill.trade_id, side=order.side, price=price, quantity=quantity, fees=fill.fees,
                    liquidity=LiquiditySide.TAKER,
                )  # fmt: skip
            case _:
                raise AssertionError(f"no report for {line.what}")

    def acceptance(self, order: VenueOrder, at_ms: int) -> AcceptedReport:
        """The reply to our own request. The stream reports the whole order instead: whether it was placed here or
        elsewhere, by whichever account, the platform finds out."""
        return AcceptedReport(**self._terms(order, at_ms))

    def fill(self, fill: VenueFill) -> FillReport:
        names = self._names(fill.order, fill.at_ms) | self._names_of_fill(fill.order)
        return FillReport(
            **names, trade_id=fill.trade_id, side=fill.order.side, price=fill.price, quantity=fill.quantity,
            fees=fill.fees, liquidity=LiquiditySide.TAKER,
        )  # fmt: skip

    def whole(self, order: VenueOrder, at_ms: int) -> Sequence[Report]:
        """Return all that the venue knows of an order: its fills as they are now, then how it stands."""
        if order.is_odd:
            unreadable = self.unreadable(order, 0, f"order {order.id}")
            return [unreadable, UndeterminedOutcomeReport(**self._names(order, at_ms), cause=unreadable.why)]
        ids = (*order.former_ids, order.id)
        renames = [self._rename(order, at_ms, former_id, id) for former_id, id in pairwise(ids)]
        first = self.external(order, at_ms) if order.is_by_hand else self.acceptance(order, at_ms)
        fills = [report for fill in order.fills for report in self._as_it_is(fill)]
        return [*renames, first, *fills, self.status(order, at_ms)]

    def unreadable(self, order: VenueOrder, at_ms: int, text: str) -> UnreadableReport:
        return UnreadableReport(**self._names(order, at_ms), text=text, why="the order's type is unknown")

    def unreadable_of(self, account: VenueAccount) -> tuple[UnreadableReport, ...]:
        """Return what a reading of the whole account shows and cannot be read."""
        orders = (self.unreadable(o, 0, f"open order {o.id}") for o in account.orders if o.is_odd and o.is_working)
        odd = sorted(self.venue.odd_assets & account.totals.keys())
        return (*orders, *(self._unreadable_balance(Line(0, "balance", asset=asset)) for asset in odd))

    def _rename(self, order: VenueOrder, at_ms: int, former_id: str | None, id: str) -> AcceptedReport:
        return replace(self.acceptance(order, at_ms), venue_order_id=id, former_venue_order_id=former_id)

    def _unreadable_balance(self, line: Line) -> UnreadableReport:
        text = f"balance {line.asset} {line.values}"
        return UnreadableReport(account_id=self.account_id, at_ms=line.at_ms, text=text, why="the number is odd")

    def external(self, order: VenueOrder, at_ms: int) -> ExternalOrderReport:
        return ExternalOrderReport(
            **self._terms(order, at_ms), time_in_force=order.time_in_force, limit_price=order.limit_price,
            expire_at_ms=order.expire_at_ms, is_liquidation=order.is_liquidation,
        )  # fmt: skip

    def status(self, order: VenueOrder, at_ms: int) -> OrderStatusReport:
        return OrderStatusReport(
            **self._terms(order, at_ms), status=order.status, limit_price=order.limit_price,
            cancel_reason=order.cancel_reason,
        )  # fmt: skip

    def balance(self, line: Line) -> BalanceReport:
        assert line.asset is not None
        total, locked = line.values
        return BalanceReport(
            account_id=self.account_id, at_ms=line.at_ms, asset=line.asset, total=total, locked=locked, borrowed=ZERO,
            as_of=line.as_of,
        )  # fmt: skip

    def position(self, line: Line) -> PositionReport:
        assert line.instrument_id is not None
        quantity, cost = line.values
        return PositionReport(
            account_id=self.account_id, at_ms=line.at_ms, instrument_id=line.instrument_id,
            side=PositionSide.NET, quantity=quantity,
            entry_price=ZERO if quantity == 0 else cost / quantity, entry_cost=cost, as_of=line.as_of,
        )  # fmt: skip

    def balances(self, account: VenueAccount, at_ms: int, locked: dict[str, Decimal]) -> tuple[BalanceReport, ...]:
        lines = (
            Line(at_ms, "balance", asset=asset, as_of=account.as_of, values=(total, locked[asset]))
            for asset, total in account.totals.items()
            if (total or locked[asset]) and asset not in self.venue.odd_assets
        )
        return tuple(self.balance(line) for line in lines)

    def positions(self, account: VenueAccount, at_ms: int) -> tuple[PositionReport, ...]:
        lines = (
            Line(at_ms, "position", instrument_id=id, as_of=account.as_of, values=values)
            for id, values in account.positions.items()
            if values[0]
        )
        return tuple(self.position(line) for line in lines)

    def _as_it_is(self, fill: VenueFill) -> Sequence[Report]:
        """An execution that was changed may be booked here as it was before, and then only a correction changes it. One
        that was taken back may not be booked yet, so it is reported as well."""
        if fill.changed_at_ms == fill.at_ms:
            return [self.fill(fill)]
        what = "bust" if fill.is_busted else "correction"
        values = (fill.price, fill.quantity)
        line = self.line(Line(fill.changed_at_ms, what, fill.order, fill, values=values, id=fill.order.id))
        return [self.fill(fill), line] if fill.is_busted else [line]

    def _terms(self, order: VenueOrder, at_ms: int) -> dict[str, Any]:
        return self._names(order, at_ms) | {
            "side": order.side, "type": order.type, "quantity": order.quantity, "placed_at_ms": order.placed_at_ms,
            "executed_quantity": order.executed,
        }  # fmt: skip

    def _names(self, order: VenueOrder, at_ms: int) -> dict[str, Any]:
        return {
            "account_id": self.account_id, "at_ms": at_ms, "instrument_id": order.instrument_id,
            "sent_id": order.sent_id, "venue_order_id": order.id,
        }  # fmt: skip

    def _names_of_fill(self, order: VenueOrder) -> dict[str, Any]:
        return {"sent_id": None} if self.kind.fills_by_venue_id else {}
