"""Who is subscribed here, and handing publications to them."""

from collections.abc import Callable
from typing import Protocol

from cadenza.adapters.realtime.broker import Key, key_of
from cadenza.adapters.realtime.channels import Channel, ChannelKind
from cadenza.adapters.realtime.codes import INSUFFICIENT_STATE_OF_CHANNEL, Unsubscribed
from cadenza.adapters.realtime.commands import PUSH_TAIL, ClientInfo, push_head
from cadenza.adapters.realtime.stream import Publication, Unencodable
from cadenza.adapters.realtime.writer import Writer
from cadenza.domain.identity.actor import Actor


class Subscriber(Protocol):
    """A connection, as the hub sees it."""

    @property
    def client_id(self) -> str: ...

    @property
    def actor(self) -> Actor: ...

    @property
    def info(self) -> ClientInfo: ...

    def is_told_who_comes(self, name: str) -> bool:
        """Tell whether the client asked for joins and leaves of the channel."""

    def send(self, line: bytes) -> None: ...

    def end_subscription(self, name: str, why: Unsubscribed) -> None:
        """Take the subscription off, and tell the client."""


class Topic:
    """One channel under one of its names, with those who called it so. A publication is encoded once for all."""

    __slots__ = ("_head", "_is_newest_only", "channel", "pending", "subscribers")

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.subscribers: dict[Writer, Subscriber] = {}
        self.pending: list[Publication] = []
        self._is_newest_only = channel.kind is ChannelKind.ORDER_BOOK
        self._head = push_head(channel.name)

    def publish(self, publication: Publication) -> None:
        """Take the publication for the coming delivery; a newer book replaces an older one."""
        if self._is_newest_only:
            self.pending.clear()
        self.pending.append(publication)

    def push(self, publication: Publication) -> bytes:
        """Return the line that carries a publication."""
        return self._head + publication.encoded + PUSH_TAIL

    def deliver(self) -> int:
        """Hand what is pending to all subscribers; return how many messages that makes."""
        pending, self.pending = self.pending, []
        lines = b"\n".join([self.push(publication) for publication in pending])
        writers = list(self.subscribers)  # a copy: a writer that overflows takes its connection off
        if self._is_newest_only:
            for writer in writers:
                writer.append_newest(self.channel.name, lines)
        else:
            for writer in writers:
                writer.append(lines)
        return len(pending) * len(writers)


class Hub:
    """All topics with subscribers. Law: a subscriber sees exactly what is published between `join` and `leave`."""

    def __init__(self) -> None:
        self._topics: dict[Key, dict[str, Topic]] = {}
        self._dirty: dict[Topic, None] = {}
        self.schedule: Callable[[], None] = lambda: None
        self.subscriptions = 0
        self.deliveries_total = 0

    @property
    def channels(self) -> set[Key]:
        """What somebody listens to."""
        return set(self._topics)

    def has_subscribers(self, key: Key) -> bool:
        return key in self._topics

    def topics(self, key: Key) -> list[Topic]:
        return list(self._topics.get(key, {}).values())

    def join(self, channel: Channel, writer: Writer, subscriber: Subscriber) -> Topic:
        """Add a subscriber; what was published before goes to the others only."""
        key = key_of(channel)
        topic = self._topics.get(key, {}).get(channel.name)
        if topic is not None and topic.pending:
            self._deliver_one(topic)  # which may send all of them away, and the topic with them
        names = self._topics.setdefault(key, {})
        topic = names.get(channel.name)
        if topic is None:
            topic = names[channel.name] = Topic(channel)
        topic.subscribers[writer] = subscriber
        self.subscriptions += 1
        return topic

    def leave(self, topic: Topic, writer: Writer) -> None:
        """Take a subscriber off."""
        if topic.subscribers.pop(writer, None) is None:
            return
        self.subscriptions -= 1
        if not topic.subscribers:
            key = key_of(topic.channel)
            names = self._topics[key]
            del names[topic.channel.name]
            self._dirty.pop(topic, None)
            if not names:
                del self._topics[key]

    def publish(self, key: Key, publication: Publication) -> None:
        """Have the publication delivered in the coming turn."""
        for topic in self._topics.get(key, {}).values():
            topic.publish(publication)
            self._dirty[topic] = None
            self.schedule()

    def deliver(self) -> None:
        """Hand all that is pending to the writers."""
        while self._dirty:
            topic, _ = self._dirty.popitem()
            self._deliver_one(topic)

    def end(self, key: Key, why: Unsubscribed) -> None:
        """Unsubscribe everybody."""
        for topic in self.topics(key):
            for subscriber in list(topic.subscribers.values()):
                subscriber.end_subscription(topic.channel.name, why)

    def _deliver_one(self, topic: Topic) -> None:
        """Deliver one topic. If a publication cannot be encoded (our defect), its listeners come anew, are told that
        they are not recovered, and list by other ways; of a book the next one counts. Others go on."""
        self._dirty.pop(topic, None)
        try:
            self.deliveries_total += topic.deliver()
        except Unencodable:
            if topic.channel.kind is not ChannelKind.ORDER_BOOK:
                self.end(key_of(topic.channel), INSUFFICIENT_STATE_OF_CHANNEL)
