"""Whether the messages of a session can be played: from a snapshot on, without a gap, each as an exchange sends it.

A session is checked when it is imported and again when it is loaded, so that playing it cannot fail.
"""

from collections.abc import Iterator, Sequence

from cadenza.adapters.venues.paper.market.recording import (
    BookImage,
    BookTicker,
    DepthUpdate,
    IntLevel,
    Message,
    Print,
    RecordingError,
)


class UpdateChain:
    """Decides which depth updates a book takes (Binance Spot API, "How to manage a local order book correctly").

    After a snapshot, updates that end at or before it are dropped. The first update used must begin at most one after
    the snapshot, and each later one exactly one after the previous one.
    """

    def __init__(self) -> None:
        self.last_id: int | None = None
        """The last update in the book; None before the first snapshot."""
        self._is_first = True

    def restart(self, image: BookImage) -> None:
        """Begin with a snapshot."""
        self.last_id, self._is_first = image.last_update_id, True

    def takes(self, update: DepthUpdate) -> bool:
        """Return whether the book takes this update; one that it contains already is not taken. Raises `RecordingError`
        for a gap. There must have been a snapshot."""
        assert self.last_id is not None
        if update.last_id < update.first_id:
            raise RecordingError(f"the updates {update.first_id} to {update.last_id} end before they begin")
        if update.last_id <= self.last_id:
            return False
        if update.first_id > self.last_id + 1:
            raise RecordingError(_missing(self.last_id + 1, update.first_id - 1))
        if update.first_id <= self.last_id and not self._is_first:
            raise RecordingError(
                f"the updates {update.first_id} to {update.last_id} begin before those of an earlier line end, "
                f"at {self.last_id}"
            )
        self.last_id, self._is_first = update.last_id, False
        return True


def _missing(first: int, last: int) -> str:
    if first == last:
        return f"the update {first} is missing before it"
    return f"the updates {first} to {last} are missing before it"


def check_session(messages: Sequence[Message], *, first_line: int) -> None:
    """Raise `RecordingError` for a session that cannot be played. The error names the line at fault; the messages are
    on consecutive lines of their file from `first_line` on."""
    numbered = list(enumerate(messages, start=first_line))
    for line, message in numbered:
        if problem := _problem(message):
            raise RecordingError(f"line {line}: {problem}")
    opening_us = next((message.received_us for message in messages if isinstance(message, BookImage)), None)
    if opening_us is None:
        raise RecordingError("the session has no snapshot of the book to start from")
    if max(message.received_us for message in messages) <= opening_us:
        raise RecordingError("nothing follows the snapshot of the book, so there is no time to play")
    chain = UpdateChain()
    for line, update in _applied(sorted(numbered, key=lambda pair: pair[1].received_us)):
        try:
            if isinstance(update, BookImage):
                chain.restart(update)
            else:
                chain.takes(update)
        except RecordingError as error:
            raise RecordingError(f"line {line}: {error}") from None


def _applied(numbered: Sequence[tuple[int, Message]]) -> Iterator[tuple[int, BookImage | DepthUpdate]]:
    """Yield snapshots and depth updates in the order in which a book applies them: the updates received before the
    first snapshot come after it."""
    early: list[tuple[int, DepthUpdate]] = []
    has_book = False
    for line, message in numbered:
        if isinstance(message, BookImage):
            yield line, message
            yield from early
            has_book, early = True, []
        elif isinstance(message, DepthUpdate):
            if has_book:
                yield line, message
            else:
                early.append((line, message))


def _problem(message: Message) -> str | None:
    match message:
        case BookImage():
            return _level_problem((*message.bids, *message.asks)) or _sides_problem(message.bids, message.asks)
        case BookTicker():
            return _level_problem((message.bid, message.ask)) or _sides_problem((message.bid,), (message.ask,))
        case DepthUpdate():
            is_wrong = any(price <= 0 for price, _ in (*message.bids, *message.asks))
            return "a level needs a price above 0" if is_wrong else None
        case Print():
            is_wrong = message.price <= 0 or message.quantity <= 0
            return "a trade needs a price and a quantity above 0" if is_wrong else None


def _level_problem(levels: Sequence[IntLevel]) -> str | None:
    if any(price <= 0 for price, _ in levels):
        return "a level needs a price above 0"
    return "a level needs a quantity above 0" if any(quantity <= 0 for _, quantity in levels) else None


def _sides_problem(bids: Sequence[IntLevel], asks: Sequence[IntLevel]) -> str | None:
    prices = [[price for price, _ in side] for side in (bids, asks)]
    if any(len(set(side)) < len(side) for side in prices):
        return "a price is there twice on one side"
    if all(prices) and max(prices[0]) >= min(prices[1]):
        return "the best bid is not below the best ask"
    return None
