"""A session: trades for one account through a runner. Implements `ExecutionSession`."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from cadenza.adapters.venues.inhouse.exchange import SENT, AckDelivery, Acknowledgement
from cadenza.adapters.venues.inhouse.history import HistoryReader
from cadenza.adapters.venues.inhouse.mapping import (
    CANCEL_REFUSALS,
    balance_report,
    external_order_report,
    id_at_venue,
    position_report,
    refusal,
    refusal_by_limits,
    reports_of,
    to_venue_order,
)
from cadenza.adapters.venues.inhouse.report_queue import ReportQueue
from cadenza.adapters.venues.inhouse.runner import ANY_TIME_MS, CallLost, CallResult, ExchangeRunner, Turn
from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.ids import InstrumentId, OrderId
from cadenza.domain.trading.enums import RejectReason
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import (
    CancelRefusedReport,
    NotSentReport,
    Report,
    UndeterminedOutcomeReport,
    UnknownOutcomeReport,
)
from cadenza.exchange.records import BalanceFact, Fact, FactKind, OrderFact, VenueAccount, VenueOrder
from cadenza.ports.venue import AccountSnapshot, ReplayPiece

_TOO_LATE = "its deadline passed before it could arrive"


@dataclass(frozen=True, slots=True)
class _SubmitReply:
    """The reports of a submit, how they are delivered, and the venue's time."""

    reports: list[Report]
    acknowledgement: Acknowledgement
    at_ms: int


class InHouseSession:
    """The stream does not repeat what a reply delivered. If the caller left before the reply, the stream delivers
    it."""

    def __init__(
        self,
        runner: ExchangeRunner,
        account: TradingAccount,
        report_queue: ReportQueue,
        script_of: Callable[[Order], str | None],
    ) -> None:
        self._runner = runner
        self._account = account
        self._external_id = account.external.external_id
        self._report_queue = report_queue
        self._script_of = script_of

    # Orders

    async def submit(self, order: Order) -> Sequence[Report]:
        """An order is not sent after its deadline, and one that arrives after it is refused in the same way."""
        id = id_at_venue(order)
        if self._is_too_late(order, self._runner.clock.now_ms()):
            return [self._not_sent(order, _TOO_LATE)]

        def work(turn: Turn) -> CallResult:
            known = self._runner.find(turn, id)
            if known:  # sent twice: answer with what happened to the first
                return CallResult(_SubmitReply(self._reports(known), SENT, turn.at_ms))
            if self._is_too_late(order, self._runner.clock.now_ms()):
                return CallResult(_SubmitReply([self._not_sent(order, _TOO_LATE)], SENT, turn.at_ms))
            return self._execute(order, turn)

        delay_ms = self._runner.exchange.delay_ms(order, is_cancel=False)
        try:
            reply: _SubmitReply = await self._runner.call(
                work, order_ids={id: order.created_at_ms}, lane=self._external_id, delay_ms=delay_ms
            )
        except VenueUnavailable as error:
            return [self._not_sent(order, str(error))]
        except CallLost as error:
            return [self._unknown(order, str(error), self._runner.clock.now_ms())]
        await self._delay(reply)
        return reply.reports

    async def cancel(self, order: Order) -> Sequence[Report]:
        """Cancel an order. One that the venue does not know and never acknowledged gets a lasting refusal, as in
        `lookup`, so it can never arrive later."""
        id = id_at_venue(order)

        def work(turn: Turn) -> CallResult:
            before = len(self._runner.exchange.office.facts)
            working = self._runner.exchange.office.order(id)
            if working is not None and working.is_open:
                self._runner.exchange.cancel(working, turn.at_ms)
                own = self._facts_of(id, before)
                return CallResult(self._reports(own), self._report_queue, own)
            known = self._runner.find(turn, id)
            if known:
                return CallResult([*self._reports(known), self._cancel_refused(order, "ALREADY_CLOSED", turn.at_ms)])
            refused = self._cancel_refused(order, "UNKNOWN_ORDER", turn.at_ms)
            if order.venue_order_id is not None:
                return CallResult([refused])
            rejected = self._refuse_lastingly(order, turn)
            return CallResult([*self._reports(rejected), refused], self._report_queue, rejected)

        delay_ms = self._runner.exchange.delay_ms(order, is_cancel=True)
        try:
            reports: Sequence[Report] = await self._runner.call(
                work, order_ids={id: ANY_TIME_MS}, lane=self._external_id, delay_ms=delay_ms
            )
        except VenueUnavailable:
            return []  # nothing was sent, so nothing was refused: the caller will ask again
        except CallLost as error:
            return [self._unknown(order, str(error), self._runner.clock.now_ms())]
        return reports

    def withdraw_unsent(self, is_meant: Callable[[Order], bool]) -> None:
        """No order waits here: what is submitted is on its way to the exchange."""

    async def cancel_all(self, instrument_id: InstrumentId, orders: Sequence[Order]) -> Sequence[Report]:
        replies = await asyncio.gather(*map(self.cancel, orders))
        return [report for reports in replies for report in reports]

    async def lookup(self, orders: Sequence[Order]) -> Sequence[Report]:
        """An order that is not there and cannot arrive any more gets a lasting refusal under its id. That proves
        nothing of an order that was there once."""
        ids = [id_at_venue(order) for order in orders]

        def work(turn: Turn) -> CallResult:
            reports: list[Report] = []
            own: list[Fact] = []
            for order, id in zip(orders, ids, strict=True):
                known: Sequence[Fact] = self._runner.find(turn, id)
                if not known and order.venue_order_id is not None:
                    reports.append(self._undetermined(order, "the venue does not know it any more", turn.at_ms))
                    continue
                if not known and not self._is_dead(order):
                    reports.append(self._unknown(order, "it may still arrive", turn.at_ms))
                    continue
                if not known:
                    known = self._refuse_lastingly(order, turn)
                    own.extend(known)
                reports.extend(self._reports(known))
            return CallResult(reports, self._report_queue, own)

        try:
            reports: Sequence[Report] = await self._runner.call(
                work, order_ids=dict.fromkeys(ids, ANY_TIME_MS), lane=self._external_id
            )
        except (VenueUnavailable, CallLost) as error:
            return [self._unknown(order, str(error), self._runner.clock.now_ms()) for order in orders]
        return reports

    async def identify(self, instrument_id: InstrumentId, venue_order_id: str) -> Sequence[Report]:
        mine = (self._external_id, instrument_id)

        def work(turn: Turn) -> CallResult:
            known = self._runner.find(turn, venue_order_id)
            own = [fact for fact in known if (fact.order.external_id, fact.order.instrument_id) == mine]
            return CallResult([report for fact in own for report in self._identified(fact)])

        try:
            reports: Sequence[Report] = await self._runner.call(work, order_ids={venue_order_id: ANY_TIME_MS})
        except CallLost as error:
            raise VenueUnavailable(str(error)) from error
        return reports

    # The account

    def replay(self, since_ms: int) -> AsyncIterator[ReplayPiece]:
        runner = self._runner
        return HistoryReader(runner.ledger, self._external_id, self._account.id, since_ms, runner.clock).pieces()

    async def snapshot(self) -> AccountSnapshot:
        """Return a snapshot, after the sink has taken every earlier report. Raises `VenueUnavailable`."""
        while True:
            await self._report_queue.wait_idle()
            try:
                snapshot = await self._runner.call(
                    lambda turn: CallResult(self._snapshot_if_delivered(turn)), is_after_commit=True
                )
            except CallLost as error:
                raise VenueUnavailable(str(error)) from error
            if snapshot is not None:
                assert isinstance(snapshot, AccountSnapshot)
                return snapshot

    def venue_time_ms(self) -> int:
        return self._runner.clock.now_ms()

    def is_caught_up(self) -> bool:
        return self._report_queue.is_idle

    async def close(self) -> None:
        report_queues = self._runner.report_queues.get(self._external_id, [])
        if self._report_queue in report_queues:
            report_queues.remove(self._report_queue)
        if not report_queues:
            self._runner.report_queues.pop(self._external_id, None)
        await self._report_queue.close()

    # Helpers

    def _execute(self, order: Order, turn: Turn) -> CallResult:
        """Submit a new order to the exchange, or refuse it. The result is what happened to it at once."""
        exchange = self._runner.exchange
        account = exchange.office.ledger.account(self._external_id)
        assert account is not None
        arriving = to_venue_order(order, account, turn.at_ms, self._script_of(order))
        self._runner.seen.add(arriving.venue_order_id, order.created_at_ms)
        before = len(exchange.office.facts)
        acknowledgement = SENT
        reason = self._refusal(arriving, account)
        if reason is not None:
            exchange.office.reject(arriving, reason, turn.at_ms)
        else:
            acknowledgement = exchange.submit(arriving, turn.at_ms)
        own = self._facts_of(arriving.venue_order_id, before)
        match acknowledgement.delivery:
            case AckDelivery.LOST:
                reports: list[Report] = [self._unknown(order, "the acknowledgement was lost", turn.at_ms)]
                answered = own
            case AckDelivery.DOUBLED:
                reports, answered = self._reports(own), []
            case AckDelivery.FILLS_FIRST:
                answered = [fact for fact in own if _is_acknowledgement(fact)]
                reports = self._reports(answered)
            case AckDelivery.SENT:
                reports, answered = self._reports(own), own
        return CallResult(_SubmitReply(reports, acknowledgement, turn.at_ms), self._report_queue, answered)

    def _refusal(self, order: VenueOrder, account: VenueAccount) -> str | None:
        exchange = self._runner.exchange
        instrument, office = exchange.instruments.get(order.instrument_id), exchange.office
        reason = refusal(order, instrument, account)
        if reason is not None or instrument is None:
            return reason
        open_orders = office.open_orders_of(order.external_id, order.instrument_id)
        return refusal_by_limits(order, instrument, office.ledger.mark(order.instrument_id), open_orders)

    async def _delay(self, reply: _SubmitReply) -> None:
        """Delay the reply as its acknowledgement says. If the caller stops waiting, the stream delivers the reports."""
        try:
            if reply.acknowledgement.after_ms:
                await self._runner.clock.sleep_ms(reply.acknowledgement.after_ms)
            if reply.acknowledgement.delivery is AckDelivery.FILLS_FIRST:
                await self._report_queue.wait_idle()
        except asyncio.CancelledError:
            self._report_queue.note_gap(reply.at_ms)
            raise

    def _facts_of(self, venue_order_id: str, since: int) -> list[Fact]:
        """Return what a call did to an order, and what the insurance paid for it: a balance is only right after the
        fills before it."""
        facts = self._runner.exchange.office.facts[since:]
        return [
            fact
            for fact in facts
            if (
                fact.order.venue_order_id == venue_order_id
                if isinstance(fact, OrderFact)
                else fact.external_id == self._external_id
            )
        ]

    @staticmethod
    def _is_too_late(order: Order, now_ms: int) -> bool:
        return order.send_before_ms is not None and now_ms > order.send_before_ms

    def _is_dead(self, order: Order) -> bool:
        """Whether an order that the venue does not know cannot arrive any more: its deadline has passed, or it was
        recorded before this process ran the venue, and only this process could bring it."""
        now_ms = self._runner.clock.now_ms()
        return order.created_at_ms < self._runner.started_at_ms or self._is_too_late(order, now_ms)

    def _refuse_lastingly(self, order: Order, turn: Turn) -> list[Fact]:
        office = self._runner.exchange.office
        account = office.ledger.account(self._external_id)
        assert account is not None
        before = len(office.facts)
        arriving = to_venue_order(order, account, turn.at_ms)
        self._runner.seen.add(arriving.venue_order_id, order.created_at_ms)
        office.reject(arriving, RejectReason.NOT_FOUND_AT_VENUE.value, turn.at_ms)
        return self._facts_of(arriving.venue_order_id, before)

    def _snapshot_if_delivered(self, turn: Turn) -> AccountSnapshot | None:
        if not self._report_queue.is_idle:
            return None
        self._runner.end_instant()
        office, account_id = self._runner.exchange.office, self._account.id
        ledger, at_ms, as_of = office.ledger, turn.at_ms, office.as_of(turn.at_ms)
        return AccountSnapshot(
            balances=tuple(
                balance_report(
                    BalanceFact(
                        external_id=balance.owner, asset=balance.asset, total=balance.total, at_ms=at_ms, as_of=as_of
                    ),
                    account_id,
                    ledger.locked(balance.owner, balance.asset),
                )
                for balance in ledger.balances(self._external_id)
            ),
            positions=tuple(
                position_report(
                    position, self._runner.exchange.instruments[position.instrument_id], account_id, at_ms, as_of
                )
                for position in ledger.positions(self._external_id)
            ),
            open_orders=tuple(
                external_order_report(order, account_id, self._own_id(order))
                for order in office.open_orders(self._external_id)
            ),
            as_of=as_of,
            at_ms=at_ms,
        )

    def _own_id(self, order: VenueOrder) -> OrderId | None:
        return OrderId(order.order_id) if order.order_id is not None and order.account_id == self._account.id else None

    def _reports(self, facts: Sequence[Fact]) -> list[Report]:
        return [report for fact in facts for report in reports_of(fact, self._account.id)]

    def _identified(self, fact: OrderFact) -> list[Report]:
        """Return the reports of a fact of an order that the asker may not know: the acceptance says what it is."""
        if fact.kind is not FactKind.ACCEPTED:
            return reports_of(fact, self._account.id)
        return [external_order_report(fact.order, self._account.id, self._own_id(fact.order))]

    def _not_sent(self, order: Order, cause: str) -> NotSentReport:
        return NotSentReport(
            account_id=self._account.id,
            instrument_id=order.instrument_id,
            order_id=order.id,
            at_ms=self._runner.clock.now_ms(),
            recorded_at_ms=order.created_at_ms,
            cause=cause,
        )

    def _cancel_refused(self, order: Order, reason: str, at_ms: int) -> CancelRefusedReport:
        return CancelRefusedReport(
            account_id=self._account.id,
            instrument_id=order.instrument_id,
            order_id=order.id,
            at_ms=at_ms,
            refusal=CANCEL_REFUSALS[reason],
            reason=reason,
        )

    def _undetermined(self, order: Order, cause: str, at_ms: int) -> UndeterminedOutcomeReport:
        return UndeterminedOutcomeReport(
            account_id=self._account.id,
            instrument_id=order.instrument_id,
            order_id=order.id,
            at_ms=at_ms,
            cause=cause,
        )

    def _unknown(self, order: Order, cause: str, at_ms: int) -> UnknownOutcomeReport:
        return UnknownOutcomeReport(
            account_id=self._account.id,
            instrument_id=order.instrument_id,
            order_id=order.id,
            at_ms=at_ms,
            cause=cause,
        )


def _is_acknowledgement(fact: Fact) -> bool:
    return isinstance(fact, OrderFact) and fact.kind in (FactKind.ACCEPTED, FactKind.REJECTED)
