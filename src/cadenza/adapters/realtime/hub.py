"""The subscribers of this process, and the delivery of publications to them."""

from collections.abc import Callable
from typing import Protocol

from cadenza.adapters.realtime.broker import Key, key_of
from cadenza.adapters.realtime.channels import Channel, ChannelKind
from cadenza.adapters.realtime.codes import INSUFFICIENT_STATE_OF_CHANNEL, Unsubscribed
from cadenza.adapters.realtime.commands import PUSH_TAIL, ClientInfo, push_head, view_publication
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

    def wants_join_leave(self, name: str) -> bool:
        """Whether the client asked for joins and leaves of the channel."""

    def send(self, line: bytes) -> None: ...

    def end_subscription(self, name: str, why: Unsubscribed) -> None:
        """End the subscription, and notify the client."""


class Topic:
    """One channel under one of its names, with the subscribers that use it. A publication is encoded once for all.

    `pending` and `view` wait for the coming delivery: publications in order, and the newest view of the channel. A view
    has no offset, so it stands outside that order.
    """

    __slots__ = ("_head", "_is_newest_only", "channel", "pending", "subscribers", "view")

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.subscribers: dict[Writer, Subscriber] = {}
        self.pending: list[Publication] = []
        self.view = b""
        self._is_newest_only = channel.kind is ChannelKind.ORDER_BOOK
        self._head = push_head(channel.name)

    def publish(self, publication: Publication) -> None:
        """Take the publication for the coming delivery; a newer book replaces an older one."""
        if self._is_newest_only:
            self.pending.clear()
        self.pending.append(publication)

    def publish_view(self, data: bytes) -> None:
        """Take the view for the coming delivery; a newer one replaces it."""
        self.view = self._head + view_publication(data) + PUSH_TAIL

    def push(self, publication: Publication) -> bytes:
        """Return the line that carries a publication."""
        return self._head + publication.encoded + PUSH_TAIL

    def deliver(self) -> int:
        """Hand what is pending to all subscribers; return how many messages that makes."""
        pending, self.pending = self.pending, []
        view, self.view = self.view, b""
        lines = b"\n".join([self.push(publication) for publication in pending])
        writers = list(self.subscribers)  # a copy: a writer that overflows takes its connection off
        in_order, newest = (b"", lines) if self._is_newest_only else (lines, view)
        for writer in writers:
            if in_order:
                writer.append(in_order)
            if newest:
                writer.append_newest(self.channel.name, newest)
        return (len(pending) + bool(view)) * len(writers)


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
        """The channels that have subscribers."""
        return set(self._topics)

    def has_subscribers(self, key: Key) -> bool:
        return key in self._topics

    def topics(self, key: Key) -> list[Topic]:
        return list(self._topics.get(key, {}).values())

    def join(self, channel: Channel, writer: Writer, subscriber: Subscriber) -> Topic:
        """Add a subscriber. What was published before goes to the others only."""
        key = key_of(channel)
        topic = self._topics.get(key, {}).get(channel.name)
        if topic is not None and (topic.pending or topic.view):
            self._deliver_one(topic)  # which may close all their connections, and end the topic
        names = self._topics.setdefault(key, {})
        topic = names.get(channel.name)
        if topic is None:
            topic = names[channel.name] = Topic(channel)
        topic.subscribers[writer] = subscriber
        self.subscriptions += 1
        return topic

    def leave(self, topic: Topic, writer: Writer) -> None:
        """Remove a subscriber."""
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

    def publish_view(self, key: Key, data: bytes) -> None:
        """Have a view delivered in the coming turn, unless a newer one comes before."""
        for topic in self._topics.get(key, {}).values():
            topic.publish_view(data)
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
        """Deliver one topic. If a publication cannot be encoded (our defect), its subscribers have to subscribe again
        and get `recovered: false`, so they read by REST; of a book the next one counts. Other topics go on."""
        self._dirty.pop(topic, None)
        try:
            self.deliveries_total += topic.deliver()
        except Unencodable:
            if topic.channel.kind is not ChannelKind.ORDER_BOOK:
                self.end(key_of(topic.channel), INSUFFICIENT_STATE_OF_CHANNEL)
