"""The parts on the way of an order and of a fill."""

from collections.abc import Callable
from dataclasses import dataclass

from cadenza.application.market_data.catalogue import Catalogue
from cadenza.application.orders.apply_report import ReportIntake
from cadenza.application.orders.ask_venue import AskVenue
from cadenza.application.orders.committer import Committer, CommitterLimits
from cadenza.application.orders.compare_books import CompareBooks
from cadenza.application.orders.expire_orders import ExpireOrders
from cadenza.application.orders.halted_accounts import HaltedAccounts
from cadenza.application.orders.held_orders import HeldOrders
from cadenza.application.orders.inquire import Inquire
from cadenza.application.orders.mark_complete import MarkComplete
from cadenza.application.orders.portfolios import PortfolioBuilder
from cadenza.application.orders.publish_missed import PublishMissed
from cadenza.application.orders.publish_portfolios import PublishPortfolios
from cadenza.application.orders.recent_rates import RecentRates
from cadenza.application.orders.reconcile import Reconcile
from cadenza.application.orders.release_held import ReleaseHeld
from cadenza.application.orders.send_cancel import SendCancel
from cadenza.application.orders.send_order import SendOrder
from cadenza.application.orders.sending import Sending
from cadenza.application.orders.sent_ids import SentIds
from cadenza.application.orders.sessions import Sessions
from cadenza.application.orders.take_snapshots import TakeSnapshots
from cadenza.application.orders.unpriced_assets import UnpricedAssets
from cadenza.application.orders.watch_closed import WatchClosed
from cadenza.application.orders.watch_kept import WatchKept
from cadenza.domain.ids import VenueId
from cadenza.ports.alarms import Alarms
from cadenza.ports.clock import Clock
from cadenza.ports.concurrency import Concurrency
from cadenza.ports.failpoints import Failpoints
from cadenza.ports.ids import Ids
from cadenza.ports.market import MarketDataFeeds, MarketView
from cadenza.ports.publisher import Publisher
from cadenza.ports.storage import Storage
from cadenza.ports.storage.trading import TradingRepository
from cadenza.ports.venue import Connectors, VenueMemories
from cadenza.ports.waiters import Waiters


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What the parts need of the world."""

    storage: Storage
    trading: TradingRepository
    memories: Callable[[VenueId], VenueMemories]
    connectors: Connectors
    market: MarketView
    feeds: MarketDataFeeds
    catalogue: Catalogue
    publisher: Publisher
    waiters: Waiters
    alarms: Alarms
    clock: Clock
    ids: Ids
    concurrency: Concurrency
    failpoints: Failpoints
    limits: CommitterLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class Trading:
    committer: Committer
    intake: ReportIntake
    ask_venue: AskVenue
    send_cancel: SendCancel
    sessions: Sessions
    sent_ids: SentIds
    sending: Sending
    send_order: SendOrder
    held: HeldOrders
    halted: HaltedAccounts
    release_held: ReleaseHeld
    inquire: Inquire
    expire_orders: ExpireOrders
    snapshots: TakeSnapshots
    compare_books: CompareBooks
    reconcile: Reconcile
    publish_missed: PublishMissed
    publish_portfolios: PublishPortfolios
    unpriced: UnpricedAssets
    watch_kept: WatchKept
    mark_complete: MarkComplete


def wire_trading(outside: Outside, portfolios: PortfolioBuilder) -> Trading:
    """Introduce the parts to each other."""
    o = outside
    unpriced = UnpricedAssets(alarms=o.alarms, clock=o.clock)
    publish_portfolios, publish_missed = _publishing(o, portfolios, unpriced)
    sessions = Sessions(
        connectors=o.connectors,
        apply=lambda reports, is_complete: intake.apply(reports, is_complete=is_complete),
        concurrency=o.concurrency,
    )
    halted = HaltedAccounts(sessions.withdraw_unsent)
    committer = _committer(o, sessions, portfolios, publish_portfolios, publish_missed, halted)
    intake = ReportIntake(storage=o.storage, committer=committer, alarms=o.alarms)
    sending = Sending(clock=o.clock)
    ask_venue, send_cancel = _requests(o, intake, sessions, sending)
    held, send_order = HeldOrders(), _send_order(o, committer, intake, sessions, sending, halted)
    compare_books = CompareBooks(storage=o.storage, committer=committer, alarms=o.alarms)
    snapshots = TakeSnapshots(
        storage=o.storage,
        committer=committer,
        ask_venue=ask_venue,
        compare_books=compare_books,
        watch_closed=WatchClosed(alarms=o.alarms, clock=o.clock),
        sessions=sessions,
        clock=o.clock,
        concurrency=o.concurrency,
    )
    marks = MarkComplete(
        storage=o.storage, committer=committer, sessions=sessions, clock=o.clock, failpoints=o.failpoints
    )
    sessions.on_gap = marks.may_have_missed
    sent_ids = SentIds(storage=o.storage, sessions=sessions, memories=o.memories, concurrency=o.concurrency)
    intake.on_reports = sent_ids.see_all
    intake.takes_orders = sessions.takes_orders
    _follow_up(intake, snapshots, compare_books)
    return Trading(
        committer=committer,
        intake=intake,
        ask_venue=ask_venue,
        send_cancel=send_cancel,
        sessions=sessions,
        sent_ids=sent_ids,
        sending=sending,
        send_order=send_order,
        held=held,
        halted=halted,
        release_held=_release_held(o, committer, held, send_order, sessions),
        inquire=_inquire(o, sessions, ask_venue, send_cancel, sending),
        expire_orders=_expire_orders(o, committer, send_cancel),
        snapshots=snapshots,
        compare_books=compare_books,
        reconcile=Reconcile(
            storage=o.storage,
            ask_venue=ask_venue,
            snapshots=snapshots,
            marks=marks,
            spec=sessions.spec,
            alarms=o.alarms,
            clock=o.clock,
            failpoints=o.failpoints,
        ),
        publish_missed=publish_missed,
        publish_portfolios=publish_portfolios,
        unpriced=unpriced,
        watch_kept=WatchKept(storage=o.storage, alarms=o.alarms, clock=o.clock),
        mark_complete=marks,
    )


def _publishing(
    o: Outside, portfolios: PortfolioBuilder, unpriced: UnpricedAssets
) -> tuple[PublishPortfolios, PublishMissed]:
    publish_portfolios = PublishPortfolios(
        storage=o.storage, portfolios=portfolios, unpriced=unpriced, publisher=o.publisher, clock=o.clock
    )
    publish_missed = PublishMissed(
        storage=o.storage, publisher=o.publisher, portfolios=publish_portfolios, clock=o.clock
    )
    return publish_portfolios, publish_missed


def _requests(o: Outside, intake: ReportIntake, sessions: Sessions, sending: Sending) -> tuple[AskVenue, SendCancel]:
    ask_venue = AskVenue(
        intake=intake, sending=sending, spec=sessions.spec, concurrency=o.concurrency, failpoints=o.failpoints
    )
    send_cancel = SendCancel(intake=intake, sessions=sessions, concurrency=o.concurrency, failpoints=o.failpoints)
    return ask_venue, send_cancel


def _inquire(o: Outside, sessions: Sessions, ask_venue: AskVenue, send_cancel: SendCancel, sending: Sending) -> Inquire:
    return Inquire(
        storage=o.storage,
        sessions=sessions,
        ask_venue=ask_venue,
        send_cancel=send_cancel,
        sending=sending,
        clock=o.clock,
        concurrency=o.concurrency,
    )


def _send_order(
    o: Outside,
    committer: Committer,
    intake: ReportIntake,
    sessions: Sessions,
    sending: Sending,
    halted: HaltedAccounts,
) -> SendOrder:
    return SendOrder(
        committer=committer,
        intake=intake,
        sessions=sessions,
        sending=sending,
        halted=halted,
        clock=o.clock,
        concurrency=o.concurrency,
        failpoints=o.failpoints,
    )


def _release_held(
    o: Outside, committer: Committer, held: HeldOrders, send_order: SendOrder, sessions: Sessions
) -> ReleaseHeld:
    return ReleaseHeld(
        storage=o.storage,
        committer=committer,
        held=held,
        send_order=send_order,
        sessions=sessions,
        market=o.market,
        feeds=o.feeds,
        alarms=o.alarms,
        clock=o.clock,
        concurrency=o.concurrency,
    )


def _expire_orders(o: Outside, committer: Committer, send_cancel: SendCancel) -> ExpireOrders:
    return ExpireOrders(
        storage=o.storage, committer=committer, send_cancel=send_cancel, clock=o.clock, concurrency=o.concurrency
    )


def _committer(
    o: Outside,
    sessions: Sessions,
    portfolios: PortfolioBuilder,
    publish_portfolios: PublishPortfolios,
    publish_missed: PublishMissed,
    halted: HaltedAccounts,
) -> Committer:
    return Committer(
        trading=o.trading,
        spec=sessions.spec,
        market=o.market,
        catalogue=o.catalogue,
        rate=RecentRates(portfolios=portfolios, clock=o.clock),
        portfolios=publish_portfolios,
        publisher=o.publisher,
        missed=publish_missed,
        waiters=o.waiters,
        halted=halted,
        clock=o.clock,
        ids=o.ids,
        concurrency=o.concurrency,
        failpoints=o.failpoints,
        limits=o.limits,
    )


def _follow_up(intake: ReportIntake, snapshots: TakeSnapshots, compare_books: CompareBooks) -> None:
    """Have the readings of accounts follow what was reported."""
    intake.on_unconfirmed = snapshots.request
    intake.on_confirmed = snapshots.withdraw
    intake.on_uncompared = compare_books.note
    intake.on_moved = compare_books.forget
    intake.on_unreadable = snapshots.read_soon
