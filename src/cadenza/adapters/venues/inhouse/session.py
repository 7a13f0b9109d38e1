"""A session: trades for one account on a desk. Implements `ExecutionSession`."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from cadenza.adapters.venues.inhouse.desk import Answer, CallLost, Desk, Turn
from cadenza.adapters.venues.inhouse.floor import SENT, Acknowledgement, Reply
from cadenza.adapters.venues.inhouse.mapping import (
    balance_report,
    external_order_report,
    refusal,
    reports_of,
    to_venue_order,
    venue_order_id,
)
from cadenza.adapters.venues.inhouse.outbox import Outbox
from cadenza.adapters.venues.inhouse.reread import Reread
from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.ids import OrderId
from cadenza.domain.matching.records import BalanceFact, FactKind, OrderFact, VenueOrder
from cadenza.domain.trading.enums import RejectReason
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.position import Position
from cadenza.domain.trading.reports import CancelRefusedReport, RejectedReport, Report, UnknownOutcomeReport
from cadenza.ports.venue import AccountSnapshot, VenuePosition


@dataclass(frozen=True, slots=True)
class _Told:
    """What the reply to a submit says, how it fares, and the venue's time."""

    reports: list[Report]
    acknowledgement: Acknowledgement
    at_ms: int


class InHouseSession:
    """What a reply says is not said again by the stream, unless the caller had left before the reply came."""

    def __init__(
        self, desk: Desk, account: TradingAccount, outbox: Outbox, prefix: str, script_of: Callable[[Order], str | None]
    ) -> None:
        self._desk = desk
        self._account = account
        self._external_id = account.external.external_id
        self._outbox = outbox
        self._prefix = prefix
        self._script_of = script_of

    # Orders

    async def submit(self, order: Order) -> Sequence[Report]:
        id = venue_order_id(self._prefix, order.id)

        def work(turn: Turn) -> Answer:
            known = self._desk.find(turn, id)
            if known:  # asked twice: the answer is what became of the first
                return Answer(_Told(self._reports(known), SENT, turn.at_ms))
            return self._execute(order, turn)

        delay_ms = self._desk.floor.delay_ms(order, is_cancel=False)
        try:
            told: _Told = await self._desk.call(work, order_ids=(id,), lane=self._external_id, delay_ms=delay_ms)
        except VenueUnavailable:
            return [self._rejected(order, RejectReason.NOT_SENT.value, self._desk.clock.now_ms())]
        except CallLost as error:
            return [self._unknown(order, str(error), self._desk.clock.now_ms())]
        await self._travel(told)
        return told.reports

    async def cancel(self, order: Order) -> Sequence[Report]:
        """An order that is not there is buried, as by `lookup`: the wish is then fulfilled for ever."""
        id = self._id_at_venue(order)

        def work(turn: Turn) -> Answer:
            facts = self._desk.floor.office.facts
            before = len(facts)
            working = self._desk.floor.office.order(id)
            if working is not None and working.is_open:
                self._desk.floor.cancel(working, turn.at_ms)
                own = [f for f in facts[before:] if isinstance(f, OrderFact) and f.order.venue_order_id == id]
                return Answer(self._reports(own), self._outbox, own)
            known = self._desk.find(turn, id)
            if known:
                return Answer([*self._reports(known), self._cancel_refused(order, "ALREADY_CLOSED", turn.at_ms)])
            buried = self._bury(order, turn)
            refused = self._cancel_refused(order, "UNKNOWN_ORDER", turn.at_ms)
            return Answer([*self._reports(buried), refused], self._outbox, buried)

        delay_ms = self._desk.floor.delay_ms(order, is_cancel=True)
        try:
            reports: Sequence[Report] = await self._desk.call(
                work, order_ids=(id,), lane=self._external_id, delay_ms=delay_ms
            )
        except VenueUnavailable:
            return []  # nothing was asked, so nobody refused: the wish stays, and is told again
        except CallLost as error:
            return [self._unknown(order, str(error), self._desk.clock.now_ms())]
        return reports

    async def lookup(self, orders: Sequence[Order]) -> Sequence[Report]:
        """Return all that is known. What is not gets a lasting refusal under its id, so that it cannot arrive later."""
        ids = [self._id_at_venue(order) for order in orders]

        def work(turn: Turn) -> Answer:
            facts: list[OrderFact] = []
            own: list[OrderFact] = []
            for order, id in zip(orders, ids, strict=True):
                known = self._desk.find(turn, id)
                if not known:
                    known = self._bury(order, turn)
                    own.extend(known)
                facts.extend(known)
            return Answer(self._reports(facts), self._outbox, own)

        try:
            reports: Sequence[Report] = await self._desk.call(work, order_ids=tuple(ids), lane=self._external_id)
        except (VenueUnavailable, CallLost) as error:
            return [self._unknown(order, str(error), self._desk.clock.now_ms()) for order in orders]
        return reports

    # The account

    def replay(self, since_ms: int) -> AsyncIterator[Sequence[Report]]:
        desk = self._desk
        return Reread(desk.ledger, self._external_id, self._account.id, since_ms, desk.clock).pieces()

    async def snapshot(self) -> AccountSnapshot:
        """Waits until the sink was told what happened before. Raises `VenueUnavailable`."""
        while True:
            await self._outbox.wait_idle()
            try:
                snapshot = await self._desk.call(
                    lambda turn: Answer(self._snapshot_if_told(turn)), is_after_commit=True
                )
            except CallLost as error:
                raise VenueUnavailable(str(error)) from error
            if snapshot is not None:
                assert isinstance(snapshot, AccountSnapshot)
                return snapshot

    def is_caught_up(self) -> bool:
        return self._outbox.is_idle

    async def close(self) -> None:
        outboxes = self._desk.outboxes.get(self._external_id, [])
        if self._outbox in outboxes:
            outboxes.remove(self._outbox)
        if not outboxes:
            self._desk.outboxes.pop(self._external_id, None)
        await self._outbox.close()

    # Helpers

    def _execute(self, order: Order, turn: Turn) -> Answer:
        """Hand a new order to the floor, or refuse it; the answer is what became of it at once."""
        floor = self._desk.floor
        account = floor.office.ledger.account(self._external_id)
        assert account is not None
        arriving = to_venue_order(order, self._prefix, account, turn.at_ms, self._script_of(order))
        before = len(floor.office.facts)
        acknowledgement = SENT
        reason = refusal(arriving, floor.instruments.get(order.instrument_id), account)
        if reason is not None:
            floor.office.reject(arriving, reason.value, turn.at_ms)
        else:
            acknowledgement = floor.submit(arriving, turn.at_ms)
        own = self._facts_of(arriving, before)
        match acknowledgement.reply:
            case Reply.LOST:
                reports: list[Report] = [self._unknown(order, "the acknowledgement was lost", turn.at_ms)]
                answered = own
            case Reply.DOUBLED:
                reports, answered = self._reports(own), []
            case Reply.FILLS_FIRST:
                answered = [fact for fact in own if fact.kind in (FactKind.ACCEPTED, FactKind.REJECTED)]
                reports = self._reports(answered)
            case Reply.SENT:
                reports, answered = self._reports(own), own
        return Answer(_Told(reports, acknowledgement, turn.at_ms), self._outbox, answered)

    async def _travel(self, told: _Told) -> None:
        """Hold the reply back as its acknowledgement says. Who does not wait for it is told by the stream."""
        try:
            if told.acknowledgement.after_ms:
                await self._desk.clock.sleep_ms(told.acknowledgement.after_ms)
            if told.acknowledgement.reply is Reply.FILLS_FIRST:
                await self._outbox.wait_idle()
        except asyncio.CancelledError:
            self._outbox.miss(told.at_ms)
            raise

    def _facts_of(self, order: VenueOrder, since: int) -> list[OrderFact]:
        facts = self._desk.floor.office.facts[since:]
        return [f for f in facts if isinstance(f, OrderFact) and f.order.venue_order_id == order.venue_order_id]

    def _id_at_venue(self, order: Order) -> str:
        """Ours follow from our id; an order that was placed elsewhere has the id by which the venue told of it."""
        if order.is_external and order.venue_order_id is not None:
            return order.venue_order_id
        return venue_order_id(self._prefix, order.id)

    def _bury(self, order: Order, turn: Turn) -> list[OrderFact]:
        office = self._desk.floor.office
        account = office.ledger.account(self._external_id)
        assert account is not None
        before = len(office.facts)
        arriving = to_venue_order(order, self._prefix, account, turn.at_ms)
        office.reject(arriving, RejectReason.NOT_FOUND_AT_VENUE.value, turn.at_ms)
        return self._facts_of(arriving, before)

    def _snapshot_if_told(self, turn: Turn) -> AccountSnapshot | None:
        if not self._outbox.is_idle:
            return None
        self._desk.end_instant()
        ledger, account_id = self._desk.floor.office.ledger, self._account.id
        balances = (
            BalanceFact(external_id=self._external_id, asset=balance.asset, total=balance.total, at_ms=turn.at_ms)
            for balance in ledger.balances(self._external_id)
        )
        return AccountSnapshot(
            balances=tuple(balance_report(balance, account_id) for balance in balances),
            positions=tuple(_venue_position(position) for position in ledger.positions(self._external_id)),
            open_orders=tuple(
                external_order_report(order, account_id, self._own_id(order))
                for order in self._desk.floor.office.open_orders(self._external_id)
            ),
            at_ms=turn.at_ms,
        )

    def _own_id(self, order: VenueOrder) -> OrderId | None:
        return OrderId(order.order_id) if order.order_id is not None and order.account_id == self._account.id else None

    def _reports(self, facts: Sequence[OrderFact]) -> list[Report]:
        return [report for fact in facts for report in reports_of(fact, self._account.id)]

    def _rejected(self, order: Order, reason: str, at_ms: int) -> RejectedReport:
        return RejectedReport(
            account_id=self._account.id, order_id=order.id, venue_order_id=None, at_ms=at_ms, reason=reason
        )

    def _cancel_refused(self, order: Order, reason: str, at_ms: int) -> CancelRefusedReport:
        return CancelRefusedReport(
            account_id=self._account.id, order_id=order.id, venue_order_id=None, at_ms=at_ms, reason=reason
        )

    def _unknown(self, order: Order, cause: str, at_ms: int) -> UnknownOutcomeReport:
        return UnknownOutcomeReport(
            account_id=self._account.id, order_id=order.id, venue_order_id=None, at_ms=at_ms, cause=cause
        )


def _venue_position(position: Position) -> VenuePosition:
    return VenuePosition(
        instrument_id=position.instrument_id,
        side=position.side,
        quantity=position.quantity,
        entry_price=position.entry_price,
        leverage=position.leverage,
    )
