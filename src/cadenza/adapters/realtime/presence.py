"""Which clients are subscribed to a channel, as far as the asker may know: those of the asker's own tenant."""

from collections.abc import Iterator

from cadenza.adapters.realtime.broker import Key
from cadenza.adapters.realtime.commands import ClientInfo, presence_push
from cadenza.adapters.realtime.hub import Hub, Subscriber
from cadenza.domain.ids import TenantId


class Presence:
    """Answers from the hub of this process."""

    def __init__(self, hub: Hub, *, clients_max: int) -> None:
        self._hub = hub
        self._clients_max = clients_max

    def clients(self, key: Key, tenant_id: TenantId) -> dict[str, ClientInfo]:
        """Return at most `presence_clients_max` clients by their id."""
        found: dict[str, ClientInfo] = {}
        for subscriber in self._of_tenant(key, tenant_id):
            if len(found) >= self._clients_max:
                break
            found[subscriber.client_id] = subscriber.info
        return found

    def stats(self, key: Key, tenant_id: TenantId) -> tuple[int, int]:
        """Return the numbers of clients and of users."""
        found = list(self._of_tenant(key, tenant_id))
        return len({s.client_id for s in found}), len({s.actor.user_id for s in found})

    def announce(self, key: Key, event: str, info: ClientInfo) -> None:
        """Push that a client came (`join`) or went (`leave`) to the subscribers that asked for joins and leaves. An
        account's subscribers are of one tenant."""
        for topic in self._hub.topics(key):
            line = presence_push(topic.channel.name, event, info)
            # A copy: a writer that overflows takes its connection off.
            for subscriber in list(topic.subscribers.values()):
                if subscriber.wants_join_leave(topic.channel.name):
                    subscriber.send(line)

    def _of_tenant(self, key: Key, tenant_id: TenantId) -> Iterator[Subscriber]:
        for topic in self._hub.topics(key):
            for subscriber in topic.subscribers.values():
                if subscriber.actor.tenant_id == tenant_id:
                    yield subscriber
