"""The keys that a connector uses, each with its durable nonces.

The venue takes a private request only if its nonce is larger than every nonce that it has seen from the key (10114
otherwise). A nonce here is an instant in microseconds, or one more than the last one where the clock does not go on.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from weakref import WeakValueDictionary

from cadenza.adapters.venues.bitfinex.credential import BitfinexSigner
from cadenza.domain.errors import VenueUnavailable
from cadenza.ports.clock import Clock
from cadenza.ports.venue import VenueMemories, VenueMemory
from cadenza.ports.venue.memory import MemoryTakenOver

NONCE_MAX = 2**53 - 1
"""The venue takes no larger one."""

RESERVED_MS = 5_000
"""So much time of nonces is written to disk ahead, so that a key in use writes once in so long."""

_COUNTER = "nonce"
_US_PER_MS = 1_000


class KeyNonces:
    """The nonces of one key.

    Law: no nonce is given twice, and none is smaller than one that was given before, whatever restarts, and whatever
    the clock does. One process uses a key at a time: after another one has begun to, this one gives none any more.
    """

    def __init__(self, api_key: str, memories: VenueMemories, clock: Clock) -> None:
        self._scope = f"nonces of {sha256(api_key.encode()).hexdigest()}"
        self._memories = memories
        self._clock = clock
        self._memory: VenueMemory | None = None
        self._last = 0
        self._reserved = 0
        """Nonces up to this one may be given: a restart goes on after it."""
        self._lock = asyncio.Lock()
        self.taken_over = asyncio.Event()
        """Set when another process has begun to use the key."""

    async def next(self) -> int:
        """Return the next nonce. Raises `DatabaseUnavailable`, `MemoryTakenOver`, and `VenueUnavailable` when the clock
        shows an instant that is no nonce any more."""
        async with self._lock:
            if self.taken_over.is_set():
                raise MemoryTakenOver(self._scope)
            try:
                return await self._next()
            except MemoryTakenOver:
                self.taken_over.set()
                raise

    async def _next(self) -> int:
        present = self._clock.now_ms() * _US_PER_MS
        memory = self._memory
        if memory is None:
            memory = await self._memories.open(self._scope)
            self._last = self._reserved = await memory.next(_COUNTER, first=min(present, NONCE_MAX))
            self._memory = memory
        nonce = max(self._last + 1, present)
        if nonce > NONCE_MAX:
            raise VenueUnavailable(f"the clock is wrong: {nonce} is above the largest nonce of BITFINEX, {NONCE_MAX}")
        if nonce > self._reserved:
            reserved = nonce + RESERVED_MS * _US_PER_MS
            await memory.advance(_COUNTER, reserved)
            self._reserved = reserved
        self._last = nonce
        return nonce


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A credential, in use. Implements `NoncedKey`. Two with the same key share its nonces."""

    signer: BitfinexSigner
    nonces: KeyNonces

    @property
    def api_key(self) -> str:
        return self.signer.api_key

    async def nonce(self) -> int:
        return await self.nonces.next()

    def headers(self, path: str, nonce: int, body: str) -> Mapping[str, str]:
        return self.signer.headers(path, nonce, body)


class PrivateKeys:
    """The keys of one connector."""

    def __init__(self, memories: VenueMemories, clock: Clock) -> None:
        self._memories = memories
        self._clock = clock
        self._nonces: WeakValueDictionary[str, KeyNonces] = WeakValueDictionary()

    def of(self, signer: BitfinexSigner) -> PrivateKey:
        """Return the key. One that another process has taken over is begun again."""
        nonces = self._nonces.get(signer.api_key)
        if nonces is None or nonces.taken_over.is_set():
            nonces = self._nonces[signer.api_key] = KeyNonces(signer.api_key, self._memories, self._clock)
        return PrivateKey(signer, nonces)
