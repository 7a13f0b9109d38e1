"""What a caller may name. Another tenant's things do not exist for it. For an API key that is limited to some trading
accounts, the tenant's other accounts do not exist either."""

from cadenza.domain.errors import OrderNotFound, TradingAccountNotFound
from cadenza.domain.identity.actor import Actor
from cadenza.domain.ids import OrderId, TenantId, TradingAccountId
from cadenza.ports.storage import UnitOfWork


async def require_own_account(
    uow: UnitOfWork, actor: Actor, account_id: TradingAccountId | None, *, tenant_id: TenantId | None = None
) -> None:
    """Raise `TradingAccountNotFound` when a filter names an account that does not exist for the caller; None names
    none. `tenant_id` is another tenant, into which an operator looks."""
    if account_id is None:
        return
    actor.require_account(account_id)
    account = await uow.accounts.get(account_id)
    if account is None or account.tenant_id != (tenant_id or actor.tenant_id):
        raise TradingAccountNotFound("there is no such trading account")


async def require_own_order(uow: UnitOfWork, actor: Actor, order_id: OrderId | None) -> None:
    """Raise `OrderNotFound` when a filter names an order that does not exist for the caller; None names none."""
    if order_id is None:
        return
    order = await uow.orders.get(order_id)
    if order is None or order.tenant_id != actor.tenant_id or not actor.sees(order.account_id):
        raise OrderNotFound("there is no such order")
