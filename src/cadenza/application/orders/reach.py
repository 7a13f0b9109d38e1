"""What a caller's question may name. What belongs to another tenant, or to an account that the caller's key does not
reach, does not exist for it."""

from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.errors import OrderNotFound, TradingAccountNotFound
from cadenza.domain.identity.actor import Actor
from cadenza.domain.ids import OrderId, TradingAccountId
from cadenza.domain.trading.order import Order
from cadenza.ports.storage import UnitOfWork


async def reached_account(uow: UnitOfWork, actor: Actor, account_id: TradingAccountId) -> TradingAccount:
    """Return an account that the question names. Raises `TradingAccountNotFound`."""
    account = await uow.accounts.get(account_id) if reaches(actor, account_id) else None
    if account is None or account.tenant_id != actor.tenant_id:
        raise TradingAccountNotFound("there is no such trading account")
    return account


async def reached_order(uow: UnitOfWork, actor: Actor, order_id: OrderId) -> Order:
    """Return an order that the question names. Raises `OrderNotFound`."""
    order = await uow.orders.get(order_id)
    if order is None or order.tenant_id != actor.tenant_id or not reaches(actor, order.account_id):
        raise OrderNotFound("there is no such order")
    return order


def reaches(actor: Actor, account_id: TradingAccountId) -> bool:
    """Return whether the caller's key is not limited to other accounts. Whose account it is, this does not say."""
    return actor.accounts is None or account_id in actor.accounts
