"""A position that was opened before its account was connected: our book begins with the venue's exact cost."""

from decimal import Decimal
from uuid import UUID

from tests.adapters.inhouse.mock_world import SECRETS, mock_world
from tests.inhouse_kit import RecordingSink, connected_account, make_order
from tests.scripted.world import TENANT, actor_of

from cadenza.adapters.venues.mock.spec import INSTRUMENTS
from cadenza.domain.accounts.credential import CredentialType
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.ids import CredentialId
from cadenza.domain.market.enums import Side

BTC = INSTRUMENTS[0]


async def test_an_average_without_an_end_is_adopted_with_the_exact_cost(database_dsn: str) -> None:
    async with mock_world(database_dsn) as world:
        venue = await connected_account(world.connector, AccountType.MARGIN, secrets=SECRETS, number=77)
        session = await world.connector.open_session(venue, CredentialType.HMAC, SECRETS, RecordingSink())
        for number, (quantity, price) in enumerate((("0.0001", "59000.01"), ("0.0002", "58000")), 900):
            order = make_order(
                venue, BTC, Side.BUY, quantity, price, number=number, at_ms=world.clock.now_ms(),
                client_order_id=f"mock.fill#{number}", leverage=3,
            )  # fmt: skip
            await session.submit(order)
        await session.close()
        cost = Decimal("0.0001") * Decimal("59000.01") + Decimal("0.0002") * 58000
        credential_ids = (CredentialId(UUID(int=9)),)
        connected = await world.connect_account(actor_of(TENANT), credential_ids, venue.external.external_id, None)
        async with world.storage.read() as uow:
            (position,) = await uow.accounts.positions([connected.account.id])
        assert (position.quantity, position.entry_cost, position.leverage) == (Decimal("0.0003"), cost, 3)
        assert position.entry_price(BTC) * position.quantity != cost  # what a price alone would have made of it
        # A later snapshot brings the same cost again.
        for _ in range(2):
            snapshot = await world.trading.sessions.get(connected.account.id).snapshot()
            assert [(p.entry_cost, p.leverage) for p in snapshot.positions] == [(cost, 3)]
