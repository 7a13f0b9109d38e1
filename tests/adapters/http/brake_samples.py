"""What the fake use cases of the brake answer."""

from decimal import Decimal as D
from typing import Any
from uuid import UUID

from cadenza.application.brake.mass_cancel import MassCancelView
from cadenza.application.brake.trading_modes import TradingModes
from cadenza.domain.accounts.dead_mans_switch import DeadMansSwitch
from cadenza.domain.accounts.risk_limits import RiskLimits
from cadenza.domain.accounts.trading_account import TradingMode
from cadenza.domain.identity.origin import PLATFORM
from cadenza.domain.ids import MassCancelId, TenantId, TradingAccountId, UserId
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.mass_cancel import MassCancel, MassCancelOutcome, OrderSelection
from cadenza.domain.trading.order import Order

_ID = MassCancelId(UUID("0199f2a5-0000-7000-8000-000000000041"))


def brake_results(
    *, tenant_id: TenantId, account_id: TradingAccountId, user_id: UserId, order: Order
) -> dict[str, Any]:
    """Return the answers by use case."""
    at_ms = order.created_at_ms
    asked = MassCancel(
        id=_ID, selection=OrderSelection(tenant_id=tenant_id), origin=PLATFORM, requested_at_ms=at_ms,
        finished_at_ms=at_ms + 5,
    )  # fmt: skip
    outcome = MassCancelOutcome(counts={OrderStatus.CANCELED: 1, OrderStatus.FILLED: 2})
    canceled = MassCancelView(mass_cancel=asked, outcome=outcome, orders=[order])
    modes = TradingModes(
        tenant=TradingMode.ACTIVE, account_id=account_id, account=TradingMode.HALTED, mass_cancel=canceled
    )
    limits = RiskLimits(
        currency="USDT", order_quantity_max={order.instrument_id: D("0.5")}, order_value_max=D("1E+5"),
        price_collar=D("0.05"), open_orders_max=10, gross_position_max=D(7), net_position_max=D(6),
        daily_loss_max=D(5), orders_per_second_max=4, excluded_assets=frozenset({"USD", "EUR"}),
    )  # fmt: skip
    switch = DeadMansSwitch(
        tenant_id=tenant_id, account_id=account_id, user_id=user_id, key_id=None, period_ms=60_000,
        armed_at_ms=at_ms, due_at_ms=at_ms + 60_000, fired_at_ms=at_ms + 60_010, mass_cancel_id=_ID,
    )  # fmt: skip
    return {
        "mass_cancel_orders": canceled,
        "get_mass_cancel": canceled,
        "set_trading_mode": modes,
        "get_trading_mode": modes,
        "set_risk_limits": limits,
        "get_risk_limits": limits,
        "arm_dead_mans_switch": switch,
        "disarm_dead_mans_switch": switch,
        "list_dead_mans_switches": [switch],
    }
