"""Matching engine against its simple twin on the same commands, in one run: commands per CPU second and their ratio.

    PYTHONPATH=. .venv/bin/python bench/matching.py --commands 3000 --resting 200 --seed 1

The tape opens with market levels and resting orders on both sides, then mixes level changes, orders, cancels and
public trades around the middle. Both engines must end in the same state, or the benchmark fails.
"""

from __future__ import annotations

import argparse
import time
from random import Random

from tests.exchange.naive import NaiveMatchingEngine

from cadenza.exchange import (
    CancelRequest,
    EngineCommand,
    EngineTimeInForce,
    MatchingEngine,
    NewOrder,
    OrderKind,
    PublicTrade,
    SetLevel,
    Side,
)

MIDDLE, LEVELS, ACCOUNTS = 10_000, 200, 50


class Tape:
    """A reproducible sequence of commands."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._orders = 0

    def opening(self, resting: int) -> list[EngineCommand]:
        levels: list[EngineCommand] = [self._level(side, distance) for side in Side for distance in range(1, LEVELS)]
        return levels + [self._patient() for _ in range(resting)]

    def trading(self, commands: int) -> list[EngineCommand]:
        makers = (self._touch, self._patient, self._aggressive, self._cancel, self._stop, self._print)
        return [make() for make in self._random.choices(makers, weights=(50, 15, 10, 15, 3, 7), k=commands)]

    def _side(self) -> Side:
        return self._random.choice((Side.BUY, Side.SELL))

    def _level(self, side: Side, distance: int) -> SetLevel:
        return SetLevel(side, MIDDLE - side.sign * distance, self._random.randint(1, 500), 0)

    def _touch(self) -> SetLevel:
        return self._level(self._side(), min(LEVELS, 1 + int(self._random.expovariate(0.1))))

    def _order(self, side: Side, kind: OrderKind, quantity: int, limit: int | None, stop: int | None) -> NewOrder:
        self._orders += 1
        account = f"account-{self._random.randrange(ACCOUNTS)}"
        time_in_force = EngineTimeInForce.GTC
        return NewOrder(
            f"order-{self._orders}", account, side, kind, quantity, limit, stop, None, time_in_force, None, 0
        )

    def _patient(self) -> NewOrder:
        side = self._side()
        price = MIDDLE - side.sign * (1 + int(self._random.expovariate(0.05)))
        return self._order(side, OrderKind.LIMIT, self._random.randint(1, 100), price, None)

    def _aggressive(self) -> NewOrder:
        return self._order(self._side(), OrderKind.MARKET, self._random.randint(1, 300), None, None)

    def _stop(self) -> NewOrder:
        side = self._side()
        stop = MIDDLE + side.sign * self._random.randint(5, 60)
        return self._order(side, OrderKind.STOP, self._random.randint(1, 50), None, stop)

    def _cancel(self) -> CancelRequest:
        return CancelRequest(f"order-{self._random.randint(1, self._orders + 1)}", 0)

    def _print(self) -> PublicTrade:
        side = self._side()
        return PublicTrade(side, MIDDLE + side.sign * self._random.randint(1, 3), self._random.randint(1, 200), 0)


def measure(
    engine: MatchingEngine | NaiveMatchingEngine, opening: list[EngineCommand], trading: list[EngineCommand]
) -> float:
    """Commands per CPU second over `trading`."""
    for command in opening:
        engine.apply(command)
    started = time.process_time()
    for command in trading:
        engine.apply(command)
    return len(trading) / (time.process_time() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description="Matching engine against its naive twin.")
    parser.add_argument("--commands", type=int, default=3_000, help="commands measured")
    parser.add_argument("--resting", type=int, default=200, help="orders resting at the start")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    tape = Tape(arguments.seed)
    opening, trading = tape.opening(arguments.resting), tape.trading(arguments.commands)
    fast, naive = MatchingEngine(), NaiveMatchingEngine()
    fast_rate = measure(fast, opening, trading)
    naive_rate = measure(naive, opening, trading)
    if fast.state_hash() != naive.state_hash():
        raise SystemExit("the engines disagree: the figures mean nothing")
    print(f"commands {len(trading)}, open orders at the end {len(fast.open_orders())}")
    print(f"fast  {fast_rate:>12,.0f} commands per CPU second")
    print(f"naive {naive_rate:>12,.0f} commands per CPU second")
    print(f"ratio {fast_rate / naive_rate:>12.1f}")


if __name__ == "__main__":
    main()
