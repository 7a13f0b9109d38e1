"""`identify`: an order of which only the venue's id is known."""

import pytest
from tests.adapters.inhouse.inhouse_venues import BEHIND, THROUGH, InHouseVenue
from tests.inhouse_kit import kinds

from cadenza.domain.accounts.credential import Secrets
from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.ids import InstrumentId


async def test_an_order_of_ours_comes_back_under_its_sent_id_with_its_fills(venue: InHouseVenue) -> None:
    account, session, _ = await venue.bench.session()
    order = venue.order(account, THROUGH)
    _, fill = await session.submit(order)
    found = await session.identify(order.instrument_id, order.sent_id)
    assert kinds(found) == ["ExternalOrder", "Fill"]
    external = found[0]
    assert (external.sent_id, external.order_id, external.venue_order_id) == (order.sent_id, order.id, order.sent_id)
    assert (external.side, external.type, external.limit_price) == (order.side, order.type, order.limit_price)
    assert (external.quantity, external.executed_quantity) == (order.quantity, order.quantity)
    assert found[1] == fill


async def test_how_it_ended_comes_with_it(venue: InHouseVenue) -> None:
    account, session, _ = await venue.bench.session()
    order = venue.order(account, BEHIND)
    await session.submit(order)
    await session.cancel(order)
    assert kinds(await session.identify(order.instrument_id, order.sent_id)) == ["ExternalOrder", "Canceled"]


async def test_an_order_of_another_trading_account_of_the_same_key_is_external(venue: InHouseVenue) -> None:
    account, session, _ = await venue.bench.session()
    _, other, _ = await venue.bench.session(number=2)
    order = venue.order(account)
    await session.submit(order)
    (external,) = await other.identify(order.instrument_id, order.sent_id)
    assert kinds([external]) == ["ExternalOrder"]
    assert (external.order_id, external.sent_id, external.venue_order_id) == (None, None, order.sent_id)


async def test_nothing_is_known_of_other_accounts_instruments_and_ids(venue: InHouseVenue) -> None:
    account, session, _ = await venue.bench.session()
    _, stranger, _ = await venue.bench.session(number=2, secrets=Secrets("another key", "x", None))
    order = venue.order(account)
    await session.submit(order)
    assert await stranger.identify(order.instrument_id, order.sent_id) == []
    assert await session.identify(InstrumentId(f"{account.venue_id}:ETH/USDT"), order.sent_id) == []
    assert await session.identify(order.instrument_id, "an id that nobody has") == []


async def test_a_venue_that_is_down_does_not_say_that_it_knows_nothing(venue: InHouseVenue) -> None:
    account, session, _ = await venue.bench.session()
    order = venue.order(account)
    await session.submit(order)
    await venue.bench.connector.stop()
    with pytest.raises(VenueUnavailable):
        await session.identify(order.instrument_id, order.sent_id)
