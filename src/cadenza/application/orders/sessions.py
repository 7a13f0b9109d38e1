"""The open execution sessions of this process, one per trading account."""

from collections.abc import Iterator
from dataclasses import dataclass

from cadenza.domain.accounts.credential import Credential, Secrets
from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.errors import VenueNotSupported, VenueUnavailable
from cadenza.domain.ids import TenantId, TradingAccountId, VenueId
from cadenza.ports.concurrency import Concurrency, Promise
from cadenza.ports.venue import Connectors, ExecutionSession, ReportSink, VenueConnector


@dataclass(slots=True)
class _Expected:
    """A session that is being opened by `openers` at a time; `ended` when the last of them is done."""

    tenant_id: TenantId
    ended: Promise[bool]
    openers: int = 0


class Sessions:
    """Opens and closes sessions. Guarantee: at most one open session per account in this process.

    A session is expected from the decision to open it until its account is reconciled, or opening failed. New orders
    wait for that, so none goes out before what happened meanwhile is booked.
    """

    def __init__(self, *, connectors: Connectors, sink: ReportSink, concurrency: Concurrency) -> None:
        self._connectors = connectors
        self._sink = sink
        self._concurrency = concurrency
        self._open: dict[TradingAccountId, ExecutionSession] = {}
        self._signers: dict[TradingAccountId, Credential] = {}
        self._expected: dict[TradingAccountId, _Expected] = {}
        self._wanted: dict[TradingAccountId, None] = {}

    def connector(self, venue_id: VenueId) -> VenueConnector:
        """Return the venue's connector; raises `VenueNotSupported`."""
        connector = self._connectors.get(venue_id)
        if connector is None:
            raise VenueNotSupported(f"no connector for {venue_id} is installed")
        return connector

    def get(self, account_id: TradingAccountId) -> ExecutionSession:
        """Return the open session; raises `VenueUnavailable` when there is none just now."""
        session = self._open.get(account_id)
        if session is None:
            raise VenueUnavailable("the trading account has no session with its venue just now; nothing was sent")
        return session

    async def session_for(self, account_id: TradingAccountId, tenant_id: TenantId, timeout_ms: int) -> ExecutionSession:
        """Return the session that new orders go out by, once it is not expected any more, waiting for it as `wait_for`
        does. Raises `VenueUnavailable` when there is none then, or it is expected still."""
        await self.wait_for(account_id, tenant_id, timeout_ms)
        if account_id in self._expected:
            raise VenueUnavailable("the session of the trading account is being opened; nothing was sent")
        return self.get(account_id)

    def signer(self, account_id: TradingAccountId) -> Credential | None:
        """Return the credential that the open session was opened with, as it was then."""
        return self._signers.get(account_id)

    def is_open(self, account_id: TradingAccountId) -> bool:
        return account_id in self._open

    def takes_orders(self, account_id: TradingAccountId) -> bool:
        """Whether new orders may be sent: the session is open, and its account reconciled."""
        return account_id in self._open and account_id not in self._expected

    def has_told_all(self, account_id: TradingAccountId) -> bool:
        """Whether nothing of the account's news is on its way: it was reconciled, and its sink told the rest."""
        return self.takes_orders(account_id) and self._open[account_id].is_caught_up()

    def expect(self, account: TradingAccount) -> None:
        """Say that the account's session is about to be opened; each call is ended by one of `settle`."""
        expected = self._expected.get(account.id)
        if expected is None:
            expected = self._expected[account.id] = _Expected(account.tenant_id, self._concurrency.promise())
        expected.openers += 1

    def settle(self, account_id: TradingAccountId) -> None:
        """End an `expect`: the session is there and reconciled, or there is none. Who waited goes on."""
        expected = self._expected[account_id]
        expected.openers -= 1
        if not expected.openers:
            del self._expected[account_id]
            self._wanted.pop(account_id, None)
            expected.ended.resolve(True)

    async def wait_for(self, account_id: TradingAccountId, tenant_id: TenantId, timeout_ms: int) -> None:
        """Wait until the account's session is not expected any more, at most `timeout_ms`, and as long again when it is
        expected anew by then. Returns at once when it is not, and to tenants whose account it is not."""
        for _ in range(2):
            expected = self._expected.get(account_id)
            if expected is None or expected.tenant_id != tenant_id:
                return
            self._wanted[account_id] = None
            if await expected.ended.wait_for(timeout_ms) is None:
                return

    @property
    def expected_count(self) -> int:
        return len(self._expected)

    def wanted(self) -> Iterator[TradingAccountId]:
        """Yield the expected accounts that somebody waits for, who came first first."""
        yield from self._wanted

    async def open(
        self, account: TradingAccount, secrets: Secrets, signer: Credential | None = None
    ) -> ExecutionSession:
        """Open the account's session, or return the open one, which another key may sign. Raises `CredentialRejected`,
        `VenueUnavailable`."""
        session = self._open.get(account.id)
        if session is None:
            session = await self.connector(account.venue_id).open_session(account, secrets, self._sink)
            other = self._open.setdefault(account.id, session)
            if other is not session:  # somebody was faster while we waited
                await session.close()
            elif signer is not None:
                self._signers[account.id] = signer
            session = other
        return session

    async def close(self, account_id: TradingAccountId) -> None:
        """Close the account's session if there is one; nothing is delivered afterwards."""
        self._signers.pop(account_id, None)
        session = self._open.pop(account_id, None)
        if session is not None:
            await session.close()

    async def close_all(self) -> None:
        for account_id in list(self._open):
            await self.close(account_id)
