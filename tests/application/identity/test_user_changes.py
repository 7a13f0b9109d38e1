"""Changing users: update, recovery, invitations, the command line's verbs, housekeeping."""

import json
from typing import Any

import pytest
from identity_world import CLIENT, PASSWORD, IdentityWorld, identity_world

from cadenza.application.identity.policy import SignupMode
from cadenza.application.identity.session_states import STALE_AFTER_MS
from cadenza.application.system.purge import PURGE_JOB
from cadenza.domain.errors import (
    EmailTaken,
    InsufficientScope,
    InvalidCredentials,
    InvalidInvitation,
    InvalidOneTimeToken,
    InvalidRefreshToken,
    InvalidRequest,
    InvalidToken,
    RateLimited,
    SignupClosed,
    WeakPassword,
)
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import Access
from cadenza.ports.mail import MailUnavailable

NEW_PASSWORD = "a new password"


async def admin(world: IdentityWorld, email: str = "ann@example.com") -> Actor:
    await world.member(email)
    return await world.authenticate((await world.session(email)).access_token)


async def test_a_new_password_ends_the_other_sessions_and_is_told(world: IdentityWorld) -> None:
    actor = await admin(world)
    other = await world.session()
    await world.authenticate(other.access_token)
    await world.update_user(actor, password=NEW_PASSWORD)
    with pytest.raises(InvalidToken):
        await world.authenticate(other.access_token)
    with pytest.raises(InvalidCredentials):
        await world.session()
    await world.get_user(actor)
    await world.session(password=NEW_PASSWORD)
    await world.run_jobs()
    assert [mail.subject for mail in world.mailer.mails] == ["Your Cadenza password was changed"]


async def test_a_new_address_is_unique_and_the_old_one_is_told(world: IdentityWorld) -> None:
    actor = await admin(world)
    await world.member("bob@example.com")
    with pytest.raises(EmailTaken):
        await world.update_user(actor, email="BOB@example.com", metadata={"lost": True})
    assert (await world.get_user(actor)).metadata == {}
    updated = await world.update_user(actor, email="Anna@example.com")
    assert (updated.email, updated.email_confirmed_at_ms) == ("anna@example.com", None)
    assert (await world.get_user(actor)) == updated
    await world.run_jobs()
    assert [mail.to for mail in world.mailer.mails] == ["ann@example.com"]


async def test_metadata_are_merged_and_null_removes(world: IdentityWorld) -> None:
    actor = await admin(world)
    await world.update_user(actor, metadata={"a": 1, "b": {"c": 2}})
    updated = await world.update_user(actor, metadata={"a": None, "d": 3})
    assert updated.metadata == {"b": {"c": 2}, "d": 3}
    with pytest.raises(InvalidRequest):
        await world.update_user(actor, metadata={"x": "y" * 20_000})


async def test_an_update_with_nothing_changes_nothing_but_the_instant(world: IdentityWorld) -> None:
    actor = await admin(world)
    before = await world.get_user(actor)
    world.clock.advance_ms(1)
    after = await world.update_user(actor)
    assert after.updated_at_ms == before.updated_at_ms + 1
    assert (after.email, after.metadata) == (before.email, before.metadata)


async def test_recovery_by_mail(world: IdentityWorld) -> None:
    actor = await admin(world)
    await world.recover(email="ANN@example.com", client=CLIENT)
    token = await world.mailed_token()
    assert token not in str(await world.pool.fetch("SELECT * FROM one_time_tokens"))
    with pytest.raises(WeakPassword):
        await world.reset_password(token=token, password="short", client=CLIENT)
    await world.reset_password(token=token, password=NEW_PASSWORD, client=CLIENT)
    with pytest.raises(InvalidToken):
        await world.authenticate(
            world.tokens.issue_access(
                await world.get_user(actor),
                actor.session_id,
                issued_at_ms=world.clock.now_ms(),
                expires_at_ms=world.clock.now_ms() + 1000,
            )
        )
    assert (await world.session(password=NEW_PASSWORD)).user.email_confirmed_at_ms == world.clock.now_ms()
    with pytest.raises(InvalidOneTimeToken):
        await world.reset_password(token=token, password="once more, please", client=CLIENT)


async def test_a_recovery_token_ends_in_time_and_by_a_newer_one(world: IdentityWorld) -> None:
    await world.member()
    await world.recover(email="ann@example.com", client=CLIENT)
    first = await world.mailed_token()
    await world.recover(email="ann@example.com", client=CLIENT)
    second = await world.mailed_token()
    with pytest.raises(InvalidOneTimeToken):
        await world.reset_password(token=first, password=NEW_PASSWORD, client=CLIENT)
    world.clock.advance_ms(world.policy.recovery_ttl_ms)
    with pytest.raises(InvalidOneTimeToken):
        await world.reset_password(token=second, password=NEW_PASSWORD, client=CLIENT)


async def test_recover_does_the_same_for_an_unknown_address(world: IdentityWorld) -> None:
    """The same answer and the same rows in the same transaction; only the job, later, makes a difference."""
    await world.member()
    written = []
    for email in ("ann@example.com", "nobody@example.com"):
        before = world.storage.transactions_total
        await world.recover(email=email, client=CLIENT)
        jobs = await world.pool.fetch("DELETE FROM jobs.queue RETURNING entrypoint, length(payload) AS size")
        written.append((world.storage.transactions_total - before, [job["entrypoint"] for job in jobs]))
    assert written[0] == written[1]
    assert written[0] == (1, ["identity.send_recovery"])
    await world.recover(email="nobody@example.com", client=CLIENT)
    await world.run_jobs()
    assert world.mailer.mails == []


async def test_recover_is_limited_alike_for_unknown_addresses(world: IdentityWorld) -> None:
    world.recover._throttle = world.throttle(burst=1)
    await world.recover(email="nobody@example.com", client="192.0.2.1")
    with pytest.raises(RateLimited):
        await world.recover(email="nobody@example.com", client="192.0.2.2")


async def test_a_member_joins_by_invitation(world: IdentityWorld) -> None:
    actor = await admin(world)
    await world.invite_member(actor, email="Bob@example.com", scopes=frozenset({Scope.READ}))
    token = await world.mailed_token()
    assert world.mailer.mails[-1].to == "bob@example.com"
    with pytest.raises(InvalidInvitation):
        await world.member("eve@example.com", invitation=token)
    bob = await world.member("bob@EXAMPLE.com", invitation=token)
    assert (bob.tenant_id, bob.scopes) == (actor.tenant_id, {Scope.READ})
    assert bob.email_confirmed_at_ms == world.clock.now_ms()
    with pytest.raises(InvalidInvitation):
        await world.member("bob@example.com", invitation=token)
    bob_actor = await world.authenticate((await world.session("bob@example.com")).access_token)
    with pytest.raises(InsufficientScope):
        await world.invite_member(bob_actor, email="c@example.com", scopes=frozenset({Scope.READ}))


async def test_a_failed_sign_up_does_not_use_the_invitation_up(world: IdentityWorld) -> None:
    actor = await admin(world)
    await world.member("bob@example.com")
    await world.invite_member(actor, email="bob@example.com", scopes=frozenset({Scope.READ}))
    token = await world.mailed_token()
    with pytest.raises(EmailTaken):
        await world.member("bob@example.com", invitation=token)
    assert await world.pool.fetchval("SELECT used_at_ms FROM invitations") is None


async def test_an_invitation_expires(world: IdentityWorld) -> None:
    actor = await admin(world)
    await world.invite_member(actor, email="bob@example.com", scopes=frozenset({Scope.READ}), ttl_ms=1000)
    token = await world.mailed_token()
    world.clock.advance_ms(1000)
    with pytest.raises(InvalidInvitation):
        await world.member("bob@example.com", invitation=token)


async def test_impossible_invitations_are_refused(world: IdentityWorld) -> None:
    actor = await admin(world)
    fine: dict[str, Any] = {"email": "bob@example.com", "scopes": frozenset({Scope.READ})}
    for wrong in ({"scopes": frozenset()}, {"ttl_ms": 0}, {"ttl_ms": 10**12}, {"email": "bob"}):
        with pytest.raises(InvalidRequest):
            await world.invite_member(actor, **(fine | wrong))


async def test_sign_up_by_invitation_and_closed(database_dsn: str) -> None:
    async with identity_world(
        database_dsn, signup=SignupMode.INVITATION, new_tenant_access=frozenset({Access.PAPER})
    ) as world:
        with pytest.raises(SignupClosed):
            await world.member()
        invitation, token = await world.invite_tenant(email="ann@example.com")
        assert token == await world.mailed_token()
        user = await world.member(invitation=token)
        assert user.access == {Access.PAPER}
        assert user.scopes == set(Scope)
        assert invitation.tenant_id is None
    async with identity_world(database_dsn, signup=SignupMode.CLOSED) as world:
        _, token = await world.invite_tenant(email="bob@example.com")
        with pytest.raises(SignupClosed):
            await world.member("bob@example.com", invitation=token)


async def test_only_the_command_line_makes_an_operator(world: IdentityWorld) -> None:
    made = await world.create_user(email="ops@example.com", password=PASSWORD, is_operator=True)
    actor = await world.authenticate((await world.session("ops@example.com")).access_token)
    assert actor.is_operator
    assert made.is_operator
    assert not (await admin(world)).is_operator
    with pytest.raises(EmailTaken):
        await world.create_user(email="ops@example.com", password=PASSWORD, is_operator=False)


async def test_the_command_line_sets_a_password(world: IdentityWorld) -> None:
    await world.member()
    session = await world.session()
    await world.set_password(email="ann@example.com", password=NEW_PASSWORD)
    with pytest.raises(InvalidToken):
        await world.authenticate(session.access_token)
    await world.session(password=NEW_PASSWORD)
    with pytest.raises(InvalidRequest):
        await world.set_password(email="nobody@example.com", password=NEW_PASSWORD)
    with pytest.raises(InvalidRequest):
        await world.set_environments(user="nobody@example.com", access=frozenset())


async def test_a_removed_user_is_gone_and_the_address_is_free(world: IdentityWorld) -> None:
    before = await world.member()
    session = await world.session()
    await world.recover(email="ann@example.com", client=CLIENT)
    token = await world.mailed_token()
    await world.authenticate(session.access_token)
    removed = await world.remove_user(user="Ann@example.com")
    assert removed.id == before.id
    world.clock.advance_ms(STALE_AFTER_MS)
    with pytest.raises(InvalidToken):
        await world.authenticate(session.access_token)
    with pytest.raises(InvalidRefreshToken):
        await world.refresh(session.refresh_token)
    with pytest.raises(InvalidCredentials):
        await world.session()
    with pytest.raises(InvalidOneTimeToken):
        await world.reset_password(token=token, password=NEW_PASSWORD, client=CLIENT)
    for again in ("ann@example.com", str(before.id)):
        with pytest.raises(InvalidRequest):
            await world.remove_user(user=again)
    after = await world.member()
    assert after.id != before.id
    assert after.tenant_id != before.tenant_id
    await world.session()


async def test_a_user_has_at_least_one_scope(world: IdentityWorld) -> None:
    await world.member()
    with pytest.raises(InvalidRequest):
        await world.set_scopes(user="ann@example.com", scopes=frozenset())


async def test_a_mail_stays_in_the_outbox_until_it_is_sent_and_loses_its_text_then(world: IdentityWorld) -> None:
    await world.invite_tenant(email="bob@example.com")
    payload = await world.pool.fetchval("SELECT payload FROM jobs.queue")
    world.mailer.is_down = True
    with pytest.raises(MailUnavailable):
        await world.send_mail(json.loads(payload))
    world.mailer.is_down = False
    for _ in range(2):
        await world.send_mail(json.loads(payload))
    assert len(world.mailer.mails) == 1
    async with world.storage.read() as uow:
        [mail] = await uow.identity.list_mails(offset=0, limit=10)
    assert (mail.status, mail.text, mail.sent_at_ms) == ("SENT", "", world.clock.now_ms())


async def test_what_ended_long_ago_is_forgotten_and_the_rest_stays(world: IdentityWorld) -> None:
    await world.member()
    old = await world.session()
    await world.log_out(await world.authenticate(old.access_token))
    await world.recover(email="ann@example.com", client=CLIENT)
    await world.run_jobs()
    await world.invite_tenant(email="bob@example.com")
    kept_mails = 1  # not sent yet
    world.clock.advance_ms(world.policy.retention_ms + world.policy.invitation_ttl_ms + 1)
    new = await world.session()
    await world.purge({})
    await world.authenticate(new.access_token)
    counts = {
        table: await world.pool.fetchval(f"SELECT count(*) FROM {table}")
        for table in ("users", "sessions", "invitations", "one_time_tokens", "mails")
    }
    assert counts == {"users": 1, "sessions": 1, "invitations": 0, "one_time_tokens": 0, "mails": kept_mails}


async def test_the_purge_keeps_exactly_one_successor(world: IdentityWorld) -> None:
    await world.purge.schedule()
    await world.purge.schedule()
    await world.purge({})
    await world.purge({})
    rows = await world.pool.fetch("SELECT dedupe_key FROM jobs.queue WHERE entrypoint = $1", PURGE_JOB)
    assert len(rows) == 2  # the one of now, and the next hour's
