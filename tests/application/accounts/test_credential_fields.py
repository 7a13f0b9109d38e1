"""Further fields of a venue's credentials come as a JSON object in `apiPassphrase`, and are sealed with the rest."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from tests.application.orders.account_world import Desk
from tests.application.orders.order_world import ACTOR, OrderWorld, order_world
from tests.application.orders.stored_keys import keys
from tests.domain.trading.worlds import SPEC

from cadenza.application.accounts.create_credential import CreateCredential
from cadenza.application.accounts.given_secrets import SECRET_CHARS_MAX, read_secrets
from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.errors import InvalidCredential
from cadenza.domain.ids import PAPER
from cadenza.domain.trading.venue_spec import CredentialField

FIELDS = (
    CredentialField(name="senderCompId", meaning="our name in the FIX session"),
    CredentialField(name="subAccount", meaning="the account to trade for", is_required=False),
)
PASSPHRASE_FIELD = CredentialField(name="passphrase", meaning="the key's passphrase", is_secret=True)
DESK = replace(SPEC, credential_fields=FIELDS, credential_types=frozenset({CredentialType.HMAC}))
BOTH = '{"senderCompId": "CADENZA", "subAccount": "7"}'


def read(passphrase: str | None, spec: Any = DESK, type: CredentialType = CredentialType.HMAC) -> Secrets:
    return read_secrets(spec, type, "key", "secret", passphrase)


def test_the_fields_are_read_from_a_json_object() -> None:
    assert read(BOTH) == Secrets("key", "secret", None, {"senderCompId": "CADENZA", "subAccount": "7"})


@pytest.mark.parametrize("passphrase", ['{"senderCompId": "CADENZA"}', '{"senderCompId": "CADENZA", "subAccount": ""}'])
def test_an_optional_field_may_be_left_out_or_empty(passphrase: str) -> None:
    assert read(passphrase).fields == {"senderCompId": "CADENZA"}


@pytest.mark.parametrize(
    ("passphrase", "said", "field"),
    [
        (None, "lacks senderCompId: our name in the FIX session", "senderCompId"),
        ("", "lacks senderCompId", "senderCompId"),
        ('{"subAccount": "7"}', "lacks senderCompId", "senderCompId"),
        ('{"senderCompId": ""}', "lacks senderCompId", "senderCompId"),
        ('{"senderCompId": "C", "sendercompid": "x"}', "unknown field 'sendercompid'", "sendercompid"),
        ('{"senderCompId": 7}', "senderCompId must be a text", "senderCompId"),
        ('{"senderCompId": null}', "senderCompId must be a text", "senderCompId"),
        ('{"senderCompId": "\\ud800"}', "senderCompId must be a text", "senderCompId"),
    ],
)
def test_an_unknown_or_missing_field_is_named(passphrase: str | None, said: str, field: str) -> None:
    with pytest.raises(InvalidCredential, match=said) as refused:
        read(passphrase)
    assert refused.value.metadata == {"field": field}


@pytest.mark.parametrize("passphrase", ["hunter2", '["hunter2"]', '"hunter2"', "7", "[" * 5_000, '{"senderCompId": '])
def test_what_is_no_json_object_is_refused_without_being_shown(passphrase: str) -> None:
    wanted = "senderCompId (our name in the FIX session), subAccount (the account to trade for)"
    with pytest.raises(InvalidCredential) as refused:
        read(passphrase)
    assert refused.value.message == f"apiPassphrase must be a JSON object with {wanted}"


@pytest.mark.parametrize("passphrase", ["hunter2", "7", '"quoted"', "[", '{"passphrase": '])
def test_a_passphrase_may_be_given_alone_where_a_field_is_called_so(passphrase: str) -> None:
    spec = replace(
        DESK, credential_fields=(PASSPHRASE_FIELD, CredentialField(name="region", meaning="r", is_required=False))
    )
    assert read(passphrase, spec).fields == {"passphrase": passphrase}
    assert read('{"passphrase": "a", "region": "EEA"}', spec).fields == {"passphrase": "a", "region": "EEA"}
    with pytest.raises(InvalidCredential, match="lacks passphrase"):
        read('{"region": "EEA"}', spec)


def test_a_venue_without_further_fields_has_a_plain_passphrase() -> None:
    assert read(BOTH, SPEC) == Secrets("key", "secret", BOTH)
    assert read("", SPEC) == Secrets("key", "secret", None)


def test_only_types_that_the_venue_takes() -> None:
    with pytest.raises(InvalidCredential, match="takes credentials of these types: HMAC"):
        read(BOTH, type=CredentialType.RSA)


@pytest.mark.parametrize(("key", "secret"), [(None, "x"), ("", "x"), ("x" * (SECRET_CHARS_MAX + 1), "x")])
def test_a_missing_or_overlong_key_is_refused(key: str | None, secret: str) -> None:
    with pytest.raises(InvalidCredential):
        read_secrets(DESK, CredentialType.HMAC, key, secret, BOTH)


@pytest.fixture
async def world(database_dsn: str) -> AsyncIterator[OrderWorld]:
    async with order_world(database_dsn) as world:
        yield world


async def opened(world: OrderWorld, credential_id: Any) -> Secrets:
    async with world.storage.read() as uow:
        return (await keys().open(uow, ACTOR.tenant_id, credential_id))[1]


async def test_they_are_sealed_checked_and_rotated_with_the_rest(world: OrderWorld) -> None:
    desk = Desk(world)
    desk.let_verify.set()
    checked: list[Secrets] = []
    connector: Any = SimpleNamespace(
        spec=DESK, check_credential=lambda type, secrets: checked.append(secrets), verify=desk._verify
    )
    world.sessions._connectors = {PAPER: connector}
    create = CreateCredential(
        storage=world.storage, sessions=world.sessions, keys=keys(), clock=world.clock, ids=world.ids
    )
    credential = await create(ACTOR, PAPER, None, CredentialType.HMAC, "key", "secret", BOTH)
    assert await opened(world, credential.id) == checked[0] == Secrets("key", "secret", None, json.loads(BOTH))
    with pytest.raises(InvalidCredential, match="lacks senderCompId"):
        await desk.rotate(ACTOR, credential.id, "new key", "new secret", None)
    assert await opened(world, credential.id) == checked[0]
    await desk.rotate(ACTOR, credential.id, "new key", "new secret", '{"senderCompId": "OTHER"}')
    assert await opened(world, credential.id) == Secrets("new key", "new secret", None, {"senderCompId": "OTHER"})
