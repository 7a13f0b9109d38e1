"""The open execution sessions of this process, one per trading account."""

from cadenza.domain.accounts.credential import Secrets
from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.errors import VenueNotSupported, VenueUnavailable
from cadenza.domain.ids import TradingAccountId, VenueId
from cadenza.ports.venue import Connectors, ExecutionSession, ReportSink, VenueConnector


class Sessions:
    """Opens and closes sessions. Guarantee: at most one open session per account in this process."""

    def __init__(self, *, connectors: Connectors, sink: ReportSink) -> None:
        self._connectors = connectors
        self._sink = sink
        self._open: dict[TradingAccountId, ExecutionSession] = {}

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

    def is_open(self, account_id: TradingAccountId) -> bool:
        return account_id in self._open

    async def open(self, account: TradingAccount, secrets: Secrets) -> ExecutionSession:
        """Open the account's session, or return the open one. Raises `CredentialRejected`, `VenueUnavailable`."""
        session = self._open.get(account.id)
        if session is None:
            session = await self.connector(account.venue_id).open_session(account, secrets, self._sink)
            other = self._open.setdefault(account.id, session)
            if other is not session:  # somebody was faster while we waited
                await session.close()
            session = other
        return session

    async def close(self, account_id: TradingAccountId) -> None:
        """Close the account's session if there is one; nothing is delivered afterwards."""
        session = self._open.pop(account_id, None)
        if session is not None:
            await session.close()

    async def close_all(self) -> None:
        for account_id in list(self._open):
            await self.close(account_id)
