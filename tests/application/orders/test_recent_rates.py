"""Rates for limits are remembered for a moment, and a missing one never."""

from decimal import Decimal as D
from types import SimpleNamespace
from typing import Any

from cadenza.application.orders.recent_rates import RATE_AGE_MS_MAX, RecentRates
from cadenza.domain.ids import PAPER
from tests.scripted.clock import FakeClock


def test_a_rate_is_found_once_in_a_moment_and_a_missing_one_each_time() -> None:
    found: list[str] = []
    rates: dict[str, D | None] = {"BTC": D(100), "DUST": None}

    def rate(asset: str) -> D | None:
        found.append(asset)
        return rates[asset]

    clock = FakeClock()
    portfolios: Any = SimpleNamespace(valuation=lambda *_: SimpleNamespace(rate=rate))
    recent = RecentRates(portfolios=portfolios, clock=clock)
    assert [recent(PAPER, "BTC", "USDT") for _ in range(3)] == [D(100)] * 3
    assert [recent(PAPER, "DUST", "USDT") for _ in range(2)] == [None] * 2
    assert found == ["BTC", "DUST", "DUST"]
    rates |= {"BTC": D(101), "DUST": D(1)}
    assert recent(PAPER, "DUST", "USDT") == D(1)
    assert recent(PAPER, "BTC", "USDT") == D(100)
    clock.advance(RATE_AGE_MS_MAX)
    assert recent(PAPER, "BTC", "USDT") == D(101)
