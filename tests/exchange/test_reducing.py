"""An open order is reduced, one scenario each, on both engines."""

import pytest

from cadenza.exchange import CancelRejected, CancelRejectReason, OrderKind
from tests.exchange.matching_world import BUY, SELL, Engine, cancel, level, reduce, submit, trade
from tests.exchange.test_rules import fills, run


def test_a_reduced_order_keeps_its_place_and_offers_less(engine: Engine) -> None:
    run(engine, submit("a", BUY, 5, 100), submit("b", BUY, 5, 100, account="y"))
    assert run(engine, reduce("a", 2)) == []
    assert engine.depth(BUY, 1) == [(100, 7)]
    assert fills(run(engine, trade(SELL, 100, 4))) == [("a", 100, 2), ("b", 100, 2)]


def test_what_does_not_reduce_an_order_changes_nothing(engine: Engine) -> None:
    run(engine, submit("a", BUY, 5, 100))
    before = engine.snapshot()
    assert run(engine, reduce("a", 5)) == []
    assert run(engine, reduce("a", 9)) == []
    assert engine.snapshot() == before


def test_an_order_that_waits_for_its_trigger_can_be_reduced(engine: Engine) -> None:
    run(engine, level(SELL, 101, 9), level(BUY, 99, 9), trade(BUY, 100, 1))
    run(engine, submit("a", BUY, 5, kind=OrderKind.STOP, stop=101), reduce("a", 2))
    assert fills(run(engine, trade(BUY, 101, 1))) == [("a", 101, 2)]


def test_only_an_open_order_can_be_reduced(engine: Engine) -> None:
    run(engine, submit("a", BUY, 5, 100), cancel("a"))
    assert run(engine, reduce("a", 2)) == [CancelRejected("a", CancelRejectReason.ALREADY_CLOSED)]
    assert run(engine, reduce("z", 2)) == [CancelRejected("z", CancelRejectReason.UNKNOWN_ORDER)]
    with pytest.raises(ValueError, match="canceled, not reduced"):
        reduce("a", 0)
