"""Users of an external issuer: made at first sight, apart from ours, logged out here at once."""

import asyncio
from typing import Any

import jwt
import pytest
from identity_world import EXTERNAL_ISSUER, EXTERNAL_SECRET, IdentityWorld

from cadenza.application.identity.session_states import STALE_AFTER_MS
from cadenza.domain.errors import InvalidToken, ManagedByIssuer, TokenExpired
from cadenza.domain.identity.actor import Scope


def external_token(world: IdentityWorld, **claims: Any) -> str:
    now_s = world.clock.now_ms() // 1000
    given = {"iss": EXTERNAL_ISSUER, "sub": "7d1f", "exp": now_s + 600, "iat": now_s, "session_id": "s1"} | claims
    return jwt.encode(given, EXTERNAL_SECRET, algorithm="HS256")


async def test_the_first_token_makes_a_user_with_a_tenant_of_its_own(world: IdentityWorld) -> None:
    actor = await world.authenticate(external_token(world, email="ann@example.com"))
    assert actor.scopes == set(Scope)
    assert not actor.is_operator
    user = await world.get_user(actor)
    assert (user.is_external, user.email) == (True, "ann@example.com")
    again = await world.authenticate(external_token(world, jti="another"))
    assert again.session_id == actor.session_id
    assert again.user_id == actor.user_id
    other = await world.authenticate(external_token(world, sub="9c2e", session_id="s2"))
    assert other.tenant_id != actor.tenant_id


async def test_an_address_never_joins_an_external_user_to_one_of_ours(world: IdentityWorld) -> None:
    ours = await world.member("ann@example.com")
    actor = await world.authenticate(external_token(world, email="ann@example.com"))
    assert actor.user_id != ours.id
    assert actor.tenant_id != ours.tenant_id
    assert (await world.session("ann@example.com")).user.id == ours.id


async def test_first_tokens_at_once_make_one_user(world: IdentityWorld) -> None:
    actors = await asyncio.gather(*(world.authenticate(external_token(world, jti=str(n))) for n in range(6)))
    assert len({actor.user_id for actor in actors}) == 1
    assert await world.pool.fetchval("SELECT count(*) FROM tenants") == 1


async def test_log_out_refuses_the_log_in_and_not_the_user(world: IdentityWorld) -> None:
    token = external_token(world)
    await world.log_out(await world.authenticate(token))
    for refused in (token, external_token(world, jti="fresh")):
        with pytest.raises(InvalidToken):
            await world.authenticate(refused)
    await world.authenticate(external_token(world, session_id="s2"))


async def test_without_a_session_claim_each_token_is_a_log_in(world: IdentityWorld) -> None:
    first, second = (external_token(world, session_id=None, jti=jti) for jti in ("a", "b"))
    await world.log_out(await world.authenticate(first))
    with pytest.raises(InvalidToken):
        await world.authenticate(first)
    await world.authenticate(second)


async def test_a_log_in_lives_as_long_as_its_latest_token(world: IdentityWorld) -> None:
    old = external_token(world)
    await world.authenticate(old)
    world.clock.advance_ms(500_000)
    new = external_token(world)
    await world.authenticate(new)
    world.clock.advance_ms(500_000)
    await world.authenticate(new)
    with pytest.raises(TokenExpired):
        await world.authenticate(old)


async def test_a_removed_subject_stays_removed(world: IdentityWorld) -> None:
    actor = await world.authenticate(external_token(world))
    await world.remove_user(user=str(actor.user_id))
    world.clock.advance_ms(STALE_AFTER_MS)
    for refused in (external_token(world, jti="fresh"), external_token(world, session_id="s2")):
        with pytest.raises(InvalidToken):
            await world.authenticate(refused)


async def test_the_issuer_alone_changes_address_and_password(world: IdentityWorld) -> None:
    actor = await world.authenticate(external_token(world))
    for change in ({"email": "x@example.com"}, {"password": "some password"}):
        with pytest.raises(ManagedByIssuer):
            await world.update_user(actor, **change)
    assert (await world.update_user(actor, metadata={"a": 1})).metadata == {"a": 1}
