"""Publishing portfolios. A portfolio is a view, not a fact: it is never stored, and only the newest counts.

Two things make a view due: a commit that changed a balance or a position of an account with subscribers, and a new
subscriber. A view that lacks prices because their books are being opened is followed by another one soon. `tick` builds
what is due, each view at the marks of its own moment, so an account has at most one view a tick. Nothing is built for
an account without subscribers.

A subscriber's last view is never older than the last commit. A commit of this process notes its rows after it
committed; a new subscriber's view is read from the database after it subscribed; and a view that was read gives way to
rows that were noted during the reading.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cadenza.application.orders.portfolios import PortfolioBuilder, Valuation
from cadenza.application.orders.unpriced_assets import UnpricedAssets
from cadenza.domain.accounts.balance import Balance
from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.errors import DatabaseUnavailable
from cadenza.domain.ids import PositionId, TradingAccountId, VenueId
from cadenza.domain.trading.position import Position
from cadenza.domain.trading.state import TradingState
from cadenza.ports.clock import Clock
from cadenza.ports.publisher import Publisher
from cadenza.ports.storage import Storage

PUBLISH_PORTFOLIOS_MS = 250
"""Pause between two ticks: an account has at most four views a second."""
NOTED_ACCOUNTS_MAX = 1_000
"""Accounts whose rows are kept until the next tick; the rows of more accounts are read from the database then."""
CLOSED_POSITIONS_MAX = 100
"""Closed positions that one view shows; the newest stay."""
ACCOUNTS_PER_READ_MAX = 100
AWAITED_AGAIN_MS = 1_000
"""When a view is followed by another one because prices of it were still to come."""
VALUED_MS_MAX = 100
"""Views of accounts of one venue share the values that were found at most so long before; then these are found
again, so that a view that waited for the database is not built at the prices from before that."""


@dataclass(frozen=True, slots=True)
class _PortfolioRows:
    """An account's rows of one moment: its balances, its open positions, and positions that closed since its last
    view (of rows that were read: that closed lately)."""

    account: TradingAccount
    balances: list[Balance]
    positions: list[Position]


@dataclass(slots=True)
class _Due:
    """When requested views are due, on the monotonic clock. A view at `first_ms` and one at `last_ms` serve every
    request for a time in between."""

    first_ms: int
    last_ms: int


class PublishPortfolios:
    """Memory is bounded: the newest rows of at most `NOTED_ACCOUNTS_MAX` accounts with subscribers, an instant for
    each account, and the values of each venue."""

    def __init__(
        self,
        *,
        storage: Storage,
        portfolios: PortfolioBuilder,
        unpriced: UnpricedAssets,
        publisher: Publisher,
        clock: Clock,
    ) -> None:
        self._storage = storage
        self._portfolios = portfolios
        self._unpriced = unpriced
        self._publisher = publisher
        self._clock = clock
        self._noted: dict[TradingAccountId, _PortfolioRows] = {}
        self._due: dict[TradingAccountId, _Due] = {}
        self._valuations: dict[VenueId, tuple[int, Valuation]] = {}

    def note(self, state: TradingState) -> None:
        """Note the accounts whose balances or positions a batch changed. Call it when the batch is committed."""
        for account_id in state.changed.portfolios:
            if self._publisher.has_account_subscribers(account_id):
                self._note_account(state, account_id)

    def request(self, account_id: TradingAccountId, *, delay_ms: int = 0) -> None:
        """Request a view of the account. The first tick after the delay publishes it, whether anything changes or
        not."""
        due_ms = self._clock.monotonic_ms() + delay_ms
        due = self._due.setdefault(account_id, _Due(due_ms, due_ms))
        due.first_ms, due.last_ms = min(due.first_ms, due_ms), max(due.last_ms, due_ms)

    async def tick(self) -> None:
        """Publish the views that are due. While the database does not answer, views that must be read stay due."""
        noted, self._noted = self._noted, {}
        wanted = [account_id for account_id in self._take_due() if account_id not in noted]
        for rows in noted.values():
            self._publish(rows)
            await self._clock.sleep_ms(0)  # others have their turn: a portfolio may be long
        for start in range(0, len(wanted), ACCOUNTS_PER_READ_MAX):
            await self._publish_read(wanted[start : start + ACCOUNTS_PER_READ_MAX])

    def _note_account(self, state: TradingState, account_id: TradingAccountId) -> None:
        earlier = self._noted.get(account_id)
        if earlier is None and len(self._noted) >= NOTED_ACCOUNTS_MAX:
            self.request(account_id)
            return
        closed = _closed(() if earlier is None else earlier.positions)
        closed |= _closed(p for p in state.changed.positions.values() if p.account_id == account_id)
        newest = sorted(closed.values(), key=lambda p: p.updated_at_ms)[-CLOSED_POSITIONS_MAX:]
        self._noted[account_id] = _PortfolioRows(
            state.account(account_id), state.balances(account_id), [*state.positions(account_id), *newest]
        )

    def _take_due(self) -> list[TradingAccountId]:
        """Return the accounts that have subscribers and whose views are due now; forget those without subscribers."""
        now_ms = self._clock.monotonic_ms()
        taken = []
        for account_id, due in list(self._due.items()):
            if not self._publisher.has_account_subscribers(account_id):
                del self._due[account_id]
            elif due.first_ms <= now_ms:
                taken.append(account_id)
                if due.last_ms <= now_ms:
                    del self._due[account_id]
                else:
                    due.first_ms = due.last_ms
        return taken

    async def _publish_read(self, account_ids: Sequence[TradingAccountId]) -> None:
        try:
            found = await self._read(account_ids)
        except DatabaseUnavailable:
            for account_id in account_ids:
                self.request(account_id)
            return
        for rows in found:
            if rows.account.id not in self._noted:  # else newer rows were noted meanwhile, for the next tick
                self._publish(rows)
                await self._clock.sleep_ms(0)

    async def _read(self, account_ids: Sequence[TradingAccountId]) -> list[_PortfolioRows]:
        async with self._storage.read() as uow:
            accounts = await uow.accounts.get_many(account_ids)
            balances = await uow.accounts.balances(account_ids)
            positions = await uow.accounts.positions(account_ids)
        found = {account.id: _PortfolioRows(account, [], []) for account in accounts}
        for balance in balances:
            found[balance.account_id].balances.append(balance)
        for position in positions:
            found[position.account_id].positions.append(position)
        return list(found.values())

    def _publish(self, rows: _PortfolioRows) -> None:
        account = rows.account
        if not self._publisher.has_account_subscribers(account.id):
            return
        valuation = self._valuation(account.venue_id)
        positions = sorted(rows.positions, key=lambda p: (p.created_at_ms, p.id))
        view = self._portfolios.build(account, rows.balances, positions, self._clock.now_ms(), valuation)
        self._publisher.portfolio(view)
        if self._unpriced.name(view, valuation):
            self.request(account.id, delay_ms=AWAITED_AGAIN_MS)

    def _valuation(self, venue_id: VenueId) -> Valuation:
        now_ms = self._clock.monotonic_ms()
        shared = self._valuations.get(venue_id)
        if shared is None or now_ms - shared[0] >= VALUED_MS_MAX:
            shared = self._valuations[venue_id] = now_ms, self._portfolios.valuation(venue_id)
        return shared[1]


def _closed(positions: Iterable[Position]) -> dict[PositionId, Position]:
    return {position.id: position for position in positions if position.closed_at_ms is not None}
