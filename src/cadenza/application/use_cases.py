"""Every use case, for the edges: HTTP routes and WebSocket RPC call the same ones."""

from dataclasses import dataclass

from cadenza.application.accounts.connect_account import ConnectAccount
from cadenza.application.accounts.create_credential import CreateCredential
from cadenza.application.accounts.disconnect_account import DisconnectAccount
from cadenza.application.accounts.list_accounts import ListAccounts, ListOperations
from cadenza.application.accounts.list_credentials import ListCredentials
from cadenza.application.accounts.list_portfolio_prices import ListPortfolioPrices
from cadenza.application.accounts.list_portfolios import ListPortfolios
from cadenza.application.accounts.revoke_credential import RevokeCredential
from cadenza.application.accounts.rotate_credential import RotateCredential
from cadenza.application.accounts.subscribe_account import (
    ListAccountSubscriptions,
    SubscribeAccount,
    UnsubscribeAccount,
)
from cadenza.application.accounts.update_account import DisableAccount, EnableAccount, UpdateAccount
from cadenza.application.accounts.verify_credentials import VerifyCredentials
from cadenza.application.brake.dead_mans_switch import (
    ArmDeadMansSwitch,
    DisarmDeadMansSwitch,
    ListDeadMansSwitches,
)
from cadenza.application.brake.mass_cancel import GetMassCancel, MassCancelOrders
from cadenza.application.brake.risk_limits import GetRiskLimits, SetRiskLimits
from cadenza.application.brake.trading_modes import GetTradingMode, SetTradingMode
from cadenza.application.identity.authenticate import Authenticate
from cadenza.application.identity.create_api_key import CreateApiKey
from cadenza.application.identity.get_user import GetUser
from cadenza.application.identity.list_api_keys import ListApiKeys
from cadenza.application.identity.list_audit import ListAudit
from cadenza.application.identity.log_in import LogIn
from cadenza.application.identity.log_out import LogOut
from cadenza.application.identity.recover import Recover
from cadenza.application.identity.refresh_session import RefreshSession
from cadenza.application.identity.revoke_api_key import RevokeApiKey
from cadenza.application.identity.sign_up import SignUp
from cadenza.application.identity.update_user import UpdateUser
from cadenza.application.market_data.delete_instrument import DeleteInstrument
from cadenza.application.market_data.delete_security import DeleteSecurity
from cadenza.application.market_data.disable_instrument import DisableInstrument
from cadenza.application.market_data.enable_instrument import EnableInstrument
from cadenza.application.market_data.get_order_book import GetOrderBook
from cadenza.application.market_data.list_instruments import ListInstruments
from cadenza.application.market_data.list_klines import ListKlines
from cadenza.application.market_data.list_order_book_subscriptions import ListOrderBookSubscriptions
from cadenza.application.market_data.list_order_books import ListOrderBooks
from cadenza.application.market_data.list_securities import ListSecurities
from cadenza.application.market_data.list_venues import ListVenues
from cadenza.application.market_data.subscribe_order_book import SubscribeOrderBook
from cadenza.application.market_data.sync_instruments import SyncInstruments
from cadenza.application.market_data.sync_securities import SyncSecurities
from cadenza.application.market_data.unsubscribe import UnsubscribeOrderBook
from cadenza.application.orders.cancel import CancelOrder
from cadenza.application.orders.list import ListOrders
from cadenza.application.orders.list_events import ListEvents
from cadenza.application.orders.list_executions import ListExecutions
from cadenza.application.orders.preview import PreviewOrder
from cadenza.application.orders.submit import SubmitOrder
from cadenza.application.system.check_health import CheckHealth


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCases:
    """One instance of each, wired by the runtime."""

    authenticate: Authenticate
    sign_up: SignUp
    log_in: LogIn
    log_out: LogOut
    refresh_session: RefreshSession
    get_user: GetUser
    update_user: UpdateUser
    recover: Recover
    create_api_key: CreateApiKey
    list_api_keys: ListApiKeys
    revoke_api_key: RevokeApiKey
    list_audit: ListAudit
    submit_order: SubmitOrder
    preview_order: PreviewOrder
    cancel_order: CancelOrder
    list_orders: ListOrders
    list_executions: ListExecutions
    list_events: ListEvents
    create_credential: CreateCredential
    list_credentials: ListCredentials
    verify_credentials: VerifyCredentials
    revoke_credential: RevokeCredential
    rotate_credential: RotateCredential
    connect_account: ConnectAccount
    disconnect_account: DisconnectAccount
    update_account: UpdateAccount
    enable_account: EnableAccount
    disable_account: DisableAccount
    list_accounts: ListAccounts
    list_operations: ListOperations
    list_portfolios: ListPortfolios
    list_portfolio_prices: ListPortfolioPrices
    subscribe_account: SubscribeAccount
    unsubscribe_account: UnsubscribeAccount
    list_account_subscriptions: ListAccountSubscriptions
    list_venues: ListVenues
    sync_instruments: SyncInstruments
    enable_instrument: EnableInstrument
    disable_instrument: DisableInstrument
    delete_instrument: DeleteInstrument
    list_instruments: ListInstruments
    sync_securities: SyncSecurities
    delete_security: DeleteSecurity
    list_securities: ListSecurities
    get_order_book: GetOrderBook
    list_order_books: ListOrderBooks
    list_klines: ListKlines
    subscribe_order_book: SubscribeOrderBook
    unsubscribe_order_book: UnsubscribeOrderBook
    list_order_book_subscriptions: ListOrderBookSubscriptions
    mass_cancel_orders: MassCancelOrders
    get_mass_cancel: GetMassCancel
    set_trading_mode: SetTradingMode
    get_trading_mode: GetTradingMode
    set_risk_limits: SetRiskLimits
    get_risk_limits: GetRiskLimits
    arm_dead_mans_switch: ArmDeadMansSwitch
    disarm_dead_mans_switch: DisarmDeadMansSwitch
    list_dead_mans_switches: ListDeadMansSwitches
    check_health: CheckHealth
