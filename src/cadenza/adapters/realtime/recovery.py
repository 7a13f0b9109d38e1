"""What a client that comes back has missed: all of it exactly once, or nothing and an admission of that.

Why there is no gap and no duplicate: the stream numbers live publications from before the log is read, and nothing is
awaited between the decision here and the subscriber's entry in the hub. So the reply ends exactly where the pushes
begin.
"""

from collections.abc import Sequence

from cadenza.adapters.realtime.limits import RealtimeLimits
from cadenza.adapters.realtime.stream import Publication, Stream


def is_recoverable(stream: Stream, epoch: str, offset: int, limits: RealtimeLimits) -> bool:
    """Whether the position belongs to the stream and is not too far back. An empty epoch stands for any."""
    return epoch in ("", stream.epoch) and 0 <= stream.top - offset <= limits.history_items_max


def recover(stream: Stream, epoch: str, offset: int, limits: RealtimeLimits) -> Sequence[Publication] | None:
    """Return everything after the position, which may be nothing; None when that is impossible. Never a part."""
    if not is_recoverable(stream, epoch, offset, limits):
        return None
    missed = stream.since(offset)
    if missed is None or not all(item.is_sound for item in missed):
        return None
    if sum(len(item.encoded) for item in missed) > limits.history_bytes_max:
        return None
    return missed


def within_bytes(publications: Sequence[Publication], bytes_max: int) -> Sequence[Publication]:
    """Return as many from the beginning as fit, but at least one."""
    taken_bytes = 0
    for index, item in enumerate(publications):
        taken_bytes += len(item.encoded)
        if taken_bytes > bytes_max and index > 0:
            return publications[:index]
    return publications
