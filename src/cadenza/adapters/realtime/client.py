"""A connection, as the handlers of commands see it."""

from typing import Protocol

from cadenza.adapters.realtime.commands import ClientInfo
from cadenza.adapters.realtime.services import Services
from cadenza.adapters.realtime.subscriptions import Subscriptions
from cadenza.domain.identity.actor import Actor


class Client(Protocol):
    """Law: after every `await` the client may have left; `is_open` says whether it has."""

    services: Services
    subscriptions: Subscriptions
    client_id: str
    address: str
    token: str
    is_open: bool

    @property
    def actor(self) -> Actor: ...

    @property
    def info(self) -> ClientInfo: ...

    @property
    def ttl_s(self) -> int: ...

    def admit(self, actor: Actor, token: str) -> None: ...

    def renew(self, actor: Actor, token: str) -> None: ...

    def send(self, line: bytes) -> None: ...
