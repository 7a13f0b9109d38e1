"""What one account may ask of a market that it shares: prices within the instrument's band, so many open orders."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.adapters.inhouse.inhouse_venues import InHouseVenue, running
from tests.inhouse_kit import kinds

from cadenza.adapters.venues.inhouse.accounts import AccountSettings
from cadenza.domain.accounts.credential import Secrets
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.market.enums import OrderType, Side, TimeInForce

OTHER = Secrets("another key", "x", None)
FULL = "RATE_LIMITED: the account has 3 open orders of "


@pytest.fixture(params=["PAPER", "MOCK"])
async def small(request: Any) -> AsyncIterator[InHouseVenue]:
    """A venue that takes three open orders of an account and instrument."""
    async with running(request.param, AccountSettings(open_orders_max=3)) as venue:
        yield venue


async def filled_up(venue: InHouseVenue) -> tuple[Any, Any]:
    """An account that has its three open orders."""
    account, session, _ = await venue.bench.session()
    for _ in range(3):
        assert kinds(await session.submit(venue.order(account, "20000"))) == ["Accepted"]
    return account, session


async def test_both_venues_list_their_limits(venue: InHouseVenue) -> None:
    for instrument in (await venue.bench.connector.instruments()).instruments:
        assert instrument.max_open_orders == 200
        assert instrument.price_band is not None


@pytest.mark.parametrize(
    ("side", "price"),
    [(Side.BUY, "11990"), (Side.BUY, "300100"), (Side.SELL, "11990"), (Side.SELL, "300100"), (Side.SELL, "1E36")],
)
async def test_a_price_outside_the_band_is_refused(venue: InHouseVenue, side: Side, price: str) -> None:
    account, session, _ = await venue.bench.session(AccountType.MARGIN)
    (report,) = await session.submit(venue.order(account, price, side=side, quantity="0.01", leverage=20))
    assert report.reason.startswith("INVALID_ORDER: the limit price ")
    assert "is outside of 1200" in report.reason  # a fifth of the mark
    assert not (await session.snapshot()).open_orders


@pytest.mark.parametrize(("side", "price"), [(Side.BUY, "12010"), (Side.SELL, "299900")])
async def test_a_price_within_the_band_rests(venue: InHouseVenue, side: Side, price: str) -> None:
    account, session, _ = await venue.bench.session()
    assert kinds(await session.submit(venue.order(account, price, side=side))) == ["Accepted"]


async def test_an_account_has_its_open_orders_and_others_have_theirs(small: InHouseVenue) -> None:
    account, session = await filled_up(small)
    for asked in ({"price": "20000"}, {"price": None, "type": OrderType.STOP, "stop": "70000"}):
        (report,) = await session.submit(small.order(account, **asked))
        assert report.reason.startswith(FULL)
    other, other_session, _ = await small.bench.session(number=2, secrets=OTHER)
    assert kinds(await other_session.submit(small.order(other))) == ["Accepted"]


async def test_an_order_that_never_rests_needs_no_room(small: InHouseVenue) -> None:
    """An account with many open orders can still sell what it has."""
    account, session = await filled_up(small)
    for asked in ({"price": None}, {"price": "59000", "time_in_force": TimeInForce.FOK}):
        order = small.order(account, side=Side.SELL, quantity="0.1", **asked)
        assert kinds(await session.submit(order)) == ["Accepted", "Fill"]


async def test_a_closed_order_makes_room(small: InHouseVenue) -> None:
    account, session, _ = await small.bench.session()
    orders = [small.order(account, "20000") for _ in range(5)]
    for order in orders[:3]:
        await session.submit(order)
    await session.cancel(orders[0])
    assert kinds(await session.submit(orders[3])) == ["Accepted"]
    assert (await session.submit(orders[4]))[0].reason.startswith(FULL)


async def test_a_restart_counts_what_is_open(small: InHouseVenue) -> None:
    await filled_up(small)
    await small.bench.connector.stop()
    await small.bench.restart()
    account, session, _ = await small.bench.session()
    assert (await session.submit(small.order(account, "20000")))[0].reason.startswith(FULL)
