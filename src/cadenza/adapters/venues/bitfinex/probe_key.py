"""The key of a probe: its nonces are instants, and are not kept. A key that a server uses at the same time has its own
nonces, and the venue refuses whichever of the two is behind."""

from collections.abc import Mapping

from cadenza.adapters.venues.bitfinex.credential import BitfinexSigner
from cadenza.ports.clock import Clock

_US_PER_MS = 1_000


class ProbeKey:
    """Implements `NoncedKey`."""

    def __init__(self, signer: BitfinexSigner, clock: Clock) -> None:
        self._signer = signer
        self._clock = clock
        self.last = 0

    @property
    def api_key(self) -> str:
        return self._signer.api_key

    async def nonce(self) -> int:
        self.last = max(self.last + 1, self._clock.now_ms() * _US_PER_MS)
        return self.last

    def headers(self, path: str, nonce: int, body: str) -> Mapping[str, str]:
        return self._signer.headers(path, nonce, body)


class OldNonce:
    """Implements `NoncedKey` with a nonce that was used already."""

    def __init__(self, key: ProbeKey) -> None:
        self._key = key

    @property
    def api_key(self) -> str:
        return self._key.api_key

    async def nonce(self) -> int:
        return self._key.last

    def headers(self, path: str, nonce: int, body: str) -> Mapping[str, str]:
        return self._key.headers(path, nonce, body)
