"""What a tenant may name: another tenant's things do not exist for it, here as everywhere."""

from cadenza.domain.errors import OrderNotFound, TradingAccountNotFound
from cadenza.domain.ids import OrderId, TenantId, TradingAccountId
from cadenza.ports.storage import UnitOfWork


async def require_own_account(uow: UnitOfWork, tenant_id: TenantId, account_id: TradingAccountId | None) -> None:
    """Raise `TradingAccountNotFound` when a filter names an account that is not the tenant's; None names none."""
    if account_id is None:
        return
    account = await uow.accounts.get(account_id)
    if account is None or account.tenant_id != tenant_id:
        raise TradingAccountNotFound("there is no such trading account")


async def require_own_order(uow: UnitOfWork, tenant_id: TenantId, order_id: OrderId | None) -> None:
    """Raise `OrderNotFound` when a filter names an order that is not the tenant's; None names none."""
    if order_id is None:
        return
    order = await uow.orders.get(order_id)
    if order is None or order.tenant_id != tenant_id:
        raise OrderNotFound("there is no such order")
