"""What the conformance suite asks of a venue: a `VenueUnderTest` that can be traded on, and made to misbehave.

One file under `venues/` per venue makes one. A venue that runs here is driven by a clock and a market by hand; a
networked venue joins through its simulator and needs no more than this interface.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from itertools import count
from types import SimpleNamespace
from typing import Any, Protocol
from uuid import UUID

from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.accounts.trading_account import AccountType, ExternalAccount, TradingAccount
from cadenza.domain.evolve import evolve
from cadenza.domain.market.enums import Side
from cadenza.domain.market.instrument import Instrument, InstrumentType
from cadenza.domain.trading.apply import apply_report
from cadenza.domain.trading.enums import OrderStatus, RejectReason
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import (
    AcceptedReport,
    BalanceReport,
    ExternalOrderReport,
    FillReport,
    OrderReport,
    PositionReport,
    RejectedReport,
    Report,
)
from cadenza.domain.trading.state import TradingState, World
from cadenza.domain.trading.venue_spec import (
    Books,
    DerivedSentId,
    Fence,
    Lookup,
    OrderMemory,
    VenueSpec,
)
from cadenza.ports.venue import AccountSnapshot, ExecutionSession, VenueConnector
from tests.conformance.needs import NeedOfAccount, has_news
from tests.inhouse_kit import RecordingSink, replayed, trading_account, until


class Capability(StrEnum):
    """What a venue under test can do, or be made to do."""

    RESTING_FILLS = "an order that rests can be made to fill"
    REPLY_LOSS = "a reply can be lost after the order arrived"
    REQUEST_LOSS = "a request can be lost before it arrives"
    RESTART = "the connector can be killed and started again"
    FEED_BREAK = "the feed of a book can be made to break"
    MARGIN = "there are margined accounts beside those under test"
    BURIES = "the venue keeps an order that it does not know from arriving later"
    MATCHING = "a matching engine with a book and money stands behind it"
    MARKET_DATA = "it has feeds of books and trades"
    STREAM_BREAK = "the stream of an account can be made to break"
    ODD_TEXT = "the venue can be made to say something that its connector cannot read"
    ONE_ORDER_PER_ID = "the venue takes one order under an id, for ever"
    REMEMBERS_REFUSALS = "the venue can be asked about an order that it refused"
    RESERVES_FEES = "an order holds its fee as well, in what it pays with"
    MOVES_ASSETS = "a fill moves the base and the quote asset"
    POSITIONS = "a fill moves a position, of the accounts under test or of margined ones beside them"
    REPEATS = "the venue can be made to report everything twice"
    DISORDER = "what the stream brings can be made to come in the reverse order"
    SILENCE = "the stream of an account can be made to fall silent"
    CORRECTIONS = "the venue can be made to take an execution back, and to change it"
    SLOW_REPLIES = "the reply to an order can be made to come late"
    SLOW_CANCELS = "the reply to a cancel can be made to come late"
    LATE_FEES = "the venue can be made to charge the fee of a fill later"
    UNTRADED_MARGIN = "it also has margined accounts, and this suite does not trade on them"
    UNLISTED_MARGIN_RATES = "its catalogue leaves out the margin rates of derivatives"
    STATUS_AFTER_END = "after an order's last fill it may state once how the whole order stands"
    DROPS_UNSENT = "a request that nobody waits for any more may be dropped before it was sent"
    KILLS_AT_ONCE = "it reports a FOK order that cannot be filled as canceled, without accepting it first"
    TRIGGERS_AT_ONCE = "it executes a stop that is through its trigger, instead of refusing it"
    ENDS_LATER = "its reply only accepts an order, and the stream says how one that ends at once has ended"


WEAKER_PROMISES = frozenset(
    {
        Capability.UNTRADED_MARGIN,
        Capability.UNLISTED_MARGIN_RATES,
        Capability.STATUS_AFTER_END,
        Capability.DROPS_UNSENT,
        Capability.KILLS_AT_ONCE,
        Capability.TRIGGERS_AT_ONCE,
        Capability.ENDS_LATER,
    }
)
"""With one of these a venue asks for the looser form of a case. All other venues have to pass the strict form."""

Word = BalanceReport | PositionReport
"""What a venue says of what an account holds."""

Needed = Capability | Callable[[VenueSpec], bool] | NeedOfAccount
"""What a case needs: something that the test can do, or something that the spec declares, of all or of the accounts
under test."""


@dataclass(frozen=True, slots=True)
class Prices:
    """The book around which the suite trades: the best prices, and the quantity that can be taken at once."""

    bid: Decimal
    ask: Decimal
    available: Decimal

    def taking(self, side: Side) -> Decimal:
        return self.ask if side is Side.BUY else self.bid


class VenueUnderTest(Protocol):
    """A venue that is about to be tested. `spot` and `perpetual` are what is traded; `perpetual` only with MARGIN."""

    @property
    def name(self) -> str: ...

    @property
    def capabilities(self) -> frozenset[Capability]: ...

    @property
    def connector(self) -> VenueConnector: ...

    @property
    def secrets(self) -> Secrets: ...

    @property
    def other_secrets(self) -> Secrets: ...

    @property
    def account_type(self) -> AccountType:
        """The type of the accounts that trade `spot`."""

    @property
    def kind(self) -> InstrumentType:
        """What `spot` is."""

    @property
    def spot(self) -> Instrument: ...

    @property
    def perpetual(self) -> Instrument: ...

    @property
    def prices(self) -> Prices: ...

    @property
    def ends_after_ms(self) -> int:
        """How far ahead the end of a GTD order has to be."""

    @property
    def end_margin_ms(self) -> int:
        """How long before its end an order is looked at. Where time goes on by itself, that takes a while."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def restart(self) -> None:
        """Kill the connector and start another; the venue itself went on. `connector` is the new one."""

    async def pass_time(self, duration_ms: int) -> None:
        """Return when the venue has noticed that so much time has passed."""

    def to_be_filled(self, order: Order) -> Order:
        """Prepare an order that rests, before it is submitted, for `fill_up_to`."""

    async def fill_up_to(self, order: Order, executed: Decimal) -> None:
        """Let the market trade with a resting order until so much of it is executed. Half and all must be possible."""

    async def losing_reply(self, session: ExecutionSession, order: Order) -> Sequence[Report]:
        """Submit; the venue has the order, and the reply is lost. Return when both sides are themselves again."""

    async def losing_request(self, session: ExecutionSession, order: Order) -> Sequence[Report]:
        """Submit; the venue never hears of it."""

    async def break_feed(self) -> None:
        """Break the books' feeds, and return when they are whole again."""

    async def break_stream(self, session: ExecutionSession) -> None:
        """Break the session's stream, and return when the session has noticed it."""

    async def restore_stream(self, session: ExecutionSession) -> None:
        """Let the stream come back, and return when the session has said so."""

    async def say_odd(self, trader: "Trader") -> None:
        """Have the venue take in an order of the account that works on, and that the connector cannot read."""

    async def submit_repeated(self, session: ExecutionSession, order: Order) -> Sequence[Report]:
        """Submit; whatever the venue reports about the order by itself, it reports twice."""

    async def submit_slowly(self, session: ExecutionSession, order: Order) -> "asyncio.Task[Sequence[Report]]":
        """Begin to submit; return when the venue has the order, and its reply waits for `let_replies_come`."""

    async def cancel_slowly(self, session: ExecutionSession, order: Order) -> "asyncio.Task[Sequence[Report]]":
        """As `submit_slowly`, of a cancel."""

    async def let_replies_come(self) -> None:
        """Let the replies through that wait."""

    async def hold_stream(self, session: ExecutionSession) -> None:
        """Let what the venue reports from now on wait on its way."""

    async def release_reversed(self, session: ExecutionSession) -> None:
        """Let through what waits, the last of it first, and return when it is delivered."""

    async def fall_silent(self, session: ExecutionSession) -> None:
        """Let the session's stream stay open and bring nothing any more."""

    async def compare(self, session: ExecutionSession) -> None:
        """Return when the session has compared its stream with a reading, and has acted on that."""

    async def bust(self, order: Order) -> None:
        """Have the venue take back the order's last execution."""

    async def correct(self, order: Order, price: Decimal) -> None:
        """Have the venue change the price of the order's last execution."""

    async def fill_without_fee(self, order: Order, executed: Decimal) -> None:
        """As `fill_up_to`, and the fee is charged by `charge`."""

    async def charge(self, order: Order, fee: Decimal) -> None:
        """Have the venue charge the fee of the order's last execution, in units of the quote asset."""


@dataclass(slots=True)
class Trader:
    """One trading account with its session, and what stream and replies reported, in the order of arrival."""

    venue: VenueUnderTest
    account: TradingAccount
    session: ExecutionSession
    sink: RecordingSink
    replies: list[Report] = field(default_factory=list)

    @property
    def reported(self) -> list[Report]:
        return [*self.replies, *self.sink.reports]

    def fills_of(self, order: Order) -> list[FillReport]:
        """Each trade once, whoever reported it, in the order of their times."""
        own = (report for report in about(order, self.reported) if isinstance(report, FillReport))
        return sorted({report.trade_id: report for report in own}.values(), key=lambda report: report.at_ms)

    def executed(self, order: Order) -> Decimal:
        return sum((fill.quantity for fill in self.fills_of(order)), Decimal(0))

    def believed(self, order: Order) -> Order:
        """What the platform makes of an order by all that was reported."""
        return believed(order, self.reported)

    async def submit(self, order: Order) -> Sequence[Report]:
        """Return the reply, and what it leaves to the stream, once that has brought it: fills that it states without
        listing them, or with ENDS_LATER all that has become of the order."""
        reply = self._note(await self.session.submit(order))
        if self._ends_later and any(isinstance(each, AcceptedReport) for each in reply):
            return [*reply, *await self._became(order)]
        stated = max((each.executed_quantity for each in reply if isinstance(each, AcceptedReport)), default=Decimal(0))
        await until(lambda: self.executed(order) >= stated, "the fills that the reply states")
        has_fills = any(isinstance(each, FillReport) for each in reply)
        return reply if has_fills or not stated else [*reply, *self.fills_of(order)]

    async def cancel(self, order: Order) -> Sequence[Report]:
        """Return the reply, and with ENDS_LATER how the order ended, once the stream has brought it."""
        reply = self._note(await self.session.cancel(order))
        return reply if reply or not self._ends_later else await self._became(order)

    async def cancel_all(self, *orders: Order) -> Sequence[Report]:
        return self._note(await self.session.cancel_all(self.venue.spot.id, [self.believed(o) for o in orders]))

    async def lookup(self, *orders: Order) -> Sequence[Report]:
        return self._note(await self.session.lookup(orders))

    @property
    def _ends_later(self) -> bool:
        return Capability.ENDS_LATER in self.venue.capabilities

    async def _became(self, order: Order) -> list[OrderReport]:
        """Return what the stream has said of the order, but for its announcement, once that is what the venue says."""
        named = evolve(order, venue_order_id=believed(order, self.replies).venue_order_id)
        stands = believed(order, await self.session.lookup([named]))

        def is_known() -> bool:
            known = believed(order, self.sink.reports)
            return (known.status, known.executed_quantity) == (stands.status, stands.executed_quantity)

        await until(is_known, f"the news of an order that is {stands.status.value}")
        return [each for each in about(order, self.sink.reports) if not isinstance(each, ExternalOrderReport)]

    def _note(self, reports: Sequence[Report]) -> Sequence[Report]:
        for report in reports:
            assert not isinstance(report, RejectedReport) or report.reason.split(": ")[0] in set(RejectReason), report
        self.replies.extend(reports)
        return reports

    async def learn(self, order: Order, what: str, is_known: Callable[[], bool]) -> None:
        """Return when the reports show what the test waits for. Where only replies report, the venue is asked about the
        order, as the platform does."""
        if not has_news(self.venue.connector.spec):
            await self.lookup(order)
        await until(is_known, what)

    async def learn_fills(self, order: Order, executed: Decimal) -> None:
        """Return when so much of the order is known to be executed."""
        await self.learn(order, f"fills of {executed}", lambda: self.executed(order) == executed)

    async def asked_again(self, order: Order) -> Sequence[Sequence[Report]]:
        """Return what a lookup and a replay say of the order, as far as the venue has them."""
        spec = self.venue.connector.spec
        answers: list[Sequence[Report]] = []
        if spec.lookup is not None:
            answers.append(await self.lookup(order))
        if spec.replay is not None:
            answers.append(self._note(about(order, self.reported, await replayed(self.session, 0))))
        return answers

    async def balances(self) -> dict[str, Decimal]:
        balances = (await self.session.snapshot()).balances
        assert balances is not None
        return {balance.asset: balance.total for balance in balances}

    async def held(self) -> Decimal:
        """Return how much of `spot` the account holds: of its base asset, or in a position where fills move positions
        instead of assets."""
        return self.held_in(await self.session.snapshot())

    def held_in(self, snapshot: AccountSnapshot) -> Decimal:
        """The same, by what a snapshot says."""
        words = self.words_of(snapshot)
        return sum((each.total if isinstance(each, BalanceReport) else each.quantity for each in words), Decimal(0))

    def words_of(self, snapshot: AccountSnapshot) -> "list[Word]":
        return self.words([*(snapshot.balances or ()), *(snapshot.positions or ())])

    def words(self, reports: Sequence[Report]) -> "list[Word]":
        """Those of the reports that say how much of `spot` the account holds."""
        spot = self.venue.spot
        if Capability.MOVES_ASSETS in self.venue.capabilities:
            return [each for each in reports if isinstance(each, BalanceReport) and each.asset == spot.base_asset]
        return [each for each in reports if isinstance(each, PositionReport) and each.instrument_id == spot.id]

    def moved_by(self, fill: FillReport) -> Decimal:
        """Return how much the fill moved of what is held, in favour of its side."""
        if Capability.MOVES_ASSETS not in self.venue.capabilities:
            return fill.quantity
        fees = sum((fee.quantity for fee in fill.fees if fee.asset == self.venue.spot.base_asset), Decimal(0))
        return fill.quantity - fill.side.sign * fees

    async def has_open(self, *orders: Order) -> bool:
        """Whether these orders are open at the venue, and no others."""
        shown = (await self.session.snapshot()).open_orders
        return len(shown) == len(orders) and all(about(order, [*self.reported, *shown], shown) for order in orders)


def about(order: Order, reports: Sequence[Report], among: Sequence[Report] | None = None) -> list[OrderReport]:
    """Those of the reports that name the order, by any of its names; the venue's names of it are learned from them."""
    own = [report for report in reports if isinstance(report, OrderReport) and _names(report, order)]
    venue_ids = {report.venue_order_id for report in own} | {order.venue_order_id}
    return [
        report
        for report in (reports if among is None else among)
        if isinstance(report, OrderReport) and report.instrument_id == order.instrument_id
        if _names(report, order)
        or (report.order_id is None and report.sent_id is None and report.venue_order_id in venue_ids)
    ]


def _names(report: OrderReport, order: Order) -> bool:
    if report.order_id is not None:
        return report.order_id == order.id
    return report.sent_id is not None and report.sent_id == order.sent_id


async def trader_at(
    venue: VenueUnderTest, type: AccountType | None = None, *, number: int = 1, secrets: Secrets | None = None
) -> Trader:
    """Open a session, of the account that trades `spot` unless a type is given; two with the same secrets are two
    trading accounts of one account at the venue."""
    type = type or venue.account_type
    secrets = secrets or venue.secrets
    connector = venue.connector
    externals = (await connector.verify(credential_type(connector.spec), secrets)).accounts
    external = next(external for external in externals if external.type is type)
    account = trading_account(connector.spec.venue_id, external, number)
    sink = RecordingSink()
    return Trader(
        venue, account, await connector.open_session(account, credential_type(connector.spec), secrets, sink), sink
    )


def believed(order: Order, reports: Sequence[Report], *, has_lookup: bool = True) -> Order:
    """What the platform makes of an order by these reports: the domain's own rules, one report after another.
    `has_lookup`: the venue can be asked about orders."""
    if order.status is OrderStatus.CREATED:
        order = order.submitted(order.created_at_ms, order.send_before_ms or order.created_at_ms)
    state = _state(order, Lookup() if has_lookup else None)
    for report in reports:
        if isinstance(report, OrderReport) and report.account_id == order.account_id:
            apply_report(state, report)
    found = state.order(order.id)
    assert found is not None
    return found


def _state(order: Order, lookup: Lookup | None) -> TradingState:
    """The order alone, in an account whose venue keeps the books, so that nothing else is moved."""
    spec: Any = SimpleNamespace(
        books_of=lambda type: Books.VENUE, lookup=lookup, memory_of=lambda type: OrderMemory(), sent_id=DerivedSentId(),
        fence=Fence(margin_ms=0, proof="the venue was asked after it"),
        is_past_fence=lambda send_before_ms, asked_at_ms: True,
    )  # fmt: skip
    numbers = count(1)
    world = World(
        spec=lambda venue_id: spec, instrument=lambda id: None, top=lambda id: None, book=lambda id: None,
        rate=lambda *_: None,
        new_id=lambda: UUID(int=next(numbers)), now_ms=order.created_at_ms,
    )  # fmt: skip
    external = ExternalAccount(external_id="x", type=AccountType.SPOT, external_type="x")
    account = evolve(trading_account(order.venue_id, external), id=order.account_id, adopted_at_ms=0)
    return TradingState(world, [account], (), (), [order])


def credential_type(spec: VenueSpec) -> CredentialType:
    """The type of the suite's keys: the first that the venue takes."""
    return next(type for type in CredentialType if type in spec.credential_types)


VenueFactory = Callable[[], VenueUnderTest]
