"""RPC: the same use cases as REST, in the RPC shapes of the interface."""

from collections.abc import Callable

from msgspec import Raw

from cadenza.adapters.realtime.codes import METHOD_NOT_FOUND, Refusal
from cadenza.application.use_cases import UseCases
from cadenza.domain.identity.actor import Actor


class Rpcs:
    """Calls methods by name."""

    def __init__(self, use_cases: Callable[[], UseCases]) -> None:
        self._use_cases = use_cases

    async def call(self, actor: Actor, method: str, params: Raw) -> Raw:
        """Return what goes into `rpc.data`. Raises `Refusal` (104) for a method that is not known."""
        raise Refusal(METHOD_NOT_FOUND)
