"""Ask a venue with limited patience. What is limited is its silence, never the whole of a long work: a replay or a
series of lookups that makes progress goes on, however long it takes.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from cadenza.application.orders.apply_report import ReportIntake
from cadenza.application.orders.sending import Sending
from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.ids import OrderId, TradingAccountId, VenueId
from cadenza.domain.trading.enums import RejectReason
from cadenza.domain.trading.held import as_sent
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import RejectedReport, Report, UndeterminedOutcomeReport, UnreadableReport
from cadenza.domain.trading.storable import storable
from cadenza.domain.trading.venue_spec import VenueSpec
from cadenza.ports.concurrency import Concurrency
from cadenza.ports.failpoints import Failpoints
from cadenza.ports.venue import (
    ANSWER_MS_MAX,
    ORDERS_PER_LOOKUP_MAX,
    REPLAY_REPORTS_MAX,
    AccountSnapshot,
    ExecutionSession,
    ReplayPiece,
)

T = TypeVar("T")
R = TypeVar("R", bound=Report)


class AskVenue:
    """Makes the requests whose answers may take long, and books the answers."""

    def __init__(
        self,
        *,
        intake: ReportIntake,
        sending: Sending,
        spec: Callable[[VenueId], VenueSpec],
        concurrency: Concurrency,
        failpoints: Failpoints,
    ) -> None:
        self._intake = intake
        self._sending = sending
        self._spec = spec
        self._concurrency = concurrency
        self._failpoints = failpoints
        self._sizes: dict[TradingAccountId, int] = {}
        """Accounts whose lookups are smaller than `ORDERS_PER_LOOKUP_MAX` at the moment."""

    async def answer(self, request: Awaitable[T]) -> T:
        """Return the answer to a request. Raises what the request raises, and `VenueUnavailable` when there is no
        answer within `ANSWER_MS_MAX`; the request is then cancelled."""
        answer = await self._concurrency.within(ANSWER_MS_MAX, _wrapped(request))
        if answer is None:
            raise VenueUnavailable(f"the venue did not answer within {ANSWER_MS_MAX // 1000} s")
        return answer[0]

    async def snapshot(self, session: ExecutionSession) -> AccountSnapshot:
        """Return the session's snapshot. What cannot be stored is among its `unreadable`. Raises `VenueUnavailable`."""
        snapshot = await self.answer(session.snapshot())
        self._failpoints.reach("snapshot.after_venue")
        unreadable = list(snapshot.unreadable)
        return replace(
            snapshot,
            balances=None if snapshot.balances is None else _storable(snapshot.balances, unreadable),
            positions=None if snapshot.positions is None else _storable(snapshot.positions, unreadable),
            open_orders=_storable(snapshot.open_orders, unreadable),
            unreadable=tuple(unreadable),
        )

    async def replay(self, session: ExecutionSession, since_ms: int) -> AsyncIterator[ReplayPiece]:
        """Yield the pieces of the session's replay; what cannot be stored is an `UnreadableReport` there. Raises
        `VenueUnavailable`, also when a piece does not come in time."""
        pieces = session.replay(since_ms)
        while piece := await self.answer(_next_of(pieces)):
            yield replace(piece[0], reports=[storable(report) for report in piece[0].reports])

    async def lookup(
        self, session: ExecutionSession, orders: Sequence[Order]
    ) -> AsyncIterator[tuple[Sequence[Order], Mapping[OrderId, Order]]]:
        """Ask about orders of one account, a part of them at a time, and book each answer. Yield the orders of each
        part in the given order, with the orders that the answer was about as they are now. That the venue does not know
        an order proves nothing while its request may still be on its way, and nothing about a trailing stop that was
        released again after the venue was asked. Raises `VenueUnavailable`."""
        while orders:
            account_id = orders[0].account_id
            size = self._sizes.get(account_id, ORDERS_PER_LOOKUP_MAX)
            part, orders = orders[:size], orders[size:]
            on_the_way = self._sending.among(part)
            asked = [self._sending.with_right_deadline(as_sent(order), self._spec(order.venue_id)) for order in part]
            unanswered = {name for order in part if self._sending.awaits_reply(order.id) for name in _names(order)}
            self._failpoints.reach("reconcile.before_lookup")
            try:
                reports = await self.answer(session.lookup(asked))
            except VenueUnavailable:
                self._sizes[account_id] = max(1, len(part) // 2)
                raise
            self._failpoints.reach("reconcile.after_lookup")
            if size * 2 < ORDERS_PER_LOOKUP_MAX:
                self._sizes[account_id] = size * 2
            else:
                self._sizes.pop(account_id, None)
            early = {name for order in part if order.id in on_the_way for name in _names(order)}
            reports = [each for each in reports if not _is_early(each, early, unanswered)]
            yield part, await self.book([_with_release(each, part) for each in reports])

    async def book(self, reports: Sequence[Report]) -> Mapping[OrderId, Order]:
        """Apply reports in changes of at most `REPLAY_REPORTS_MAX`, one after another."""
        orders: dict[OrderId, Order] = {}
        for start in range(0, len(reports), REPLAY_REPORTS_MAX):
            orders |= await self._intake.apply(reports[start : start + REPLAY_REPORTS_MAX])
        return orders


def _names(order: Order) -> tuple[OrderId | str | None, ...]:
    return order.id, order.sent_id


def _is_early(report: Report, on_the_way: set[OrderId | str | None], unanswered: set[OrderId | str | None]) -> bool:
    """Whether the report says of an order that may still arrive that the venue does not know it, or of an order whose
    reply may still come that asking cannot show how it stands."""
    match report:
        case RejectedReport(reason=RejectReason.NOT_FOUND_AT_VENUE.value):
            names = on_the_way
        case UndeterminedOutcomeReport():
            names = unanswered
        case _:
            return False
    return (report.sent_id if report.order_id is None else report.order_id) in names


def _with_release(report: Report, asked: Sequence[Order]) -> Report:
    """Return the answer about a trailing stop that was released with the release that was asked about."""
    if not isinstance(report, RejectedReport | UndeterminedOutcomeReport):
        return report
    name = report.sent_id if report.order_id is None else report.order_id
    for order in asked:
        if order.trail is not None and name in _names(order):
            return replace(report, recorded_at_ms=order.trail.released_at_ms)
    return report


def _storable(reports: Sequence[R], unreadable: list[UnreadableReport]) -> tuple[R, ...]:
    """Return the reports that can be stored, and add the others to `unreadable`."""
    checked = [(report, storable(report)) for report in reports]
    unreadable += [found for _, found in checked if isinstance(found, UnreadableReport)]
    return tuple(report for report, found in checked if found is report)


async def _wrapped(request: Awaitable[T]) -> tuple[T]:
    """Return the answer so that it differs from None."""
    return (await request,)


async def _next_of(pieces: AsyncIterator[ReplayPiece]) -> Sequence[ReplayPiece]:
    """Return the next piece; nothing after the last one."""
    try:
        return (await anext(pieces),)
    except StopAsyncIteration:
        return ()
