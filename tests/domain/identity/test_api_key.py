"""API keys: names, lists of addresses, and what a caller with a key may see."""

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadenza.domain.errors import InvalidRequest, KeyNotAllowed, TradingAccountNotFound
from cadenza.domain.identity.actor import Actor, Scope, included
from cadenza.domain.identity.api_key import (
    ADDRESSES_PER_KEY_MAX,
    ApiKey,
    ApiKeyStatus,
    KeyState,
    check_key_name,
    parse_addresses,
)
from cadenza.domain.ids import Access, ApiKeyId, SessionId, TenantId, TradingAccountId, UserId

ACCOUNT, OTHER = TradingAccountId(UUID(int=8)), TradingAccountId(UUID(int=9))
KEY = ApiKey(
    id=ApiKeyId(UUID(int=1)),
    tenant_id=TenantId(UUID(int=2)),
    user_id=UserId(UUID(int=3)),
    name="bot",
    scopes=frozenset({Scope.WRITE}),
    accounts=None,
    environments=None,
    addresses=(),
    created_at_ms=1_000,
    expires_at_ms=5_000,
)
ACTOR = Actor(
    user_id=KEY.user_id,
    tenant_id=KEY.tenant_id,
    session_id=SessionId(KEY.id),
    scopes=frozenset({Scope.READ, Scope.WRITE}),
    access=frozenset(Access),
)


def state(*addresses: str) -> KeyState:
    return KeyState(digest=b"", accounts=None, addresses=parse_addresses(addresses), never_expires=True)


@pytest.mark.parametrize(
    ("listed", "client", "is_admitted"),
    [
        ("192.0.2.7", "192.0.2.7", True),
        ("192.0.2.7", "192.0.2.8", False),
        ("192.0.2.0/24", "192.0.2.255", True),
        ("192.0.2.0/24", "192.0.3.0", False),
        ("192.0.2.0/24", "::ffff:192.0.2.9", True),
        ("::ffff:192.0.2.0/120", "192.0.2.9", True),
        ("::ffff:192.0.2.7", "192.0.2.7", True),
        ("0.0.0.0/0", "2001:db8::1", False),
        ("::/0", "192.0.2.7", False),
        ("2001:db8::/32", "2001:db8:1::9", True),
        ("2001:db8::/32", "2001:db9::", False),
        ("fe80::/10", "fe80::1%eth0", True),
        ("0.0.0.0/0", "", False),
        ("0.0.0.0/0", "command line", False),
    ],
)
def test_a_list_of_addresses(listed: str, client: str, is_admitted: bool) -> None:
    assert state(listed).admits(client) is is_admitted


def test_without_a_list_every_address_is_admitted() -> None:
    assert all(state().admits(client) for client in ("192.0.2.7", "::1", "", "no address"))


@pytest.mark.parametrize(
    "text",
    ["", "localhost", "192.0.2", "192.0.2.7/33", "10.0.0.5/8", "fe80::1%eth0", "1" * 65, "192.0.2.7\x00", "::/-1"],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="addresses"):
        parse_addresses([text])


def test_a_list_of_addresses_has_a_limit_and_repeated_ones_count_once() -> None:
    assert len(parse_addresses(["192.0.2.7", "192.0.2.7/32", " 192.0.2.7 "])) == 1
    most = [f"192.0.2.{number}" for number in range(ADDRESSES_PER_KEY_MAX)]
    assert len(parse_addresses(most)) == ADDRESSES_PER_KEY_MAX
    with pytest.raises(InvalidRequest, match="at most"):
        parse_addresses([*most, "192.0.2.250"])


@given(st.ip_addresses(), st.lists(st.ip_addresses(), max_size=5))
def test_an_address_is_admitted_exactly_when_it_is_listed(client: object, listed: list[object]) -> None:
    found = state(*map(str, listed)).admits(str(client))
    mapped = {getattr(each, "ipv4_mapped", None) or each for each in listed}
    assert found is (not listed or (getattr(client, "ipv4_mapped", None) or client) in mapped)


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\nb", "a\x00b", "\ud800"])
def test_a_name_that_nobody_can_read_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match="name"):
        check_key_name(name)


def test_a_key_has_a_status() -> None:
    assert KEY.status(4_999) is ApiKeyStatus.ACTIVE
    assert KEY.status(5_000) is ApiKeyStatus.EXPIRED
    assert replace(KEY, expires_at_ms=None).status(10**15) is ApiKeyStatus.ACTIVE
    revoked = KEY.revoked(2_000)
    assert revoked.status(2_000) is ApiKeyStatus.REVOKED
    assert revoked.revoked(3_000).revoked_at_ms == 2_000


def test_a_scope_includes_the_lower_ones() -> None:
    assert included([]) == frozenset()
    assert included([Scope.WRITE]) == {Scope.READ, Scope.WRITE}
    assert included([Scope.ADMIN, Scope.READ]) == frozenset(Scope)


def test_a_log_in_sees_every_account_and_may_change_users() -> None:
    ACTOR.require_log_in()
    ACTOR.require_account(ACCOUNT)
    ACTOR.require_all_accounts()
    assert ACTOR.holder == ACTOR.user_id


def test_a_key_may_not_act_as_the_person_who_made_it() -> None:
    by_key = replace(ACTOR, key_id=KEY.id)
    with pytest.raises(KeyNotAllowed):
        by_key.require_log_in()
    by_key.require_all_accounts()
    assert by_key.holder == KEY.id


def test_for_a_limited_key_other_accounts_do_not_exist() -> None:
    limited = replace(ACTOR, key_id=KEY.id, accounts=frozenset({ACCOUNT}))
    limited.require_account(ACCOUNT)
    with pytest.raises(TradingAccountNotFound):
        limited.require_account(OTHER)
    with pytest.raises(KeyNotAllowed):
        limited.require_all_accounts()
