"""RPC: the same use cases as REST, in the RPC shapes of the interface.

A refusal of the platform is answered inside `rpc.data`, as `{"error": {code, message, temporary}}`; the code is REST's
`errno`. Errors of the protocol (104 and the like) say that nothing was called.
"""

from collections.abc import Callable

from msgspec import Raw

from cadenza.adapters.realtime.codes import METHOD_NOT_FOUND, Refusal
from cadenza.adapters.realtime.rpc_methods import RpcCall
from cadenza.adapters.realtime.rpc_shapes import RpcData, failure_of
from cadenza.adapters.realtime.rpc_table import METHODS
from cadenza.application.use_cases import UseCases
from cadenza.domain.errors import CadenzaError
from cadenza.domain.identity.actor import Actor
from cadenza.wire.envelope import encode
from cadenza.wire.reading import read_body


class Rpcs:
    """Calls methods by name."""

    def __init__(self, use_cases: Callable[[], UseCases]) -> None:
        self._use_cases = use_cases

    async def call(self, actor: Actor, method: str, params: Raw) -> Raw:
        """Return what goes into `rpc.data`.

        Raises `Refusal`: 104 for a method that is not known, 108 for one that this server does not offer.
        """
        row = METHODS.get(method)
        if row is None:
            raise Refusal(METHOD_NOT_FOUND)
        text = bytes(params)
        try:
            asked = read_body(row.params, b"{}" if text in (b"", b"null") else text)
            answer = await row.respond(RpcCall(self._use_cases(), actor), asked)
        except CadenzaError as error:
            answer = RpcData(error=failure_of(error))
        return Raw(encode(answer))
