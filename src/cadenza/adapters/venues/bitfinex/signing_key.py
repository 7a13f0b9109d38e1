"""Since when the orders of an account are signed by the key that signs them now.

The nonces of a key prove what became of requests of that key, and of no other. So an order that may have been signed by
a former key cannot be proved dead by questions of this one.
"""

from hashlib import sha256

from cadenza.domain.errors import DatabaseUnavailable, VenueUnavailable
from cadenza.domain.ids import TradingAccountId
from cadenza.ports.venue import VenueMemories
from cadenza.ports.venue.memory import MemoryTakenOver

_KEY = "signing key"


async def signed_since_ms(memories: VenueMemories, account_id: TradingAccountId, api_key: str, now_ms: int) -> int:
    """Return the instant (our clock) at which a session of the account began to use this key, and after which no other
    key signed for it; 0 when no other key ever did. A session calls this before its first order. Raises
    `VenueUnavailable` when the database does not answer, or when another process opens the account at the same
    moment."""
    mark = sha256(api_key.encode()).hexdigest()
    try:
        memory = await memories.open(f"signing key of {account_id}")
        stored_mark, _, since = (await memory.get(_KEY) or "").partition(" ")
        if stored_mark == mark:
            return int(since)
        since_ms = now_ms if stored_mark else 0
        await memory.put(_KEY, f"{mark} {since_ms}")
    except (DatabaseUnavailable, MemoryTakenOver) as error:
        raise VenueUnavailable(f"the account's key cannot be noted: {error}") from error
    return since_ms
