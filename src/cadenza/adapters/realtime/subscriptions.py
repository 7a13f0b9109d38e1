"""The subscriptions of one client."""

from cadenza.adapters.realtime.broker import key_of
from cadenza.adapters.realtime.channels import Channel, ChannelKind
from cadenza.adapters.realtime.codes import INTERNAL, SERVER_UNSUBSCRIBE, Refusal
from cadenza.adapters.realtime.hub import Subscriber, Topic
from cadenza.adapters.realtime.services import Services
from cadenza.adapters.realtime.writer import Writer


class Subscriptions:
    """They are kept by the names that the client gave. Law: each is in the hub exactly as long as it is here."""

    __slots__ = ("_services", "_subscriber", "_topics", "_with_join_leave", "_writer")

    def __init__(self, subscriber: Subscriber, writer: Writer, services: Services) -> None:
        self._subscriber = subscriber
        self._writer = writer
        self._services = services
        self._topics: dict[str, Topic] = {}
        self._with_join_leave: set[str] | None = None

    def __len__(self) -> int:
        return len(self._topics)

    def __contains__(self, name: str) -> bool:
        return name in self._topics

    def add(self, channel: Channel, *, wants_join_leave: bool) -> Topic:
        """Subscribe from now on."""
        topic = self._topics[channel.name] = self._services.hub.join(channel, self._writer, self._subscriber)
        if wants_join_leave and channel.kind is ChannelKind.ACCOUNT:
            self._with_join_leave = (self._with_join_leave or set()) | {channel.name}
        return topic

    def wants_join_leave(self, name: str) -> bool:
        """Whether the client asked for joins and leaves of the channel."""
        return self._with_join_leave is not None and name in self._with_join_leave

    def announce(self, channel: Channel) -> None:
        """Push to the subscribers, the client itself among them, that it has come."""
        if channel.kind is ChannelKind.ACCOUNT:
            self._services.presence.announce(key_of(channel), "join", self._subscriber.info)

    def remove(self, name: str) -> bool:
        """End a subscription; False when there is none."""
        topic = self._topics.pop(name, None)
        if topic is None:
            return False
        if self._with_join_leave is not None:
            self._with_join_leave.discard(name)
        self._services.hub.leave(topic, self._writer)
        self._writer.forget_newest(name)
        if topic.channel.kind is ChannelKind.ACCOUNT:
            self._services.presence.announce(key_of(topic.channel), "leave", self._subscriber.info)
        return True

    def clear(self) -> None:
        """End all subscriptions."""
        for name in list(self._topics):
            self.remove(name)

    async def reconsider(self) -> None:
        """End the subscriptions that the client has no right to any more."""
        for name, topic in list(self._topics.items()):
            try:
                await self._services.gate.authorise(self._subscriber.actor, topic.channel)
            except Refusal as refusal:
                if refusal.error is not INTERNAL:
                    self._subscriber.end_subscription(name, SERVER_UNSUBSCRIBE)
