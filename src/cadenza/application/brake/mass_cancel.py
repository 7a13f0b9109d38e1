"""Cancel many orders at once.

The orders are selected and recorded in one transaction. Then the requests to cancel are committed, many at a time, and
the cancels of an account go out together; pacing lets cancels overtake new orders. A request without an answer is sent
again like any other (`orders/inquire.py`). A mass cancel has finished when all of its orders are closed; until then its
orders that are open, and whose cancel was refused, are tried again after growing pauses, also after a restart.
"""

from collections import defaultdict
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass

from cadenza.application.market_data.catalogue import Catalogue
from cadenza.application.orders.backoff import Backoff
from cadenza.application.orders.committer import Committer
from cadenza.application.orders.held_orders import HeldOrders
from cadenza.application.orders.send_cancel import SendCancel
from cadenza.application.tenancy import require_own_account
from cadenza.domain.errors import InstrumentNotFound, MassCancelNotFound
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.identity.origin import Origin
from cadenza.domain.ids import InstrumentId, MassCancelId, OrderId, TradingAccountId
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.cancel import Cancellation
from cadenza.domain.trading.events import MassCanceled
from cadenza.domain.trading.mass_cancel import MassCancel, MassCancelOutcome, OrderSelection, decide_mass_cancel
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.state import TradingState
from cadenza.ports.clock import Clock
from cadenza.ports.concurrency import Concurrency, Promise
from cadenza.ports.ids import Ids
from cadenza.ports.storage import Storage, UnitOfWork
from cadenza.ports.storage.brake import OrderToCancel
from cadenza.ports.storage.trading import BatchKeys

ANSWER_MS_MAX = 1_000
"""How long a mass cancel waits for the venues before it answers with what it knows."""

ORDERS_PER_COMMIT_MAX = 1_000
"""The most orders of an account whose requests to cancel are recorded, and sent, at a time."""

MASS_CANCELS_PER_ROUND_MAX = 100
"""The most unfinished mass cancels that one round looks at. The next round continues with the following ones."""

ORDERS_SHOWN_MAX = 1_000
"""How many orders the answer lists; the rest are on the pages of `GetMassCancel`."""


@dataclass(frozen=True, slots=True)
class CancelMany:
    """The change: record the requests to cancel those of the orders that are open."""

    account_id: TradingAccountId
    order_ids: Sequence[OrderId]

    def name_keys(self, keys: BatchKeys) -> None:
        keys.accounts.add(self.account_id)
        keys.orders.update(self.order_ids)

    def decide(self, state: TradingState) -> Sequence[Cancellation]:
        return decide_mass_cancel(state, self.account_id, self.order_ids)


@dataclass(frozen=True, slots=True)
class EndMassCancel:
    """The change: write into an account's log that its orders of a mass cancel are closed."""

    account_id: TradingAccountId
    mass_cancel_id: MassCancelId
    outcome: MassCancelOutcome

    def name_keys(self, keys: BatchKeys) -> None:
        keys.accounts.add(self.account_id)

    def decide(self, state: TradingState) -> None:
        account = state.account(self.account_id)
        event = MassCanceled(account=account, mass_cancel_id=self.mass_cancel_id, counts=self.outcome.counts)
        state.emit(account.id, event)


class CancelOrders:
    """Carries mass cancels out. `begin` is called in the transaction of whatever wants the orders canceled."""

    def __init__(
        self,
        *,
        storage: Storage,
        committer: Committer,
        held: HeldOrders,
        send_cancel: SendCancel,
        clock: Clock,
        ids: Ids,
        concurrency: Concurrency,
    ) -> None:
        self._storage = storage
        self._committer = committer
        self._held = held
        self._send_cancel = send_cancel
        self._clock = clock
        self._ids = ids
        self._concurrency = concurrency
        self._pauses: Backoff[MassCancelId] = Backoff()
        self._running: set[MassCancelId] = set()
        self._asked: set[OrderId] = set()
        """Orders whose cancel is on its way: another mass cancel of the same orders does not send it again."""
        self._after: MassCancelId | None = None

    async def begin(self, uow: UnitOfWork, selection: OrderSelection, origin: Origin) -> MassCancel:
        """Record a mass cancel of the selected orders. It starts when `run` is called after the commit, and at the
        latest in a later round."""
        mass_cancel = MassCancel(
            id=MassCancelId(self._ids.new()),
            selection=selection,
            origin=origin,
            requested_at_ms=self._clock.now_ms(),
        )
        await uow.brake.add_mass_cancel(mass_cancel)
        return mass_cancel

    async def run(self, mass_cancel_id: MassCancelId) -> None:
        """Send the cancels, and return when the venues have answered, at the latest after `ANSWER_MS_MAX`. The work
        goes on."""
        await self.start(mass_cancel_id).wait_for(ANSWER_MS_MAX)

    def start(self, mass_cancel_id: MassCancelId) -> Promise[None]:
        """Send the cancels. The promise is settled when the venues have answered, or have not answered in time."""
        done: Promise[None] = self._concurrency.promise()
        self._running.add(mass_cancel_id)
        self._concurrency.spawn(f"mass cancel {mass_cancel_id}", self._cancel(mass_cancel_id, done))
        return done

    async def tick(self) -> None:
        """Finish the mass cancels whose orders are closed, and go on with the others."""
        async with self._storage.read() as uow:
            ids = await uow.brake.unfinished_mass_cancels(self._after, MASS_CANCELS_PER_ROUND_MAX)
        self._after = ids[-1] if len(ids) == MASS_CANCELS_PER_ROUND_MAX else None
        due = set(self._pauses.due(ids, self._clock.monotonic_ms()))
        for mass_cancel_id in ids:
            if mass_cancel_id in self._running or await self._finish(mass_cancel_id):
                continue
            if mass_cancel_id in due:
                self.start(mass_cancel_id)

    async def _cancel(self, mass_cancel_id: MassCancelId, done: Promise[None]) -> None:
        try:
            self._pauses.tried([mass_cancel_id], self._clock.monotonic_ms())
            async with self._storage.read() as uow:
                mass_cancel = await uow.brake.get_mass_cancel(mass_cancel_id)
                account_ids = await uow.brake.accounts_to_cancel(mass_cancel_id)
            if mass_cancel is not None:
                await self._concurrency.gather(*(self._cancel_in(mass_cancel, each) for each in account_ids))
            await self._finish(mass_cancel_id)
        finally:
            self._running.discard(mass_cancel_id)
            done.resolve(None)

    async def _cancel_in(self, mass_cancel: MassCancel, account_id: TradingAccountId) -> None:
        """Cancel what is open in one account, a page at a time."""
        after: OrderToCancel | None = None
        while True:
            async with self._storage.read() as uow:
                page = await uow.brake.orders_to_cancel(
                    mass_cancel.id, account_id, after=after, limit=ORDERS_PER_COMMIT_MAX
                )
            if not page:
                return
            order_ids = [each.order_id for each in page]
            decided = await self._committer.commit(CancelMany(account_id, order_ids), mass_cancel.origin)
            for each in decided:
                if not each.must_ask:
                    self._held.drop(each.order.id)
            await self._send(account_id, [each.order for each in decided if each.must_ask])
            after = page[-1]

    async def _send(self, account_id: TradingAccountId, orders: Sequence[Order]) -> None:
        """Send the cancels, all at the same time, but for those that are on their way already."""
        orders = [order for order in orders if order.id not in self._asked]
        asked = {order.id for order in orders}
        self._asked |= asked
        try:
            await self._send_new(account_id, orders)
        finally:
            self._asked -= asked

    async def _send_new(self, account_id: TradingAccountId, orders: Sequence[Order]) -> None:
        """Where the venue can cancel every order of an instrument by one request, and these are all that are known to
        work there, that request is made in their place."""
        async with self._storage.read() as uow:
            account = await uow.accounts.get(account_id)
            open_counts = await uow.brake.open_counts(account_id)
        sends: list[Awaitable[object]] = []
        by_instrument: dict[InstrumentId, list[Order]] = defaultdict(list)
        for order in orders:
            by_instrument[order.instrument_id].append(order)
        for instrument_id, group in by_instrument.items():
            is_whole = len(group) > 1 and len(group) == open_counts.get(instrument_id)
            if account is not None and is_whole and self._send_cancel.can_cancel_all(account, group):
                sends.append(self._send_cancel.all_of(instrument_id, group))
            else:
                sends += map(self._send_cancel, group)
        await self._concurrency.gather(*sends)

    async def _finish(self, mass_cancel_id: MassCancelId) -> bool:
        """End a mass cancel whose orders are all closed. Return whether it has ended. If the process dies between the
        events and the note that it has finished, the events are written again."""
        async with self._storage.read() as uow:
            if await uow.brake.accounts_to_cancel(mass_cancel_id):
                return False
            outcomes = {
                account_id: await uow.brake.outcome(mass_cancel_id, account_id)
                for account_id in await uow.brake.accounts_of(mass_cancel_id)
            }
        for account_id, outcome in outcomes.items():
            await self._committer.commit(EndMassCancel(account_id, mass_cancel_id, outcome))
        async with self._storage.begin() as uow:
            await uow.brake.finish_mass_cancel(mass_cancel_id, self._clock.now_ms())
            await uow.commit()
        self._pauses.forget([mass_cancel_id])
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class MassCancelView:
    """A mass cancel with what became of its orders until now; `orders` is a page of them, by id, without their
    executions."""

    mass_cancel: MassCancel
    outcome: MassCancelOutcome
    orders: Sequence[Order]


class MassCancelOrders:
    """The use case: cancel all open orders of the caller's tenant, of an account, an instrument, a side."""

    def __init__(self, *, storage: Storage, catalogue: Catalogue, cancel_orders: CancelOrders) -> None:
        self._storage = storage
        self._catalogue = catalogue
        self._cancel_orders = cancel_orders

    async def __call__(
        self,
        actor: Actor,
        *,
        account_id: TradingAccountId | None = None,
        instrument_id: InstrumentId | None = None,
        side: Side | None = None,
    ) -> MassCancelView:
        """Return what became of each order until now. Raises `TradingAccountNotFound`, and `InstrumentNotFound` for an
        instrument that no venue ever listed: a mistyped name must not look like success."""
        actor.require(Scope.WRITE)
        if instrument_id is not None and self._catalogue.instrument(instrument_id) is None:
            raise InstrumentNotFound(f"there is no instrument {instrument_id}", {"instrumentId": instrument_id})
        selection = OrderSelection(
            tenant_id=actor.tenant_id,
            account_id=account_id,
            accounts=actor.accounts,
            instrument_id=instrument_id,
            side=side,
        )
        async with self._storage.begin() as uow:
            await require_own_account(uow, actor, account_id)
            mass_cancel = await self._cancel_orders.begin(uow, selection, actor.origin)
            await uow.commit()
        await self._cancel_orders.run(mass_cancel.id)
        async with self._storage.read() as uow:
            return await view_of(uow, mass_cancel.id, offset=0, limit=ORDERS_SHOWN_MAX)


class GetMassCancel:
    """The use case: what became of a mass cancel."""

    def __init__(self, *, storage: Storage) -> None:
        self._storage = storage

    async def __call__(self, actor: Actor, id: MassCancelId, *, offset: int, limit: int) -> MassCancelView:
        """Return it with a page of its orders. Raises `MassCancelNotFound`."""
        actor.require(Scope.READ)
        async with self._storage.read() as uow:
            mass_cancel = await uow.brake.get_mass_cancel(id)
            if mass_cancel is None or not _may_see(actor, mass_cancel):
                raise MassCancelNotFound("there is no such mass cancel")
            return await view_of(uow, id, offset=offset, limit=limit)


def _may_see(actor: Actor, mass_cancel: MassCancel) -> bool:
    """Return whether the caller may see all accounts of the mass cancel."""
    selection = mass_cancel.selection
    if selection.tenant_id != actor.tenant_id:
        return False
    if actor.accounts is None:
        return True
    of = selection.accounts if selection.account_id is None else frozenset({selection.account_id})
    return of is not None and of <= actor.accounts


async def view_of(uow: UnitOfWork, id: MassCancelId, *, offset: int, limit: int) -> MassCancelView:
    mass_cancel = await uow.brake.get_mass_cancel(id)
    if mass_cancel is None:
        raise MassCancelNotFound("there is no such mass cancel")
    return MassCancelView(
        mass_cancel=mass_cancel,
        outcome=await uow.brake.outcome(id),
        orders=await uow.brake.orders_of(id, offset=offset, limit=limit),
    )
