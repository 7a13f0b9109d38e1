"""Orders."""

from cadenza.adapters.http.endpoint import HttpCall, listing
from cadenza.domain.ids import OrderId, TradingAccountId
from cadenza.wire import orders as wire
from cadenza.wire.envelope import Listing, Success


async def submit(call: HttpCall, asked: wire.SubmitTradeOrderRequest) -> Success[list[wire.TradeOrder]]:
    return Success(data=[wire.trade_order(await call.use_cases.submit_order(call.actor, asked.to_command()))])


async def cancel(call: HttpCall, asked: wire.CancelTradeOrderRequest) -> Success[wire.TradeOrder]:
    order = await call.use_cases.cancel_order(
        call.actor, TradingAccountId(asked.trading_account_id), OrderId(asked.trade_order_id)
    )
    return Success(data=wire.trade_order(order))


async def list_orders(call: HttpCall, asked: wire.ListTradeOrdersQuery) -> Listing[wire.TradeOrder]:
    return await listing(await call.use_cases.list_orders(call.actor, asked.to_query()), wire.trade_order)
