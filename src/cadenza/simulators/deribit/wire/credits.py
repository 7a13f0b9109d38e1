"""Credits: each request costs some, and they grow back. Whoever has none left is refused and disconnected.

Source: docs.deribit.com/articles/rate-limits (lowest tier).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from enum import Enum

from cadenza.simulators.deribit.wire.errors import too_many_requests

CALLERS_MAX = 10_000
"""Callers whose credits are kept; the one that has been quiet longest is forgotten first."""


@dataclass(frozen=True, slots=True)
class CreditRule:
    """A pool with so many requests at most, which grows by so many each second."""

    burst: int
    per_second: float


class CreditPool(Enum):
    """What a request is paid from. MATCHING: requests to the matching engine. INSTRUMENTS: the list of instruments."""

    NON_MATCHING = "non_matching_engine"
    MATCHING = "matching_engine"
    SUBSCRIBE = "subscribe"
    INSTRUMENTS = "get_instruments"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeribitLimits:
    """The pools of an account; a caller without access has pools of its own for its address. Frames are counted for
    each socket, and open sockets for each address."""

    non_matching: CreditRule = CreditRule(100, 20)
    matching: CreditRule = CreditRule(20, 5)
    subscribe: CreditRule = CreditRule(10, 3.3)
    instruments: CreditRule = CreditRule(50, 1)
    frames: CreditRule = CreditRule(300, 200)
    connections_per_address: int = 32

    def rule(self, pool: CreditPool) -> CreditRule:
        match pool:
            case CreditPool.NON_MATCHING:
                return self.non_matching
            case CreditPool.MATCHING:
                return self.matching
            case CreditPool.SUBSCRIBE:
                return self.subscribe
            case CreditPool.INSTRUMENTS:
                return self.instruments


def unlimited() -> DeribitLimits:
    """Return limits that no test reaches."""
    most = CreditRule(1_000_000, 1_000_000)
    return DeribitLimits(
        non_matching=most,
        matching=most,
        subscribe=most,
        instruments=most,
        frames=most,
        connections_per_address=10_000,
    )


@dataclass(slots=True)
class _Bucket:
    left: float
    at_ms: int


@dataclass(slots=True)
class CreditBook:
    """Who has how many credits left. Times are monotonic, so that a moved clock refills nothing."""

    limits: DeribitLimits
    _buckets: OrderedDict[tuple[str, CreditPool], _Bucket] = field(default_factory=OrderedDict)

    def charge(self, caller: str, pool: CreditPool, now_ms: int) -> None:
        """Take one request's credits. Raises `DeribitRefusal` when there are none."""
        rule = self.limits.rule(pool)
        bucket = self._buckets.setdefault((caller, pool), _Bucket(rule.burst, now_ms))
        self._buckets.move_to_end((caller, pool))
        if not _take(bucket, rule, now_ms):
            raise too_many_requests()
        if len(self._buckets) > CALLERS_MAX:
            self._buckets.popitem(last=False)


class FrameMeter:
    """Frames of one socket."""

    def __init__(self, rule: CreditRule, now_ms: int) -> None:
        self._rule = rule
        self._bucket = _Bucket(rule.burst, now_ms)

    def allows(self, now_ms: int) -> bool:
        return _take(self._bucket, self._rule, now_ms)


def _take(bucket: _Bucket, rule: CreditRule, now_ms: int) -> bool:
    grown = bucket.left + (now_ms - bucket.at_ms) * rule.per_second / 1_000
    bucket.left, bucket.at_ms = min(grown, float(rule.burst)), now_ms
    if bucket.left < 1:
        return False
    bucket.left -= 1
    return True
