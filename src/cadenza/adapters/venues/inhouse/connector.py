"""The connector of a venue that runs in this process. Implements `VenueConnector`."""

from collections.abc import Callable, Sequence

from cadenza.adapters.venues.inhouse.accounts import AccountSettings, accounts_of, check_secrets, to_external
from cadenza.adapters.venues.inhouse.exchange import SimulatedExchange
from cadenza.adapters.venues.inhouse.feed import BookFeed
from cadenza.adapters.venues.inhouse.report_queue import ReportQueue
from cadenza.adapters.venues.inhouse.runner import CallLost, CallResult, ExchangeRunner, RunnerLimits, Turn
from cadenza.adapters.venues.inhouse.session import InHouseSession
from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.errors import CredentialRejected, InstrumentNotFound, VenueUnavailable
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.instrument import Instrument, Security
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.venue_spec import VenueSpec
from cadenza.exchange.records import VenueAccount
from cadenza.ports.clock import Clock
from cadenza.ports.exchange_ledger import ExchangeLedger
from cadenza.ports.failpoints import Failpoints
from cadenza.ports.venue import (
    ExecutionSession,
    ListedInstruments,
    MarketSink,
    SessionSink,
    VenueStatus,
    VerifiedKey,
)


class InHouseConnector:
    """Connects a simulated exchange, which an `ExchangeRunner` runs, to the platform. The venue names our orders by
    their sent ids. `script_of` returns the script that an order carries, if any."""

    def __init__(
        self,
        *,
        spec: VenueSpec,
        exchange: SimulatedExchange,
        ledger: ExchangeLedger,
        clock: Clock,
        failpoints: Failpoints,
        limits: RunnerLimits,
        accounts: AccountSettings,
        script_of: Callable[[Order], str | None],
    ) -> None:
        self._spec = spec
        self._exchange = exchange
        self._clock = clock
        self._accounts = accounts
        self._script_of = script_of
        self._runner = ExchangeRunner(
            venue_id=spec.venue_id, exchange=exchange, ledger=ledger, clock=clock, failpoints=failpoints, limits=limits
        )

    @property
    def spec(self) -> VenueSpec:
        return self._spec

    @property
    def commits_total(self) -> int:
        """How many transactions were committed since the start."""
        return self._runner.commits_total

    def remember(self, instruments: Sequence[Instrument]) -> None:
        """Nothing ever leaves this venue's list."""

    async def start(self) -> None:
        """Become the only process that runs this venue. Raises `DatabaseUnavailable`."""
        await self._runner.start()

    async def stop(self) -> None:
        """Close all sessions and stop. Open orders stay on disk and continue at the next start. Idempotent."""
        for report_queue in [
            report_queue for report_queues in self._runner.report_queues.values() for report_queue in report_queues
        ]:
            await report_queue.close()
        self._runner.report_queues.clear()
        await self._runner.stop()

    def status(self) -> VenueStatus:
        return VenueStatus.ONLINE if self._runner.is_online else VenueStatus.OFFLINE

    def trouble(self) -> str | None:
        return None

    def earliest_ms(self) -> int:
        return self._clock.now_ms()

    def check_credential(self, type: CredentialType, secrets: Secrets) -> None:
        check_secrets(secrets)

    async def instruments(self) -> ListedInstruments:
        return ListedInstruments(list(self._exchange.instruments.values()))

    async def securities(self) -> Sequence[Security]:
        return list(self._exchange.securities)

    async def verify(self, type: CredentialType, secrets: Secrets) -> VerifiedKey:
        check_secrets(secrets)
        return VerifiedKey([to_external(account) for account in await self._open_accounts(secrets)])

    async def open_session(
        self, account: TradingAccount, type: CredentialType, secrets: Secrets, sink: SessionSink
    ) -> ExecutionSession:
        check_secrets(secrets)
        external_id = account.external.external_id
        if all(reached.external_id != external_id for reached in await self._open_accounts(secrets)):
            raise CredentialRejected("the key does not reach that account")
        report_queue = ReportQueue(
            external_id=external_id,
            account_id=account.id,
            sink=sink,
            ledger=self._runner.ledger,
            clock=self._clock,
            reports_max=self._runner.limits.queued_reports_max,
        )
        self._runner.report_queues.setdefault(external_id, []).append(report_queue)
        return InHouseSession(self._runner, account, report_queue, self._script_of)

    async def open_book(self, instrument_id: InstrumentId, sink: MarketSink) -> None:
        if instrument_id not in self._exchange.instruments:
            raise InstrumentNotFound(f"{self._spec.venue_id} does not list {instrument_id}")

        def work(turn: Turn) -> CallResult:
            if instrument_id not in self._runner.feeds:
                feed = BookFeed(instrument_id, sink, self._exchange)
                feed.open(turn.at_ms)
                self._runner.feeds[instrument_id] = feed
            return CallResult(None)

        try:
            await self._runner.call(work, is_after_commit=True)
        except CallLost as error:
            raise VenueUnavailable(str(error)) from error

    async def close_book(self, instrument_id: InstrumentId) -> None:
        self._runner.feeds.pop(instrument_id, None)

    async def _open_accounts(self, secrets: Secrets) -> Sequence[VenueAccount]:
        """Return the key's accounts and open them if they are new. Raises `VenueUnavailable`, also when `accounts_max`
        is reached."""

        def work(turn: Turn) -> CallResult:
            ledger = self._exchange.office.ledger
            wanted = accounts_of(secrets, str(self._spec.venue_id), self._accounts, turn.at_ms)
            new = [account for account in wanted if ledger.account(account.external_id) is None]
            if ledger.accounts_count + len(new) > self._accounts.accounts_max:
                return CallResult(None)
            for account in new:
                self._exchange.office.open_account(account, self._accounts.deposits)
            return CallResult([ledger.account(account.external_id) for account in wanted])

        try:
            accounts: Sequence[VenueAccount] | None = await self._runner.call(work)
        except CallLost as error:
            raise VenueUnavailable(str(error)) from error
        if accounts is None:
            raise VenueUnavailable(f"{self._spec.venue_id} has no room for more accounts")
        return accounts
