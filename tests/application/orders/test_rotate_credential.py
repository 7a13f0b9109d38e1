"""New secrets for a credential are of its own type."""

from collections.abc import AsyncIterator

import pytest

from cadenza.application.accounts.verify_credentials import VerifyCredentials
from cadenza.domain.accounts.credential import CredentialType
from cadenza.domain.errors import InvalidRequest
from cadenza.ports.alarms import Alarm
from cadenza.ports.venue import KeyRights
from tests.application.orders.account_world import NEW_KEYS, Desk
from tests.application.orders.order_world import ACTOR, order_world
from tests.application.orders.stored_keys import keys, secrets_of, store_credentials

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


@pytest.mark.parametrize(
    ("rights", "is_alarmed"),
    [
        (KeyRights(may_withdraw=True, is_bound_to_addresses=True), True),
        (KeyRights(may_withdraw=False, is_bound_to_addresses=False), False),
        (None, False),
    ],
)
async def test_a_key_that_may_withdraw_raises_one_alarm(desk: Desk, rights: KeyRights | None, is_alarmed: bool) -> None:
    desk.rights = rights
    world = desk.world
    verify = VerifyCredentials(
        storage=world.storage, sessions=world.sessions, keys=keys(), key_rights=desk.key_rights, clock=world.clock,
        ids=world.ids, concurrency=world.concurrency,
    )  # fmt: skip
    for _ in range(2):
        assert await verify(ACTOR, (KEY,))
    await desk.rotate(ACTOR, KEY, RENEWED.api_key, RENEWED.api_secret, None)
    alarm = (Alarm.KEY_MAY_WITHDRAW, {"credential_id": KEY, "venue": "PAPER"})
    assert [each for each in desk.world.alarms.sounded if each[0] is alarm[0]] == [alarm] * is_alarmed
