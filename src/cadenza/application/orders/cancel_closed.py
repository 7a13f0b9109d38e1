"""Cancel at its venue an order that is closed here and works there: an operator wants what is left of it gone.

The API cancels open orders only, because a closed order does not change its state any more. The request is a durable
job that the server carries out, because the server has the session.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from cadenza.application.orders.send_cancel import SendCancel
from cadenza.application.orders.sessions import Sessions
from cadenza.domain.errors import InvalidRequest, OrderNotFound, VenueUnavailable
from cadenza.domain.ids import OrderId
from cadenza.domain.trading.order import Order
from cadenza.ports.storage import Storage

CANCEL_CLOSED_JOB = "orders.cancel_closed"


class RequestCancelClosed:
    """The use case of the command line: check the request and leave it to the server."""

    def __init__(self, *, storage: Storage) -> None:
        self._storage = storage

    async def __call__(self, order_id: OrderId) -> Order:
        """Return the order. Raises `OrderNotFound`, and `InvalidRequest` when the order is open, or while an earlier
        request for it waits for the server."""
        async with self._storage.begin() as uow:
            order = await uow.orders.get(order_id)
            if order is None:
                raise OrderNotFound(f"there is no order {order_id}")
            if not order.is_closed:
                raise InvalidRequest(f"the order is {order.status.value}, which is not closed: cancel it by the API")
            key = f"{CANCEL_CLOSED_JOB} {order.id}"
            if not await uow.jobs.enqueue(CANCEL_CLOSED_JOB, {"order_id": str(order.id)}, dedupe_key=key):
                raise InvalidRequest("a cancel of this order waits for the server already")
            await uow.commit()
        return order


class CancelClosed:
    """The job. It sends a cancel and books the reply; the order keeps its state here. Raises `VenueUnavailable` while
    the account does not reach its venue, and when no reply comes in time; the job is tried again later."""

    def __init__(self, *, storage: Storage, sessions: Sessions, send_cancel: SendCancel) -> None:
        self._storage = storage
        self._sessions = sessions
        self._send_cancel = send_cancel

    async def __call__(self, payload: Mapping[str, Any]) -> None:
        order_id = OrderId(UUID(payload["order_id"]))
        async with self._storage.read() as uow:
            order = await uow.orders.get(order_id)
        if order is None or not order.is_closed:
            return
        if not self._sessions.takes_orders(order.account_id):
            raise VenueUnavailable("the trading account does not reach its venue at the moment; nothing was sent")
        if await self._send_cancel(order) is None:
            raise VenueUnavailable("the venue did not reply to the cancel in time")
