"""Orders whose request is under way in this process: from before they are on disk until the answer is."""

from cadenza.domain.errors import InternalError
from cadenza.domain.ids import OrderId
from cadenza.domain.trading.order import Order
from cadenza.ports.concurrency import Concurrency, Promise

VENUE_REPLY_MS_MAX = 5_000
"""A venue's reply to a submit or a cancel is waited for at most this long. Then the request is given up and its outcome
counts as unknown, as when the reply was lost: the client is answered, and the venue is asked what became of it."""


class InFlight:
    """Reconciling leaves these orders alone: a venue that does not know one yet may know it in a moment. None stays for
    long, as no request does. A repeated request waits here for the answer of the first. Bounded by the requests that
    are served at a time."""

    def __init__(self, concurrency: Concurrency) -> None:
        self._concurrency = concurrency
        self._answers: dict[OrderId, Promise[Order]] = {}

    def begin(self, order_id: OrderId) -> Promise[Order]:
        """Note the order; the promise is of its state once the answer is committed."""
        answer: Promise[Order] = self._concurrency.promise()
        self._answers[order_id] = answer
        return answer

    def end(self, order_id: OrderId) -> None:
        """Forget it. Who still waits is told that something failed; an answer that was given stands."""
        answer = self._answers.pop(order_id, None)
        if answer is not None:
            answer.fail(InternalError("the request ended without an answer; look the order up"))

    def answer_of(self, order_id: OrderId) -> Promise[Order] | None:
        return self._answers.get(order_id)

    def __contains__(self, order_id: object) -> bool:
        return order_id in self._answers
