"""New secrets for a credential are of its own type."""

from collections.abc import AsyncIterator

import pytest

from cadenza.domain.accounts.credential import CredentialType
from cadenza.domain.errors import InvalidRequest
from tests.application.orders.account_world import NEW_KEYS, Desk
from tests.application.orders.order_world import ACTOR, order_world
from tests.application.orders.stored_keys import secrets_of, store_credentials

KEY = NEW_KEYS[0]
RENEWED = secrets_of("second", KEY)


@pytest.fixture
async def desk(database_dsn: str) -> AsyncIterator[Desk]:
    async with order_world(database_dsn) as world:
        await store_credentials(world.storage, KEY)
        desk = Desk(world)
        desk.let_verify.set()
        yield desk


async def test_another_type_is_refused_and_nothing_is_asked_of_the_venue(desk: Desk) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await desk.rotate(ACTOR, KEY, RENEWED.api_key, RENEWED.api_secret, None, type=CredentialType.ED25519)
    assert refused.value.metadata == {"field": "credentialType"}
    assert not desk.verifying.is_set()


@pytest.mark.parametrize("type", [CredentialType.HMAC, None])
async def test_its_own_type_may_be_said(desk: Desk, type: CredentialType | None) -> None:
    rotated = await desk.rotate(ACTOR, KEY, RENEWED.api_key, RENEWED.api_secret, None, type=type)
    assert rotated.type is CredentialType.HMAC
