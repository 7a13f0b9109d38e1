"""When each API key was used last, written down without holding up a request."""

from collections import OrderedDict

from cadenza.domain.errors import DatabaseUnavailable
from cadenza.domain.ids import ApiKeyId
from cadenza.ports.clock import Clock
from cadenza.ports.storage import Storage
from cadenza.ports.storage.api_keys import KeyUse

WRITE_AGAIN_MS = 60_000
"""A key's last use is written at most so often by one process."""

KEYS_MAX = 20_000
"""Keys that are remembered. Beyond it the one used longest ago is forgotten, and may be written sooner again."""


class UsedKeys:
    """Guarantee: `note` neither waits nor fails. A use that a crash or a full memory loses is not written; the next use
    of the key is."""

    def __init__(self, *, storage: Storage, clock: Clock, keys_max: int = KEYS_MAX) -> None:
        self._storage = storage
        self._clock = clock
        self._keys_max = keys_max
        self._noted_ms: OrderedDict[ApiKeyId, int] = OrderedDict()
        self._waiting: dict[ApiKeyId, KeyUse] = {}

    def note(self, key_id: ApiKeyId, client: str) -> None:
        """Take note of a use now, unless one was noted within `WRITE_AGAIN_MS`."""
        now_ms = self._clock.monotonic_ms()
        noted_ms = self._noted_ms.get(key_id)
        if noted_ms is not None and now_ms - noted_ms < WRITE_AGAIN_MS:
            return
        if key_id not in self._waiting and len(self._waiting) >= self._keys_max:
            return
        self._noted_ms[key_id] = now_ms
        self._noted_ms.move_to_end(key_id)
        if len(self._noted_ms) > self._keys_max:
            self._noted_ms.popitem(last=False)
        self._waiting[key_id] = KeyUse(key_id, self._clock.now_ms(), client)

    async def tick(self) -> None:
        """Write what was noted. While the database does not answer, it is kept for the next time."""
        uses, self._waiting = self._waiting, {}
        if not uses:
            return
        try:
            async with self._storage.begin() as uow:
                await uow.api_keys.note_uses(uses.values())
                await uow.commit()
        except DatabaseUnavailable:
            self._waiting = uses | self._waiting
            raise
