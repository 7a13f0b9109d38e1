"""A connector: one venue in one environment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.accounts.trading_account import ExternalAccount, TradingAccount
from cadenza.domain.ids import InstrumentId, VenueId
from cadenza.domain.market.book_messages import BookDelta, BookSnapshot, MarketTrade
from cadenza.domain.market.instrument import Instrument, Security
from cadenza.domain.trading.venue_spec import VenueSpec
from cadenza.ports.venue.session import ExecutionSession, SessionSink


class VenueStatus(StrEnum):
    ONLINE = "ONLINE"
    OFFLINE = "OFFLINE"
    MAINTENANCE = "MAINTENANCE"


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueCondition:
    """How a venue is, since when (our wall clock) and, when something failed, for what cause: an error's code. `detail`
    is the same cause in words, for people."""

    status: VenueStatus
    since_ms: int
    cause: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class UnreadableInstrument:
    """An instrument that the venue lists and that the connector could not read. `external_symbol` is the venue's name
    for it; None when not even the name could be read. `cause` says in words what could not be read."""

    external_symbol: str | None
    cause: str


@dataclass(frozen=True, slots=True)
class ListedInstruments:
    """What a venue lists: the instruments that could be read, and those that could not."""

    instruments: Sequence[Instrument]
    unreadable: Sequence[UnreadableInstrument] = ()


@dataclass(frozen=True, slots=True)
class KeyRights:
    """What the venue says about a key, apart from what it may read. `is_bound_to_addresses`: the key works only from
    the addresses that its owner has named at the venue. `may_trade`: it may trade in one of its accounts at least."""

    may_withdraw: bool
    is_bound_to_addresses: bool
    may_trade: bool = True


@dataclass(frozen=True, slots=True)
class VerifiedKey:
    """The accounts that a key reaches, and its rights. `rights` is None where the venue does not state them."""

    accounts: Sequence[ExternalAccount]
    rights: KeyRights | None = None


class MarketSink(Protocol):
    """Takes public market data. Law: no method blocks. The newest state of a book wins, and older messages about it may
    be dropped. `SessionSink` does the opposite; dropping is right for books, because only their current state has a
    value. It is not right for trades (`on_trade`)."""

    def on_snapshot(self, snapshot: BookSnapshot) -> None:
        """Replace the whole book. A feed begins with a snapshot."""

    def on_delta(self, delta: BookDelta) -> None:
        """Apply a change to the book, in the order in which the venue sent it."""

    def on_trade(self, trade: MarketTrade) -> None:
        """Publish a public trade. Trades move and trigger the trailing stops that the platform holds. So the feed
        delivers each trade once and in the venue's order, drops none while it is live, and delivers none from before it
        was opened."""

    def on_mark(self, instrument_id: InstrumentId, mark: Decimal | None) -> None:
        """Value positions at this price (quote units per base unit) from now on. A venue that publishes no mark price
        never calls it, and the middle of the book counts. None withdraws the venue's price."""

    def on_stale(self, instrument_id: InstrumentId) -> None:
        """Report that the feed of this book broke. The book is not served until the next snapshot."""


class VenueConnector(Protocol):
    """One venue in one environment. `start` comes first and may be called again after it failed."""

    @property
    def spec(self) -> VenueSpec: ...

    def remember(self, instruments: Sequence[Instrument]) -> None:
        """Take over what is stored of this venue's list, before `start`. Orders and executions may name an instrument
        that the venue took off its list while nobody listened: with what is stored their reports can be read. What the
        venue lists itself counts more."""

    async def start(self) -> None:
        """Get ready to serve the other methods. Raises `VenueUnavailable` or `DatabaseUnavailable`; the caller tries
        again later. Neither another venue nor the platform's start waits for this call."""

    async def stop(self) -> None:
        """Close every session and feed. Idempotent; also after a failed start."""

    def status(self) -> VenueStatus:
        """Return the status that the last contact with the venue showed. Never a guess."""

    def trouble(self) -> str | None:
        """Return in words why the venue is not ONLINE: that its name cannot be resolved, that it refuses connections,
        what it answered. The same cause has the same words. None while it is ONLINE, or if the cause is not known."""

    def earliest_ms(self) -> int:
        """Return an instant that the venue's clock has reached for certain: what was measured, less its error. 0 while
        the clock is not measured. Where parts of the venue have clocks of their own, those that are not measured do not
        count."""

    def check_credential(self, type: CredentialType, secrets: Secrets) -> None:
        """Raise `InvalidCredential` when the fields do not match the type or the venue. It sends no request."""

    async def instruments(self) -> ListedInstruments:
        """Return the instruments that the venue lists. Where `VenueSpec.listing` is LISTED the answer is complete, and
        an instrument that is missing becomes DELISTED; otherwise the answer has those known so far.

        One instrument that cannot be read does not fail the list: it is returned as unreadable. The catalogue keeps
        what is stored of it and makes it INACTIVE, so it takes no new orders. Its orders can still be canceled and
        looked up, and their fills are booked. It becomes what the venue says as soon as it can be read again. While
        an instrument without a name is unreadable, nothing becomes DELISTED, because it may be any of them.

        Three more things do not fail the list. An instrument with a value that no database holds (`can_be_listed`)
        counts as unreadable. An instrument id that is listed more than once counts as unreadable, and none of its
        entries is taken. An external symbol that no database holds, such as one with a NUL, counts as no name.
        Raises `VenueUnavailable`."""

    async def securities(self) -> Sequence[Security]:
        """Return the assets that the venue holds for its clients. An asset with a value that no database holds is left
        out, and what is stored of it stays. Of an asset that is listed more than once, the last entry counts. Raises
        `VenueUnavailable`."""

    async def verify(self, type: CredentialType, secrets: Secrets) -> VerifiedKey:
        """Return the accounts that the credential reaches, and its rights. No right to withdraw is ever needed: the
        platform raises an alarm about a key that has it. Raises `CredentialRejected`, `VenueUnavailable`."""

    async def open_session(
        self, account: TradingAccount, type: CredentialType, secrets: Secrets, sink: SessionSink
    ) -> ExecutionSession:
        """Start trading and streaming for an account, signed by a credential of that type. Raises `CredentialRejected`,
        `VenueUnavailable`."""

    async def open_book(self, instrument_id: InstrumentId, sink: MarketSink) -> None:
        """Start a feed (book and trades) into the sink, beginning with a snapshot. Idempotent. Raises
        `VenueUnavailable`, `InstrumentNotFound`."""

    async def close_book(self, instrument_id: InstrumentId) -> None:
        """Stop the feed of the book. Idempotent."""


Connectors = Mapping[VenueId, VenueConnector]
