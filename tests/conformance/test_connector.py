"""TC-C: credentials, accounts, the catalogue and the status, at every venue."""

import pytest

from cadenza.domain.accounts.credential import Secrets
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.errors import CredentialRejected, InvalidCredential, VenueUnavailable
from cadenza.domain.market.enums import OrderType, TimeInForce
from cadenza.domain.market.instrument import InstrumentType
from cadenza.ports.venue import VenueStatus
from tests.conformance.harness import CREDENTIAL_TYPE, Capability, VenueUnderTest, trader_at
from tests.conformance.venues import VENUES
from tests.inhouse_kit import RecordingSink, trading_account


async def test_tc_c01_secrets_that_cannot_be_are_refused_without_asking(venue: VenueUnderTest) -> None:
    venue.connector.check_credential(CREDENTIAL_TYPE, venue.secrets)
    for secrets in (Secrets("", "x", None), Secrets("x", "", None)):
        with pytest.raises(InvalidCredential):
            venue.connector.check_credential(CREDENTIAL_TYPE, secrets)
        with pytest.raises(InvalidCredential):
            await venue.connector.verify(CREDENTIAL_TYPE, secrets)


async def test_tc_c02_a_key_reaches_the_same_accounts_always(venue: VenueUnderTest) -> None:
    first = await venue.connector.verify(CREDENTIAL_TYPE, venue.secrets)
    assert first == await venue.connector.verify(CREDENTIAL_TYPE, venue.secrets)
    others = await venue.connector.verify(CREDENTIAL_TYPE, venue.other_secrets)
    assert not {a.external_id for a in first} & {a.external_id for a in others}
    assert any(account.type is AccountType.SPOT for account in first)
    has_margin = any(account.type is AccountType.MARGIN for account in first)
    assert has_margin is (Capability.MARGIN in venue.capabilities)
    for account in first:
        assert (account.position_mode is None) is (account.type is AccountType.SPOT)


async def test_tc_c03_a_foreign_account_cannot_be_opened(venue: VenueUnderTest) -> None:
    foreign, *_ = await venue.connector.verify(CREDENTIAL_TYPE, venue.other_secrets)
    account = trading_account(venue.connector.venue_id, foreign)
    with pytest.raises(CredentialRejected):
        await venue.connector.open_session(account, venue.secrets, RecordingSink())


async def test_tc_c04_the_catalogue_is_sound(venue: VenueUnderTest) -> None:
    instruments = await venue.connector.instruments()
    assets = {security.symbol for security in await venue.connector.securities()}
    assert len({i.id for i in instruments}) == len(instruments) > 0
    assert {venue.spot.id, venue.perpetual.id} <= {i.id for i in instruments}
    for i in instruments:
        assert i.id == f"{i.venue_id}:{i.symbol}"
        assert i.venue_id == venue.connector.venue_id
        assert {i.base_asset, i.quote_asset} <= assets
        assert min(i.lot_size, i.pip_size, i.min_quantity) > 0
        assert i.min_quantity <= i.max_quantity
        assert i.min_quantity % i.lot_size == i.max_quantity % i.lot_size == 0
        assert {OrderType.MARKET, OrderType.LIMIT} <= set(i.order_types)
        assert {TimeInForce.GTC, TimeInForce.IOC} <= set(i.time_in_force_options)
        assert (i.type is InstrumentType.SPOT) is (i.maintenance_margin is None)


async def test_tc_c05_the_status_is_what_is(venue: VenueUnderTest) -> None:
    assert venue.connector.status() is VenueStatus.ONLINE
    trader = await trader_at(venue)
    for _ in range(2):
        await venue.connector.stop()
    assert venue.connector.status() is VenueStatus.OFFLINE
    with pytest.raises(VenueUnavailable):
        await trader.session.snapshot()
    with pytest.raises(VenueUnavailable):
        await venue.connector.verify(CREDENTIAL_TYPE, venue.secrets)


@pytest.mark.parametrize("name", VENUES)
def test_tc_c06_before_its_start_a_venue_is_offline(name: str) -> None:
    assert VENUES[name]().connector.status() is VenueStatus.OFFLINE
