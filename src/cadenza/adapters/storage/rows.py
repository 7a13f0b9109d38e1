"""Rows as tuples in the order of the tables' columns, and back: written by hand, once per table."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from cadenza.adapters.storage.bodies import fills_of, fills_text, risk_of, risk_text
from cadenza.domain.accounts.balance import Balance, BalanceStatus
from cadenza.domain.accounts.trading_account import (
    AccountStatus,
    AccountType,
    CollateralMode,
    ExternalAccount,
    MarginMode,
    PositionMode,
    PositionSide,
    TradingAccount,
    TradingMode,
)
from cadenza.domain.ids import Environment, Venue, VenueId
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.money import Rounding
from cadenza.domain.trading.claims import Claim
from cadenza.domain.trading.enums import CancelReason, LiquiditySide, OrderStatus, QuantityType
from cadenza.domain.trading.execution import Execution, Fee
from cadenza.domain.trading.order import Doubt, Expiry, Order, PendingClose, Reservation
from cadenza.domain.trading.position import Position, PositionStatus
from cadenza.domain.trading.trail import Trail

Row = Mapping[str, Any]
_FEES = msgspec.json.Decoder(tuple[Fee, ...])
_encode = msgspec.json.Encoder().encode


def venue_id_of(row: Row) -> VenueId:
    return VenueId(Venue(row["venue"]), Environment(row["environment"]))


def fees_text(fees: tuple[Fee, ...]) -> str:
    return _encode(fees).decode() if fees else "[]"


def order_row(order: Order) -> tuple[Any, ...]:
    # Members of enumerations are strings, here and in the other rows. Their `.value` is slow.
    kept, closing, trail = order.reservation, order.closing, order.trail
    return (
        order.id, order.tenant_id, order.account_id, order.venue_id.venue, order.venue_id.environment,
        order.instrument_id, order.base_asset, order.quote_asset, order.side, order.type,
        order.time_in_force, order.asked_quantity, order.quantity_type, order.rounding,
        order.quantity,
        order.limit_price, order.stop_price, order.position_id, order.quote_id, order.leverage, order.expire_at_ms,
        order.expiry, trail and trail.distance, trail and trail.released_at_ms,
        order.client_order_id, order.idempotency_key, order.fingerprint,
        order.status, order.reject_reason,
        order.cancel_reason, order.sent_id, order.send_before_ms, order.recorded_after_ms,
        order.venue_order_id, order.former_venue_order_ids,
        order.doubt, order.stated_quantity, order.stated_at_ms,
        order.trigger_stated_at_ms, order.quantity_stated_at_ms, order.cancel_refused_at_ms,
        closing and closing.status, closing and closing.reason, closing and closing.at_ms,
        order.is_awaited, order.in_doubt_since_ms, order.executed_quantity, order.executed_cost, fees_text(order.fees),
        kept and kept.asset, kept and kept.locked, kept and kept.remaining, order.is_external, order.is_liquidation,
        order.created_at_ms, order.updated_at_ms, order.closed_at_ms, order.version, order.is_inverse,
    )  # fmt: skip


def order_of(row: Row, executions: tuple[Execution, ...]) -> Order:
    asset, distance = row["reserved_asset"], row["trail_distance"]
    return Order(
        id=row["id"],
        tenant_id=row["tenant_id"],
        account_id=row["account_id"],
        venue_id=venue_id_of(row),
        instrument_id=row["instrument_id"],
        base_asset=row["base_asset"],
        quote_asset=row["quote_asset"],
        is_inverse=row["is_inverse"],
        side=Side(row["side"]),
        type=OrderType(row["type"]),
        time_in_force=TimeInForce(row["time_in_force"]),
        asked_quantity=row["asked_quantity"],
        quantity_type=QuantityType(row["quantity_type"]),
        rounding=Rounding(row["rounding"]),
        quantity=row["quantity"],
        limit_price=row["limit_price"],
        stop_price=row["stop_price"],
        position_id=row["position_id"],
        quote_id=row["quote_id"],
        leverage=row["leverage"],
        expire_at_ms=row["expire_at_ms"],
        expiry=None if row["expiry"] is None else Expiry(row["expiry"]),
        trail=None if distance is None else Trail(distance=distance, released_at_ms=row["released_at_ms"]),
        client_order_id=row["client_order_id"],
        idempotency_key=row["idempotency_key"],
        fingerprint=row["fingerprint"],
        status=OrderStatus(row["status"]),
        reject_reason=row["reject_reason"],
        cancel_reason=row["cancel_reason"],
        sent_id=row["sent_id"],
        send_before_ms=row["send_before_ms"],
        recorded_after_ms=row["recorded_after_ms"],
        venue_order_id=row["venue_order_id"],
        former_venue_order_ids=tuple(row["former_venue_order_ids"]),
        doubt=None if row["doubt"] is None else Doubt(row["doubt"]),
        in_doubt_since_ms=row["in_doubt_since_ms"],
        stated_quantity=row["stated_quantity"],
        stated_at_ms=row["stated_at_ms"],
        trigger_stated_at_ms=row["trigger_stated_at_ms"],
        quantity_stated_at_ms=row["quantity_stated_at_ms"],
        cancel_refused_at_ms=row["cancel_refused_at_ms"],
        closing=_closing_of(row),
        executed_quantity=row["executed_quantity"],
        executed_cost=row["executed_cost"],
        fees=_FEES.decode(row["fees"]),
        executions=executions,
        reservation=None if asset is None else Reservation(asset, row["reserved_locked"], row["reserved_remaining"]),
        is_external=row["is_external"],
        is_liquidation=row["is_liquidation"],
        created_at_ms=row["created_at_ms"],
        updated_at_ms=row["updated_at_ms"],
        closed_at_ms=row["closed_at_ms"],
        version=row["version"],
    )


def _closing_of(row: Row) -> PendingClose | None:
    status = row["closing_status"]
    if status is None:
        return None
    return PendingClose(OrderStatus(status), CancelReason(row["closing_reason"]), row["closing_at_ms"])


def orders_of(rows: Iterable[Row], execution_rows: Iterable[Row]) -> list[Order]:
    """Put orders and their executions together; executions must come ordered by time."""
    executions: dict[Any, list[Execution]] = {}
    for row in execution_rows:
        executions.setdefault(row["order_id"], []).append(execution_of(row))
    return [order_of(row, tuple(executions.get(row["id"], ()))) for row in rows]


def execution_row(execution: Execution) -> tuple[Any, ...]:
    return (
        execution.id, execution.order_id, execution.account_id, execution.venue_id.venue,
        execution.venue_id.environment, execution.instrument_id, execution.trade_id, execution.side,
        execution.price, execution.quantity, fees_text(execution.fees),
        execution.liquidity, execution.executed_at_ms, execution.corrected_at_ms,
        execution.fees_at_ms, execution.is_busted, execution.position_side,
        execution.is_by_operator, execution.is_inverse,
    )  # fmt: skip


def execution_of(row: Row) -> Execution:
    return Execution(
        id=row["id"],
        order_id=row["order_id"],
        account_id=row["account_id"],
        venue_id=venue_id_of(row),
        instrument_id=row["instrument_id"],
        trade_id=row["trade_id"],
        side=Side(row["side"]),
        price=row["price"],
        quantity=row["quantity"],
        fees=_FEES.decode(row["fees"]),
        liquidity=None if row["liquidity"] is None else LiquiditySide(row["liquidity"]),
        executed_at_ms=row["executed_at_ms"],
        corrected_at_ms=row["corrected_at_ms"],
        fees_at_ms=row["fees_at_ms"],
        is_busted=row["is_busted"],
        position_side=None if row["position_side"] is None else PositionSide(row["position_side"]),
        is_by_operator=row["is_by_operator"],
        is_inverse=row["is_inverse"],
    )


def balance_row(balance: Balance) -> tuple[Any, ...]:
    return (
        balance.account_id, balance.asset, balance.total, balance.locked, balance.borrowed, balance.status,
        balance.as_of, balance.updated_at_ms,
    )  # fmt: skip


def balance_of(row: Row) -> Balance:
    return Balance(
        account_id=row["account_id"],
        asset=row["asset"],
        total=row["total"],
        locked=row["locked"],
        borrowed=row["borrowed"],
        status=BalanceStatus(row["status"]),
        as_of=row["as_of"],
        updated_at_ms=row["updated_at_ms"],
    )


def position_row(position: Position) -> tuple[Any, ...]:
    return (
        position.id, position.account_id, position.instrument_id, position.side, position.status,
        position.quantity, position.entry_cost, position.closed_quantity, position.closed_cost, position.realized_pnl,
        position.leverage, position.maintenance_margin, position.as_of, position.created_at_ms, position.updated_at_ms,
        position.closed_at_ms, position.settled_cost,
    )  # fmt: skip


def position_of(row: Row) -> Position:
    return Position(
        id=row["id"],
        account_id=row["account_id"],
        instrument_id=row["instrument_id"],
        side=PositionSide(row["side"]),
        status=PositionStatus(row["status"]),
        quantity=row["quantity"],
        entry_cost=row["entry_cost"],
        closed_quantity=row["closed_quantity"],
        closed_cost=row["closed_cost"],
        realized_pnl=row["realized_pnl"],
        leverage=row["leverage"],
        maintenance_margin=row["maintenance_margin"],
        as_of=row["as_of"],
        created_at_ms=row["created_at_ms"],
        updated_at_ms=row["updated_at_ms"],
        closed_at_ms=row["closed_at_ms"],
        settled_cost=row["settled_cost"],
    )


def claim_of(record: Sequence[Any]) -> Claim:
    account_id, instrument_id, side, position_id, row, quantity, count, base_asset = record
    row_side = None if row is None else PositionSide(row)
    return Claim(account_id, instrument_id, Side(side), position_id, row_side, quantity, count, base_asset)


def account_row(account: TradingAccount) -> tuple[Any, ...]:
    external, at = account.external, account.venue_id
    return (
        account.id, account.tenant_id, account.user_id, at.venue, at.environment, account.nickname,
        external.external_id, external.external_type, external.type, external.position_mode,
        external.collateral_mode, external.margin_mode, external.max_leverage, account.credential_ids,
        account.status, account.created_at_ms, account.updated_at_ms, account.last_sequence,
        account.adopted_at_ms, account.complete_until_ms, account.former_adopted_at_ms,
        account.trading_mode, account.tenant_trading_mode, None if account.risk is None else risk_text(account.risk),
        fills_text(account.unconfirmed) if account.unconfirmed else None,
    )  # fmt: skip


def account_of(row: Row) -> TradingAccount:
    mode, collateral, margin = row["position_mode"], row["collateral_mode"], row["margin_mode"]
    return TradingAccount(
        id=row["id"],
        tenant_id=row["tenant_id"],
        user_id=row["user_id"],
        venue_id=venue_id_of(row),
        nickname=row["nickname"],
        external=ExternalAccount(
            external_id=row["external_id"],
            type=AccountType(row["type"]),
            external_type=row["external_type"],
            position_mode=None if mode is None else PositionMode(mode),
            collateral_mode=None if collateral is None else CollateralMode(collateral),
            margin_mode=None if margin is None else MarginMode(margin),
            max_leverage=row["max_leverage"],
        ),
        credential_ids=tuple(row["credential_ids"]),
        status=AccountStatus(row["status"]),
        created_at_ms=row["created_at_ms"],
        updated_at_ms=row["updated_at_ms"],
        last_sequence=row["last_sequence"],
        adopted_at_ms=row["adopted_at_ms"],
        complete_until_ms=row["complete_until_ms"],
        former_adopted_at_ms=row["former_adopted_at_ms"],
        trading_mode=TradingMode(row["trading_mode"]),
        tenant_trading_mode=TradingMode(row["tenant_trading_mode"]),
        risk=None if row["risk"] is None else risk_of(row["risk"]),
        unconfirmed=() if row["unconfirmed"] is None else fills_of(row["unconfirmed"]),
    )
