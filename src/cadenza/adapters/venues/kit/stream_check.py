"""Whether a stream that says nothing still works: it is compared with readings of the venue."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from cadenza.domain.errors import CadenzaError

CHECK_EVERY_MS = 20_000
"""The pause between two looks at a stream. A stream that goes on to say nothing is compared at every second look: two
pauses and `GRACE_MS` are within `COMPARED_WITHIN_MS` of the ports. To compare it at each look would cost twice as much
of the venue's limits, for every idle account of an address."""

GRACE_MS = 2_000
"""How long a stream may be behind a reading."""


class CheckClock(Protocol):
    async def sleep_ms(self, duration_ms: int) -> None: ...


class CheckedStream(Protocol):
    """A stream that can be compared with its venue. Its owner decides what a reading is."""

    def heard(self) -> int:
        """Return how many messages the stream has brought."""

    def is_checked(self) -> bool:
        """Return whether the stream is live, so that it can be compared."""

    async def agrees(self) -> bool:
        """Read the venue, and return whether that is what the stream has said. Raises `CadenzaError` when the venue
        could not be read."""

    def found_silent(self) -> None:
        """Take note that a reading shows facts that the stream has not brought: the stream is broken."""


async def check_stream(
    stream: CheckedStream, clock: CheckClock, refused: Callable[[CadenzaError], Awaitable[None]]
) -> None:
    """Look at the stream every `CHECK_EVERY_MS`, and compare one that has said nothing since the last look with a
    reading, unless the last look has compared it, until this is cancelled. `refused` takes the errors of readings."""
    heard = stream.heard()
    is_compared = False
    while True:
        await clock.sleep_ms(CHECK_EVERY_MS)
        before, heard = heard, stream.heard()
        if not stream.is_checked() or before != heard or is_compared:
            is_compared = False
            continue
        try:
            is_compared = await stream.agrees()
            if is_compared or stream.heard() != heard:
                continue
            await clock.sleep_ms(GRACE_MS)
            if stream.heard() == heard and stream.is_checked() and not await stream.agrees():
                stream.found_silent()
        except CadenzaError as error:
            await refused(error)
