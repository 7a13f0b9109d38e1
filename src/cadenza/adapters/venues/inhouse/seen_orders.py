"""Remember which orders have arrived at a venue, so that the ledger need not be searched for a new one."""

IDS_MAX = 100_000
"""Ids remembered, about 100 bytes each."""


class SeenOrders:
    """The ids of the orders that arrived since this process took the venue over.

    An order that was recorded later than the instant up to which ids are forgotten, and whose id is not remembered, is
    not in the ledger: only this process writes there. It need not be looked up.
    """

    def __init__(self, since_ms: int, ids_max: int = IDS_MAX) -> None:
        self._forgotten_until_ms = since_ms
        self._recorded_ms: dict[str, int] = {}
        self._ids_max = ids_max

    def may_be_stored(self, id: str, recorded_ms: int) -> bool:
        """`recorded_ms`: our clock when the order was recorded."""
        return recorded_ms <= self._forgotten_until_ms or id in self._recorded_ms

    def add(self, id: str, recorded_ms: int) -> None:
        """Remember an order before it is committed. Of too many, the one that arrived first is forgotten."""
        self._recorded_ms[id] = recorded_ms
        if len(self._recorded_ms) > self._ids_max:
            forgotten = self._recorded_ms.pop(next(iter(self._recorded_ms)))
            self._forgotten_until_ms = max(self._forgotten_until_ms, forgotten)
