"""Requests that change orders, by REST and by the socket: what each does, and its notification."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cadenza.domain.market.enums import Side
from cadenza.simulators.bitfinex.trading.desk import BitfinexDesk, TakenOrder, day_of
from cadenza.simulators.bitfinex.trading.exchange import BitfinexExchange
from cadenza.simulators.bitfinex.trading.records import BitfinexNoticeEvent, BitfinexOrder
from cadenza.simulators.bitfinex.trading.rows import asked_order_row, notice_row, order_row
from cadenza.simulators.bitfinex.wire.errors import GENERIC, BitfinexRefusal, invalid
from cadenza.simulators.bitfinex.wire.numbers import decimal_text
from cadenza.simulators.bitfinex.wire.params import BitfinexParams, as_integer

OPERATIONS_MAX = 75
"""How many operations one request may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCall:
    """An operation of an account. `session_id` is the socket that gets its notification, None by REST. `is_muted` keeps
    the notification back."""

    account: str
    params: BitfinexParams
    now_ms: int
    session_id: int | None = None
    is_muted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationOutcome:
    """What was done. `data` is what REST answers with; `accepted` is what the socket's notification shows."""

    type: str
    data: object
    accepted: object
    text: str


@dataclass(slots=True)
class OrderOperations:
    """Executes operations. A notification comes before the events that the operation brought."""

    exchange: BitfinexExchange
    desk: BitfinexDesk
    notices: int = 0

    def execute(self, operation: str, call: OrderCall) -> list[object]:
        """Execute an operation and return its notification. Raises `BitfinexRefusal`, for which a socket gets a
        notification too."""
        index = self.exchange.news_count()
        try:
            outcome = _DO[operation](self, call)
        except BitfinexRefusal as refusal:
            type = REQUEST_TYPES[operation]
            self._notify(call, self.refusal(type, call, refusal.text), index)
            raise
        data = outcome.data if call.session_id is None else outcome.accepted
        row = self._notice(outcome.type, data, outcome.text, call.now_ms)
        if operation != "ox_multi":  # its operations are notified one by one
            self._notify(call, row, index)
        return row

    def refusal(self, type: str, call: OrderCall, text: str) -> list[object]:
        """Return the notification of an operation that is refused."""
        self.notices += 1
        data = asked_order_row(call.params)
        return notice_row(type, data, text, call.now_ms, status="ERROR", count=self.notices)

    def _notice(self, type: str, data: object, text: str, now_ms: int) -> list[object]:
        self.notices += 1
        return notice_row(type, data, text, now_ms, count=self.notices)

    def _notify(self, call: OrderCall, row: list[object], index: int) -> None:
        if call.session_id is not None and not call.is_muted:
            self.exchange.note(BitfinexNoticeEvent(session_id=call.session_id, row=row), index)

    # What operations do

    def submit(self, call: OrderCall) -> OperationOutcome:
        taken = self.desk.place(call.account, call.params, call.now_ms)
        return OperationOutcome(
            type="on-req",
            data=_rows(taken),
            accepted=order_row(taken.accepted),
            text=f"Submitting {_described(taken.accepted)}",
        )

    def update(self, call: OrderCall) -> OperationOutcome:
        changed = self.desk.amend(call.account, call.params, call.now_ms)
        row = order_row(changed)
        return OperationOutcome(
            type="ou-req", data=row, accepted=row, text=f"Submitting update to {_described(changed)}"
        )

    def cancel(self, call: OrderCall) -> OperationOutcome:
        order = self.desk.find(call.account, call.params)
        self.desk.cancel(order, call.now_ms)
        return OperationOutcome(
            type="oc-req",
            data=order_row(order),
            accepted=order_row(order),
            text=f"Submitted for cancellation; waiting for confirmation (ID: {order.order_id}).",
        )

    def cancel_multi(self, call: OrderCall) -> OperationOutcome:
        orders = self._named(call)
        for order in orders:
            if self.exchange.registry.order(*order.key).is_open:  # its pair may have ended it
                self.desk.cancel(order, call.now_ms)
        rows = [order_row(order) for order in orders]
        text = f"Submitting {len(orders)} order cancellations." if orders else "None to cancel"
        return OperationOutcome(type="oc_multi-req", data=rows, accepted=rows, text=text)

    def multi(self, call: OrderCall) -> OperationOutcome:
        """Execute several operations, each for itself: one that is refused leaves the others."""
        operations = call.params.rows("ops")
        if not operations or len(operations) > OPERATIONS_MAX:
            raise invalid("ops")
        read = [_read_operation(row) for row in operations]
        notices: list[object] = []
        for name, params in read:
            single = OrderCall(
                account=call.account,
                params=params,
                now_ms=call.now_ms,
                session_id=call.session_id,
                is_muted=call.is_muted,
            )
            try:
                notices.append(self.execute(name, single))
            except BitfinexRefusal as refusal:
                notices.append(self.refusal(REQUEST_TYPES[name], single, refusal.text))
        text = f"Submitting {len(read)} order operations."
        return OperationOutcome(type="ox_multi-req", data=notices, accepted=notices, text=text)

    def _named(self, call: OrderCall) -> list[BitfinexOrder]:
        """Return the open orders that a request names: all, or those with an id, a cid and its day, or a gid."""
        params = call.params
        orders = self.exchange.registry.open_orders(call.account)
        if params.number("all", 0) == 1:
            return orders
        ids, gids = set(params.integers("id")), set(params.integers("gid"))
        cids = {_cid_and_day(row) for row in params.rows("cid")}
        if not ids and not gids and not cids:
            raise BitfinexRefusal(GENERIC, "Invalid params")
        return [
            order
            for order in orders
            if order.order_id in ids or order.gid in gids or (order.cid, day_of(order.created_ms)) in cids
        ]


Operation = Callable[[OrderOperations, OrderCall], OperationOutcome]

_DO: dict[str, Operation] = {
    "on": OrderOperations.submit,
    "ou": OrderOperations.update,
    "oc": OrderOperations.cancel,
    "oc_multi": OrderOperations.cancel_multi,
    "ox_multi": OrderOperations.multi,
}
OPERATION_NAMES = {
    "on": "order.submit",
    "ou": "order.update",
    "oc": "order.cancel",
    "oc_multi": "order.cancel-multi",
    "ox_multi": "order.multi",
}
"""What faults and lists call the operations."""

REQUEST_TYPES = {name: f"{name}-req" for name in OPERATION_NAMES}


def _rows(taken: TakenOrder) -> list[list[object]]:
    return [order_row(order) for order in (taken.order, taken.other) if order is not None]


def _described(order: BitfinexOrder) -> str:
    """Return an order in the words of the venue's texts."""
    side = "buy" if order.side is Side.BUY else "sell"
    base = order.symbol[1:].partition(":")[0] if ":" in order.symbol else order.symbol[1:4]
    return f"{order.type.lower()} {side} order for {decimal_text(order.remaining)} {base}."


def _read_operation(row: object) -> tuple[str, BitfinexParams]:
    if not isinstance(row, list) or len(row) < 2 or not isinstance(row[1], dict) or row[0] not in _DO:
        raise invalid("ops")
    if row[0] == "ox_multi":
        raise invalid("ops")
    return row[0], BitfinexParams(row[1])


def _cid_and_day(row: object) -> tuple[int, str]:
    if not isinstance(row, list) or len(row) != 2 or not isinstance(row[1], str):
        raise invalid("cid")
    return as_integer(row[0], "cid"), row[1]
