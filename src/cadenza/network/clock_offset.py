"""How far a remote clock is from ours. Pure; instants are passed in."""

from collections import deque
from dataclasses import dataclass

PPM = 1_000_000


@dataclass(frozen=True, slots=True)
class OffsetEstimate:
    """The remote clock shows our clock's instant plus `offset_ms`, give or take `error_ms`."""

    offset_ms: int
    error_ms: int


@dataclass(frozen=True, slots=True)
class _Bounds:
    """The offset lay between the two when our clock showed `at_ms`, or up to 1 ms later."""

    at_ms: int
    lowest_us: int
    highest_us: int


class ClockOffset:
    """Measures a remote clock by requests to which it answers with its time.

    The remote clock was read after we sent and before we received. So a sample bounds the offset from both sides,
    whatever each way took: `remote - received <= offset <= remote - sent`, and the quicker the answer, the closer the
    bounds. The best of the last samples are intersected; each bound moves apart by `drift_ppm` with its age.

    Law: while neither clock is set and the two drift apart by at most `drift_ppm`, the true offset is within `error_ms`
    of `offset_ms` at every instant. When samples contradict each other, one clock was set: `jumps` counts it, and the
    measuring starts again with the newest sample. A jump is noticed at the first sample whose bounds exclude the
    earlier ones, so at once if it is larger than both errors together.

    Our instants should be monotonic ones, so that our own wall clock's steps cannot be mistaken for the remote's. All
    are whole ms, cut off; `remote_resolution_ms` is 1000 for a clock that answers whole seconds.
    """

    def __init__(self, *, samples_max: int = 16, drift_ppm: int = 200, remote_resolution_ms: int = 1) -> None:
        if samples_max < 1 or drift_ppm < 0 or remote_resolution_ms < 1:
            raise ValueError("samples_max and remote_resolution_ms must be positive, drift_ppm not negative")
        self._samples: deque[_Bounds] = deque(maxlen=samples_max)
        self._drift_ppm = drift_ppm
        self._remote_resolution_ms = remote_resolution_ms
        self.jumps = 0
        """How often one of the clocks was seen to have been set."""

    def add(self, *, sent_ms: int, remote_ms: int, received_ms: int) -> bool:
        """Take a sample: our instants around the request, and the remote's in between. Return False when it shows that
        a clock was set. Samples are added in the order in which they were received."""
        if received_ms < sent_ms:
            raise ValueError("received before it was sent")
        moved_us = self._drift_us(received_ms - sent_ms)
        sample = _Bounds(
            received_ms,
            (remote_ms - received_ms - 1) * 1000 - moved_us,
            (remote_ms + self._remote_resolution_ms - sent_ms) * 1000 + moved_us,
        )
        lowest_us, highest_us = self._bounds(received_ms)
        fits = sample.lowest_us <= highest_us and lowest_us <= sample.highest_us
        if not fits:
            self.jumps += 1
            self._samples.clear()
        self._keep(sample)
        return fits

    def at(self, now_ms: int) -> OffsetEstimate | None:
        """Return the offset at our instant `now_ms`, or None before the first sample."""
        if not self._samples:
            return None
        lowest_us, highest_us = self._bounds(now_ms)
        middle_ms = (lowest_us + highest_us) // 2000
        return OffsetEstimate(middle_ms, -(-(highest_us - middle_ms * 1000) // 1000))

    def _keep(self, sample: _Bounds) -> None:
        """When there are too many, the sample with the widest bounds goes, which is not always the oldest."""
        if len(self._samples) == self._samples.maxlen:
            self._samples.remove(max(self._samples, key=lambda one: self._width(one, sample.at_ms)))
        self._samples.append(sample)

    def _width(self, sample: _Bounds, now_ms: int) -> int:
        return sample.highest_us - sample.lowest_us + 2 * self._drift_us(now_ms - sample.at_ms)

    def _bounds(self, now_ms: int) -> tuple[int, int]:
        """The intersection of all samples. It is not empty unless a clock was set meanwhile."""
        lowest_us, highest_us = -(1 << 62), 1 << 62
        for sample in self._samples:
            moved_us = self._drift_us(now_ms - sample.at_ms)
            lowest_us = max(lowest_us, sample.lowest_us - moved_us)
            highest_us = min(highest_us, sample.highest_us + moved_us)
        return lowest_us, highest_us

    def _drift_us(self, duration_ms: int) -> int:
        """How far the clocks may drift apart between two instants so far apart, of which the parts of a ms were cut
        off; rounded up."""
        return -(-(duration_ms + 1) * 1000 * self._drift_ppm // PPM)
