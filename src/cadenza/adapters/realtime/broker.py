"""What was published on channels.

The history of an account's channel is the account's log in PostgreSQL. The epoch is the installation's and offsets are
the log's sequences, so recovery survives restarts. The newest part of the log is kept in memory, for many clients that
come back at once. Portfolios are not in it: they are views, which the node hands to subscribers without an offset.
Trades are kept in memory, bounded in number and age. Of a book only the newest snapshot counts.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from cadenza.adapters.realtime.channels import Channel, ChannelKind
from cadenza.adapters.realtime.codes import (
    BAD_REQUEST,
    INTERNAL,
    LIMIT_EXCEEDED,
    UNKNOWN_CHANNEL,
    UNRECOVERABLE_POSITION,
    Refusal,
)
from cadenza.adapters.realtime.commands import History
from cadenza.adapters.realtime.limits import RealtimeLimits
from cadenza.adapters.realtime.recovery import is_recoverable, within_bytes
from cadenza.adapters.realtime.stream import Publication, Stream
from cadenza.application.market_data.keep_book import PUBLISHED_LEVELS_MAX
from cadenza.domain.ids import InstrumentId, TradingAccountId
from cadenza.domain.market.book_messages import BookSnapshot, MarketTrade
from cadenza.domain.trading.events import AccountEvent
from cadenza.ports.clock import Clock
from cadenza.ports.ids import Ids
from cadenza.ports.storage import Storage
from cadenza.wire.push import encode_account_event, encode_order_book, encode_trade

ReadBook = Callable[[InstrumentId, int], BookSnapshot | None]
"""The fresh book of an instrument to a depth, None when there is none; as `ports.market.MarketView.snapshot`."""

Key = tuple[ChannelKind, str]
"""What a channel is about: the same for all spellings of its name."""

EPOCH_BYTES = 6
LOADS_MAX = 3
"""Attempts to join an account's log and what is published meanwhile."""


def key_of(channel: Channel) -> Key:
    return (channel.kind, channel.subject)


class Broker:
    """The streams of this process.

    Law: a stream is opened before it is subscribed to, and sees every publication from then on.
    """

    def __init__(
        self, *, storage: Storage, read_book: ReadBook, clock: Clock, ids: Ids, limits: RealtimeLimits
    ) -> None:
        self._storage = storage
        self._read_book = read_book
        self._clock = clock
        self._ids = ids
        self._limits = limits
        self._streams: dict[Key, Stream] = {}
        self._opening: dict[Key, asyncio.Task[Stream]] = {}
        self._unjoined: dict[Key, list[AccountEvent]] = {}
        self._installation = ""

    def __len__(self) -> int:
        return len(self._streams)

    # --- publishing

    def add_account_event(self, event: AccountEvent) -> Publication | None:
        """Number a live event. Return None when the channel is not open, or when the event is known already. Raises
        `GapInLog`."""
        key = (ChannelKind.ACCOUNT, str(event.account_id))
        if (unjoined := self._unjoined.get(key)) is not None:
            unjoined.append(event)
            return None
        stream = self._streams.get(key)
        if stream is None or event.sequence <= stream.top:
            return None
        if event.sequence != stream.top + 1:
            del self._streams[key]
            raise GapInLog(key)
        return stream.append(event.at_ms, partial(encode_account_event, event))

    def add_trade(self, trade: MarketTrade) -> Publication | None:
        stream = self._streams.get((ChannelKind.TRADE, trade.instrument_id))
        return None if stream is None else stream.append(self._clock.now_ms(), partial(encode_trade, trade))

    def add_book(self, snapshot: BookSnapshot) -> Publication | None:
        stream = self._streams.get((ChannelKind.ORDER_BOOK, snapshot.instrument_id))
        return None if stream is None else _append_book(stream, snapshot)

    # --- reading

    async def open(self, channel: Channel) -> Stream:
        """Return the channel's stream. Nothing is awaited after its position was checked."""
        key = key_of(channel)
        stream = self._streams.get(key)
        if stream is None:
            self._make_room()
            if channel.kind is ChannelKind.ACCOUNT:
                stream = await self._open_account(channel)
                if self._streams.get(key) is not stream:
                    raise Refusal(INTERNAL)  # there was a gap in the log already
            else:
                items_max = 1 if channel.kind is ChannelKind.ORDER_BOOK else self._limits.history_items_max
                stream = self._new_stream(key, self._ids.token(EPOCH_BYTES).hex(), 0, items_max)
        stream.used_at_ms = self._clock.monotonic_ms()
        if channel.kind is ChannelKind.TRADE:
            stream.forget_before(self._clock.now_ms() - self._limits.history_age_ms_max)
        return stream

    async def open_since(self, channel: Channel, epoch: str, offset: int) -> Stream:
        """Return the channel's stream. Its memory reaches back to the position if that is possible."""
        stream = await self.open(channel)
        if channel.kind is ChannelKind.ACCOUNT and is_recoverable(stream, epoch, offset, self._limits):
            async with stream.loading:
                if stream.since(offset) is None:
                    stream.prepend(await self._read_log(channel.account_id, offset, self._limits.history_items_max))
            if self._streams.get(key_of(channel)) is not stream:
                raise Refusal(INTERNAL)
        return stream

    def newest_book(self, instrument_id: InstrumentId, stream: Stream) -> Publication | None:
        """Return the book as it is now, None when there is no fresh one. Many callers at once share one encoding."""
        snapshot = self._read_book(instrument_id, PUBLISHED_LEVELS_MAX)
        if snapshot is None:
            return None
        is_known = stream.newest is not None and stream.version == _version(snapshot)
        newest = stream.newest if is_known else _append_book(stream, snapshot)
        return newest if newest is not None and newest.is_sound else None

    async def history(self, channel: Channel, request: History) -> tuple[Stream, Sequence[Publication]]:
        """Return the position, and publications after `since` (before it if `reverse`) or from the beginning.

        `limit` bounds their number: 0 asks for the position alone, -1 for as many as are allowed. Nothing was published
        before offset 0, so to ask for it is a bad request.
        """
        stream = await self.open(channel)
        since = request.since
        if since is not None and request.reverse and since.offset == 0:
            raise Refusal(BAD_REQUEST)
        if since is not None and since.epoch not in ("", stream.epoch):
            raise Refusal(UNRECOVERABLE_POSITION)
        items_max = self._limits.history_items_max
        limit = items_max if request.limit < 0 else min(request.limit, items_max)
        if limit == 0:
            return stream, ()
        if channel.kind is ChannelKind.ORDER_BOOK:
            newest = self.newest_book(channel.instrument_id, stream)
            return stream, () if newest is None else (newest,)
        oldest = 1 if channel.kind is ChannelKind.ACCOUNT else stream.first
        after = None if since is None else since.offset
        first, last = _range(oldest, stream.top, after, limit, is_reverse=request.reverse)
        if last < first:
            return stream, ()
        if channel.kind is ChannelKind.ACCOUNT and first < stream.first:
            found: Sequence[Publication] = await self._read_log(channel.account_id, first - 1, last - first + 1)
        else:
            found = [item for item in stream.since(max(first, stream.first) - 1) or () if item.offset <= last][:limit]
        sound = [item for item in found if item.is_sound]
        return stream, within_bytes(sound[::-1] if request.reverse else sound, self._limits.history_bytes_max)

    # --- housekeeping

    def forget_idle(self, is_listened_to: "frozenset[Key] | set[Key]") -> None:
        """Forget what is older than `history_age_ms_max`, and channels that nobody has used for so long."""
        age_ms = self._limits.history_age_ms_max
        horizon_ms, idle_ms = self._clock.now_ms() - age_ms, self._clock.monotonic_ms() - age_ms
        for key, stream in list(self._streams.items()):
            if key not in is_listened_to and stream.used_at_ms < idle_ms:
                del self._streams[key]
            elif key[0] is not ChannelKind.ORDER_BOOK:
                stream.forget_before(horizon_ms)

    def _make_room(self) -> None:
        if len(self._streams) + len(self._opening) >= self._limits.channels_max:
            raise Refusal(LIMIT_EXCEEDED)

    def _new_stream(self, key: Key, epoch: str, top: int, items_max: int) -> Stream:
        stream = Stream(epoch, top, items_max=items_max, now_ms=self._clock.monotonic_ms())
        self._streams[key] = stream
        return stream

    async def _open_account(self, channel: Channel) -> Stream:
        """Open an account's stream. Of many callers at once, one reads the database."""
        key = key_of(channel)
        opening = self._opening.get(key)
        if opening is None:
            opening = self._opening[key] = asyncio.create_task(self._load_account(key, channel.account_id))
            opening.add_done_callback(lambda _: self._opening.pop(key, None))
        return await asyncio.shield(opening)

    async def _load_account(self, key: Key, account_id: TradingAccountId) -> Stream:
        """Read where the log ends, and go on from there with the events that were published during the reading."""
        try:
            for _ in range(LOADS_MAX):
                live = self._unjoined[key] = []
                async with self._storage.read() as uow:
                    self._installation = self._installation or await uow.events.epoch()
                    account = await uow.accounts.get(account_id)
                if account is None:
                    raise Refusal(UNKNOWN_CHANNEL)
                fresh = [event for event in live if event.sequence > account.last_sequence]
                if [event.sequence for event in fresh] == [account.last_sequence + 1 + n for n in range(len(fresh))]:
                    stream = self._new_stream(
                        key, self._installation, account.last_sequence, self._limits.history_items_max
                    )
                    for event in fresh:
                        stream.append(event.at_ms, partial(encode_account_event, event))
                    return stream
            raise Refusal(INTERNAL)
        finally:
            del self._unjoined[key]

    async def _read_log(self, account_id: TradingAccountId, after: int, limit: int) -> list[Publication]:
        async with self._storage.read() as uow:
            events = await uow.events.after(account_id, after, limit)
        return [Publication(event.sequence, event.at_ms, partial(encode_account_event, event)) for event in events]


class GapInLog(Exception):
    """An event came before one that precedes it in the log, so the subscribers must recover."""

    def __init__(self, key: Key) -> None:
        super().__init__(f"gap in the log of {key[1]}")
        self.key = key


def _version(snapshot: BookSnapshot) -> tuple[int, int]:
    return snapshot.at_ms, snapshot.sequence


def _append_book(stream: Stream, snapshot: BookSnapshot) -> Publication:
    stream.version = _version(snapshot)
    return stream.append(snapshot.at_ms, partial(encode_order_book, snapshot))


def _range(oldest: int, newest: int, since: int | None, limit: int, *, is_reverse: bool) -> tuple[int, int]:
    """Return the first and the last offset asked for, of those that there are."""
    if is_reverse:
        last = newest if since is None else min(since - 1, newest)
        return max(oldest, last - limit + 1), last
    first = oldest if since is None else max(oldest, since + 1)
    return first, min(newest, first + limit - 1)
