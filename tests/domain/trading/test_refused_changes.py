"""A change that is refused leaves the state as it was, wherever in it the refusal is raised."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from cadenza.domain.accounts.operation import Operation, OperationStatus, OperationType
from cadenza.domain.accounts.trading_account import AccountType, PositionSide
from cadenza.domain.errors import InstrumentNotTradable
from cadenza.domain.ids import OperationId
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.market.instrument import InstrumentType
from cadenza.domain.trading.apply import apply_or_keep, apply_report
from cadenza.domain.trading.cancel import decide_cancel
from cadenza.domain.trading.enums import CancelReason
from cadenza.domain.trading.execution import Fee
from cadenza.domain.trading.journal import Journal
from cadenza.domain.trading.kept import KeepReason, KeptReport
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import (
    AcceptedReport,
    BalanceReport,
    CanceledReport,
    ExternalOrderReport,
    FeeReport,
    FillBustedReport,
    FillCorrectedReport,
    FillReport,
    PositionReport,
    Report,
)
from cadenza.domain.trading.state import TradingState
from cadenza.domain.trading.venue_books import adopt_snapshot
from tests.domain.trading.worlds import ACCOUNT, BTC, NOW_MS, TENANT, D, account, instrument, state, submit

FUTURES = AccountType.FUTURES


class Refused(Exception):
    """A refusal in the middle of a change. No rule of the domain catches it."""


class RefusingJournal(Journal):
    """Raises instead of the write number `refuses_at`."""

    def __init__(self) -> None:
        super().__init__()
        self.refuses_at: int | None = None
        self.writes = 0

    def put(self, map: dict[Any, Any], key: Any, value: Any) -> None:
        self.writes += 1
        if self.writes == self.refuses_at:
            raise Refused("no")
        super().put(map, key, value)


def image(world: TradingState) -> dict[str, Any]:
    """Everything that the state knows."""
    parts = {name: part for name, part in vars(world).items() if name not in ("world", "_journal", "claims")}
    parts["changed"] = {name: getattr(world.changed, name) for name in world.changed.__slots__}
    parts["claims"] = {"lines": world.claims._lines, "rows": world.claims._rows}
    return deepcopy(parts)


def about(order: Order, **more: Any) -> dict[str, Any]:
    return {"account_id": ACCOUNT, "instrument_id": BTC, "order_id": order.id, "at_ms": NOW_MS + 5} | more


def fill(order: Order, trade_id: str, quantity: str = "0.25", **more: Any) -> FillReport:
    facts = about(order, side=order.side, price=D(90), quantity=D(quantity), fees=(Fee("USDT", D("0.1")),))
    return FillReport(**(facts | {"trade_id": trade_id} | more))


def external(**more: Any) -> ExternalOrderReport:
    facts: dict[str, Any] = {
        "account_id": ACCOUNT, "at_ms": NOW_MS, "instrument_id": BTC, "venue_order_id": "hand", "side": Side.BUY,
        "type": OrderType.LIMIT, "time_in_force": TimeInForce.GTC, "quantity": D(2), "limit_price": D(90),
        "executed_quantity": D(0),
    }  # fmt: skip
    return ExternalOrderReport(**(facts | more))


def balance(total: str) -> BalanceReport:
    return BalanceReport(
        account_id=ACCOUNT, at_ms=NOW_MS + 9, asset="USDT", total=D(total), locked=D(0), borrowed=D(0), as_of=9
    )


def position(quantity: str, side: PositionSide = PositionSide.NET) -> PositionReport:
    return PositionReport(
        account_id=ACCOUNT, at_ms=NOW_MS + 9, instrument_id=BTC, side=side, quantity=D(quantity), entry_price=D(90),
        as_of=9,
    )  # fmt: skip


OPERATION = Operation(
    id=OperationId(UUID(int=7)), tenant_id=TENANT, account_id=ACCOUNT, type=OperationType.CONNECT,
    status=OperationStatus.PENDING, created_at_ms=NOW_MS,
)  # fmt: skip

Act = Callable[[TradingState, Order], object]


def of(make: Callable[[Order], Report]) -> Act:
    return lambda world, order: apply_report(world, make(order))


def ends_an_operation(world: TradingState, order: Order) -> None:
    world.finish_operation(OPERATION)
    world.complete_until(ACCOUNT, NOW_MS - 1)
    world.put_account(replace(world.account(ACCOUNT), nickname="new"))


def adopts(world: TradingState, order: Order) -> None:
    adopt_snapshot(world, ACCOUNT, [balance("3")], [position("2")], as_of=9, at_ms=NOW_MS + 9)


CHANGES: dict[str, Act] = {
    "submit": lambda world, order: submit(world, number=101, client_order_id="mine", idempotency_key="key"),
    "cancel": lambda world, order: decide_cancel(world, ACCOUNT, order.id),
    "accepted": of(lambda order: AcceptedReport(**about(order), venue_order_id="v2", executed_quantity=D(0))),
    "fill": of(lambda order: fill(order, "t2")),
    "last fill": of(lambda order: fill(order, "t2", "0.75")),
    "closing fill": lambda world, order: apply_report(
        world, fill(submit(world, number=102, side=Side.SELL, quantity=D("0.25")), "t2")
    ),
    "corrected": of(
        lambda order: FillCorrectedReport(
            **about(order, at_ms=NOW_MS + 8), side=order.side, price=D(80), quantity=D("0.2"), trade_id="t1"
        )
    ),
    "busted": of(lambda order: FillBustedReport(**about(order, at_ms=NOW_MS + 8), trade_id="t1")),
    "fee": of(lambda order: FeeReport(**about(order, at_ms=NOW_MS + 8), trade_id="t1", fees=(Fee("USDT", D(1)),))),
    "canceled": of(lambda order: CanceledReport(**about(order), reason=CancelReason.USER, executed_quantity=D("0.25"))),
    "external order, with what was kept for it": of(lambda order: external()),
    "a fill of no order": of(lambda order: fill(order, "t9", order_id=None, venue_order_id="nobody")),
    "balance": of(lambda order: balance("5")),
    "position": of(lambda order: position("4")),
    "no position": of(lambda order: position("0")),
    "snapshot": adopts,
    "end of an operation": ends_an_operation,
}


def prepared(type: AccountType) -> tuple[TradingState, Order]:
    """An account in the middle of a batch: an order with a fill, and a kept fill of an order placed elsewhere."""
    waiting = KeptReport(
        report=FillReport(
            account_id=ACCOUNT, at_ms=NOW_MS, instrument_id=BTC, venue_order_id="hand", trade_id="h1", side=Side.BUY,
            price=D(90), quantity=D(1),
        ),
        reason=KeepReason.NO_ORDER, detail="", kept_at_ms=NOW_MS,
    )  # fmt: skip
    world = state(account(type), traded=instrument(), kept=[waiting])
    order = submit(world, quantity=D(1))
    apply_report(world, fill(order, "t1"))
    apply_report(world, fill(order, "h2", order_id=None, venue_order_id="hand"))
    world.record_order_events()
    return world, order


def refusing(world: TradingState) -> RefusingJournal:
    """Give the state a journal that can refuse."""
    journal = RefusingJournal()
    world._journal = world.claims._journal = journal
    return journal


CASES = [(name, type) for name in CHANGES for type in (AccountType.SPOT, FUTURES)]
CASES.remove(("no position", AccountType.SPOT))  # it has none, so nothing changes


@pytest.mark.parametrize(("name", "type"), CASES)
def test_a_refusal_at_any_write_leaves_the_state_as_it_was(name: str, type: AccountType) -> None:
    world, order = prepared(type)
    journal = refusing(world)
    before, savepoint = image(world), world.savepoint()
    CHANGES[name](world, order)
    world.record_order_events()
    assert image(world) != before
    writes = journal.writes
    world.roll_back(savepoint)
    assert image(world) == before
    for refuses_at in range(1, writes + 1):
        journal.writes, journal.refuses_at = 0, refuses_at
        savepoint = world.savepoint()
        with pytest.raises(Refused):
            _decided(CHANGES[name], world, order)
        world.roll_back(savepoint)
        assert image(world) == before


def _decided(act: Act, world: TradingState, order: Order) -> None:
    act(world, order)
    world.record_order_events()


def test_a_change_that_was_undone_can_be_made_again() -> None:
    world, order = prepared(FUTURES)
    savepoint = world.savepoint()
    apply_report(world, fill(order, "t2"))
    world.roll_back(savepoint)
    apply_report(world, fill(order, "t2"))
    world.record_order_events()
    filled = world.order(order.id)
    assert filled is not None
    assert filled.executed_quantity == D("0.5")
    held = world.position(ACCOUNT, BTC, PositionSide.NET)
    assert held is not None
    assert held.quantity == D("0.5")


REFUSED: dict[str, Report] = {"external order": external(), "position": position("1")}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_report_is_kept_and_changes_nothing_else(name: str) -> None:
    world = state(traded=instrument(type=InstrumentType.PERPETUAL))
    before = image(world)
    with pytest.raises(InstrumentNotTradable):
        apply_report(world, REFUSED[name])
    assert apply_or_keep(world, REFUSED[name]) is None
    after = image(world)
    (kept,) = after["changed"].pop("kept")
    assert (kept.report, kept.reason) == (REFUSED[name], KeepReason.REFUSED)
    assert after["changed"].pop("accounts") == {ACCOUNT: None}
    del before["changed"]["kept"], before["changed"]["accounts"]
    assert after == before


def test_a_kept_report_that_is_refused_does_not_take_its_order_along() -> None:
    """The catalogue lost the instrument, so a fill of a margined account cannot be valued."""
    world, order = prepared(FUTURES)
    kept = fill(order, "t3", order_id=None, venue_order_id="v2")
    apply_report(world, kept)
    world.world = replace(world.world, instrument=lambda _: None)
    apply_report(world, AcceptedReport(**about(order), venue_order_id="v2", executed_quantity=D(0)))
    named = world.order(order.id)
    assert named is not None
    assert named.venue_order_id == "v2"
    assert named.executed_quantity == D("0.25")
    assert kept in [each.report for each in world.changed.kept]
