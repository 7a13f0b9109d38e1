"""TC-C: credentials, accounts, the catalogue and the status, at every venue."""

import pytest

from cadenza.domain.accounts.credential import Secrets
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.errors import CredentialRejected, InvalidCredential, VenueUnavailable
from cadenza.domain.market.enums import OrderType, TimeInForce
from cadenza.domain.market.instrument import InstrumentType
from cadenza.domain.trading.enums import QuantityType
from cadenza.domain.trading.venue_spec import Books, FundsCheck, Support
from cadenza.ports.venue import VenueStatus
from tests.conformance.harness import Capability, VenueUnderTest, credential_type, trader_at
from tests.conformance.venues import VENUES
from tests.inhouse_kit import RecordingSink, trading_account


async def test_tc_c01_secrets_that_cannot_be_are_refused_without_asking(venue: VenueUnderTest) -> None:
    kind = credential_type(venue.connector.spec)
    venue.connector.check_credential(kind, venue.secrets)
    for secrets in (Secrets("", "x", None), Secrets("x", "", None)):
        with pytest.raises(InvalidCredential):
            venue.connector.check_credential(kind, secrets)
        with pytest.raises(InvalidCredential):
            await venue.connector.verify(kind, secrets)


async def test_tc_c02_a_key_reaches_the_same_accounts_always(venue: VenueUnderTest) -> None:
    kind = credential_type(venue.connector.spec)
    first = (await venue.connector.verify(kind, venue.secrets)).accounts
    assert first == (await venue.connector.verify(kind, venue.secrets)).accounts
    others = (await venue.connector.verify(kind, venue.other_secrets)).accounts
    assert not {a.external_id for a in first} & {a.external_id for a in others}
    assert any(account.type is venue.account_type for account in first)
    has_margin = any(account.type is AccountType.MARGIN for account in first)
    assert has_margin is bool({Capability.MARGIN, Capability.UNTRADED_MARGIN} & venue.capabilities)
    holds_assets = venue.account_type in {AccountType.SPOT, *venue.connector.spec.holds_assets}
    assert holds_assets is (Capability.MOVES_ASSETS in venue.capabilities)
    for account in first:
        assert (account.position_mode is None) is (account.type is AccountType.SPOT)


async def test_tc_c03_a_foreign_account_cannot_be_opened(venue: VenueUnderTest) -> None:
    foreign, *_ = (await venue.connector.verify(credential_type(venue.connector.spec), venue.other_secrets)).accounts
    account = trading_account(venue.connector.spec.venue_id, foreign)
    with pytest.raises(CredentialRejected):
        await venue.connector.open_session(
            account, credential_type(venue.connector.spec), venue.secrets, RecordingSink()
        )


async def test_tc_c04_the_catalogue_is_sound(venue: VenueUnderTest) -> None:
    instruments = (await venue.connector.instruments()).instruments
    assets = {security.symbol for security in await venue.connector.securities()}
    assert len({i.id for i in instruments}) == len(instruments) > 0
    assert {venue.spot.id, venue.perpetual.id} <= {i.id for i in instruments}
    for i in instruments:
        assert i.id == f"{i.venue_id}:{i.symbol}"
        assert i.venue_id == venue.connector.spec.venue_id
        assert {i.base_asset, i.quote_asset} <= assets
        assert min(i.lot_size, i.pip_size, i.min_quantity) > 0
        assert i.min_quantity <= i.max_quantity
        assert i.min_quantity % i.lot_size == i.max_quantity % i.lot_size == 0
        has_market = i.type is not InstrumentType.OPTION  # no venue takes market orders in options
        assert {OrderType.LIMIT, *([OrderType.MARKET] if has_market else [])} <= set(i.order_types)
        assert {TimeInForce.GTC, TimeInForce.IOC} <= set(i.time_in_force_options)
        has_rates = i.type is not InstrumentType.SPOT and Capability.UNLISTED_MARGIN_RATES not in venue.capabilities
        assert {i.initial_margin is not None, i.maintenance_margin is not None} == {has_rates}


async def test_tc_c05_the_status_is_what_is(venue: VenueUnderTest) -> None:
    assert venue.connector.status() is VenueStatus.ONLINE
    trader = await trader_at(venue)
    for _ in range(2):
        await venue.connector.stop()
    assert venue.connector.status() is VenueStatus.OFFLINE
    with pytest.raises(VenueUnavailable):
        await trader.session.snapshot()
    with pytest.raises(VenueUnavailable):
        await venue.connector.verify(credential_type(venue.connector.spec), venue.secrets)


@pytest.mark.parametrize("name", VENUES)
def test_tc_c06_before_its_start_a_venue_is_offline(name: str) -> None:
    assert VENUES[name]().connector.status() is VenueStatus.OFFLINE


async def test_tc_c07_the_spec_agrees_with_itself_and_with_the_connector(venue: VenueUnderTest) -> None:
    spec = venue.connector.spec
    assert spec.credential_types
    assert bool(spec.urls) is not spec.is_in_process
    assert min(spec.send_within_ms, spec.reply_ms_max) > 0
    assert spec.fence is None or (spec.lookup is not None and spec.fence.proof), "a proof needs somebody to ask"
    for account_type, order_types in ({} if spec.fence is None else spec.fence.without_deadline).items():
        taken = {type for kind in spec.traded[account_type] for type in spec.orders_of(kind)}
        assert order_types <= taken, "what the venue does not take needs no deadline"
    assert spec.snapshots or Books.VENUE not in spec.books.values(), "a venue's word must be there to be read"
    is_here = spec.funds_check is FundsCheck.HERE
    assert spec.snapshots or not is_here, "funds are checked against a balance"
    for accounts in (venue.secrets, venue.other_secrets):
        for account in (await venue.connector.verify(credential_type(spec), accounts)).accounts:
            assert spec.books_of(account.type) is not None
    for instrument in (await venue.connector.instruments()).instruments:
        orders = spec.orders_of(instrument.type)
        assert set(instrument.order_types) <= set(orders)
        taken = {time for times in orders.values() for time in times}
        assert set(instrument.time_in_force_options) <= taken
    assert spec.quantity_types.get(QuantityType.BASE) is Support.NATIVE
    for instrument in (await venue.connector.instruments()).instruments:
        is_traded = any(spec.trades(type, instrument.type) for type in spec.books)
        assert not is_traded or spec.order_book_of(instrument.type) is not None
    if spec.lookup is not None:
        assert set(spec.lookup.memory) <= set(spec.books)
        for memory in spec.lookup.memory.values():
            assert memory.filled_ms is None or (memory.unfilled_ms or 0) <= memory.filled_ms


async def test_tc_c08_a_start_may_be_repeated_after_a_stop(venue: VenueUnderTest) -> None:
    await venue.connector.stop()
    await venue.connector.start()
    assert venue.connector.status() is VenueStatus.ONLINE
    trader = await trader_at(venue)
    assert (await trader.session.snapshot()).open_orders == ()
