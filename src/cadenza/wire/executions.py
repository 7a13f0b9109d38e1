"""The list of executions (fills), which the platform adds to the interface."""

from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType
from msgspec.structs import asdict

from cadenza.application.orders.list_executions import ExecutionQuery
from cadenza.application.use_cases import UseCases
from cadenza.domain.identity.actor import Actor
from cadenza.domain.ids import InstrumentId, OrderId, TradingAccountId
from cadenza.domain.trading.execution import Execution
from cadenza.wire import enums as e
from cadenza.wire.base import PAGE_ITEMS_DEFAULT, DateTime, Instant, InstrumentIdText, Limit, Query
from cadenza.wire.envelope import Listing
from cadenza.wire.operation import get
from cadenza.wire.orders import TradeExecution, check_range, trade_execution
from cadenza.wire.own_operation import OwnOperation, listing_in_slices
from cadenza.wire.values import optional, optional_rfc3339


class ListExecutionsQuery(Query, kw_only=True, frozen=True):
    trading_account_id: Annotated[UUID, Meta(description="Needed unless `tradeOrderId` is given")] | None = None
    trade_order_id: UUID | None = None
    instrument_id: InstrumentIdText | None = None
    order_side: e.SideIn | None = None
    is_busted: Annotated[bool, Meta(description="true: only busted ones; false: only those that count")] | None = None
    start_time: Annotated[Instant, Meta(description="`executedAt` is at or after it")] | None = None
    end_time: Annotated[Instant, Meta(description="`executedAt` is before it")] | None = None
    limit: Limit = PAGE_ITEMS_DEFAULT
    cursor: Annotated[str, Meta(max_length=512, description="A `pagination.cursor` of an earlier page")] | None = None
    ascending: Annotated[bool, Meta(description="Oldest first")] = False

    def to_query(self) -> ExecutionQuery:
        check_range(self.start_time, self.end_time)
        return ExecutionQuery(
            account_id=None if self.trading_account_id is None else TradingAccountId(self.trading_account_id),
            order_id=None if self.trade_order_id is None else OrderId(self.trade_order_id),
            instrument_id=None if self.instrument_id is None else InstrumentId(self.instrument_id),
            side=e.SIDE.read_optional("orderSide", self.order_side),
            is_busted=self.is_busted,
            start_ms=self.start_time,
            end_ms=self.end_time,
            limit=self.limit,
            cursor=self.cursor or None,
            ascending=self.ascending,
        )


class AccountExecution(TradeExecution, kw_only=True, frozen=True):
    """One fill as it is now: corrected, and with its late fees. A busted one never counted; `tradeOrder` leaves it
    out."""

    trade_order_id: UUID
    trading_account_id: UUID
    liquidity: e.LiquidityOut | UnsetType = UNSET
    is_busted: bool
    corrected_at: Annotated[Instant, Meta(description="The venue's time of the newest correction")] | UnsetType = UNSET
    corrected_at_date_time: DateTime | UnsetType = UNSET


def account_execution(execution: Execution) -> AccountExecution:
    return AccountExecution(
        **asdict(trade_execution(execution)),
        trade_order_id=execution.order_id,
        trading_account_id=execution.account_id,
        liquidity=UNSET if execution.liquidity is None else e.LIQUIDITY.write(execution.liquidity),
        is_busted=execution.is_busted,
        corrected_at=optional(execution.corrected_at_ms),
        corrected_at_date_time=optional_rfc3339(execution.corrected_at_ms),
    )


async def _list(use_cases: UseCases, actor: Actor, asked: ListExecutionsQuery) -> Listing[AccountExecution]:
    return await listing_in_slices(await use_cases.list_executions(actor, asked.to_query()), account_execution)


LIST_EXECUTIONS = get(
    "listExecutions",
    "/execution/list",
    "Trade Order",
    "List the executions (fills) of an account or an order, newest first.",
    list[AccountExecution],
    query=ListExecutionsQuery,
    is_paged=True,
    lists_details=False,
)

EXECUTION_OPERATIONS = (OwnOperation(LIST_EXECUTIONS, "query.execution.list", _list),)
