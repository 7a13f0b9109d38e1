"""The working state of one batch: the loaded rows, changed in memory, and a record of the changes.

Decisions run one after another on this state, so each sees the effect of those before it. Whoever makes a decision
takes a `savepoint` first, and rolls back to it when the decision is refused. So a refusal leaves the state as it was,
whatever the decision had changed before it was refused.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from uuid import UUID

from cadenza.domain.accounts.balance import Balance
from cadenza.domain.accounts.operation import Operation, OperationStatus
from cadenza.domain.accounts.trading_account import PositionSide, TradingAccount
from cadenza.domain.errors import InstrumentNotFound, InstrumentNotTradable, TradingAccountNotFound
from cadenza.domain.evolve import evolve
from cadenza.domain.identity.origin import PLATFORM, Origin
from cadenza.domain.ids import ExecutionId, InstrumentId, OrderId, PositionId, TradingAccountId, VenueId
from cadenza.domain.market.book_messages import BookSnapshot
from cadenza.domain.market.instrument import Instrument, TopOfBook
from cadenza.domain.money import ZERO
from cadenza.domain.trading.claims import Claim, Claims
from cadenza.domain.trading.contradictions import names_another
from cadenza.domain.trading.events import AccountEvent, EventBody, OrderUpdated
from cadenza.domain.trading.execution import Execution
from cadenza.domain.trading.journal import Journal
from cadenza.domain.trading.kept import KeepReason, KeptReport
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.position import Position, PositionStatus
from cadenza.domain.trading.recognition import awaits, means
from cadenza.domain.trading.reports import AcceptedReport, OrderReport, Report
from cadenza.domain.trading.venue_spec import Books, VenueSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a decision may use besides its rows: the venues' specs, the catalogue, fresh prices, the time of the batch
    and new ids. `spec` raises `VenueNotSupported` for a venue that has no connector. `rate` returns how many units of a
    currency (the last argument) a unit of an asset is worth at a venue, by fresh prices; None when that is unknown."""

    spec: Callable[[VenueId], VenueSpec]
    instrument: Callable[[InstrumentId], Instrument | None]
    top: Callable[[InstrumentId], TopOfBook | None]
    book: Callable[[InstrumentId], BookSnapshot | None]
    rate: Callable[[VenueId, str, str], Decimal | None]
    new_id: Callable[[], UUID]
    now_ms: int


@dataclass(slots=True)
class Changed:
    """The changes of a batch that must be written."""

    created: dict[OrderId, Order] = field(default_factory=dict)
    updated: dict[OrderId, Order] = field(default_factory=dict)
    executions: dict[ExecutionId, Execution] = field(default_factory=dict)
    balances: dict[tuple[TradingAccountId, str], None] = field(default_factory=dict)
    positions: dict[PositionId, Position] = field(default_factory=dict)
    accounts: dict[TradingAccountId, None] = field(default_factory=dict)
    portfolios: dict[TradingAccountId, None] = field(default_factory=dict)
    """Accounts with a changed balance or position."""
    events: list[AccountEvent] = field(default_factory=list)
    kept: list[KeptReport] = field(default_factory=list)
    taken: list[KeptReport] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Savepoint:
    """The state at one moment: places in the journal and in the lists that only grow, and the lists that are replaced
    and never changed."""

    mark: int
    events: int
    operations: int
    kept: list[KeptReport]
    changed_kept: list[KeptReport]
    taken: list[KeptReport]


class TradingState:
    """Accounts with their balances and open positions, and the orders that the batch names."""

    def __init__(
        self,
        world: World,
        accounts: Iterable[TradingAccount],
        balances: Iterable[Balance],
        positions: Iterable[Position],
        orders: Iterable[Order],
        kept: Sequence[KeptReport] = (),
        claims: Iterable[Claim] = (),
        limiting: Collection[TradingAccountId] = (),
    ) -> None:
        self.world = world
        self.origin: Origin = PLATFORM
        """The author of the changes that are being decided. Their events carry it."""
        self.changed = Changed()
        self._kept = list(kept)
        self._journal = Journal()
        self.claims = Claims(claims, self._journal)
        self._accounts = {account.id: account for account in accounts}
        self._claiming = {account.id for account in self._accounts.values() if account.needs_claims}.union(limiting)
        """Accounts whose claims are known, if the batch may create orders in them."""
        self._balances: dict[TradingAccountId, dict[str, Balance]] = {}
        for balance in balances:
            self._balances.setdefault(balance.account_id, {})[balance.asset] = balance
        self._positions: dict[tuple[TradingAccountId, InstrumentId, PositionSide], Position] = {}
        self._newest_words: dict[tuple[TradingAccountId, InstrumentId, PositionSide], Position] = {}
        """The positions as the venue reported them last, the closed ones too."""
        for position in positions:
            self._index_position(position)
        self._orders: dict[OrderId, Order] = {}
        self._unrecorded: dict[OrderId, dict[ExecutionId, Execution]] = {}
        """Orders whose current state is in no event yet, each with the executions that are in no event yet."""
        self._complete: dict[TradingAccountId, int] = {}
        self._incomplete: dict[TradingAccountId, int] = {}
        self._by_client: dict[tuple[TradingAccountId, str], OrderId] = {}
        self._by_key: dict[tuple[TradingAccountId, str], OrderId] = {}
        self._by_sent: dict[tuple[TradingAccountId, str], OrderId] = {}
        self._by_venue: dict[tuple[TradingAccountId, InstrumentId, str], OrderId] = {}
        for order in orders:
            self._index(order)

    # --- reading

    def account(self, account_id: TradingAccountId) -> TradingAccount:
        account = self._accounts.get(account_id)
        if account is None:
            raise TradingAccountNotFound("there is no such trading account")
        return account

    def spec_of(self, account: TradingAccount) -> VenueSpec:
        """Return the spec of the account's venue."""
        return self.world.spec(account.venue_id)

    def books_of(self, account: TradingAccount) -> Books:
        """Return who keeps the account's balances and positions. For an account type that the venue does not have (any
        more) the answer is VENUE: our ledger moves no money for it."""
        return self.spec_of(account).books_of(account.external.type) or Books.VENUE

    def require_traded(self, account: TradingAccount, instrument: Instrument) -> None:
        """Raise `InstrumentNotTradable` unless accounts of this type trade such instruments at their venue."""
        type = account.external.type
        if not self.spec_of(account).trades(type, instrument.type):
            raise InstrumentNotTradable(
                f"{instrument.id} is {instrument.type.value}, which a {type.value} account does not trade",
                {"instrumentType": instrument.type.value, "accountType": type.value},
            )

    def balance(self, account_id: TradingAccountId, asset: str) -> Balance:
        """Return the balance; one of zero when the account never held the asset."""
        held = self._balances.get(account_id, {}).get(asset)
        return held or Balance(account_id=account_id, asset=asset, updated_at_ms=self.world.now_ms)

    def balances(self, account_id: TradingAccountId) -> list[Balance]:
        return list(self._balances.get(account_id, {}).values())

    def position(
        self, account_id: TradingAccountId, instrument_id: InstrumentId, side: PositionSide
    ) -> Position | None:
        """Return the open position of that row."""
        return self._positions.get((account_id, instrument_id, side))

    def newest_word(
        self, account_id: TradingAccountId, instrument_id: InstrumentId, side: PositionSide
    ) -> Position | None:
        """Return the position as the venue's newest report on that row left it, open or closed; None without a
        report."""
        return self._newest_words.get((account_id, instrument_id, side))

    def positions(self, account_id: TradingAccountId) -> list[Position]:
        """Return the open positions of an account."""
        return [position for key, position in self._positions.items() if key[0] == account_id]

    def order(self, order_id: OrderId) -> Order | None:
        return self._orders.get(order_id)

    def order_by_client_id(self, account_id: TradingAccountId, client_order_id: str) -> Order | None:
        order_id = self._by_client.get((account_id, client_order_id))
        return None if order_id is None else self._orders[order_id]

    def order_by_key(self, account_id: TradingAccountId, idempotency_key: str) -> Order | None:
        order_id = self._by_key.get((account_id, idempotency_key))
        return None if order_id is None else self._orders[order_id]

    def order_by_sent_id(self, account_id: TradingAccountId, sent_id: str) -> Order | None:
        order_id = self._by_sent.get((account_id, sent_id))
        return None if order_id is None else self._orders[order_id]

    def order_by_venue_id(self, like: Order, venue_order_id: str) -> Order | None:
        """Return the order of the same account and instrument as this one that the venue calls so, or called so."""
        order_id = self._by_venue.get((like.account_id, like.instrument_id, venue_order_id))
        return None if order_id is None else self._orders[order_id]

    def order_of(self, report: OrderReport) -> Order | None:
        """Return the order that a report names: by the order id, else by `sent_id` unless it means another one
        (`means`), else by `venue_order_id` within the report's instrument, else by the
        `former_venue_order_id` of an acceptance."""
        order_id = report.order_id
        if order_id is None and report.sent_id is not None:
            sent = self.order_by_sent_id(report.account_id, report.sent_id)
            order_id = sent.id if sent is not None and self._means(sent, report) else None
        if order_id is None and report.venue_order_id is not None:
            order_id = self._by_venue.get((report.account_id, report.instrument_id, report.venue_order_id))
        if order_id is None and isinstance(report, AcceptedReport) and report.former_venue_order_id is not None:
            order_id = self._by_venue.get((report.account_id, report.instrument_id, report.former_venue_order_id))
        order = None if order_id is None else self._orders.get(order_id)
        return order if order is not None and order.account_id == report.account_id else None

    def _means(self, order: Order, report: OrderReport) -> bool:
        """Whether a report that names the order by our id means it. Where others may give out our ids, it does not if
        it states the venue's id of another order."""
        spec = self.spec_of(self.account(order.account_id))
        if spec.sent_id.is_shared and self.other_with_id_of(order, report) is not None:
            return False
        return means(order, report, spec)

    def is_awaited(self, report: OrderReport) -> bool:
        """Return whether the report, which means no known order, may turn out to mean one of ours (`awaits`)."""
        sent = None if report.sent_id is None else self.order_by_sent_id(report.account_id, report.sent_id)
        return sent is not None and awaits(sent, report, self.spec_of(self.account(sent.account_id)))

    def other_with_id_of(self, order: Order, report: OrderReport) -> Order | None:
        """Return the other order of the account and instrument that has the venue's id which the report gives this one;
        None when there is none, as far as it is loaded, or when this order has an id already."""
        if order.venue_order_id is not None or report.venue_order_id is None:
            return None
        other_id = self._by_venue.get((order.account_id, order.instrument_id, report.venue_order_id))
        other = None if other_id is None else self._orders[other_id]
        is_other = other is not None and other.id != order.id and other.venue_order_id == report.venue_order_id
        return other if is_other else None

    # --- undoing

    def savepoint(self) -> Savepoint:
        """Return the state at this moment, for `roll_back`. Cheap: no row is copied."""
        return Savepoint(
            mark=self._journal.mark(),
            events=len(self.changed.events),
            operations=len(self.changed.operations),
            kept=self._kept,
            changed_kept=self.changed.kept,
            taken=self.changed.taken,
        )

    def roll_back(self, savepoint: Savepoint) -> None:
        """Undo everything that was changed since the savepoint. Savepoints that were taken later are void."""
        self._journal.undo(savepoint.mark)
        del self.changed.events[savepoint.events :]
        del self.changed.operations[savepoint.operations :]
        self._kept = savepoint.kept
        self.changed.kept = savepoint.changed_kept
        self.changed.taken = savepoint.taken

    # --- changing

    def put_order(self, order: Order) -> None:
        """Put a new or changed order; `record_order_events` writes it to the account's log."""
        order = order.with_doubt_dated(self.world.now_ms)
        self._save_order(order)
        self._unrecorded_of(order.id)
        if order.account_id in self._claiming:
            self.claims.move(self._orders.get(order.id), order)
        self._index(order)

    def note_order(self, order: Order) -> None:
        """Save an order in which nothing changed that anybody is shown. The account gets a new version, and nothing is
        published."""
        self._save_order(order)
        self._index(order)
        self._journal.put(self.changed.accounts, order.account_id, None)

    def record_order_events(self) -> None:
        """Append one event for each order that changed since the last call. So a decision makes one event per order,
        with all the executions that it added."""
        for order_id, added in list(self._unrecorded.items()):
            order = self._orders[order_id]
            self.emit(order.account_id, OrderUpdated.of(order, list(added.values())))
            self._journal.drop(self._unrecorded, order_id)

    def act_for(self, origin: Origin) -> None:
        """Note that `origin` causes the changes from now on. The events of earlier changes are appended first."""
        if origin is not self.origin:
            self.record_order_events()
            self.origin = origin

    def put_execution(self, execution: Execution) -> None:
        """Record a new or corrected execution. The caller also puts its order."""
        self._journal.put(self.changed.executions, execution.id, execution)
        self._journal.put(self._unrecorded_of(execution.order_id), execution.id, execution)

    def change_balance(
        self, account_id: TradingAccountId, asset: str, *, total: Decimal = ZERO, locked: Decimal = ZERO
    ) -> None:
        if total == 0 and locked == 0:
            return
        changed = self.balance(account_id, asset).changed(total=total, locked=locked, at_ms=self.world.now_ms)
        self.put_balance(changed)

    def put_balance(self, balance: Balance) -> None:
        held = self._balances.get(balance.account_id)
        if held is None:
            held = {}
            self._journal.put(self._balances, balance.account_id, held)
        self._journal.put(held, balance.asset, balance)
        self._journal.put(self.changed.balances, (balance.account_id, balance.asset), None)
        self._change_portfolio(balance.account_id)

    def put_position(self, position: Position) -> None:
        """Record a changed position. A closed position is no longer among the open ones."""
        self._index_position(position)
        self._journal.put(self.changed.positions, position.id, position)
        self._change_portfolio(position.account_id)

    def put_account(self, account: TradingAccount) -> None:
        self._journal.put(self._accounts, account.id, account)
        self._journal.put(self.changed.accounts, account.id, None)

    def keep(self, report: Report, reason: KeepReason, detail: str = "") -> None:
        """Keep a report that cannot be applied. The account gets a new version, and nothing is published. A report that
        was taken out to be tried again returns to its place."""
        stays = next((kept for kept in self.changed.taken if kept.report == report), None)
        if stays is not None:
            self.changed.taken = [taken for taken in self.changed.taken if taken is not stays]
            self._kept = [*self._kept, stays]
            return
        kept = KeptReport(report=report, reason=reason, detail=detail, kept_at_ms=self.world.now_ms)
        self.changed.kept = [*self.changed.kept, kept]
        self._journal.put(self.changed.accounts, report.account_id, None)

    def take_kept(self, order: Order) -> list[Report]:
        """Return the kept reports about this order that may be applicable now; those of this batch come last. They are
        no longer kept: the caller applies them, and those that still cannot be applied are kept again."""
        taken = [kept for kept in self._kept if _is_about(kept, order)]
        of_batch = [kept for kept in self.changed.kept if _is_about(kept, order)]
        self._kept = [kept for kept in self._kept if kept not in taken]
        self.changed.kept = [kept for kept in self.changed.kept if kept not in of_batch]
        self.changed.taken = [*self.changed.taken, *taken]
        return [kept.report for kept in (*taken, *of_batch)]

    def finish_operation(self, operation: Operation, failure: str | None = None) -> None:
        """End a PENDING operation in the same transaction as its changes."""
        status = OperationStatus.SUCCESS if failure is None else OperationStatus.FAILED
        self.changed.operations.append(
            replace(operation, status=status, finished_at_ms=self.world.now_ms, failure=failure)
        )

    def emit(self, account_id: TradingAccountId, body: EventBody) -> None:
        """Append an event to the account's log."""
        account = self._accounts[account_id]
        sequence = account.last_sequence + 1
        self.put_account(evolve(account, last_sequence=sequence))
        self.changed.events.append(
            AccountEvent(
                account_id=account_id,
                tenant_id=account.tenant_id,
                sequence=sequence,
                at_ms=self.world.now_ms,
                body=body,
                origin=self.origin,
            )
        )

    def changed_balances(self) -> list[Balance]:
        return [self._balances[account_id][asset] for account_id, asset in self.changed.balances]

    def complete_until(self, account_id: TradingAccountId, until_ms: int) -> None:
        """Note that everything which the account's venue reported up to `until_ms` has been applied. It is written
        together with other changes of the account, and never alone. An instant ahead of our clock is replaced by our
        time."""
        until_ms = min(until_ms, self.world.now_ms, self._incomplete.get(account_id, until_ms))
        self._journal.put(self._complete, account_id, max(self._complete.get(account_id, 0), until_ms))

    def move_complete_until(self, account_id: TradingAccountId, until_ms: int) -> None:
        """Like `complete_until`, and written also when nothing else changes in the account. The account gets a new
        version, and nothing is published."""
        self.complete_until(account_id, until_ms)
        account = self.account(account_id)
        if self._with_completeness(account) is not account:
            self.put_account(account)

    def incomplete_since(self, account_id: TradingAccountId, since_ms: int) -> None:
        """Note that what the account's venue reported since `since_ms` may have been missed. It is asked for again from
        then on, also after a crash, whatever else of this batch says that the news is complete."""
        since_ms = min(since_ms, self._incomplete.get(account_id, since_ms))
        self._journal.put(self._incomplete, account_id, since_ms)
        self._journal.put(self._complete, account_id, min(since_ms, self._complete.get(account_id, since_ms)))
        account = self.account(account_id)
        if account.complete_until_ms is None or account.complete_until_ms <= since_ms:
            return
        self.put_account(evolve(account, complete_until_ms=since_ms))

    def changed_accounts(self) -> list[TradingAccount]:
        return [self._with_completeness(self._accounts[account_id]) for account_id in self.changed.accounts]

    def known_instrument(self, instrument_id: InstrumentId) -> Instrument:
        """Return an instrument. Raises `InstrumentNotFound` when the catalogue does not have it, because it cannot be
        valued then."""
        instrument = self.world.instrument(instrument_id)
        if instrument is None:
            raise InstrumentNotFound(
                f"the catalogue has no {instrument_id}; sync the venue's instruments", {"instrumentId": instrument_id}
            )
        return instrument

    def instruments_of(self, account_id: TradingAccountId) -> Mapping[InstrumentId, Instrument]:
        """Return the instruments of the account's open positions."""
        found = {p.instrument_id: self.world.instrument(p.instrument_id) for p in self.positions(account_id)}
        return {instrument_id: instrument for instrument_id, instrument in found.items() if instrument is not None}

    def _save_order(self, order: Order) -> None:
        if order.id not in self._orders or order.id in self.changed.created:
            self._journal.put(self.changed.created, order.id, order)
        else:
            self._journal.put(self.changed.updated, order.id, order)

    def _unrecorded_of(self, order_id: OrderId) -> dict[ExecutionId, Execution]:
        added = self._unrecorded.get(order_id)
        if added is None:
            added = {}
            self._journal.put(self._unrecorded, order_id, added)
        return added

    def _change_portfolio(self, account_id: TradingAccountId) -> None:
        """Note the change of a balance or position. The account gets a new version, although this is no event."""
        self._journal.put(self.changed.portfolios, account_id, None)
        self._journal.put(self.changed.accounts, account_id, None)

    def _with_completeness(self, account: TradingAccount) -> TradingAccount:
        until_ms = self._complete.get(account.id)
        if until_ms is None or account.adopted_at_ms is None or until_ms <= (account.complete_until_ms or 0):
            return account
        return evolve(account, complete_until_ms=until_ms)

    def _index_position(self, position: Position) -> None:
        key = (position.account_id, position.instrument_id, position.side)
        if position.status is PositionStatus.OPEN:
            self._journal.put(self._positions, key, position)
        elif (known := self._positions.get(key)) is not None and known.id == position.id:
            self._journal.drop(self._positions, key)
        word = self._newest_words.get(key)
        if position.as_of and (word is None or position.as_of >= word.as_of):
            self._journal.put(self._newest_words, key, position)
        self.claims.know_position(position.id, position.side)

    def _index(self, order: Order) -> None:
        put = self._journal.put
        former = self._orders.get(order.id)
        put(self._orders, order.id, order)
        if former is not None and _names(former) == _names(order):
            return
        if order.client_order_id is not None:
            put(self._by_client, (order.account_id, order.client_order_id), order.id)
        if order.idempotency_key is not None:
            put(self._by_key, (order.account_id, order.idempotency_key), order.id)
        if order.sent_id is not None:
            put(self._by_sent, (order.account_id, order.sent_id), order.id)
        for venue_order_id in (*order.former_venue_order_ids, order.venue_order_id):
            if venue_order_id is not None:
                put(self._by_venue, (order.account_id, order.instrument_id, venue_order_id), order.id)


def _names(order: Order) -> tuple[str | None, str | None, tuple[str, ...]]:
    """Return the names by which the order is found and which may change."""
    return order.sent_id, order.venue_order_id, order.former_venue_order_ids


def _is_about(kept: KeptReport, order: Order) -> bool:
    """Whether a kept report names the order, and may be applied by now."""
    report = kept.report
    if not isinstance(report, OrderReport) or not kept.reason.is_curable or report.account_id != order.account_id:
        return False
    if report.order_id is not None:
        return report.order_id == order.id
    if report.sent_id is not None and report.sent_id == order.sent_id:
        return not names_another(order, report)
    names = (order.venue_order_id, *order.former_venue_order_ids)
    is_named = report.venue_order_id is not None and report.venue_order_id in names
    return is_named and report.instrument_id == order.instrument_id
