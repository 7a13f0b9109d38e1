"""Token buckets in memory, one per key."""

from collections import OrderedDict
from collections.abc import Callable


class TokenBuckets:
    """Allows `burst` tries at once, and one more each `interval_ms`.

    A bucket is a single instant, the one at which it is full again (the generic cell rate algorithm), so there is
    nothing to refill and no rounding. At most `keys_max` are kept; beyond that, the bucket used longest ago is
    forgotten, which can only allow more.
    """

    def __init__(self, *, burst: int, interval_ms: int, keys_max: int, monotonic_ms: Callable[[], int]) -> None:
        if burst < 1 or interval_ms < 1 or keys_max < 1:
            raise ValueError("burst, interval_ms and keys_max must be positive")
        self._interval_ms = interval_ms
        self._depth_ms = (burst - 1) * interval_ms
        self._keys_max = keys_max
        self._monotonic_ms = monotonic_ms
        self._full_at_ms: OrderedDict[str, int] = OrderedDict()

    def allow(self, key: str) -> int | None:
        """Take a token. Return None when there was one, else the whole seconds until there is one."""
        now_ms = self._monotonic_ms()
        full_at_ms = self._full_at_ms.get(key, 0)
        if full_at_ms < now_ms:
            full_at_ms = now_ms
        wait_ms = full_at_ms - self._depth_ms - now_ms
        if wait_ms > 0:
            return -(-wait_ms // 1000)
        self._full_at_ms[key] = full_at_ms + self._interval_ms
        self._full_at_ms.move_to_end(key)
        if len(self._full_at_ms) > self._keys_max:
            self._full_at_ms.popitem(last=False)
        return None
