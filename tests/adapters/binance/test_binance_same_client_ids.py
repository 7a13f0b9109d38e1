"""BINANCE takes a client id again once the order that had it has ended, whoever sent it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.binance_kit import BID, Desk, open_desk, simulated_binance
from tests.conformance.booked import Booked
from tests.conformance.harness import believed
from tests.inhouse_kit import RecordingSink, until

from cadenza.domain.accounts.credential import CredentialType
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.reports import FillReport


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with simulated_binance(tmp_path) as venue, open_desk(venue) as desk:
        yield desk


async def test_two_orders_of_another_program_with_one_client_id_are_two_orders(desk: Desk) -> None:
    start = await desk.session.snapshot()
    secrets = desk.venue.secrets("RSA")
    other = await desk.connector.open_session(desk.account, CredentialType.RSA, secrets, RecordingSink())
    one = replace(desk.resting("0.25", Side.SELL), sent_id="bot-1")
    await other.submit(one)
    await other.cancel(one)
    two = replace(desk.limit("0.25", str(BID), Side.SELL), sent_id="bot-1")
    await other.submit(two)
    await until(lambda: len(desk.sink.of(FillReport)) >= 1, "the fill")
    venue: Any = SimpleNamespace(connector=desk.connector, spot=desk.instrument, perpetual=desk.instrument)
    trader: Any = SimpleNamespace(account=desk.account, venue=venue)
    booked = Booked(trader, start).take(desk.sink.reports)
    canceled, filled = booked.orders
    assert (canceled.limit_price, canceled.status) == (one.limit_price, OrderStatus.CANCELED)
    assert (filled.limit_price, filled.status) == (two.limit_price, OrderStatus.FILLED)
    assert not booked.kept


async def test_our_ended_order_is_not_mistaken_for_a_later_one_with_its_id(desk: Desk) -> None:
    ours = believed(desk.order, await desk.session.submit(desk.order))
    await desk.session.cancel(ours)
    other = await desk.connector.open_session(
        desk.account, CredentialType.RSA, desk.venue.secrets("RSA"), RecordingSink()
    )
    later = desk.limit("0.25", str(BID), Side.SELL)
    await other.submit(replace(later, sent_id=ours.sent_id))
    ended = believed(ours, await desk.session.lookup([ours]))
    assert (ended.status, ended.executed_quantity) == (OrderStatus.CANCELED, 0)
