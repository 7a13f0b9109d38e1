"""The one way in for every report of a venue, whatever brings it: a reply, the stream, a lookup or a replay. A fill is
never dropped. A report that cannot be applied is kept with its reason, and the reports beside it are applied. (Books do
the opposite: the newest wins; see `market_data/keep_book.py`.)
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from cadenza.application.orders.committer import Committer
from cadenza.domain.errors import CadenzaError, DatabaseUnavailable
from cadenza.domain.identity.origin import OPERATOR, PLATFORM, VENUE, Origin
from cadenza.domain.ids import OrderId, TradingAccountId
from cadenza.domain.trading.apply import apply_or_keep
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.kept import Fact, KeepReason, KeptReport
from cadenza.domain.trading.order import Doubt, Order
from cadenza.domain.trading.reports import (
    AcceptedReport,
    BalanceReport,
    ExternalOrderReport,
    FillReport,
    FoundFillReport,
    OrderReport,
    OrderStatusReport,
    OwnReport,
    PositionReport,
    Report,
    UnreadableReport,
    VenueOrderStatus,
)
from cadenza.domain.trading.state import TradingState
from cadenza.domain.trading.storable import storable
from cadenza.domain.trading.venue_books import is_newer, may_take_over
from cadenza.domain.trading.venue_spec import Books
from cadenza.ports.alarms import Alarm, Alarms
from cadenza.ports.storage import Storage
from cadenza.ports.storage.trading import BatchKeys, OtherName

OnLate = Callable[[DatabaseUnavailable], None]

FACTS_REMEMBERED_MAX = 10_000
"""For how many facts this process remembers that their alarms sounded. Of others, the database shows whether they were
kept before."""


@dataclass(slots=True)
class AppliedReports:
    """The effect of reports."""

    orders: dict[OrderId, Order] = field(default_factory=dict)
    """The orders that they were about, as they are now."""
    unconfirmed: dict[TradingAccountId, int] = field(default_factory=dict)
    """Accounts with books at the venue whose newest fill is newer than any balance or position, with its instant."""
    confirmed: dict[TradingAccountId, int] = field(default_factory=dict)
    """Such accounts of which a balance or position was news, and newer than any fill before it, with its instant."""
    uncompared: list[BalanceReport | PositionReport] = field(default_factory=list)
    """Balances and positions of accounts with books of ours: only a comparison may use them."""
    moved: dict[TradingAccountId, int] = field(default_factory=dict)
    """Accounts with books of ours, with the instant of their newest fill."""
    contradictions: list[KeptReport] = field(default_factory=list)
    """Kept reports that contradict what is known, or were refused."""
    undetermined: list[Order] = field(default_factory=list)
    """Orders whose state asking turned out not to show."""
    working_closed: list[Order] = field(default_factory=list)
    """Orders that are closed here and appear to work at the venue: it made them larger, executed a rejected one, or
    accepted one that had never shown there."""


@dataclass(frozen=True, slots=True)
class ApplyReports:
    """A change: apply the reports in their order, each as a unit of its own. A refused report is kept, and the others
    are booked. `is_complete`: with them, everything that happened in their account up to the latest of them has been
    reported. A gap that is found before they are applied takes that back: then `takes_orders` is False.
    """

    reports: Sequence[Report]
    is_complete: bool = False
    takes_orders: Callable[[TradingAccountId], bool] = lambda account_id: True

    def name_keys(self, keys: BatchKeys) -> None:
        for report in self.reports:
            keys.accounts.add(report.account_id)
            if isinstance(report, OrderReport):
                _name_order(report, keys)

    def decide(self, state: TradingState) -> AppliedReports:
        applied = AppliedReports()
        for report in self.reports:
            kept_before = len(state.changed.kept)
            before = state.order_of(report) if isinstance(report, OrderReport) else None
            is_news = isinstance(report, BalanceReport | PositionReport) and is_newer(state, report)
            state.act_for(_origin_of(report))
            order = apply_or_keep(state, report)
            if order is not None:
                applied.orders[order.id] = state.order(order.id) or order
                if before is not None:
                    _note_alarms(report, before, order, applied)
            new = state.changed.kept[kept_before:]
            if not any(kept.reason is KeepReason.REFUSED for kept in new):
                _note_books(state, report, applied, is_news=is_news)
            applied.contradictions += [kept for kept in new if kept.reason not in _EXPECTED]
            is_complete = self.is_complete and self.takes_orders(report.account_id)
            if is_complete and not isinstance(report, OwnReport):
                state.complete_until(report.account_id, report.at_ms)
        return applied


def _origin_of(report: Report) -> Origin:
    """Return who states the report: not always the venue."""
    if isinstance(report, OwnReport):
        return PLATFORM
    return OPERATOR if isinstance(report, FoundFillReport) else VENUE


def _note_alarms(report: Report, before: Order, order: Order, applied: AppliedReports) -> None:
    if order.doubt is Doubt.UNDETERMINED and before.doubt is not Doubt.UNDETERMINED:
        applied.undetermined.append(order)
    is_working = isinstance(report, OrderStatusReport) and report.status is VenueOrderStatus.WORKING
    is_larger = is_working and before.is_closed and order.quantity > before.quantity
    is_executed = before.status is OrderStatus.REJECTED and len(order.executions) > len(before.executions)
    is_accepted = isinstance(report, AcceptedReport | ExternalOrderReport)
    # Whatever closed it here, a venue's refusal or an operator's word, nothing had shown before that it arrived.
    has_arrived = before.is_closed and before.venue_order_id is None and before.executed_quantity == 0
    if is_larger or is_executed or (has_arrived and (is_working or is_accepted)):
        applied.working_closed.append(order)


_EXPECTED = frozenset({KeepReason.NO_ORDER, KeepReason.NO_EXECUTION})
"""Reports that are kept for these reasons came before what explains them. They raise no alarm."""


_ALARMS = {KeepReason.UNREADABLE: Alarm.REPORT_UNREADABLE, KeepReason.ID_TAKEN: Alarm.VENUE_IDS_REPEATED}
"""The alarms of kept reports; for the other reasons it is REPORT_REFUSED."""


@dataclass(frozen=True, slots=True)
class KeepRefused:
    """A change: keep a report that could not be booked, for a person to look at."""

    report: Report
    detail: str

    def name_keys(self, keys: BatchKeys) -> None:
        keys.accounts.add(self.report.account_id)

    def decide(self, state: TradingState) -> KeptReport:
        state.account(self.report.account_id)
        state.keep(self.report, KeepReason.REFUSED, self.detail)
        return state.changed.kept[-1]


class ReportIntake:
    """Commits reports. Whatever one report contains, the others are booked and the caller continues."""

    def __init__(self, *, storage: Storage, committer: Committer, alarms: Alarms) -> None:
        self._storage = storage
        self._committer = committer
        self._alarms = alarms
        self._alarmed: dict[Fact, None] = {}
        self.takes_orders: Callable[[TradingAccountId], bool] = lambda account_id: True
        """Whether the account's session is live and reconciled."""
        self.on_reports: Callable[[Sequence[Report]], None] = lambda reports: None
        """Called with all reports, before they are applied."""
        self.on_unconfirmed: Callable[[TradingAccountId, int | None], None] = lambda account_id, at_ms: None
        """Called when a fill of that instant was followed by no newer balance or position of an account whose venue
        keeps the books, and, with None, when a balance or position has to be compared with our ledger."""
        self.on_confirmed: Callable[[TradingAccountId, int], None] = lambda account_id, at_ms: None
        """Called when such an account's balance or position of that instant was news, and no fill came after it. Both
        instants are the venue's clock."""
        self.on_uncompared: Callable[[BalanceReport | PositionReport], None] = lambda report: None
        """Called with a balance or position of an account whose books our ledger keeps."""
        self.on_moved: Callable[[TradingAccountId, int], None] = lambda account_id, at_ms: None
        """Called when a fill of that instant (the venue's clock) of such an account came."""
        self.on_unreadable: Callable[[TradingAccountId], None] = lambda account_id: None
        """Called when something that the account's venue reported could not be read."""

    async def apply(
        self, reports: Sequence[Report], *, is_complete: bool = False, on_late: OnLate | None = None
    ) -> Mapping[OrderId, Order]:
        """Apply reports in their order; return the orders that they were about, as committed. `on_late` is called when
        the database takes longer than a client should wait. The reports are committed all the same.
        """
        reports = [storable(report) for report in reports]
        if any(isinstance(report, UnreadableReport) for report in reports):
            reports = await self._without_repeated(reports)
        if not reports:
            return {}
        self.on_reports(reports)
        try:
            applied = await self._committer.commit_report(
                ApplyReports(reports, is_complete, self.takes_orders), on_late
            )
        except CadenzaError as error:
            return await self._apply_singly(reports, error)
        await self._follow_up(applied)
        return applied.orders

    async def _without_repeated(self, reports: Sequence[Report]) -> Sequence[Report]:
        """Leave out the unreadable reports that are kept already. While the database does not answer, none counts as
        kept: then there is one alarm too many, and still one row."""
        unreadable = [report for report in reports if isinstance(report, UnreadableReport)]
        try:
            async with self._storage.read() as uow:
                repeated = set(await uow.kept.known(unreadable))
        except CadenzaError:
            repeated = set()
        left: list[Report] = []
        for report in reports:
            if report in repeated:
                continue
            if isinstance(report, UnreadableReport):
                repeated.add(report)
            left.append(report)
        return left

    async def _apply_singly(self, reports: Sequence[Report], error: CadenzaError) -> Mapping[OrderId, Order]:
        """Find the report that cannot be booked, keep it, and book the others."""
        if len(reports) == 1:
            await self._keep(reports[0], error)
            return {}
        orders: dict[OrderId, Order] = {}
        for report in reports:
            orders |= await self.apply([report])
        return orders

    async def _keep(self, report: Report, error: CadenzaError) -> None:
        cause = error.__cause__ or error
        detail = f"{type(cause).__name__}: {cause}"
        try:
            await self.sound(await self._committer.commit_report(KeepRefused(report, detail)))
        except CadenzaError:  # the account is gone, or the alarm's log line is all that can be kept of it
            self._alarms.sound(Alarm.REPORT_REFUSED, facts_of(report) | {"detail": detail})

    async def sound(self, kept: KeptReport) -> None:
        """Sound the alarm of a report that was kept, once for each fact: replays, snapshots and lookups bring it again
        and again, also after a restart."""
        if kept.fact in self._alarmed:
            return
        self._alarmed[kept.fact] = None
        if len(self._alarmed) > FACTS_REMEMBERED_MAX:
            del self._alarmed[next(iter(self._alarmed))]
        if await self._first_kept_at_ms(kept) in (None, kept.kept_at_ms):
            facts = facts_of(kept.report) | {"detail": kept.detail or kept.reason.value}
            if kept.reason is KeepReason.ID_TAKEN and isinstance(kept.report, OrderReport):
                facts["order_id"] = kept.report.order_id
            self._alarms.sound(_ALARMS.get(kept.reason, Alarm.REPORT_REFUSED), facts)

    async def _first_kept_at_ms(self, kept: KeptReport) -> int | None:
        try:
            async with self._storage.read() as uow:
                return await uow.kept.first_kept_at_ms(kept)
        except DatabaseUnavailable:
            return None  # a second alarm is better than none

    async def _follow_up(self, applied: AppliedReports) -> None:
        for account_id, at_ms in applied.confirmed.items():
            self.on_confirmed(account_id, at_ms)
        for account_id, at_ms in applied.unconfirmed.items():
            self.on_unconfirmed(account_id, at_ms)
        for report in applied.uncompared:
            self.on_uncompared(report)
            self.on_unconfirmed(report.account_id, None)
        for account_id, at_ms in applied.moved.items():
            self.on_moved(account_id, at_ms)
        for kept in applied.contradictions:
            await self.sound(kept)
            if kept.reason is KeepReason.UNREADABLE:
                self.on_unreadable(kept.report.account_id)
        for order in applied.undetermined:
            self._alarms.sound(Alarm.OUTCOME_UNDETERMINED, {"account_id": order.account_id, "order_id": order.id})
        for order in applied.working_closed:
            self._alarms.sound(Alarm.CLOSED_ORDER_WORKS, {"account_id": order.account_id, "order_id": order.id})


def _name_order(report: OrderReport, keys: BatchKeys) -> None:
    account_id = report.account_id
    if isinstance(report, ExternalOrderReport):
        keys.reserving.add(account_id)
    if report.order_id is not None:
        keys.orders.add(report.order_id)
        keys.kept.add((account_id, str(report.order_id)))
    elif report.sent_id is not None:
        keys.sent_orders.add((account_id, report.sent_id))
        keys.kept.add((account_id, report.sent_id))
    if report.venue_order_id is not None:
        keys.kept.add((account_id, report.venue_order_id))
        name = (account_id, report.instrument_id, report.venue_order_id)
        if report.order_id is not None:
            keys.other_names.add(OtherName(*name, None))
        elif report.sent_id is not None:
            keys.other_names.add(OtherName(*name, report.sent_id))
        else:
            keys.venue_orders.add(name)
    if isinstance(report, AcceptedReport) and report.former_venue_order_id is not None:
        keys.kept.add((account_id, report.former_venue_order_id))
        if report.venue_order_id is not None:  # another order may have the new name already
            keys.venue_orders.add((account_id, report.instrument_id, report.venue_order_id))
        keys.venue_orders.add((account_id, report.instrument_id, report.former_venue_order_id))


def _note_books(state: TradingState, report: Report, applied: AppliedReports, *, is_news: bool) -> None:
    account = state.account(report.account_id)
    if state.books_of(account) is not Books.VENUE:
        if isinstance(report, FillReport):
            applied.moved[account.id] = max(report.at_ms, applied.moved.get(account.id, 0))
        elif isinstance(report, BalanceReport | PositionReport) and not may_take_over(state, report):
            applied.uncompared.append(report)
        return
    if isinstance(report, FillReport):
        applied.unconfirmed[account.id] = max(report.at_ms, applied.unconfirmed.get(account.id, 0))
        applied.confirmed.pop(account.id, None)
    elif is_news and report.at_ms >= applied.unconfirmed.get(account.id, 0):
        applied.confirmed[account.id] = report.at_ms
        applied.unconfirmed.pop(account.id, None)


def facts_of(report: Report) -> dict[str, object]:
    """Return what an alarm about a report says."""
    return {"account_id": report.account_id, "report": repr(report)}
