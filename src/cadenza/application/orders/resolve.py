"""Resolve an order: an operator found out its outcome at the venue. The order is in doubt, or it is open at a venue
that cannot be asked about orders (`may_be_resolved`).

The request is a durable job that the server carries out. So orders change in one process only, and the account's
subscribers are notified.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from cadenza.application.orders.apply_report import ReportIntake
from cadenza.application.orders.committer import Committer
from cadenza.domain.errors import InternalError, InvalidRequest, OrderNotFound, OrderNotInDoubt, VenueUnavailable
from cadenza.domain.identity.origin import OPERATOR
from cadenza.domain.ids import OrderId, TradingAccountId, VenueId
from cadenza.domain.money import parse_decimal, to_plain
from cadenza.domain.trading.apply import apply_or_keep
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.execution import Fee
from cadenza.domain.trading.kept import KeptReport
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import FoundFillReport
from cadenza.domain.trading.reservation import release
from cadenza.domain.trading.resolve import may_be_answered, may_be_resolved
from cadenza.domain.trading.state import TradingState
from cadenza.domain.trading.storable import storable, unfit_fields
from cadenza.domain.trading.venue_spec import VenueSpec
from cadenza.ports.clock import Clock
from cadenza.ports.storage import Storage
from cadenza.ports.storage.trading import BatchKeys

RESOLVE_JOB = "orders.resolve"
FILLS_MAX = 100
OUTCOMES = (OrderStatus.REJECTED, OrderStatus.CANCELED, OrderStatus.ACCEPTED)
"""The possible outcomes: the order never arrived, it will not execute any more, or it works at the venue."""


@dataclass(frozen=True, slots=True)
class FoundFill:
    """An execution that the operator found at the venue; `executed_at_ms` is the venue's clock."""

    trade_id: str
    quantity: Decimal
    price: Decimal
    executed_at_ms: int
    fees: tuple[Fee, ...] = ()


@dataclass(frozen=True, slots=True)
class Resolution:
    """The outcome of the order, with the executions that are not booked yet. `is_of_open_order`: the order was open and
    not in doubt when the operator stated this."""

    order_id: OrderId
    outcome: OrderStatus
    fills: Sequence[FoundFill] = ()
    is_of_open_order: bool = False


class RequestResolution:
    """The use case of the command line: check the request and leave it to the server."""

    def __init__(self, *, storage: Storage, spec: Callable[[VenueId], VenueSpec | None], clock: Clock) -> None:
        self._storage = storage
        self._spec = spec
        self._clock = clock

    async def __call__(self, resolution: Resolution) -> Order:
        """Return the order as it is now. Raises `OrderNotFound`, `OrderNotInDoubt`, `InvalidRequest`; the last one also
        while the venue's reply may still come in time, and while an earlier resolution of the order waits for the
        server, because that one counts."""
        async with self._storage.begin() as uow:
            order = await uow.orders.get(resolution.order_id)
            if order is None:
                raise OrderNotFound(f"there is no order {resolution.order_id}")
            spec = self._spec(order.venue_id)
            if not (order.is_in_doubt if spec is None else may_be_resolved(order, spec)):
                raise OrderNotInDoubt(f"the order is not in doubt: it is {order.status.value}")
            _check(order, resolution)
            if spec is not None and may_be_answered(order, spec, self._clock.now_ms()):
                raise InvalidRequest("the venue may still reply to the order: wait some seconds, and look again")
            resolution = replace(resolution, is_of_open_order=not order.is_in_doubt)
            key = f"{RESOLVE_JOB} {order.id}"
            if not await uow.jobs.enqueue(RESOLVE_JOB, payload_of(resolution), dedupe_key=key):
                raise InvalidRequest(
                    "an earlier resolution of this order is waiting for the server; this one was not accepted"
                )
            await uow.commit()
        return order


class ResolveOrder:
    """The job. An order that is not in doubt any more, or that was open and has closed, stays as it is. An alarm is
    raised for each found execution that does not fit the order by now, or that the database refuses; it is kept, and
    the order is resolved all the same. Raises `VenueUnavailable` while the account of an order with found executions
    has no snapshot to continue from, and while the venue's reply to the order may still come in time; the job is tried
    again later."""

    def __init__(self, *, storage: Storage, committer: Committer, intake: ReportIntake) -> None:
        self._storage = storage
        self._committer = committer
        self._intake = intake

    async def __call__(self, payload: Mapping[str, Any]) -> None:
        resolution = _resolution(payload)
        async with self._storage.read() as uow:
            order = await uow.orders.get(resolution.order_id)
        if order is None or not (order.is_in_doubt or resolution.is_of_open_order):
            return
        try:
            kept = await self._committer.commit_report(ResolveChange(order.account_id, resolution), origin=OPERATOR)
        except InternalError:  # the database refuses it, mostly because another order has one of these executions
            kept = await self._resolve_in_steps(order, resolution)
        for each in kept:
            await self._intake.sound(each)

    async def _resolve_in_steps(self, order: Order, resolution: Resolution) -> Sequence[KeptReport]:
        """Book the executions one by one, so that one that is refused is set aside alone, and then end the doubt."""
        for fill in resolution.fills:
            await self._intake.apply([_report(order, fill)])
        without_fills = replace(resolution, fills=())
        change = ResolveChange(order.account_id, without_fills, was_in_doubt=True)
        return await self._committer.commit_report(change, origin=OPERATOR)


@dataclass(frozen=True, slots=True)
class ResolveChange:
    """A change: book the operator's executions, then end the doubt. The decision is the executions that do not fit.
    `was_in_doubt`: the order was found to be in doubt, and its executions have been booked since, which may have ended
    the doubt."""

    account_id: TradingAccountId
    resolution: Resolution
    was_in_doubt: bool = False

    def name_keys(self, keys: BatchKeys) -> None:
        keys.accounts.add(self.account_id)
        keys.orders.add(self.resolution.order_id)

    def decide(self, state: TradingState) -> Sequence[KeptReport]:
        order = state.order(self.resolution.order_id)
        account = state.account(self.account_id)
        spec = state.spec_of(account)
        if order is None or not (self.was_in_doubt or self._may_be_resolved(order, spec)):
            return ()
        if not self.was_in_doubt and may_be_answered(order, spec, state.world.now_ms):
            raise VenueUnavailable("the venue may still reply to the order")
        if self.resolution.fills and account.adopted_at_ms is None:
            raise VenueUnavailable("the account is being connected; its fills can be booked once it was read")
        kept_before = len(state.changed.kept)
        for fill in self.resolution.fills:
            apply_or_keep(state, storable(_report(order, fill)))
        order = state.order(order.id) or order
        resolved = release(state, order.resolved(self.resolution.outcome, state.world.now_ms))
        state.put_order(resolved)
        return state.changed.kept[kept_before:]

    def _may_be_resolved(self, order: Order, spec: VenueSpec) -> bool:
        """What an operator stated about an order in doubt says nothing after the venue has said how it stands."""
        return may_be_resolved(order, spec) if self.resolution.is_of_open_order else order.is_in_doubt


def _check(order: Order, resolution: Resolution) -> None:
    if resolution.outcome not in OUTCOMES:
        raise InvalidRequest(f"the outcome must be one of {', '.join(outcome.value for outcome in OUTCOMES)}")
    if len(resolution.fills) > FILLS_MAX:
        raise InvalidRequest(f"at most {FILLS_MAX} fills")
    if any(fill.quantity <= 0 or fill.price <= 0 for fill in resolution.fills):
        raise InvalidRequest("a fill has a positive quantity and price")
    for fill in resolution.fills:
        _check_storable(order, fill)
    executed = order.executed_quantity + sum((fill.quantity for fill in resolution.fills), Decimal(0))
    if executed > order.quantity:
        raise InvalidRequest(f"{to_plain(executed)} is more than the {to_plain(order.quantity)} that were ordered")
    if executed > 0 and resolution.outcome is OrderStatus.REJECTED:
        raise InvalidRequest("an order that was executed in part was not rejected: say canceled")


def _check_storable(order: Order, fill: FoundFill) -> None:
    unfit = unfit_fields(_report(order, fill))
    if "at_ms" in unfit:
        raise InvalidRequest(
            f"{fill.executed_at_ms} is not the time of a fill in milliseconds since 1970: it is after the year 9999"
            if fill.executed_at_ms > 0
            else f"{fill.executed_at_ms} is not the time of a fill: it is before the year 1970"
        )
    if unfit:
        raise InvalidRequest(f"the fill {fill.trade_id!r} has a value that cannot be stored: {', '.join(unfit)}")


def _report(order: Order, fill: FoundFill) -> FoundFillReport:
    return FoundFillReport(
        account_id=order.account_id,
        instrument_id=order.instrument_id,
        order_id=order.id,
        at_ms=fill.executed_at_ms,
        trade_id=fill.trade_id,
        side=order.side,
        price=fill.price,
        quantity=fill.quantity,
        fees=fill.fees,
    )


def payload_of(resolution: Resolution) -> Mapping[str, object]:
    """Return the resolution as `ResolveOrder` takes it."""
    fills = [
        [f.trade_id, to_plain(f.quantity), to_plain(f.price), f.executed_at_ms, *_fees_as_text(f)]
        for f in resolution.fills
    ]
    stated: dict[str, object] = {"order_id": str(resolution.order_id), "outcome": resolution.outcome.value}
    return stated | {"fills": fills, "is_of_open_order": resolution.is_of_open_order}


def _fees_as_text(fill: FoundFill) -> Sequence[Sequence[str]]:
    return [[fee.asset, to_plain(fee.quantity)] for fee in fill.fees]


def _resolution(payload: Mapping[str, Any]) -> Resolution:
    fills = [
        FoundFill(id, parse_decimal(q), parse_decimal(p), at_ms, tuple(Fee(a, parse_decimal(f)) for a, f in fees))
        for id, q, p, at_ms, *fees in payload["fills"]
    ]
    is_of_open_order = payload.get("is_of_open_order", False)
    return Resolution(OrderId(UUID(payload["order_id"])), OrderStatus(payload["outcome"]), fills, is_of_open_order)
