"""A venue, as the application sees it: instruments, market data, and sessions that trade for one account.

A connector never calls the application. It answers with reports, or delivers them to the sink it was given; the reply
to a request, the stream, polling and reconciliation all make the same reports (`domain/trading/reports.py`).
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.accounts.trading_account import ExternalAccount, TradingAccount
from cadenza.domain.ids import InstrumentId, VenueId
from cadenza.domain.market.instrument import Instrument, Security
from cadenza.domain.market.order_book import BookDelta, BookSnapshot, MarketTrade
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.position import PositionSide
from cadenza.domain.trading.reports import BalanceReport, ExternalOrderReport, Report

REPLAY_REPORTS_MAX = 200
"""Reports in one piece of a replay: each piece is one change of the account, and others take their turn between two."""


class VenueStatus(StrEnum):
    ONLINE = "ONLINE"
    OFFLINE = "OFFLINE"
    MAINTENANCE = "MAINTENANCE"


class ReportSink(Protocol):
    """Takes a session's reports. Law: bounded; `deliver` waits while full, and the caller stops reading its socket
    meanwhile. The order of one account's reports is kept: when one is delivered, all that happened a minute and more
    before it has been, or a replay from its instant tells it. Nothing is ever dropped: a fill is money."""

    async def deliver(self, reports: Sequence[Report]) -> None: ...


class MarketSink(Protocol):
    """Takes public market data. Law: never blocks; the newest wins and older news may be conflated away. This is the
    opposite of `ReportSink`, and right for books, which are only worth their present state."""

    def on_snapshot(self, snapshot: BookSnapshot) -> None: ...

    def on_delta(self, delta: BookDelta) -> None: ...

    def on_trade(self, trade: MarketTrade) -> None: ...

    def on_stale(self, instrument_id: InstrumentId) -> None:
        """The feed of this book broke; it must not be served until the next snapshot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VenuePosition:
    """An open position as the venue shows it; `quantity` is signed, `entry_price` in quote units."""

    instrument_id: InstrumentId
    side: PositionSide
    quantity: Decimal
    entry_price: Decimal
    leverage: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSnapshot:
    """An account at one moment, consistent in itself: fills up to `at_ms` (the venue's time) are in it, and no later
    one is."""

    balances: tuple[BalanceReport, ...]
    positions: tuple[VenuePosition, ...]
    open_orders: tuple[ExternalOrderReport, ...]
    at_ms: int


class ExecutionSession(Protocol):
    """Trades for one account.

    Law of outcomes: `submit` and `cancel` never raise for what happened to the order. A refusal with proof is a
    `RejectedReport`; whatever leaves a doubt after bytes left is an `UnknownOutcomeReport`. The venue's order id is
    derived from `order.id`, so a lost acknowledgement can be looked up. Nothing is ever sent twice.
    """

    async def submit(self, order: Order) -> Sequence[Report]:
        """Send a new order; return what the reply says (accepted and its first fills, rejected, or unknown). Who waits
        no longer cancels the call: what the reply would have said is then told by the stream or by `lookup`."""

    async def cancel(self, order: Order) -> Sequence[Report]:
        """Ask to take an order off; return what the reply says, which may be nothing yet. Nothing as well when the
        venue could not be asked: the wish is told again. A refusal is the venue's own word."""

    async def lookup(self, orders: Sequence[Order]) -> Sequence[Report]:
        """Ask the venue about orders by our ids and return all it knows of them, fills included. An order that the
        venue does not know is a `RejectedReport` only when it provably cannot arrive any more."""

    def replay(self, since_ms: int) -> AsyncIterator[Sequence[Report]]:
        """Yield all that happened in the account since then (overlap is fine), orders placed elsewhere included, in
        pieces of at most `REPLAY_REPORTS_MAX` reports, each read when it is asked for. Of one order the reports come in
        their order. Only with the last piece has everything been told."""

    async def snapshot(self) -> AccountSnapshot: ...

    def is_caught_up(self) -> bool:
        """Whether the sink has been told all that the session knows of. False while news waits for the sink, or while
        the stream is broken."""

    async def close(self) -> None:
        """Stop the stream; idempotent. Nothing is delivered afterwards."""


class VenueConnector(Protocol):
    """One venue in one environment."""

    venue_id: VenueId

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def status(self) -> VenueStatus:
        """What the last contact said; never a guess."""

    def check_credential(self, type: CredentialType, secrets: Secrets) -> None:
        """Raise `InvalidCredential` when the fields do not fit the type or the venue; asks nobody."""

    async def instruments(self) -> Sequence[Instrument]: ...

    async def securities(self) -> Sequence[Security]: ...

    async def verify(self, type: CredentialType, secrets: Secrets) -> Sequence[ExternalAccount]:
        """Return the accounts that the credential reaches. Raises `CredentialRejected`, `VenueUnavailable`."""

    async def open_session(self, account: TradingAccount, secrets: Secrets, sink: ReportSink) -> ExecutionSession:
        """Start trading and streaming for an account. Raises `CredentialRejected`, `VenueUnavailable`."""

    async def open_book(self, instrument_id: InstrumentId, sink: MarketSink) -> None:
        """Start a feed (book and trades) into the sink, a snapshot first; idempotent."""

    async def close_book(self, instrument_id: InstrumentId) -> None: ...


Connectors = Mapping[VenueId, VenueConnector]
