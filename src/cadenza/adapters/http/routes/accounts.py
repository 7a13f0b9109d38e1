"""Trading accounts, their operations and portfolios."""

from cadenza.adapters.http.endpoint import HttpCall, listing
from cadenza.domain.ids import CredentialId, TradingAccountId
from cadenza.wire import accounts as wire
from cadenza.wire.accounts import TradingAccountModel, account_view
from cadenza.wire.envelope import Listing, Success
from cadenza.wire.portfolios import ListTradingAccountPortfoliosQuery, PortfolioModel, portfolio


async def connect(call: HttpCall, asked: wire.ConnectTradingAccountRequest) -> Success[TradingAccountModel]:
    credential_ids = tuple(CredentialId(id) for id in asked.credential_ids)
    view = await call.use_cases.connect_account(
        call.actor, credential_ids, asked.external_trading_account_id, asked.nickname
    )
    return Success(data=account_view(view))


async def disconnect(call: HttpCall, asked: wire.TradingAccountRequest) -> Success[TradingAccountModel]:
    return Success(data=account_view(await call.use_cases.disconnect_account(call.actor, asked.account_id)))


async def update(call: HttpCall, asked: wire.UpdateTradingAccountRequest) -> Success[TradingAccountModel]:
    account_id = TradingAccountId(asked.trading_account_id)
    return Success(data=account_view(await call.use_cases.update_account(call.actor, account_id, asked.nickname)))


async def enable(call: HttpCall, asked: wire.TradingAccountRequest) -> Success[TradingAccountModel]:
    return Success(data=account_view(await call.use_cases.enable_account(call.actor, asked.account_id)))


async def disable(call: HttpCall, asked: wire.TradingAccountRequest) -> Success[TradingAccountModel]:
    return Success(data=account_view(await call.use_cases.disable_account(call.actor, asked.account_id)))


async def list_accounts(call: HttpCall, asked: wire.ListTradingAccountsQuery) -> Listing[TradingAccountModel]:
    return await listing(await call.use_cases.list_accounts(call.actor, asked.to_query()), account_view)


async def list_operations(
    call: HttpCall, asked: wire.ListTradingAccountOperationsQuery
) -> Listing[wire.AccountOperation]:
    return await listing(await call.use_cases.list_operations(call.actor, asked.to_query()), wire.account_operation)


async def list_portfolios(call: HttpCall, asked: ListTradingAccountPortfoliosQuery) -> Listing[PortfolioModel]:
    return await listing(await call.use_cases.list_portfolios(call.actor, asked.to_query()), portfolio)
