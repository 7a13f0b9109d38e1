"""The suite's parameters: every venue; a case that needs what a venue cannot do is skipped there."""

from collections.abc import AsyncIterator

import pytest

from tests.conformance.harness import Trader, VenueUnderTest, trader_at
from tests.conformance.lacks import missing_at
from tests.conformance.orders import Orders
from tests.conformance.venues import VENUES


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(*needed): what the venue under test must be able to do, or declare")


@pytest.fixture(params=list(VENUES))
async def venue(request: pytest.FixtureRequest) -> AsyncIterator[VenueUnderTest]:
    """A running venue."""
    made = VENUES[request.param]()
    needed = [each for mark in request.node.iter_markers("needs") for each in mark.args]
    missing = missing_at(made, needed)
    if missing:
        pytest.skip(f"{made.name}: {', '.join(missing)}")
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def trader(venue: VenueUnderTest) -> Trader:
    """A spot account's session."""
    return await trader_at(venue)


@pytest.fixture
def orders(venue: VenueUnderTest) -> Orders:
    return Orders(venue)
