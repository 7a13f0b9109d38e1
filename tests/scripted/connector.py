"""The scripted venue's connector."""

from collections.abc import Sequence

from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.accounts.trading_account import AccountType, ExternalAccount, PositionMode, TradingAccount
from cadenza.domain.errors import CredentialRejected, InvalidCredential, VenueUnavailable
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.book_messages import BookSnapshot
from cadenza.domain.market.instrument import Instrument, Security
from cadenza.domain.trading.venue_spec import VenueSpec
from cadenza.ports.venue import (
    ExecutionSession,
    ListedInstruments,
    MarketSink,
    SessionSink,
    VenueMemories,
    VenueStatus,
    VerifiedKey,
)
from tests.scripted.session import Script, ScriptedSession
from tests.scripted.specs import securities_of
from tests.scripted.venue import ScriptedVenue, VenueAccount


class ScriptedConnector:
    """`ports.venue.VenueConnector`. `sessions` are all that were ever opened, the newest last."""

    def __init__(
        self, venue: ScriptedVenue, script: Script | None = None, memories: VenueMemories | None = None
    ) -> None:
        self._memories = memories
        self.venue = venue
        self.script = script or Script()
        self.sessions: list[ScriptedSession] = []
        self.is_reachable = True
        self._is_started = False

    @property
    def spec(self) -> VenueSpec:
        return self.venue.kind.spec

    async def start(self) -> None:
        if not self.is_reachable:
            raise VenueUnavailable("the venue does not answer")
        self._is_started = True

    async def stop(self) -> None:
        self._is_started = False
        for session in self.sessions:
            await session.close()

    def status(self) -> VenueStatus:
        return VenueStatus.ONLINE if self._is_started and self.is_reachable else VenueStatus.OFFLINE

    def trouble(self) -> str | None:
        return None

    def earliest_ms(self) -> int:
        return 0

    def check_credential(self, type: CredentialType, secrets: Secrets) -> None:
        if type not in self.spec.credential_types or not secrets.api_key or not secrets.api_secret:
            raise InvalidCredential("the key and the secret must not be empty")

    def remember(self, instruments: Sequence[Instrument]) -> None:
        return None

    async def instruments(self) -> ListedInstruments:
        return ListedInstruments(self.venue.instruments)

    async def securities(self) -> Sequence[Security]:
        return securities_of(self.spec.venue_id)

    async def verify(self, type: CredentialType, secrets: Secrets) -> VerifiedKey:
        self.check_credential(type, secrets)
        self._require_reach()
        reached = self.venue.keys.get(secrets.api_key, ())
        return VerifiedKey([_external(self.venue.accounts[id]) for id in reached])

    async def open_session(
        self, account: TradingAccount, type: CredentialType, secrets: Secrets, sink: SessionSink
    ) -> ExecutionSession:
        self._require_reach()
        external_id = account.external.external_id
        if external_id not in self.venue.keys.get(secrets.api_key, ()):
            raise CredentialRejected("the key does not reach this account")
        memory = None
        if self.venue.kind.has_nonces:
            assert self._memories is not None
            memory = await self._memories.open(f"nonces of {secrets.api_key}")
        session = ScriptedSession(self.venue, self.venue.accounts[external_id], account, sink, self.script, memory)
        self.sessions.append(session)
        return session

    async def open_book(self, instrument_id: InstrumentId, sink: MarketSink) -> None:
        sink.on_snapshot(
            BookSnapshot(instrument_id=instrument_id, bids=(), asks=(), sequence=1, at_ms=self.venue.now_ms)
        )

    async def close_book(self, instrument_id: InstrumentId) -> None:
        return None

    def session(self, external_id: str) -> ScriptedSession:
        """Return the account's newest session."""
        return next(each for each in reversed(self.sessions) if each.at.external_id == external_id)

    def _require_reach(self) -> None:
        if self.status() is not VenueStatus.ONLINE:
            raise VenueUnavailable("the venue does not answer")


def _external(account: VenueAccount) -> ExternalAccount:
    is_spot = account.type is AccountType.SPOT
    return ExternalAccount(
        external_id=account.external_id,
        type=account.type,
        external_type="scripted",
        position_mode=None if is_spot else PositionMode.NETTING,
        max_leverage=1 if is_spot else 20,
    )
