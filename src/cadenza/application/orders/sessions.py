"""The open execution sessions of this process, one per trading account."""

from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cadenza.domain.accounts.credential import Credential, Secrets
from cadenza.domain.accounts.trading_account import AccountType, TradingAccount
from cadenza.domain.errors import CredentialRejected, VenueNotSupported, VenueUnavailable
from cadenza.domain.ids import TenantId, TradingAccountId, VenueId
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import Report
from cadenza.domain.trading.venue_spec import NewsSource, VenueSpec
from cadenza.ports.concurrency import Concurrency, Promise
from cadenza.ports.venue import (
    SESSION_CLOSE_MS_MAX,
    SESSION_OPEN_MS_MAX,
    Connectors,
    ExecutionSession,
    SessionSink,
    VenueConnector,
)


@dataclass(slots=True)
class _HeldOrders:
    """The new orders of an account wait, while `holders_count` callers open or restore its session. `ended` is resolved
    when the last of them is done."""

    tenant_id: TenantId
    ended: Promise[bool]
    holders_count: int = 0


@dataclass(slots=True)
class _Link:
    """An open session. `lost`: why it does not reach its venue at the moment. `gap_since_ms`: the instant since which
    reports may have been missed, until the account is reconciled. `ended`: why the session will not come back.
    `outages_count`: how often it was lost or restored."""

    session: ExecutionSession
    account: TradingAccount
    signer: Credential
    lost: str | None = None
    gap_since_ms: int | None = None
    ended: str | None = None
    outages_count: int = 0


@dataclass(frozen=True, slots=True)
class Restored:
    """A session that reaches its venue again. Since `gap_since_ms` (the venue's clock) reports may have been missed."""

    account: TradingAccount
    session: ExecutionSession
    gap_since_ms: int
    outages_count: int


Apply = Callable[[Sequence[Report], bool], Awaitable[object]]
"""Commits reports. The flag means that with them no report is missing up to the latest."""


OnGap = Callable[[TradingAccountId, int], Coroutine[Any, Any, None]]


class Sessions:
    """Opens and closes sessions, and knows which of them are live. Guarantee: at most one open session per account in
    this process.

    New orders of an account are held from the decision to open its session until the account is reconciled or opening
    failed. They are held again from when the session loses its venue until the account is reconciled. So none
    goes out before everything that happened meanwhile is booked.
    """

    def __init__(self, *, connectors: Connectors, apply: Apply, concurrency: Concurrency) -> None:
        self._connectors = connectors
        self._apply = apply
        self._concurrency = concurrency
        self._links: dict[TradingAccountId, _Link] = {}
        self._held: dict[TradingAccountId, _HeldOrders] = {}
        self._waited_for: dict[TradingAccountId, None] = {}
        self._gaps: dict[TradingAccountId, int] = {}
        self._noting: set[TradingAccountId] = set()
        self.refused_keys: dict[TradingAccountId, CredentialRejected] = {}
        """Accounts whose key their venue does not accept, each with the cause and what to do."""
        self.on_gap: OnGap | None = None
        """Called when reports of an account may have been missed since an instant (the venue's clock), at most once at
        a time for an account."""

    def connector(self, venue_id: VenueId) -> VenueConnector:
        """Return the venue's connector; raises `VenueNotSupported`."""
        connector = self._connectors.get(venue_id)
        if connector is None:
            raise VenueNotSupported(
                f"{venue_id} is not connected here: CADENZA_VENUES does not name it, or it has no connector yet"
            )
        return connector

    def spec(self, venue_id: VenueId) -> VenueSpec:
        """Return the venue's spec; raises `VenueNotSupported`."""
        return self.connector(venue_id).spec

    # --- one account's session

    def key_refusal(self, account_id: TradingAccountId) -> CredentialRejected | None:
        """Return the cause when the venue does not accept the account's key; None otherwise."""
        refused = self.refused_keys.get(account_id)
        return None if refused is None else CredentialRejected(refused.message, refused.metadata)

    def get(self, account_id: TradingAccountId) -> ExecutionSession:
        """Return the open session; raises `VenueUnavailable` when there is none at the moment."""
        link = self._links.get(account_id)
        if link is None:
            raise VenueUnavailable("the trading account has no session with its venue at the moment; nothing was sent")
        return link.session

    async def session_for(self, account_id: TradingAccountId, tenant_id: TenantId, timeout_ms: int) -> ExecutionSession:
        """Return the session that sends new orders; while orders are held, wait as `wait_for` does. Raises
        `VenueUnavailable` when there is no session afterwards, or orders are still held."""
        await self.wait_for(account_id, tenant_id, timeout_ms)
        if not self.takes_orders(account_id):
            raise VenueUnavailable("the trading account does not reach its venue at the moment; nothing was sent")
        return self.get(account_id)

    def signer(self, account_id: TradingAccountId) -> Credential | None:
        """Return the credential with which the session was opened, in its state of that time."""
        link = self._links.get(account_id)
        return None if link is None else link.signer

    def is_open(self, account_id: TradingAccountId) -> bool:
        """Whether there is a session that is live or will be live again by itself."""
        link = self._links.get(account_id)
        return link is not None and link.ended is None

    def withdraw_unsent(self, is_meant: Callable[[Order], bool]) -> None:
        """Take back every order that is meant and of which no byte has left, whatever it waits for in its session."""
        for link in self._links.values():
            link.session.withdraw_unsent(is_meant)

    def takes_orders(self, account_id: TradingAccountId) -> bool:
        """Whether new orders may be sent: the session is live, and its account reconciled."""
        return account_id in self._links and account_id not in self._held

    def has_reported_all(self, account_id: TradingAccountId) -> bool:
        """Whether no report of the account is on its way: the account is reconciled, and every later report has been
        delivered. It is never known where only replies report (`NewsSource.REPLY`), because nothing is received between
        two requests."""
        if not self.takes_orders(account_id) or self.spec_of(account_id).account_news is NewsSource.REPLY:
            return False
        return self._links[account_id].session.is_caught_up()

    def venue_of(self, account_id: TradingAccountId) -> VenueId:
        """Return the venue of an account that has a session."""
        return self._links[account_id].account.venue_id

    def type_of(self, account_id: TradingAccountId) -> AccountType:
        """Return the type of an account that has a session."""
        return self._links[account_id].account.external.type

    def spec_of(self, account_id: TradingAccountId) -> VenueSpec:
        """Return the spec of the venue of an account that has a session."""
        return self.spec(self.venue_of(account_id))

    def live(self) -> Sequence[TradingAccountId]:
        """Return the accounts that take orders."""
        return [account_id for account_id in self._links if account_id not in self._held]

    # --- holding new orders

    def hold_orders(self, account: TradingAccount) -> None:
        """Let the account's new orders wait: its session is about to be opened or restored. Each call needs one call of
        `release_orders`."""
        hold = self._held.get(account.id)
        if hold is None:
            hold = self._held[account.id] = _HeldOrders(account.tenant_id, self._concurrency.promise())
        hold.holders_count += 1

    def release_orders(self, account_id: TradingAccountId) -> None:
        """End one `hold_orders`: the session is open and reconciled, or opening it failed. Callers that waited
        continue."""
        hold = self._held[account_id]
        hold.holders_count -= 1
        if not hold.holders_count:
            del self._held[account_id]
            self._waited_for.pop(account_id, None)
            hold.ended.resolve(True)

    async def wait_for(self, account_id: TradingAccountId, tenant_id: TenantId, timeout_ms: int) -> None:
        """Wait until the account's new orders are not held any more, at most `timeout_ms` in all, even if they are held
        again meanwhile. Returns at once when they are not held, or when the account belongs to another tenant."""
        if account_id in self._held:
            await self._concurrency.within(timeout_ms, self._until_released(account_id, tenant_id))

    async def _until_released(self, account_id: TradingAccountId, tenant_id: TenantId) -> None:
        while (hold := self._held.get(account_id)) is not None and hold.tenant_id == tenant_id:
            self._waited_for[account_id] = None
            await hold.ended.wait()

    @property
    def held_count(self) -> int:
        return len(self._held)

    def waited_for(self) -> Iterator[TradingAccountId]:
        """Yield the accounts with held orders that a caller waits for, the longest waiting first."""
        yield from self._waited_for

    # --- opening and closing

    async def open(self, account: TradingAccount, secrets: Secrets, signer: Credential) -> ExecutionSession:
        """Open the account's session, signed by this credential, or return the open one, which another key may sign.
        Raises `CredentialRejected`, and `VenueUnavailable`, also when opening takes longer than `SESSION_OPEN_MS_MAX`.
        A caller closes the account's session after any failure: a connector may have opened one although it was cut
        off."""
        if (link := self._links.get(account.id)) is not None and link.ended is not None:
            await self.close(account.id)
        if (link := self._links.get(account.id)) is not None:
            return link.session
        session = await self._concurrency.within(SESSION_OPEN_MS_MAX, self._open(account, secrets, signer))
        if session is None:
            raise VenueUnavailable(f"the session was not opened within {SESSION_OPEN_MS_MAX // 1000} s")
        return session

    async def _open(self, account: TradingAccount, secrets: Secrets, signer: Credential) -> ExecutionSession:
        sink = AccountSink(self, account.id, self._apply)
        session = await self.connector(account.venue_id).open_session(account, signer.type, secrets, sink)
        link = _Link(session, account, signer)
        other = self._links.setdefault(account.id, link)
        if other is not link:  # another caller was faster while this one waited
            await self._close(session)
        else:
            sink.link = link
        return other.session

    async def close(self, account_id: TradingAccountId) -> None:
        """Close the account's session if there is one; nothing is delivered afterwards."""
        link = self._links.pop(account_id, None)
        if link is not None:
            self._end_outage(link)
            await self._close(link.session)

    async def close_all(self) -> None:
        await self._concurrency.gather(*map(self.close, list(self._links)))

    async def _close(self, session: ExecutionSession) -> None:
        await self._concurrency.within(SESSION_CLOSE_MS_MAX, session.close())

    # --- losing the venue, and reaching it again

    def lost(self, link: _Link, cause: str) -> None:
        """Note that the session does not reach its venue. New orders wait until it is restored and reconciled. What a
        session reports of itself while it is being closed, or later, changes nothing."""
        if not self._is_present(link):
            return
        if not self._has_outage(link):
            self.hold_orders(link.account)
        link.lost = cause
        link.outages_count += 1

    def restored(self, link: _Link, gap_since_ms: int) -> None:
        """Note that the session reaches its venue again. `to_reconcile` returns it from now on. As in `lost`, a session
        that is being closed changes nothing."""
        if not self._is_present(link):
            return
        if not self._has_outage(link):
            self.hold_orders(link.account)
        link.lost = None
        link.outages_count += 1
        link.gap_since_ms = min(gap_since_ms, gap_since_ms if link.gap_since_ms is None else link.gap_since_ms)
        if self.on_gap is not None:
            self._note_gap(link.account.id, gap_since_ms, self.on_gap)

    def ended(self, link: _Link, cause: str) -> None:
        """Note that the session will not come back. The keeper of sessions opens another one, and new orders wait for
        that."""
        self.lost(link, cause)
        if self._is_present(link):
            link.ended = cause

    def to_reconcile(self) -> Sequence[Restored]:
        """Return the restored sessions whose accounts are not reconciled yet."""
        return [
            Restored(link.account, link.session, link.gap_since_ms, link.outages_count)
            for link in self._links.values()
            if link.gap_since_ms is not None and link.lost is None and link.ended is None
        ]

    def reconciled(self, restored: Restored) -> None:
        """Note that the account is reconciled: the session takes orders again, unless it was lost once more meanwhile,
        even if it was restored since."""
        link = self._links.get(restored.account.id)
        if link is not None and link.session is restored.session and link.outages_count == restored.outages_count:
            self._end_outage(link)

    def outages(self) -> dict[TradingAccountId, str]:
        """Return the causes, reported by sessions, for which they do not take orders."""
        causes = ((account_id, link.ended or link.lost) for account_id, link in self._links.items())
        return {account_id: cause for account_id, cause in causes if cause is not None}

    def _note_gap(self, account_id: TradingAccountId, since_ms: int, on_gap: OnGap) -> None:
        """Have the gap noted. While another gap of the account is being noted, it waits; of several that wait, the
        earliest counts."""
        self._gaps[account_id] = min(since_ms, self._gaps.get(account_id, since_ms))
        if account_id not in self._noting:
            self._noting.add(account_id)
            self._concurrency.spawn(f"gap of {account_id}", self._note_gaps(account_id, on_gap))

    async def _note_gaps(self, account_id: TradingAccountId, on_gap: OnGap) -> None:
        try:
            while (since_ms := self._gaps.pop(account_id, None)) is not None:
                await on_gap(account_id, since_ms)
        finally:
            self._noting.discard(account_id)

    def _is_present(self, link: _Link) -> bool:
        return self._links.get(link.account.id) is link

    @staticmethod
    def _has_outage(link: _Link) -> bool:
        return link.lost is not None or link.gap_since_ms is not None

    def _end_outage(self, link: _Link) -> None:
        if self._has_outage(link):
            link.lost = link.gap_since_ms = None
            self.release_orders(link.account.id)


class AccountSink(SessionSink):
    """The sink of one session. Its stream is complete from the opening of the session on. Reconciling finds out what
    happened before that."""

    def __init__(self, sessions: Sessions, account_id: TradingAccountId, apply: Apply) -> None:
        self._sessions = sessions
        self._account_id = account_id
        self._apply = apply
        self._early: list[Callable[[_Link], None]] = []
        self._link: _Link | None = None

    @property
    def link(self) -> _Link | None:
        return self._link

    @link.setter
    def link(self, link: _Link) -> None:
        """Apply what the session reported about itself before it was registered."""
        self._link = link
        for call in self._early:
            call(link)
        self._early.clear()

    async def deliver(self, reports: Sequence[Report]) -> None:
        if reports:
            await self._apply(reports, self._sessions.takes_orders(self._account_id))

    def lost(self, cause: str) -> None:
        self._pass_on(lambda link: self._sessions.lost(link, cause))

    def restored(self, gap_since_ms: int) -> None:
        self._pass_on(lambda link: self._sessions.restored(link, gap_since_ms))

    def ended(self, cause: str) -> None:
        self._pass_on(lambda link: self._sessions.ended(link, cause))

    def _pass_on(self, call: Callable[[_Link], None]) -> None:
        if self._link is None:
            self._early.append(call)
        else:
            call(self._link)
