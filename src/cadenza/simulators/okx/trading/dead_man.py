"""`cancel-all-after`: orders are canceled unless the client speaks in time."""

from __future__ import annotations

from cadenza.simulators.okx.trading.exchange import AFTER_ALL, OkxExchange

TIMEOUT_S_MIN, TIMEOUT_S_MAX = 10, 120


class DeadManSwitch:
    """One timer for each account and tag, in memory: a restart forgets it."""

    def __init__(self, exchange: OkxExchange) -> None:
        self._exchange = exchange
        self._due_ms: dict[tuple[str, str], int] = {}

    def set(self, account: str, tag: str, timeout_s: int, now_ms: int) -> int:
        """Start the timer again and return when it fires; 0 seconds stop it, and then the answer is 0."""
        if not timeout_s:
            self._due_ms.pop((account, tag), None)
            return 0
        self._due_ms[account, tag] = now_ms + timeout_s * 1_000
        return self._due_ms[account, tag]

    def check(self, now_ms: int) -> None:
        """Cancel what is due. A timer with a tag cancels the orders with that tag."""
        for (account, tag), due_ms in list(self._due_ms.items()):
            if due_ms > now_ms:
                continue
            del self._due_ms[account, tag]
            for order in self._exchange.registry.open_orders(account):
                if order.is_open and tag in ("", order.tag):
                    self._exchange.cancel(order, AFTER_ALL, now_ms)
