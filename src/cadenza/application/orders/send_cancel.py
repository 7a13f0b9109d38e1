"""Ask an order's venue to cancel it, and book the reply like any report.

A user's request, the repetition of one that was not answered, and an operator's request for a closed order all go this
way. A cancel may be sent again: repeating it harms nothing.
"""

from collections.abc import Mapping, Sequence

from cadenza.application.orders.apply_report import OnLate, ReportIntake
from cadenza.application.orders.sessions import Sessions
from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.ids import InstrumentId, OrderId
from cadenza.domain.trading.held import as_sent
from cadenza.domain.trading.order import Order
from cadenza.ports.concurrency import Concurrency
from cadenza.ports.failpoints import Failpoints


class SendCancel:
    """Sends each request once and waits for the reply as long as the venue may take (`VenueSpec.reply_ms_max`). Orders
    in doubt are asked about meanwhile: a client that repeats its cancel must not hold that up."""

    def __init__(
        self,
        *,
        intake: ReportIntake,
        sessions: Sessions,
        concurrency: Concurrency,
        failpoints: Failpoints,
    ) -> None:
        self._intake = intake
        self._sessions = sessions
        self._concurrency = concurrency
        self._failpoints = failpoints

    async def __call__(self, order: Order, *, on_late: OnLate | None = None) -> Mapping[OrderId, Order] | None:
        """Return the orders that the reply was about, as committed. None: the account has no session, so nothing was
        sent, or no reply came in time; a late one goes to the session's sink. `on_late` as in `ReportIntake.apply`."""
        self._failpoints.reach("cancel.before_venue")
        if not self._sessions.is_open(order.account_id):
            return None
        session = self._sessions.get(order.account_id)
        reply_ms_max = self._sessions.spec(order.venue_id).reply_ms_max
        reports = await self._concurrency.within(reply_ms_max, session.cancel(as_sent(order)))
        self._failpoints.reach("cancel.after_venue")
        if reports is None:
            return None
        is_complete = self._sessions.has_reported_all(order.account_id)
        return await self._intake.apply(reports, is_complete=is_complete, on_late=on_late)

    def can_cancel_all(self, account: TradingAccount, orders: Sequence[Order]) -> bool:
        """Return whether one request may cancel all of these orders of one instrument. Orders that their venue has not
        acknowledged are canceled one by one: the request might come before them."""
        spec = self._sessions.spec(account.venue_id)
        is_known = all(order.venue_order_id is not None for order in orders)
        return account.external.type in spec.cancels_all and is_known

    async def all_of(self, instrument_id: InstrumentId, orders: Sequence[Order]) -> None:
        """Cancel all orders of an account in an instrument, which are these, by one request, and book the reply. What
        it leaves open is asked for again, order by order."""
        account_id, venue_id = orders[0].account_id, orders[0].venue_id
        self._failpoints.reach("cancel.before_venue")
        if not self._sessions.is_open(account_id):
            return
        session = self._sessions.get(account_id)
        asked = session.cancel_all(instrument_id, [as_sent(order) for order in orders])
        reports = await self._concurrency.within(self._sessions.spec(venue_id).reply_ms_max, asked)
        self._failpoints.reach("cancel.after_venue")
        if reports is not None:
            await self._intake.apply(reports, is_complete=self._sessions.has_reported_all(account_id))
