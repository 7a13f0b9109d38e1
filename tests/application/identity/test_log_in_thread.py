"""Sign up, log in, be known, refresh, log out."""

import asyncio
from dataclasses import replace

import pytest
from identity_world import CLIENT, PASSWORD, IdentityWorld

from cadenza.adapters.vault.passwords import Argon2Hasher
from cadenza.domain.errors import (
    EmailTaken,
    InvalidCredentials,
    InvalidRefreshToken,
    InvalidToken,
    RateLimited,
    RefreshTokenReused,
    TokenExpired,
    WeakPassword,
)
from cadenza.domain.identity.actor import Scope
from cadenza.domain.ids import Access


async def test_sign_up_makes_a_tenant_with_the_user_as_its_admin(world: IdentityWorld) -> None:
    user = await world.member(metadata={"desk": "rates"})
    assert user.scopes == {Scope.READ, Scope.WRITE, Scope.ADMIN}
    assert user.access == frozenset(Access)
    assert user.metadata == {"desk": "rates"}
    assert user.email_confirmed_at_ms is None
    other = await world.member("bob@example.com")
    assert other.tenant_id != user.tenant_id


async def test_an_address_belongs_to_one_user_in_any_spelling(world: IdentityWorld) -> None:
    user = await world.member("Ann@Example.COM")
    assert user.email == "ann@example.com"
    with pytest.raises(EmailTaken):
        await world.member("ANN@example.com")
    assert (await world.session("aNN@eXample.com")).user.id == user.id


async def test_two_sign_ups_at_once_make_one_user(world: IdentityWorld) -> None:
    results = await asyncio.gather(*(world.member() for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(result, EmailTaken) for result in results) == 4
    assert await world.pool.fetchval("SELECT count(*) FROM tenants") == 1


async def test_metadata_of_any_text_come_back_as_they_were(world: IdentityWorld) -> None:
    metadata = {"zero": "\0", "half": "\ud800", "deep": [{"a": [1, 2.5, True]}], "ü": "日本"}
    await world.member(metadata=metadata)
    assert (await world.session()).user.metadata == metadata


async def test_a_password_is_stored_as_argon2id_only(world: IdentityWorld) -> None:
    await world.member()
    stored = await world.pool.fetchval("SELECT password_hash FROM users")
    assert stored.startswith("$argon2id$")
    dump = str(await world.pool.fetch("SELECT * FROM users"))
    assert PASSWORD not in dump


async def test_log_in_and_be_known(world: IdentityWorld) -> None:
    user = await world.member()
    session = await world.session()
    assert session.expires_in_s == 3600
    assert session.expires_at_ms == world.clock.now_ms() + 3_600_000
    assert session.user.last_sign_in_at_ms == world.clock.now_ms()
    actor = await world.authenticate(session.access_token)
    assert (actor.user_id, actor.tenant_id, actor.scopes) == (user.id, user.tenant_id, user.scopes)
    assert actor.expires_at_ms == session.expires_at_ms
    assert not actor.is_operator
    assert (await world.get_user(actor)).email == "ann@example.com"


@pytest.mark.parametrize(("email", "password"), [("ann@example.com", "wrong"), ("bob@example.com", PASSWORD)])
async def test_a_wrong_password_and_an_unknown_user_look_alike(world: IdentityWorld, email: str, password: str) -> None:
    await world.member()
    with pytest.raises(InvalidCredentials) as caught:
        await world.log_in(email=email, password=password, client=CLIENT)
    assert caught.value.message == "e-mail and password do not match"


async def test_an_unknown_user_costs_the_same_hash(world: IdentityWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.member()
    asked: list[str] = []
    fits = Argon2Hasher._fits

    def counting(self: Argon2Hasher, password: str, hash: str) -> bool:
        asked.append(hash.rsplit("$", 2)[0])
        return fits(self, password, hash)

    monkeypatch.setattr(Argon2Hasher, "_fits", counting)
    for email in ("ann@example.com", "nobody@example.com"):
        with pytest.raises(InvalidCredentials):
            await world.log_in(email=email, password="wrong password", client=CLIENT)
    assert len(asked) == 2
    assert asked[0] == asked[1]  # the same algorithm and parameters


async def test_a_password_of_old_parameters_is_hashed_anew_at_log_in(world: IdentityWorld) -> None:
    await world.member()
    old = await Argon2Hasher(workers=1, memory_kib=32, passes=1).hash(PASSWORD)
    await world.pool.execute("UPDATE users SET password_hash = $1", old)
    await world.session()
    stored = await world.pool.fetchval("SELECT password_hash FROM users")
    assert "m=64," in stored
    await world.session()


async def test_log_out_refuses_both_tokens_at_once(world: IdentityWorld) -> None:
    await world.member()
    session, other = await world.session(), await world.session()
    await world.log_out(await world.authenticate(session.access_token))
    with pytest.raises(InvalidToken):
        await world.authenticate(session.access_token)
    with pytest.raises(InvalidRefreshToken):
        await world.refresh(session.refresh_token)
    await world.authenticate(other.access_token)


async def test_a_log_out_elsewhere_counts_within_a_second(world: IdentityWorld) -> None:
    await world.member()
    session = await world.session()
    await world.authenticate(session.access_token)
    await world.pool.execute("UPDATE sessions SET revoked_at_ms = 1")
    world.clock.advance_ms(1000)
    with pytest.raises(InvalidToken):
        await world.authenticate(session.access_token)


async def test_the_hot_path_asks_the_database_once_a_second(
    world: IdentityWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.member()
    token = (await world.session()).access_token
    reads = 0
    read = world.storage.read

    def counting():  # type: ignore[no-untyped-def]
        nonlocal reads
        reads += 1
        return read()

    monkeypatch.setattr(world.storage, "read", counting)
    for _ in range(100):
        await world.authenticate(token)
    assert reads == 1
    world.clock.advance_ms(1000)
    await world.authenticate(token)
    assert reads == 2


async def test_an_access_token_expires(world: IdentityWorld) -> None:
    await world.member()
    token = (await world.session()).access_token
    await world.authenticate(token)
    world.clock.advance_ms(3_600_000)
    for _ in range(2):
        with pytest.raises(TokenExpired):
            await world.authenticate(token)


async def test_rights_follow_the_database_and_not_the_token(world: IdentityWorld) -> None:
    await world.member()
    token = (await world.session()).access_token
    assert (await world.authenticate(token)).access == frozenset(Access)
    await world.set_environments(user="ann@example.com", access=frozenset({Access.PAPER}))
    world.clock.advance_ms(1000)
    assert (await world.authenticate(token)).access == {Access.PAPER}


async def test_refresh_yields_the_next_pair(world: IdentityWorld) -> None:
    await world.member()
    first = await world.session()
    world.clock.advance_ms(60_000)
    second = await world.refresh(first.refresh_token)
    assert second.refresh_token != first.refresh_token
    assert second.expires_at_ms == world.clock.now_ms() + 3_600_000
    actor = await world.authenticate(second.access_token)
    assert actor.session_id == (await world.authenticate(first.access_token)).session_id


async def test_reuse_ends_the_session_and_that_is_committed(world: IdentityWorld) -> None:
    await world.member()
    first = await world.session()
    second = await world.refresh(first.refresh_token)
    third = await world.refresh(second.refresh_token)
    await world.authenticate(third.access_token)
    with pytest.raises(RefreshTokenReused):
        await world.refresh(first.refresh_token)
    with pytest.raises(InvalidRefreshToken):
        await world.refresh(third.refresh_token)
    with pytest.raises(InvalidToken):
        await world.authenticate(third.access_token)
    assert await world.pool.fetchval("SELECT revoked_at_ms FROM sessions") == world.clock.now_ms()


async def test_a_lost_reply_may_be_asked_for_again_for_a_moment(world: IdentityWorld) -> None:
    await world.member()
    first = await world.session()
    second = await world.refresh(first.refresh_token)
    world.clock.advance_ms(9_999)
    assert (await world.refresh(first.refresh_token)).refresh_token == second.refresh_token
    world.clock.advance_ms(1)
    with pytest.raises(RefreshTokenReused):
        await world.refresh(first.refresh_token)


async def test_parallel_refreshes_agree_on_one_next_token(world: IdentityWorld) -> None:
    await world.member()
    first = await world.session()
    answers = await asyncio.gather(*(world.refresh(first.refresh_token) for _ in range(8)))
    assert len({answer.refresh_token for answer in answers}) == 1
    assert await world.pool.fetchval("SELECT refresh_counter FROM sessions") == 1


async def test_parallel_reuse_ends_the_session_whoever_wins(world: IdentityWorld) -> None:
    await world.member()
    first = await world.session()
    second = await world.refresh(first.refresh_token)
    world.clock.advance_ms(10_000)
    answers = await asyncio.gather(
        *(world.refresh(token) for token in [second.refresh_token, first.refresh_token] * 4), return_exceptions=True
    )
    assert any(isinstance(answer, RefreshTokenReused) for answer in answers)
    with pytest.raises(InvalidRefreshToken):
        await world.refresh(second.refresh_token)
    assert await world.pool.fetchval("SELECT count(*) FROM sessions WHERE revoked_at_ms IS NULL") == 0


async def test_a_session_not_refreshed_in_time_is_over(world: IdentityWorld) -> None:
    await world.member()
    session = await world.session()
    world.clock.advance_ms(world.policy.refresh_token_ttl_ms)
    with pytest.raises(InvalidRefreshToken):
        await world.refresh(session.refresh_token)


async def test_weak_passwords_are_refused_and_make_nobody(world: IdentityWorld) -> None:
    with pytest.raises(WeakPassword):
        await world.member(password="short")
    assert await world.pool.fetchval("SELECT count(*) FROM tenants") == 0


async def test_a_token_cannot_be_made_from_another(world: IdentityWorld) -> None:
    await world.member()
    token = (await world.session()).refresh_token
    forged = token[:30] + ("A" if token[30] != "A" else "B") + token[31:]
    with pytest.raises(InvalidRefreshToken):
        await world.refresh(forged)


async def test_a_password_changed_while_hashing_wins(world: IdentityWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.member()
    verify = world.hasher.verify

    async def slow(password: str, hash: str | None) -> bool:
        fits = await verify(password, hash)
        await world.set_password(email="ann@example.com", password="another password")
        return fits

    monkeypatch.setattr(world.hasher, "verify", slow)
    with pytest.raises(InvalidCredentials):
        await world.session()
    assert await world.pool.fetchval("SELECT count(*) FROM sessions WHERE revoked_at_ms IS NULL") == 0


async def test_tries_are_limited_per_address_and_per_client(world: IdentityWorld) -> None:
    await world.member()
    world.log_in._throttle = world.throttle(burst=3)
    for number in range(3):
        with pytest.raises(InvalidCredentials):
            await world.log_in(email="ann@example.com", password="wrong", client=f"192.0.2.{number}")
    with pytest.raises(RateLimited) as caught:
        await world.log_in(email="ann@example.com", password=PASSWORD, client="192.0.2.9")
    assert caught.value.retry_after_s == 1
    world.log_in._throttle = world.throttle(burst=3)
    for number in range(3):
        with pytest.raises(InvalidCredentials):
            await world.log_in(email=f"u{number}@example.com", password="wrong", client=f"2001:db8::{number}")
    with pytest.raises(RateLimited):
        await world.log_in(email="u9@example.com", password="wrong", client="2001:db8::ffff")
    await world.log_in(email="ann@example.com", password=PASSWORD, client="2001:db8:1::1")


async def test_two_processes_share_sessions(world: IdentityWorld) -> None:
    other = IdentityWorld(world.pool, world.keys, world.clock, replace(world.policy))
    await world.member()
    session = await world.session()
    actor = await other.authenticate(session.access_token)
    await other.log_out(actor)
    world.clock.advance_ms(1000)
    with pytest.raises(InvalidToken):
        await world.authenticate(session.access_token)
    other.hasher.close()
