"""What a caller may name. Another tenant's things do not exist for it. For an API key that is limited to some trading
accounts or environments, the tenant's other accounts do not exist either."""

from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.errors import OrderNotFound, TradingAccountNotFound
from cadenza.domain.identity.actor import Actor
from cadenza.domain.ids import OrderId, TenantId, TradingAccountId
from cadenza.domain.trading.order import Order
from cadenza.ports.storage import UnitOfWork


async def own_account(
    uow: UnitOfWork, actor: Actor, account_id: TradingAccountId, *, tenant_id: TenantId | None = None
) -> TradingAccount:
    """Return an account that the caller names. Raises `TradingAccountNotFound` when it does not exist for the caller.
    `tenant_id` is another tenant, into which an operator looks."""
    actor.require_account(account_id)
    account = await uow.accounts.get(account_id)
    if account is None or account.tenant_id != (tenant_id or actor.tenant_id):
        raise TradingAccountNotFound("there is no such trading account")
    return account


async def own_order(uow: UnitOfWork, actor: Actor, order_id: OrderId) -> Order:
    """Return an order that the caller names. Raises `OrderNotFound` when it does not exist for the caller."""
    order = await uow.orders.get(order_id)
    if order is None or order.tenant_id != actor.tenant_id or not actor.sees(order.account_id):
        raise OrderNotFound("there is no such order")
    return order


async def require_own_account(
    uow: UnitOfWork, actor: Actor, account_id: TradingAccountId | None, *, tenant_id: TenantId | None = None
) -> None:
    """Raise `TradingAccountNotFound` when a filter names an account that does not exist for the caller; None names
    none."""
    if account_id is not None:
        await own_account(uow, actor, account_id, tenant_id=tenant_id)


async def require_own_order(uow: UnitOfWork, actor: Actor, order_id: OrderId | None) -> None:
    """Raise `OrderNotFound` when a filter names an order that does not exist for the caller; None names none."""
    if order_id is not None:
        await own_order(uow, actor, order_id)
