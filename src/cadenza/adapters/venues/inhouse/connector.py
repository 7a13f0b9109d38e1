"""The connector of a venue that runs in this process. Implements `VenueConnector`."""

from collections.abc import Callable, Sequence

from cadenza.adapters.venues.inhouse.accounts import AccountSettings, accounts_of, check_secrets, to_external
from cadenza.adapters.venues.inhouse.desk import Answer, CallLost, Desk, DeskLimits, Turn
from cadenza.adapters.venues.inhouse.feed import BookFeed
from cadenza.adapters.venues.inhouse.floor import Floor
from cadenza.adapters.venues.inhouse.outbox import Outbox
from cadenza.adapters.venues.inhouse.session import InHouseSession
from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.accounts.trading_account import ExternalAccount, TradingAccount
from cadenza.domain.errors import CredentialRejected, InstrumentNotFound, VenueUnavailable
from cadenza.domain.ids import InstrumentId, VenueId
from cadenza.domain.market.instrument import Instrument, Security
from cadenza.domain.matching.records import VenueAccount
from cadenza.domain.trading.order import Order
from cadenza.ports.clock import Clock
from cadenza.ports.failpoints import Failpoints
from cadenza.ports.paper_ledger import PaperLedger
from cadenza.ports.venue import ExecutionSession, MarketSink, ReportSink, VenueStatus


class InHouseConnector:
    """Puts a floor behind a desk. `prefix` makes our order ids the venue's; `script_of` reads an order's script."""

    def __init__(
        self,
        *,
        venue_id: VenueId,
        floor: Floor,
        ledger: PaperLedger,
        clock: Clock,
        failpoints: Failpoints,
        limits: DeskLimits,
        accounts: AccountSettings,
        prefix: str,
        script_of: Callable[[Order], str | None],
    ) -> None:
        self.venue_id = venue_id
        self._floor = floor
        self._clock = clock
        self._accounts = accounts
        self._prefix = prefix
        self._script_of = script_of
        self._desk = Desk(
            venue_id=venue_id, floor=floor, ledger=ledger, clock=clock, failpoints=failpoints, limits=limits
        )

    @property
    def commits_total(self) -> int:
        """Transactions that changed orders or accounts, since the start."""
        return self._desk.commits_total

    async def start(self) -> None:
        """Take the venue over from whoever ran it. Raises `DatabaseUnavailable`."""
        await self._desk.start()

    async def stop(self) -> None:
        """Close all sessions and stop; open orders stay on disk and work on at the next start. Idempotent."""
        for outbox in [outbox for outboxes in self._desk.outboxes.values() for outbox in outboxes]:
            await outbox.close()
        self._desk.outboxes.clear()
        await self._desk.stop()

    def status(self) -> VenueStatus:
        return VenueStatus.ONLINE if self._desk.is_online else VenueStatus.OFFLINE

    def check_credential(self, type: CredentialType, secrets: Secrets) -> None:
        check_secrets(secrets)

    async def instruments(self) -> Sequence[Instrument]:
        return list(self._floor.instruments.values())

    async def securities(self) -> Sequence[Security]:
        return list(self._floor.securities)

    async def verify(self, type: CredentialType, secrets: Secrets) -> Sequence[ExternalAccount]:
        check_secrets(secrets)
        return [to_external(account) for account in await self._open_accounts(secrets)]

    async def open_session(self, account: TradingAccount, secrets: Secrets, sink: ReportSink) -> ExecutionSession:
        check_secrets(secrets)
        external_id = account.external.external_id
        if all(reached.external_id != external_id for reached in await self._open_accounts(secrets)):
            raise CredentialRejected("the key does not reach that account")
        outbox = Outbox(
            external_id=external_id,
            account_id=account.id,
            sink=sink,
            ledger=self._desk.ledger,
            clock=self._clock,
            reports_max=self._desk.limits.outbox_reports_max,
        )
        self._desk.outboxes.setdefault(external_id, []).append(outbox)
        return InHouseSession(self._desk, account, outbox, self._prefix, self._script_of)

    async def open_book(self, instrument_id: InstrumentId, sink: MarketSink) -> None:
        if instrument_id not in self._floor.instruments:
            raise InstrumentNotFound(f"{self.venue_id} does not list {instrument_id}")

        def work(turn: Turn) -> Answer:
            if instrument_id not in self._desk.feeds:
                feed = BookFeed(instrument_id, sink, self._floor)
                feed.open(turn.at_ms)
                self._desk.feeds[instrument_id] = feed
            return Answer(None)

        try:
            await self._desk.call(work, is_after_commit=True)
        except CallLost as error:
            raise VenueUnavailable(str(error)) from error

    async def close_book(self, instrument_id: InstrumentId) -> None:
        self._desk.feeds.pop(instrument_id, None)

    async def _open_accounts(self, secrets: Secrets) -> Sequence[VenueAccount]:
        """The key's accounts, opened with money if they are new. Raises `VenueUnavailable`, also for want of room."""

        def work(turn: Turn) -> Answer:
            ledger = self._floor.office.ledger
            wanted = accounts_of(secrets, str(self.venue_id), self._accounts, turn.at_ms)
            new = [account for account in wanted if ledger.account(account.external_id) is None]
            if ledger.accounts_count + len(new) > self._accounts.accounts_max:
                return Answer(None)
            for account in new:
                self._floor.office.open_account(account, self._accounts.deposits)
            return Answer([ledger.account(account.external_id) for account in wanted])

        try:
            accounts: Sequence[VenueAccount] | None = await self._desk.call(work)
        except CallLost as error:
            raise VenueUnavailable(str(error)) from error
        if accounts is None:
            raise VenueUnavailable(f"{self.venue_id} has no room for more accounts")
        return accounts
