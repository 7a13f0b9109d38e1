"""Readings of an account: whole snapshots, and the comparison of a silent stream with the venue."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from cadenza.adapters.venues.kit.fact_numbers import FactNumbers
from cadenza.adapters.venues.kit.known_account import KnownAccount, OrderName
from cadenza.adapters.venues.kit.order_facts import OrderFacts, external
from cadenza.adapters.venues.kit.venue_clock import ERROR_MS_MAX, VenueClock
from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.ids import InstrumentId, TradingAccountId
from cadenza.domain.money import ZERO
from cadenza.domain.trading.reports import BalanceReport, PositionReport, Report, UnreadableReport
from cadenza.ports.clock import Clock
from cadenza.ports.venue import AccountSnapshot

READINGS_MAX = 5
"""How often an account is read again while its stream brings news meanwhile."""

BEHIND_MS_MAX = 3_000
"""How long a stream may be behind a reading before it counts as silent."""

LOOK_MS = 50

SETTLES_MS = 200
"""How long after a word of the stream the account is read, so that one reading follows an order and its execution."""

MARGIN_PAUSE_MS = 5_000
"""The pause between two readings that words of the stream lead to, where the stream states the balances and the reading
adds the margin in use."""

MONEY_PAUSE_MS = 1_000
"""The same pause where the reading has to bring the balances: they are awaited within 2 s of a fill."""

MONEY_RETRY_MS = 5_000
"""The pause before another reading after one that failed, when the stream has said that money moved."""


@dataclass(frozen=True, slots=True)
class StreamPosition:
    """How far a stream has come: how many messages it brought, and the latest instant that they name."""

    heard: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class ReadMoney:
    """The balances and positions of a reading, and its lines that could not be read."""

    balances: tuple[BalanceReport, ...]
    positions: tuple[PositionReport, ...]
    unreadable: tuple[UnreadableReport, ...] = ()

    @property
    def reports(self) -> tuple[Report, ...]:
        return (*self.balances, *self.positions)

    def stamped(self, at_ms: int, as_of: int) -> "ReadMoney":
        """Return the same as claims of that instant and number."""
        return ReadMoney(
            tuple(replace(balance, at_ms=at_ms, as_of=as_of) for balance in self.balances),
            tuple(replace(position, at_ms=at_ms, as_of=as_of) for position in self.positions),
            self.unreadable,
        )


@dataclass(frozen=True, slots=True)
class ReadOpenOrders:
    """A list of open orders, and its lines that could not be read. `triggered` are the ids of those that conditional
    orders have become. `instruments` are those that the list is about; None: it is about all."""

    facts: tuple[OrderFacts, ...]
    unreadable: tuple[UnreadableReport, ...] = ()
    triggered: frozenset[str] = frozenset()
    instruments: Collection[InstrumentId] | None = None

    @property
    def names(self) -> list[OrderName]:
        return [(facts.instrument_id, facts.venue_order_id) for facts in self.facts]


class AccountSource(Protocol):
    """How one account is read at its venue. Each method raises `VenueUnavailable` and `CredentialRejected`."""

    @property
    def states_locked_in_stream(self) -> bool:
        """Whether the stream states how much of a balance is locked. Where it does not, the locked amounts are not
        compared with the stream; open orders are compared instead."""

    async def money(self) -> ReadMoney:
        """Return balances and positions. Their instants do not count: the reader gives them its own."""

    async def open_orders(self) -> ReadOpenOrders:
        """Return all open orders."""

    async def open_orders_of(self, instruments: frozenset[InstrumentId]) -> ReadOpenOrders:
        """Return the open orders of these instruments at least, by the cheapest request."""


class AccountReader:
    """Reads one account. `position` says how far its stream is; `delivered` returns when all that it brought was
    delivered."""

    def __init__(
        self,
        *,
        source: AccountSource,
        account_id: TradingAccountId,
        venue_clock: VenueClock,
        known: KnownAccount,
        numbers: FactNumbers,
        clock: Clock,
        position: Callable[[], StreamPosition],
        delivered: Callable[[], Awaitable[None]],
    ) -> None:
        self._source = source
        self._account_id = account_id
        self._venue_clock = venue_clock
        self._known = known
        self._numbers = numbers
        self._clock = clock
        self._position = position
        self._delivered = delivered
        self._begun_by_ms = venue_clock.latest_ms()
        self._first = asyncio.Lock()
        """Held by whatever reads the account while nothing is known of it. Others that need only that wait for it."""
        self._read_ms: int | None = None
        self._missed_after: int | None = None
        """`heard` of the stream when a snapshot listed other open orders than the stream had brought."""
        self._held: set[str] = set()
        """Assets of which the last reading showed something."""
        self.triggered: frozenset[str] = frozenset()
        """The ids of those open orders of the last snapshot that conditional orders have become."""

    def forget(self) -> None:
        """Forget what is known of the account, because a new stream begins. It is not expected to bring what the former
        stream missed."""
        self._known.forget()
        self._missed_after = None

    async def agrees(self) -> bool:
        """Return whether the venue shows what the stream has stated: the balances and positions and, where no money
        moves with an order, the open orders too. True as well when the stream brought something meanwhile, so that
        nothing can be said. Raises `VenueUnavailable` and `CredentialRejected`."""
        heard = self._position().heard
        money = await self._source.money()
        orders_agree = self._source.states_locked_in_stream or await self._orders_agree()
        return self._position().heard != heard or (self._money_agrees(money) and orders_agree)

    async def first_look(self) -> ReadMoney | None:
        """Read the money, which what the stream says later is compared with; None when that is known already. What the
        stream has outdated meanwhile is returned, and not compared with. Raises `VenueUnavailable` and
        `CredentialRejected`."""
        async with self._first:
            if self._known.is_known:
                return None
            heard = self._position().heard
            money = await self._source.money()
            if self._position().heard == heard:
                self._money_agrees(money)
            return money

    async def snapshot(self) -> AccountSnapshot | None:
        """Return the account at one moment; None when the venue shows what the stream has not brought within
        `BEHIND_MS_MAX`, so that the stream is broken. Raises `VenueUnavailable` and `CredentialRejected`.

        A reading takes several requests. It counts as one moment when the stream brought nothing meanwhile, and the
        balances are those that the stream stated. An account that is never so quiet gets the last reading, whose open
        orders may be ahead of its instant.

        A session before this one may have reported words of up to the instant at which this one began. The first
        snapshot waits until the venue's clock has passed that for certain, so that it is newer than all of them.
        """
        if self._known.is_known:
            return await self._whole()
        async with self._first:
            return await self._whole()

    async def _whole(self) -> AccountSnapshot | None:
        await self._passed_the_beginning()
        for left in reversed(range(READINGS_MAX)):
            await self._delivered()
            before = self._position()
            at_ms = max(before.at_ms, self._venue_clock.earliest_ms())
            money, listed = await asyncio.gather(self._source.money(), self._source.open_orders())
            is_settled = self._position().heard == before.heard
            agrees = is_settled and self._money_agrees(money)
            if agrees or (left == 0 and not is_settled):
                if agrees:
                    self._compare_listed(listed, before.heard)
                else:
                    self._known.forget_money()  # the reading may lack what the stream has said since
                return self._snapshot(money, listed, at_ms)
            if is_settled and not await self._hears_more(before.heard):
                return None
        return None

    async def all_money(self) -> Sequence[Report]:
        """Return all balances and positions as reports, with what could not be read; those that were known and are not
        listed any more are nothing. It waits until a reading is due. Raises `VenueUnavailable`,
        also when the readings do not show what the stream has said, and `CredentialRejected`.

        The numbers of a reading (`as_of`) are higher than those of the stream's words before it, and lower than those
        of the words that come while it is made. The venue may answer from a copy that is behind its stream. So a
        reading counts only when it shows the stream's words, as far as these state the result. An account whose stream
        is never so quiet gets the last reading.
        """
        await self._reading_due()
        for left in reversed(range(READINGS_MAX)):
            at_ms = self._venue_clock.earliest_ms()
            as_of, heard = self._numbers.take(at_ms), self._position().heard
            money = (await self._source.money()).stamped(at_ms, as_of)
            is_settled = self._position().heard == heard
            if is_settled and self._money_agrees(money):
                return self._with_gone(money, at_ms, as_of)
            if left == 0 and not is_settled:
                self._known.forget_money()  # the reading may lack what the stream has said since
                return self._with_gone(money, at_ms, as_of)
            if is_settled:
                await self._hears_more(heard)
        raise VenueUnavailable("the account does not show what the stream has said")

    async def _passed_the_beginning(self) -> None:
        """A venue whose clock was set back is waited for no longer than any clock may be wrong."""
        ahead_ms = self._begun_by_ms - self._venue_clock.earliest_ms()
        if ahead_ms >= 0:
            await self._clock.sleep_ms(min(ahead_ms + 1, 2 * ERROR_MS_MAX))
        self._begun_by_ms = 0

    def _snapshot(self, money: ReadMoney, listed: ReadOpenOrders, at_ms: int) -> AccountSnapshot:
        as_of = self._numbers.take(at_ms)
        money = money.stamped(at_ms, as_of)
        self._held = {balance.asset for balance in money.balances}
        self.triggered = listed.triggered
        return AccountSnapshot(
            balances=money.balances,
            positions=money.positions,
            open_orders=tuple(external(facts) for facts in listed.facts),
            as_of=as_of,
            at_ms=at_ms,
            unreadable=(*money.unreadable, *listed.unreadable),
        )

    def _with_gone(self, money: ReadMoney, at_ms: int, as_of: int) -> Sequence[Report]:
        """Return the reports of a reading, and those of the assets that it does not list any more."""
        listed = {balance.asset for balance in money.balances}
        gone = [_nothing(self._account_id, asset, at_ms, as_of) for asset in sorted(self._held - listed)]
        self._held = listed
        return [*money.reports, *money.unreadable, *gone]

    def _money_agrees(self, money: ReadMoney) -> bool:
        return self._known.agrees(self._comparable(money), is_whole=not money.unreadable)

    async def _orders_agree(self) -> bool:
        """Return whether the venue lists the orders that the stream has brought. An order of an instrument without
        known orders is only seen by a snapshot, which lists all."""
        if self._missed_after == self._position().heard:
            return False
        known = self._known.orders.instruments
        if not known:
            return True
        listed = await self._source.open_orders_of(known)
        return bool(listed.unreadable) or self._known.orders.agrees(listed.names, listed.instruments)

    def _compare_listed(self, listed: ReadOpenOrders, heard: int) -> None:
        """Remember that a list of all open orders is not what the stream has brought. It may only be late, so the next
        comparisons decide: until then the stream has to bring something."""
        if listed.unreadable:
            self._known.orders.forget()
        elif not self._known.orders.agrees(listed.names):
            self._missed_after = heard

    def _comparable(self, money: ReadMoney) -> Sequence[Report]:
        """Return a reading as the stream would state it."""
        if self._source.states_locked_in_stream:
            return money.reports
        return [*(replace(balance, locked=None) for balance in money.balances), *money.positions]

    async def _reading_due(self) -> None:
        now_ms = self._clock.monotonic_ms()
        pause_ms = MONEY_PAUSE_MS if self._source.states_locked_in_stream else MARGIN_PAUSE_MS
        wait_ms = 0 if self._read_ms is None else self._read_ms + pause_ms - now_ms
        await self._clock.sleep_ms(max(SETTLES_MS, wait_ms))
        self._read_ms = self._clock.monotonic_ms()

    async def _hears_more(self, heard: int) -> bool:
        """Wait for the stream to bring something, for at most `BEHIND_MS_MAX`."""
        for _ in range(BEHIND_MS_MAX // LOOK_MS):
            if self._position().heard != heard:
                return True
            await self._clock.sleep_ms(LOOK_MS)
        return self._position().heard != heard


def _nothing(account_id: TradingAccountId, asset: str, at_ms: int, as_of: int) -> BalanceReport:
    return BalanceReport(
        account_id=account_id, at_ms=at_ms, asset=asset, total=ZERO, locked=ZERO, borrowed=ZERO, as_of=as_of
    )
