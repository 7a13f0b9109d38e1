"""API keys that are limited to environments: which accounts exist for them."""

from typing import Any
from uuid import uuid4

import pytest
from tests.application.identity.identity_world import IdentityWorld
from tests.domain.trading.worlds import account as trading_account

from cadenza.application.identity.create_api_key import ApiKeyRequest
from cadenza.application.identity.session_states import STALE_AFTER_MS
from cadenza.domain.errors import EnvironmentNotAllowed, KeyNotAllowed, TradingAccountNotFound
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import Access, Environment, TradingAccountId, Venue, VenueId


async def logged_in(world: IdentityWorld, email: str = "ann@example.com") -> Actor:
    await world.member(email)
    return await world.authenticate((await world.session(email)).access_token)


async def secret_of(world: IdentityWorld, actor: Actor, name: str = "bot", **limits: Any) -> str:
    asked = ApiKeyRequest(name=name, scopes=frozenset({Scope.WRITE}), **limits)
    return (await world.create_api_key(actor, asked)).secret


async def connected(world: IdentityWorld, owner: Actor, environment: Environment) -> TradingAccountId:
    """Store an account of the owner's tenant at a venue in that environment."""
    account = trading_account(
        id=TradingAccountId(uuid4()), tenant_id=owner.tenant_id, venue_id=VenueId(Venue.BINANCE, environment)
    )
    async with world.storage.begin() as uow:
        assert await uow.accounts.add(account)
        await uow.commit()
    return account.id


async def test_of_a_key_for_environments_only_the_accounts_there_exist(world: IdentityWorld) -> None:
    ann, eve = await logged_in(world), await logged_in(world, "eve@example.com")
    live, uat, sandbox, paper = [await connected(world, ann, environment) for environment in Environment]
    await connected(world, eve, Environment.PAPER)

    async def seen(name: str, *environments: Access, **limits: Any) -> Actor:
        return await world.authenticate(
            await secret_of(world, ann, name, environments=frozenset(environments), **limits)
        )

    bot = await seen("paper", Access.PAPER)
    assert (bot.access, bot.accounts) == ({Access.PAPER}, {paper})
    assert (await seen("two", Access.LIVE, Access.UAT)).accounts == {live, uat, sandbox}
    assert (await seen("every", *Access)).accounts == {live, uat, sandbox, paper}
    both = frozenset({live, paper})
    assert (await seen("both", Access.LIVE, accounts=both)).accounts == {live}
    assert (await seen("none", Access.UAT, accounts=both)).accounts == frozenset()
    with pytest.raises(KeyNotAllowed):
        bot.require_all_accounts()
    with pytest.raises(TradingAccountNotFound):
        bot.require_account(live)


async def test_a_key_for_an_environment_reaches_new_accounts_there_within_a_second(world: IdentityWorld) -> None:
    ann = await logged_in(world)
    secret = await secret_of(world, ann, environments=frozenset({Access.PAPER}))
    assert (await world.authenticate(secret)).accounts == frozenset()
    paper, _ = [await connected(world, ann, each) for each in (Environment.PAPER, Environment.LIVE)]
    world.clock.advance_ms(STALE_AFTER_MS)
    assert (await world.authenticate(secret)).accounts == {paper}


async def test_an_environment_that_closes_hides_no_account(world: IdentityWorld) -> None:
    """Whoever has open orders there must be able to cancel them."""
    ann = await logged_in(world)
    live = await connected(world, ann, Environment.LIVE)
    limited = await secret_of(world, ann, environments=frozenset({Access.LIVE}))
    unlimited = await secret_of(world, ann, "unlimited")
    log_in = (await world.session()).access_token
    await world.set_environments(user="ann@example.com", access=frozenset({Access.PAPER}))
    world.clock.advance_ms(STALE_AFTER_MS)
    for token in (limited, unlimited, log_in):
        actor = await world.authenticate(token)
        assert actor.sees(live)
        with pytest.raises(EnvironmentNotAllowed):
            actor.require_access(VenueId(Venue.BINANCE, Environment.LIVE))
