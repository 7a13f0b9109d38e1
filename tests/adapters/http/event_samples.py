"""Events of an account's log, one of each kind and origin."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal as D
from uuid import UUID

from cadenza.domain.accounts.trading_account import PositionSide, TradingAccount
from cadenza.domain.identity.actor import Actor
from cadenza.domain.identity.origin import OPERATOR, PLATFORM, VENUE
from cadenza.domain.ids import ApiKeyId
from cadenza.domain.trading.events import (
    AccountEvent,
    AccountUpdated,
    BalanceCorrected,
    OrderUpdated,
    PositionCorrected,
)
from cadenza.domain.trading.order import Order

KEY_ID = ApiKeyId(UUID(int=11))


def sample_events(actor: Actor, account: TradingAccount, order: Order, at_ms: int) -> Sequence[AccountEvent]:
    """Return the events of a small life. The order has an execution."""
    by_key, by_user = replace(actor, key_id=KEY_ID).in_request("r-1", "203.0.113.5"), actor.in_request("r-2", "")
    bodies = [
        (AccountUpdated(account), by_key.origin),
        (OrderUpdated.of(order), by_user.origin),
        (OrderUpdated.of(order, order.executions), VENUE),
        (BalanceCorrected(account=account, asset="BTC", before=None, after=D("1E+1"), cause="a snapshot"), VENUE),
        (
            PositionCorrected(
                account=account, instrument_id=order.instrument_id, side=PositionSide.NET, before=D("-1"), after=D(0),
                cause="a snapshot",
            ),
            OPERATOR,
        ),
        (OrderUpdated.of(order), PLATFORM),
    ]  # fmt: skip
    return [
        AccountEvent(
            account_id=account.id, tenant_id=account.tenant_id, sequence=number, at_ms=at_ms, body=body, origin=origin
        )
        for number, (body, origin) in enumerate(bodies, start=1)
    ]
