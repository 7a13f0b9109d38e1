"""Every use case with the parts it needs."""

from dataclasses import dataclass
from typing import Any

from cadenza.application.accounts.change_account import AccountChanger
from cadenza.application.accounts.connect_account import ConnectAccount
from cadenza.application.accounts.create_credential import CreateCredential
from cadenza.application.accounts.disconnect_account import DisconnectAccount
from cadenza.application.accounts.follow_credentials import FollowCredentials
from cadenza.application.accounts.keys import Keys
from cadenza.application.accounts.list_accounts import ListAccounts, ListOperations
from cadenza.application.accounts.list_credentials import ListCredentials
from cadenza.application.accounts.list_portfolio_prices import ListPortfolioPrices
from cadenza.application.accounts.list_portfolios import ListPortfolios
from cadenza.application.accounts.open_session import OpenSession
from cadenza.application.accounts.refused_keys import RefusedKeys
from cadenza.application.accounts.revoke_credential import RevokeCredential
from cadenza.application.accounts.rotate_credential import RotateCredential
from cadenza.application.accounts.subscribe_account import (
    ListAccountSubscriptions,
    SubscribeAccount,
    UnsubscribeAccount,
)
from cadenza.application.accounts.update_account import DisableAccount, EnableAccount, UpdateAccount
from cadenza.application.accounts.verify_credentials import VerifyCredentials
from cadenza.application.accounts.watch_key_rights import WatchKeyRights
from cadenza.application.identity.list_api_keys import ListApiKeys
from cadenza.application.identity.list_audit import ListAudit
from cadenza.application.market_data.catalogue import Catalogue
from cadenza.application.market_data.delete_instrument import DeleteInstrument
from cadenza.application.market_data.delete_security import DeleteSecurity
from cadenza.application.market_data.disable_instrument import DisableInstrument
from cadenza.application.market_data.enable_instrument import EnableInstrument
from cadenza.application.market_data.get_order_book import GetOrderBook
from cadenza.application.market_data.keep_book import KeepBook
from cadenza.application.market_data.keep_candles import KeepCandles
from cadenza.application.market_data.list_instruments import ListInstruments
from cadenza.application.market_data.list_klines import ListKlines
from cadenza.application.market_data.list_order_book_subscriptions import ListOrderBookSubscriptions
from cadenza.application.market_data.list_order_books import ListOrderBooks
from cadenza.application.market_data.list_securities import ListSecurities
from cadenza.application.market_data.list_venues import ListVenues
from cadenza.application.market_data.need_prices import NeedPrices
from cadenza.application.market_data.run_venues import RunVenues
from cadenza.application.market_data.subscribe_order_book import SubscribeOrderBook
from cadenza.application.market_data.sync_instruments import SyncInstruments
from cadenza.application.market_data.sync_securities import SyncSecurities
from cadenza.application.market_data.unsubscribe import UnsubscribeOrderBook
from cadenza.application.orders.cancel import CancelOrder
from cadenza.application.orders.list import ListOrders
from cadenza.application.orders.list_events import ListEvents
from cadenza.application.orders.list_executions import ListExecutions
from cadenza.application.orders.portfolios import PortfolioBuilder
from cadenza.application.orders.preview import PreviewOrder
from cadenza.application.orders.submit import SubmitOrder
from cadenza.application.paging import CursorCodec
from cadenza.application.system.check_health import CheckHealth
from cadenza.application.use_cases import UseCases
from cadenza.ports.alarms import Alarms
from cadenza.ports.clock import Clock
from cadenza.ports.concurrency import Concurrency
from cadenza.ports.failpoints import Failpoints
from cadenza.ports.ids import Ids
from cadenza.ports.storage import Storage
from cadenza.ports.venue import Connectors
from cadenza.ports.waiters import Waiters
from cadenza.runtime.wiring.brake import Brake
from cadenza.runtime.wiring.identity import Identity
from cadenza.runtime.wiring.trading import Trading


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What use cases are made of."""

    storage: Storage
    connectors: Connectors
    catalogue: Catalogue
    venues: RunVenues
    books: KeepBook
    prices: NeedPrices
    alarms: Alarms
    key_rights: WatchKeyRights
    candles: KeepCandles
    trading: Trading
    brake: Brake
    keys: Keys
    changer: AccountChanger
    portfolios: PortfolioBuilder
    cursors: CursorCodec
    waiters: Waiters
    clock: Clock
    ids: Ids
    concurrency: Concurrency
    failpoints: Failpoints


def wire_use_cases(parts: Parts, identity: Identity, check_health: CheckHealth) -> UseCases:
    """Make every use case."""
    p = parts
    return UseCases(
        authenticate=identity.authenticate,
        sign_up=identity.sign_up,
        log_in=identity.log_in,
        log_out=identity.log_out,
        refresh_session=identity.refresh_session,
        get_user=identity.get_user,
        update_user=identity.update_user,
        recover=identity.recover,
        create_api_key=identity.create_api_key,
        list_api_keys=ListApiKeys(storage=p.storage, cursors=p.cursors, clock=p.clock),
        revoke_api_key=identity.revoke_api_key,
        list_audit=ListAudit(storage=p.storage, cursors=p.cursors),
        submit_order=_submit_order(p),
        preview_order=_preview_order(p),
        cancel_order=_cancel_order(p),
        list_orders=ListOrders(storage=p.storage, cursors=p.cursors),
        list_executions=ListExecutions(storage=p.storage, cursors=p.cursors),
        list_events=ListEvents(storage=p.storage, cursors=p.cursors),
        create_credential=CreateCredential(
            storage=p.storage, sessions=p.trading.sessions, keys=p.keys, clock=p.clock, ids=p.ids
        ),
        list_credentials=ListCredentials(storage=p.storage),
        verify_credentials=_verify_credentials(p),
        revoke_credential=revoke_credential(p),
        rotate_credential=rotate_credential(p),
        connect_account=connect_account(p),
        disconnect_account=_disconnect_account(p),
        update_account=UpdateAccount(changer=p.changer),
        enable_account=EnableAccount(changer=p.changer),
        disable_account=DisableAccount(changer=p.changer),
        list_accounts=ListAccounts(storage=p.storage),
        list_operations=ListOperations(storage=p.storage, cursors=p.cursors),
        list_portfolios=_list_portfolios(p),
        list_portfolio_prices=ListPortfolioPrices(
            storage=p.storage, portfolios=p.portfolios, prices=p.prices, catalogue=p.catalogue
        ),
        subscribe_account=SubscribeAccount(storage=p.storage, changer=p.changer, clock=p.clock, ids=p.ids),
        unsubscribe_account=UnsubscribeAccount(storage=p.storage, clock=p.clock),
        list_account_subscriptions=ListAccountSubscriptions(storage=p.storage, cursors=p.cursors),
        **_of_markets(p),
        mass_cancel_orders=p.brake.mass_cancel_orders,
        get_mass_cancel=p.brake.get_mass_cancel,
        set_trading_mode=p.brake.set_trading_mode,
        get_trading_mode=p.brake.get_trading_mode,
        set_risk_limits=p.brake.set_risk_limits,
        get_risk_limits=p.brake.get_risk_limits,
        arm_dead_mans_switch=p.brake.arm_dead_mans_switch,
        disarm_dead_mans_switch=p.brake.disarm_dead_mans_switch,
        list_dead_mans_switches=p.brake.list_dead_mans_switches,
        check_health=check_health,
    )


def _of_markets(parts: Parts) -> dict[str, Any]:
    """Make the use cases of venues, instruments, securities and books."""
    p = parts
    get_order_book = GetOrderBook(catalogue=p.catalogue, books=p.books)
    return {
        "list_venues": ListVenues(venues=p.venues),
        "sync_instruments": SyncInstruments(
            storage=p.storage, connectors=p.connectors, catalogue=p.catalogue, concurrency=p.concurrency
        ),
        "enable_instrument": EnableInstrument(storage=p.storage, catalogue=p.catalogue),
        "disable_instrument": DisableInstrument(storage=p.storage, catalogue=p.catalogue),
        "delete_instrument": DeleteInstrument(storage=p.storage, catalogue=p.catalogue),
        "list_instruments": ListInstruments(catalogue=p.catalogue),
        "sync_securities": SyncSecurities(
            storage=p.storage, connectors=p.connectors, catalogue=p.catalogue, concurrency=p.concurrency
        ),
        "delete_security": DeleteSecurity(storage=p.storage, catalogue=p.catalogue),
        "list_securities": ListSecurities(catalogue=p.catalogue),
        "get_order_book": get_order_book,
        "list_order_books": ListOrderBooks(get_order_book=get_order_book, concurrency=p.concurrency),
        "list_klines": ListKlines(catalogue=p.catalogue, candles=p.candles),
        "subscribe_order_book": SubscribeOrderBook(
            storage=p.storage, catalogue=p.catalogue, books=p.books, clock=p.clock, ids=p.ids
        ),
        "unsubscribe_order_book": UnsubscribeOrderBook(storage=p.storage, books=p.books, clock=p.clock),
        "list_order_book_subscriptions": ListOrderBookSubscriptions(storage=p.storage, books=p.books),
    }


def _disconnect_account(parts: Parts) -> DisconnectAccount:
    return DisconnectAccount(
        storage=parts.storage,
        committer=parts.trading.committer,
        changer=parts.changer,
        sessions=parts.trading.sessions,
        clock=parts.clock,
    )


def _list_portfolios(parts: Parts) -> ListPortfolios:
    return ListPortfolios(
        storage=parts.storage,
        portfolios=parts.portfolios,
        prices=parts.prices,
        catalogue=parts.catalogue,
        unpriced=parts.trading.unpriced,
        clock=parts.clock,
    )


def _submit_order(parts: Parts) -> SubmitOrder:
    return SubmitOrder(
        committer=parts.trading.committer,
        sessions=parts.trading.sessions,
        catalogue=parts.catalogue,
        sent_ids=parts.trading.sent_ids,
        send_order=parts.trading.send_order,
        held=parts.trading.held,
        prices=parts.prices,
        waiters=parts.waiters,
        ids=parts.ids,
        concurrency=parts.concurrency,
        failpoints=parts.failpoints,
    )


def _preview_order(parts: Parts) -> PreviewOrder:
    return PreviewOrder(
        committer=parts.trading.committer,
        sessions=parts.trading.sessions,
        catalogue=parts.catalogue,
        held=parts.trading.held,
        prices=parts.prices,
        ids=parts.ids,
    )


def _cancel_order(parts: Parts) -> CancelOrder:
    return CancelOrder(
        committer=parts.trading.committer,
        sessions=parts.trading.sessions,
        held=parts.trading.held,
        send_cancel=parts.trading.send_cancel,
        concurrency=parts.concurrency,
    )


def connect_account(parts: Parts) -> ConnectAccount:
    """Make the connect use case, which the keeper of sessions uses too."""
    return ConnectAccount(
        storage=parts.storage,
        committer=parts.trading.committer,
        sessions=parts.trading.sessions,
        keys=parts.keys,
        changer=parts.changer,
        follow=follow_credentials(parts),
        ask_venue=parts.trading.ask_venue,
        reconcile=parts.trading.reconcile,
        key_rights=parts.key_rights,
        clock=parts.clock,
        ids=parts.ids,
        concurrency=parts.concurrency,
    )


def open_session(parts: Parts) -> OpenSession:
    """Return the use case; rotating, following credentials and the keeper of sessions need it."""
    return OpenSession(
        storage=parts.storage,
        sessions=parts.trading.sessions,
        keys=parts.keys,
        refused_keys=RefusedKeys(
            sessions=parts.trading.sessions, committer=parts.trading.committer, alarms=parts.alarms
        ),
        reconcile=parts.trading.reconcile,
    )


def follow_credentials(parts: Parts) -> FollowCredentials:
    """Return the use case; revoking, connecting and the keeper of sessions need it."""
    return FollowCredentials(
        storage=parts.storage, sessions=parts.trading.sessions, open_session=open_session(parts), changer=parts.changer
    )


def _verify_credentials(parts: Parts) -> VerifyCredentials:
    return VerifyCredentials(
        storage=parts.storage,
        sessions=parts.trading.sessions,
        keys=parts.keys,
        key_rights=parts.key_rights,
        clock=parts.clock,
        ids=parts.ids,
        concurrency=parts.concurrency,
    )


def revoke_credential(parts: Parts) -> RevokeCredential:
    return RevokeCredential(
        storage=parts.storage,
        keys=parts.keys,
        changer=parts.changer,
        follow=follow_credentials(parts),
        clock=parts.clock,
        ids=parts.ids,
    )


def rotate_credential(parts: Parts) -> RotateCredential:
    return RotateCredential(
        storage=parts.storage,
        sessions=parts.trading.sessions,
        open_session=open_session(parts),
        keys=parts.keys,
        changer=parts.changer,
        key_rights=parts.key_rights,
        clock=parts.clock,
        ids=parts.ids,
        concurrency=parts.concurrency,
    )
