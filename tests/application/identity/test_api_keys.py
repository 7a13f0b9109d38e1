"""API keys over a real database: made, used, limited by their maker's rights, revoked, and never shown again."""

import asyncio
import hashlib
import logging
from dataclasses import replace
from typing import Any
from uuid import uuid4

import jwt
import pytest
from tests.application.identity.identity_world import CLIENT, FAILED_KEYS_BURST, START_MS, IdentityWorld, identity_world

from cadenza.adapters.storage.master_keys import api_keys_signed_by
from cadenza.application.identity.create_api_key import ApiKeyRequest, IssuedApiKey
from cadenza.application.identity.list_api_keys import ApiKeyQuery
from cadenza.application.identity.list_audit import AuditQuery
from cadenza.application.identity.session_states import STALE_AFTER_MS
from cadenza.application.identity.used_keys import WRITE_AGAIN_MS
from cadenza.domain.errors import (
    ApiKeyNotFound,
    EnvironmentNotAllowed,
    InsufficientScope,
    InvalidCredentials,
    InvalidCursor,
    InvalidRequest,
    InvalidToken,
    KeyNameTaken,
    KeyNotAllowed,
    RateLimited,
    TokenExpired,
    TooManyApiKeys,
    TradingAccountNotFound,
)
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.identity.api_key import KEYS_PER_USER_MAX, ApiKey
from cadenza.domain.identity.audit import AuditKind
from cadenza.domain.ids import Access, ApiKeyId, TradingAccountId
from cadenza.ports.storage.api_keys import AuditFilter

DAY_MS = 86_400_000
READ_WRITE = frozenset({Scope.READ, Scope.WRITE})


async def logged_in(world: IdentityWorld, email: str = "ann@example.com") -> Actor:
    await world.member(email)
    return await world.authenticate((await world.session(email)).access_token)


async def created(world: IdentityWorld, actor: Actor, name: str = "bot", **limits: Any) -> IssuedApiKey:
    return await world.create_api_key(actor, ApiKeyRequest(name=name, **{"scopes": READ_WRITE} | limits))


async def refused(world: IdentityWorld, secret: str, client: str = CLIENT) -> None:
    with pytest.raises(InvalidToken):
        await world.authenticate(secret, client)


async def listed(world: IdentityWorld, actor: Actor, **query: Any) -> list[ApiKey]:
    page, _ = await world.list_api_keys(actor, ApiKeyQuery(**query))
    return list(page.items)


async def kinds(world: IdentityWorld, actor: Actor) -> list[AuditKind]:
    await world.failed_log_ins.tick()
    return [entry.kind for entry in (await world.list_audit(actor, AuditQuery())).items]


async def test_a_key_acts_for_its_maker_within_its_limits(world: IdentityWorld) -> None:
    ann = await logged_in(world)
    issued = await created(world, ann)
    actor = await world.authenticate(issued.secret)
    assert (actor.user_id, actor.tenant_id, actor.key_id) == (ann.user_id, ann.tenant_id, issued.key.id)
    assert (actor.scopes, actor.access, actor.accounts) == (READ_WRITE, ann.access, None)
    assert actor.never_expires
    assert not actor.is_operator
    again = await world.authenticate(issued.secret)
    assert again is actor


async def test_the_secret_is_stored_and_shown_nowhere(
    world: IdentityWorld, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    ann = await logged_in(world)
    issued = await created(world, ann)
    await world.authenticate(issued.secret)
    await world.used_keys.tick()
    await world.revoke_api_key(ann, issued.key.id)
    with pytest.raises(InvalidToken) as refusal:
        await world.authenticate(issued.secret)
    signature = issued.secret.rpartition(".")[2]
    salt = jwt.decode(issued.secret, options={"verify_signature": False})["jti"]
    tables = await world.pool.fetch(
        "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) AS name FROM pg_tables"
        " WHERE schemaname IN ('public', 'jobs')"
    )
    rows = [str(dict(row)) for table in tables for row in await world.pool.fetch(f"SELECT * FROM {table['name']}")]
    assert any(str(issued.key.id) in row for row in rows)
    shown = "\n".join(
        [*rows, caplog.text, *capsys.readouterr(), repr(issued), repr(world.__dict__), str(refusal.value)]
    )
    assert signature not in shown
    assert salt not in shown
    digest = await world.pool.fetchval("SELECT digest FROM api_keys")
    assert digest == hashlib.sha256(issued.secret.encode()).digest()


async def test_rights_follow_the_maker_within_a_second(world: IdentityWorld) -> None:
    ann = await logged_in(world)
    secret = (await created(world, ann, scopes=frozenset({Scope.ADMIN}))).secret
    assert (await world.authenticate(secret)).scopes == frozenset(Scope)
    await world.set_scopes(user="ann@example.com", scopes=frozenset({Scope.WRITE}))
    await world.set_environments(user="ann@example.com", access=frozenset({Access.PAPER}))
    world.clock.advance_ms(STALE_AFTER_MS)
    actor = await world.authenticate(secret)
    assert (actor.scopes, actor.access) == (READ_WRITE, {Access.PAPER})
    await world.remove_user(user=str(ann.user_id))
    world.clock.advance_ms(STALE_AFTER_MS)
    with pytest.raises(InvalidToken):
        await world.authenticate(secret)
    async with world.storage.read() as uow:
        entries = await uow.audit.page(AuditFilter(tenant_id=ann.tenant_id), after=None, offset=0, limit=10)
    told = {entry.kind: entry for entry in entries}
    assert dict(told[AuditKind.SCOPES_SET].facts) == {"scopes": "write"}
    assert dict(told[AuditKind.ENVIRONMENTS_SET].facts) == {"environments": "paper"}
    assert dict(told[AuditKind.USER_REMOVED].facts) == {"email": "ann@example.com"}
    assert told[AuditKind.USER_REMOVED].subject == str(ann.user_id)


async def test_a_key_of_an_operator_is_no_operator(world: IdentityWorld) -> None:
    user = await world.create_user(email="ops@example.com", password="correct horse", is_operator=True)
    ops = await world.authenticate((await world.session("ops@example.com")).access_token)
    assert ops.is_operator
    assert ops.user_id == user.id
    assert not (await world.authenticate((await created(world, ops)).secret)).is_operator


async def test_a_key_has_at_most_its_makers_rights(world: IdentityWorld) -> None:
    ann = await logged_in(world)
    await world.set_scopes(user="ann@example.com", scopes=frozenset({Scope.READ}))
    await world.set_environments(user="ann@example.com", access=frozenset({Access.PAPER}))
    # What counts is what the user has now, not what the caller's session was read with.
    with pytest.raises(InsufficientScope) as refusal:
        await created(world, ann)
    assert (refusal.value.required, refusal.value.provided) == (("write",), ("read",))
    with pytest.raises(EnvironmentNotAllowed):
        await created(world, ann, scopes=frozenset({Scope.READ}), environments=frozenset({Access.LIVE}))
    with pytest.raises(TradingAccountNotFound):
        await created(world, ann, scopes=frozenset({Scope.READ}), accounts=frozenset({TradingAccountId(uuid4())}))
    assert await listed(world, ann) == []


@pytest.mark.parametrize(
    "limits",
    [
        {"scopes": frozenset()},
        {"accounts": frozenset()},
        {"environments": frozenset()},
        {"addresses": ()},
        {"addresses": ("localhost",)},
        {"expires_at_ms": START_MS},
        {"expires_at_ms": -1},
        {"accounts": frozenset(TradingAccountId(uuid4()) for _ in range(101))},
    ],
    ids=lambda limits: next(iter(limits)),
)
async def test_what_limits_nothing_or_cannot_be_is_refused(world: IdentityWorld, limits: dict[str, Any]) -> None:
    ann = await logged_in(world)
    with pytest.raises(InvalidRequest):
        await created(world, ann, **limits)


async def test_a_name_is_free_again_after_its_key_has_ended(world: IdentityWorld) -> None:
    ann, bob = await logged_in(world), await logged_in(world, "bob@example.com")
    first = await created(world, ann)
    await created(world, bob)  # another user's names do not count
    with pytest.raises(KeyNameTaken):
        await created(world, ann, " bot ")
    await world.revoke_api_key(ann, first.key.id)
    await created(world, ann, expires_at_ms=START_MS + DAY_MS)
    world.clock.advance_ms(DAY_MS)
    ann = await world.authenticate((await world.session()).access_token)
    await created(world, ann)


async def test_two_requests_at_once_for_one_name_make_one_key(world: IdentityWorld) -> None:
    ann = await logged_in(world)
    results = await asyncio.gather(*(created(world, ann) for _ in range(5)), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["IssuedApiKey", *["KeyNameTaken"] * 4]


async def test_a_user_has_so_many_live_keys_and_no_more(world: IdentityWorld) -> None:
    ann = await logged_in(world)
    issued = [await created(world, ann, f"bot {number}") for number in range(KEYS_PER_USER_MAX)]
    with pytest.raises(TooManyApiKeys, match=str(KEYS_PER_USER_MAX)):
        await created(world, ann, "one more")
    await world.revoke_api_key(ann, issued[0].key.id)
    await created(world, ann, "one more")


async def test_a_revoked_key_is_refused_at_once_and_its_sockets_end(world: IdentityWorld) -> None:
    ann = await logged_in(world)
    issued, other = await created(world, ann), await created(world, ann, "other")
    ended: set[Any] = set()
    world.sessions.on_revoked = ended.update
    await world.authenticate(issued.secret)
    revoked, _ = await world.revoke_api_key(ann, issued.key.id)
    assert ended == {issued.key.id}
    await refused(world, issued.secret)
    await world.authenticate(other.secret)
    world.clock.advance_ms(10)
    again, _ = await world.revoke_api_key(ann, issued.key.id)
    assert again == revoked
    assert (await kinds(world, ann)).count(AuditKind.API_KEY_REVOKED) == 1


async def test_another_process_refuses_a_revoked_key_within_a_second(database_dsn: str) -> None:
    async with identity_world(database_dsn) as here:
        ann = await logged_in(here)
        issued = await created(here, ann)
        there = IdentityWorld(here.pool, here.keys, here.clock, here.policy)
        await there.authenticate(issued.secret)
        await here.revoke_api_key(ann, issued.key.id)
        here.clock.advance_ms(STALE_AFTER_MS)
        await refused(there, issued.secret)
        there.hasher.close()


async def test_a_key_expires_also_in_the_cache(world: IdentityWorld) -> None:
    ann = await logged_in(world)
    issued = await created(world, ann, expires_at_ms=START_MS + 5_000)
    world.clock.advance_ms(4_999)
    assert not (await world.authenticate(issued.secret)).never_expires
    world.clock.advance_ms(1)
    with pytest.raises(TokenExpired):
        await world.authenticate(issued.secret)


async def test_a_key_without_expiry_does_not_expire(world: IdentityWorld) -> None:
    ann = await logged_in(world)
    secret = (await created(world, ann)).secret
    world.clock.advance_ms(50 * 365 * DAY_MS)
    assert (await world.authenticate(secret)).key_id is not None


async def test_only_the_token_that_was_shown_is_the_key(world: IdentityWorld) -> None:
    """A signature of ours and a live key are not enough: the digest has to be the stored one."""
    ann = await logged_in(world)
    issued = await created(world, ann)
    twin = world.tokens.issue_key(
        issued.key.user_id, issued.key.id, b"another salt", issued_at_ms=START_MS, expires_at_ms=START_MS + DAY_MS
    )
    await refused(world, twin.token)
    await world.authenticate(issued.secret)
    await refused(world, twin.token)
    unknown = world.tokens.issue_key(
        ann.user_id, ApiKeyId(uuid4()), b"salt", issued_at_ms=START_MS, expires_at_ms=START_MS + DAY_MS
    )
    await refused(world, unknown.token)


async def test_a_log_in_does_not_turn_into_a_key(world: IdentityWorld) -> None:
    """A token of a log-in whose session has a key's id does not have the key's digest."""
    ann = await logged_in(world)
    issued = await created(world, ann)
    user = await world.get_user(ann)
    forged = world.tokens.issue_access(
        user,
        issued.key.id,
        issued_at_ms=START_MS,
        expires_at_ms=START_MS + DAY_MS,  # type: ignore[arg-type]
    )
    await refused(world, forged)


async def test_a_key_is_good_only_from_its_addresses(world: IdentityWorld) -> None:
    ann = await logged_in(world)
    issued = await created(world, ann, addresses=("192.0.2.0/30", "2001:db8::/64"))
    for client in ("192.0.2.1", "2001:db8::5", "::ffff:192.0.2.2"):
        await world.authenticate(issued.secret, client)
        with pytest.raises(InvalidToken) as refusal:
            await world.authenticate(issued.secret, "192.0.2.9")
        assert "192.0.2" not in refusal.value.message
    await world.authenticate(issued.secret, "192.0.2.1")
    with pytest.raises(InvalidToken):  # a proxy that does not give the address
        await world.authenticator.of_session(issued.key.id)  # type: ignore[arg-type]


async def test_whatever_a_key_lacks_the_answer_is_the_same(world: IdentityWorld) -> None:
    ann = await logged_in(world)
    elsewhere = await created(world, ann, "elsewhere", addresses=("198.51.100.7",))
    revoked = await created(world, ann, "revoked")
    await world.revoke_api_key(ann, revoked.key.id)
    messages = set()
    for secret in (elsewhere.secret, revoked.secret):
        with pytest.raises(InvalidToken) as refusal:
            await world.authenticate(secret)
        messages.add(refusal.value.message)
    assert len(messages) == 1


async def test_guessing_is_throttled_and_valid_keys_from_the_same_address_are_not(world: IdentityWorld) -> None:
    ann = await logged_in(world)
    good, revoked = await created(world, ann), await created(world, ann, "revoked")
    await world.revoke_api_key(ann, revoked.key.id)
    forged = good.secret.rpartition(".")[0] + "." + "A" * 43
    for secret in [forged, revoked.secret] * FAILED_KEYS_BURST:
        with pytest.raises((InvalidToken, RateLimited)):
            await world.authenticate(secret)
    for secret in (forged, revoked.secret):
        with pytest.raises(RateLimited) as refusal:
            await world.authenticate(secret)
        assert refusal.value.retry_after_s >= 1
    await world.authenticate(good.secret)
    log_in = (await world.session()).access_token
    await world.authenticate(log_in)
    with pytest.raises(InvalidToken):  # a broken log-in is not a guess of a key
        await world.authenticate(log_in.rpartition(".")[0] + "." + "A" * 43)
    await refused(world, revoked.secret, "203.0.113.9")
    world.clock.advance_ms(60_000)
    await refused(world, revoked.secret)


async def test_the_last_use_is_written_at_most_once_a_minute(world: IdentityWorld) -> None:
    ann = await logged_in(world)
    issued, unused = await created(world, ann), await created(world, ann, "unused")
    for step in range(10):
        await world.authenticate(issued.secret, f"192.0.2.{step}")
    assert (await listed(world, ann))[-1].last_used_at_ms is None
    await world.used_keys.tick()
    writes = world.storage.transactions_total
    for _ in range(10):
        world.clock.advance_ms(WRITE_AGAIN_MS // 10 - 1)
        await world.authenticate(issued.secret, "192.0.2.99")
        await world.used_keys.tick()
    assert world.storage.transactions_total == writes
    by_id = {key.id: key for key in await listed(world, ann)}
    assert by_id[issued.key.id].last_used_at_ms == START_MS
    assert by_id[issued.key.id].last_used_address == "192.0.2.0"
    assert by_id[unused.key.id].last_used_at_ms is None
    world.clock.advance_ms(STALE_AFTER_MS)  # a use is noted when the key's state is read again
    await world.authenticate(issued.secret, "192.0.2.99")
    await world.used_keys.tick()
    used = {key.id: key for key in await listed(world, ann)}[issued.key.id]
    assert (used.last_used_at_ms, used.last_used_address) == (world.clock.now_ms(), "192.0.2.99")


async def test_a_key_may_not_act_as_its_maker(world: IdentityWorld) -> None:
    ann = await logged_in(world)
    issued = await created(world, ann, scopes=frozenset({Scope.ADMIN}))
    actor = await world.authenticate(issued.secret)
    for forbidden in (
        world.log_out(actor),
        world.update_user(actor, metadata={}),
        world.invite_member(actor, email="eve@example.com", scopes=frozenset({Scope.READ})),
        created(world, actor, "child"),
        world.list_api_keys(actor, ApiKeyQuery()),
        world.revoke_api_key(actor, issued.key.id),
    ):
        with pytest.raises(KeyNotAllowed):
            await forbidden
    assert await world.get_user(actor)
    await world.authenticate(issued.secret)


async def test_changed_passwords_leave_keys_alive(world: IdentityWorld) -> None:
    ann = await logged_in(world)
    secret = (await created(world, ann)).secret
    await world.update_user(ann, password="another password")
    await world.set_password(email="ann@example.com", password="correct horse")
    world.clock.advance_ms(STALE_AFTER_MS)
    await world.authenticate(secret)


async def test_an_admin_sees_and_revokes_the_tenants_keys_others_only_their_own(world: IdentityWorld) -> None:
    ann, eve = await logged_in(world), await logged_in(world, "eve@example.com")
    await world.invite_member(ann, email="bob@example.com", scopes=frozenset({Scope.WRITE}))
    token = await world.mailed_token()
    await world.member("bob@example.com", invitation=token)
    bob = await world.authenticate((await world.session("bob@example.com")).access_token)
    of_ann, of_bob = await created(world, ann), await created(world, bob)
    assert {key.id for key in await listed(world, ann)} == {of_ann.key.id, of_bob.key.id}
    assert [key.id for key in await listed(world, ann, user_id=bob.user_id)] == [of_bob.key.id]
    assert [key.id for key in await listed(world, bob)] == [of_bob.key.id]
    with pytest.raises(InsufficientScope):
        await listed(world, bob, user_id=ann.user_id)
    assert await listed(world, eve, user_id=ann.user_id) == []
    assert await listed(world, eve) == []
    for stranger, key in ((bob, of_ann), (eve, of_ann), (eve, of_bob)):
        with pytest.raises(ApiKeyNotFound):
            await world.revoke_api_key(stranger, key.key.id)
    with pytest.raises(ApiKeyNotFound):
        await world.revoke_api_key(ann, ApiKeyId(uuid4()))
    await world.revoke_api_key(ann, of_bob.key.id)
    await refused(world, of_bob.secret)
    await world.authenticate(of_ann.secret)


async def test_pages_together_are_the_list(world: IdentityWorld) -> None:
    ann = await logged_in(world)
    made = [(await created(world, ann, f"bot {number}")).key for number in range(7)]
    found: list[ApiKey] = []
    cursor = None
    while True:
        page, _ = await world.list_api_keys(ann, ApiKeyQuery(limit=3, cursor=cursor))
        found += page.items
        assert page.total == 7
        cursor = page.next_cursor
        if cursor is None:
            break
        with pytest.raises(InvalidCursor):
            await world.list_api_keys(ann, ApiKeyQuery(user_id=ann.user_id, cursor=cursor))
    assert found == sorted(made, key=lambda key: (key.created_at_ms, key.id), reverse=True)


async def test_the_audit_log_says_who_did_what_from_where(world: IdentityWorld) -> None:
    ann = await logged_in(world)
    ann = replace(ann, request_id="request-7", client="192.0.2.7")
    with pytest.raises(InvalidCredentials):
        await world.log_in(email="ann@example.com", password="wrong password", client="203.0.113.66")
    world.clock.advance_ms(1)
    issued = await created(world, ann)
    world.clock.advance_ms(1)
    await world.revoke_api_key(ann, issued.key.id)
    world.clock.advance_ms(1)
    await world.update_user(ann, password="another password")
    await world.failed_log_ins.tick()
    page = await world.list_audit(ann, AuditQuery())
    assert [entry.kind for entry in page.items] == [
        AuditKind.PASSWORD_CHANGED,
        AuditKind.API_KEY_REVOKED,
        AuditKind.API_KEY_CREATED,
        *sorted([AuditKind.LOG_IN, AuditKind.LOG_IN_FAILED], reverse=page.items[3].kind is AuditKind.LOG_IN_FAILED),
    ]
    by_kind = {entry.kind: entry for entry in page.items}
    made = by_kind[AuditKind.API_KEY_CREATED]
    assert (made.origin, made.subject, made.facts["name"]) == (ann.origin, str(issued.key.id), "bot")
    failed = by_kind[AuditKind.LOG_IN_FAILED]
    assert (failed.origin.user_id, failed.origin.client) == (ann.user_id, "203.0.113.66")
    only = await world.list_audit(ann, AuditQuery(kind=AuditKind.API_KEY_CREATED, start_ms=START_MS + 1))
    assert list(only.items) == [made]
    assert (await world.list_audit(ann, AuditQuery(end_ms=START_MS + 1))).total == 2
    assert await kinds(world, await logged_in(world, "eve@example.com")) == [AuditKind.LOG_IN]


async def test_the_audit_log_is_for_admins_and_a_limited_key_sees_its_accounts_only(world: IdentityWorld) -> None:
    ann = await logged_in(world)
    await created(world, ann)
    with pytest.raises(InsufficientScope):
        await world.list_audit(replace(ann, scopes=READ_WRITE), AuditQuery())
    limited = replace(ann, accounts=frozenset({TradingAccountId(uuid4())}))
    assert (await world.list_audit(limited, AuditQuery())).total == 0


async def test_what_is_old_is_purged_and_what_is_not_is_kept(world: IdentityWorld) -> None:
    ann = await logged_in(world)
    await created(world, ann, "expired", expires_at_ms=START_MS + 1_000)
    revoked = await created(world, ann, "revoked")
    kept = await created(world, ann, "kept")
    await world.revoke_api_key(ann, revoked.key.id)
    world.clock.advance_ms(world.policy.audit_retention_ms)
    await world.purge({})
    assert await world.pool.fetchval("SELECT count(*) FROM api_keys") == 3
    world.clock.advance_ms(DAY_MS)
    await world.purge({})
    assert await world.pool.fetchval("SELECT name FROM api_keys") == "kept"
    assert await world.pool.fetchval("SELECT count(*) FROM audit_log") == 0
    assert (await world.authenticate(kept.secret)).key_id == kept.key.id


async def test_it_is_known_which_master_key_signed_a_key(world: IdentityWorld) -> None:
    ann = await logged_in(world)
    issued = await created(world, ann)
    await created(world, ann, "short", expires_at_ms=START_MS + 1)
    active = world.keys.active().id
    async with world.pool.acquire() as connection:
        assert await api_keys_signed_by(connection, START_MS) == {active: 2}
        assert await api_keys_signed_by(connection, START_MS + 1) == {active: 1}
        await world.revoke_api_key(ann, issued.key.id)
        assert await api_keys_signed_by(connection, START_MS + 1) == {}
