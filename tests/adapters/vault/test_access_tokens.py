"""Access and refresh tokens: what a forger may try, and what an external issuer may send."""

import json
import uuid
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from cadenza.adapters.vault.external_issuer import ExternalIssuer, ExternalIssuerSettings
from cadenza.adapters.vault.jwks import Jwks
from cadenza.adapters.vault.keyring import KeyRing, MasterKey, derive
from cadenza.adapters.vault.tokens import JwtTokens
from cadenza.domain.errors import InvalidRefreshToken, InvalidToken, IssuerUnavailable, TokenExpired
from cadenza.domain.identity.actor import Scope
from cadenza.domain.identity.user import User
from cadenza.domain.ids import Access, ApiKeyId, SessionId, TenantId, UserId
from cadenza.ports.vault import ExternalClaims, LocalClaims

NOW_MS = 1_800_000_000_000
NOW_S = NOW_MS // 1000
MASTER, OTHER_MASTER = MasterKey(b"\1" * 32), MasterKey(b"\2" * 32)
TOKENS = JwtTokens(KeyRing((MASTER,)), issuer="cadenza")
SIGNING_KEY = derive(MASTER.secret, "sign access tokens").hex()
SESSION_ID = SessionId(uuid.UUID(int=7))
KEY_ID = ApiKeyId(uuid.UUID(int=8))
ISSUER = "https://issuer.example"
USER = User(
    id=UserId(uuid.UUID(int=1)),
    tenant_id=TenantId(uuid.UUID(int=2)),
    email="ann@example.com",
    scopes=frozenset({Scope.READ}),
    access=frozenset({Access.PAPER}),
    is_operator=False,
    created_at_ms=0,
    updated_at_ms=0,
)
CLAIMS = {
    "iss": "cadenza",
    "aud": "authenticated",
    "sub": str(USER.id),
    "sid": str(SESSION_ID),
    "iat": NOW_S,
    "exp": NOW_S + 60,
}


def issued() -> str:
    return TOKENS.issue_access(USER, SESSION_ID, issued_at_ms=NOW_MS, expires_at_ms=NOW_MS + 60_000)


def signed(claims: dict[str, Any], key: Any = SIGNING_KEY, algorithm: str = "HS256", **header: Any) -> str:
    return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": MASTER.id} | header)


async def test_a_token_of_ours_proves_user_and_session() -> None:
    claims = await TOKENS.verify_access(issued(), now_ms=NOW_MS)
    assert claims == LocalClaims(user_id=USER.id, session_id=SESSION_ID, expires_at_ms=NOW_MS + 60_000)


def test_a_token_says_what_clients_of_supabase_look_for() -> None:
    claims = jwt.decode(issued(), options={"verify_signature": False})
    assert claims == CLAIMS | {
        "role": "authenticated",
        "tenant": str(USER.tenant_id),
        "scopes": ["read"],
        "environments": ["paper"],
        "operator": False,
        "meta": {"sid": str(SESSION_ID)},
    }


def unsigned(header: dict[str, Any], claims: dict[str, Any] = CLAIMS) -> str:
    parts = [urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims)]
    return ".".join([*parts, ""])


FORGERIES = {
    "no algorithm": unsigned({"alg": "none", "kid": MASTER.id}),
    "no algorithm, spelt otherwise": unsigned({"alg": "NoNe", "kid": MASTER.id}),
    "another algorithm under the right key": signed(CLAIMS, algorithm="HS512"),
    "another key": signed(CLAIMS, derive(OTHER_MASTER.secret, "sign access tokens")),
    "the master key itself": signed(CLAIMS, MASTER.secret),
    "the key of another use": signed(CLAIMS, derive(MASTER.secret, "make refresh tokens")),
    "an unknown key id": signed(CLAIMS, kid=OTHER_MASTER.id),
    "a key id that is no text": signed(CLAIMS, kid=""),
    "no key id": jwt.encode(CLAIMS, SIGNING_KEY),
    "another audience": signed(CLAIMS | {"aud": "anon"}),
    "another issuer": signed(CLAIMS | {"iss": "https://evil.example"}),
    "of the future": signed(CLAIMS | {"iat": NOW_S + 31}),
    "not valid yet": signed(CLAIMS | {"nbf": NOW_S + 31}),
    "an expiry that is no number": signed(CLAIMS | {"exp": "never"}),
    "an expiry beyond all time": signed(CLAIMS | {"exp": 1e300}),
    "an expiry of true": signed(CLAIMS | {"exp": True}),
    "a session that is no id": signed(CLAIMS | {"sid": "x"}),
    "a session that is no text": signed(CLAIMS | {"sid": 7}),
    "an embedded key": signed(CLAIMS, b"k" * 32, jwk={"kty": "oct", "k": "a2tr"}),
    "without body": unsigned({"alg": "HS256", "kid": MASTER.id}, {}),
    "empty": "",
    "garbage": "a.b.c",
    "dots": "..",
    "no json": f"{urlsafe_b64encode(b'[1').decode()}.e30.x",
    "nested without end": f"{urlsafe_b64encode(b'[' * 3_000).decode()}.{urlsafe_b64encode(b'[' * 3_000).decode()}.x",
    "a list": f"{urlsafe_b64encode(b'[]').decode()}.e30.x",
} | {
    f"without {claim}": signed({k: v for k, v in CLAIMS.items() if k != claim})
    for claim in ("iss", "aud", "sub", "sid", "exp")
}


@pytest.mark.parametrize("token", FORGERIES.values(), ids=FORGERIES)
async def test_forgeries_are_refused(token: str) -> None:
    with pytest.raises(InvalidToken):
        await TOKENS.verify_access(token, now_ms=NOW_MS)


@pytest.mark.parametrize("token", FORGERIES.values(), ids=FORGERIES)
def test_a_forgery_that_is_no_key_is_not_counted_as_one(token: str) -> None:
    assert not TOKENS.claims_to_be_key(token)


async def test_the_token_of_a_key_proves_user_and_key() -> None:
    signed_key = TOKENS.issue_key(USER.id, KEY_ID, b"salt", issued_at_ms=NOW_MS, expires_at_ms=NOW_MS + 60_000)
    claims = await TOKENS.verify_access(signed_key.token, now_ms=NOW_MS)
    assert claims == LocalClaims(user_id=USER.id, session_id=SessionId(KEY_ID), expires_at_ms=NOW_MS + 60_000)
    assert signed_key.signed_by == MASTER.id
    assert TOKENS.claims_to_be_key(signed_key.token)
    assert TOKENS.claims_to_be_key(signed_key.token[:-9] + "forgedxyA")
    assert not TOKENS.claims_to_be_key(issued())
    assert signed_key.token not in repr(signed_key)
    # What Centrifugo checks and remembers.
    shown = jwt.decode(signed_key.token, options={"verify_signature": False})
    assert (shown["sub"], shown["meta"], shown["exp"]) == (str(USER.id), {"sid": str(KEY_ID)}, NOW_S + 60)


async def test_the_genuine_pattern_of_the_forgeries_is_accepted() -> None:
    assert await TOKENS.verify_access(signed(CLAIMS), now_ms=NOW_MS)


async def test_an_expired_token_says_so() -> None:
    await TOKENS.verify_access(issued(), now_ms=NOW_MS + 59_999)
    with pytest.raises(TokenExpired):
        await TOKENS.verify_access(issued(), now_ms=NOW_MS + 60_000)


@given(data=st.data())
async def test_no_changed_character_passes(data: st.DataObject) -> None:
    token = issued()
    place = data.draw(st.integers(0, len(token) - 2))  # the last character's low bits are padding
    changed = data.draw(st.characters(codec="ascii").filter(lambda c: c != token[place]))
    with pytest.raises(InvalidToken):
        await TOKENS.verify_access(token[:place] + changed + token[place + 1 :], now_ms=NOW_MS)


async def test_tokens_of_a_retired_key_hold_while_it_is_on_the_ring() -> None:
    token, refresh = issued(), TOKENS.refresh_token(SESSION_ID, 3)
    both = JwtTokens(KeyRing((OTHER_MASTER, MASTER)), issuer="cadenza")
    assert await both.verify_access(token, now_ms=NOW_MS)
    assert both.read_refresh(refresh) == (SESSION_ID, 3)
    alone = JwtTokens(KeyRing((OTHER_MASTER,)), issuer="cadenza")
    with pytest.raises(InvalidToken):
        await alone.verify_access(token, now_ms=NOW_MS)
    with pytest.raises(InvalidRefreshToken):
        alone.read_refresh(refresh)


@given(session=st.uuids(), counter=st.integers(0, 2**63))
def test_a_refresh_token_reads_back_and_is_always_the_same(session: uuid.UUID, counter: int) -> None:
    token = TOKENS.refresh_token(SessionId(session), counter)
    assert TOKENS.read_refresh(token) == (session, counter)
    assert TOKENS.refresh_token(SessionId(session), counter) == token


@given(st.text(max_size=130) | st.binary(max_size=90).map(lambda raw: urlsafe_b64encode(raw).decode()))
def test_nothing_else_is_a_refresh_token(token: str) -> None:
    with pytest.raises(InvalidRefreshToken):
        TOKENS.read_refresh(token)


# --- an external issuer


class StillClock:
    def __init__(self) -> None:
        self.at_ms = 0

    def now_ms(self) -> int:
        return NOW_MS + self.at_ms

    def monotonic_ms(self) -> int:
        return self.at_ms

    async def sleep_ms(self, duration_ms: int) -> None:
        self.at_ms += duration_ms


class KeyServer:
    """Publishes a key set over HTTP, as an issuer does."""

    def __init__(self) -> None:
        self.jwks: list[dict[str, Any]] = []
        self.is_broken = False
        self.requests = 0

    async def answer(self, request: web.Request) -> web.Response:
        self.requests += 1
        if self.is_broken:
            return web.Response(status=500)
        return web.json_response({"keys": self.jwks})


@pytest.fixture
async def key_server() -> AsyncIterator[tuple[KeyServer, str]]:
    server = KeyServer()
    application = web.Application()
    application.router.add_get("/jwks.json", server.answer)
    async with TestServer(application) as running:
        yield server, str(running.make_url("/jwks.json"))


RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def rsa_jwk(kid: str) -> dict[str, Any]:
    return json.loads(RSAAlgorithm.to_jwk(RSA_KEY.public_key())) | {"kid": kid, "use": "sig", "alg": "RS256"}


def ec_jwk(kid: str) -> dict[str, Any]:
    return json.loads(ECAlgorithm.to_jwk(EC_KEY.public_key())) | {"kid": kid}


def tokens_trusting(jwks: Jwks | None = None, **settings: Any) -> JwtTokens:
    external = ExternalIssuer(ExternalIssuerSettings(issuer=ISSUER, **settings), jwks)
    return JwtTokens(KeyRing((MASTER,)), issuer="cadenza", external=external)


EXTERNAL = {"iss": ISSUER, "sub": "user-7", "exp": NOW_S + 60, "aud": "api", "sid": "s", "email": "ann@example.com"}


async def test_a_published_key_is_trusted_for_its_own_algorithm(key_server: tuple[KeyServer, str]) -> None:
    server, url = key_server
    server.jwks = [rsa_jwk("r"), ec_jwk("e"), {"kty": "oct", "kid": "o", "k": "c2VjcmV0"}, {"kty": "EC", "kid": "x"}]
    tokens = tokens_trusting(Jwks(url, StillClock()), audience="api")
    for key, algorithm, kid in ((RSA_KEY, "RS256", "r"), (EC_KEY, "ES256", "e")):
        claims = await tokens.verify_access(signed(EXTERNAL, key, algorithm, kid=kid), now_ms=NOW_MS)
        assert claims == ExternalClaims(
            issuer=ISSUER,
            subject="user-7",
            session_key="s",
            email="ann@example.com",
            expires_at_ms=NOW_MS + 90_000,
        )
    assert server.requests == 1
    public = RSA_KEY.public_key().public_numbers().n.to_bytes(256, "big")
    for forged in (
        signed(EXTERNAL, public, "HS256", kid="r"),
        signed(EXTERNAL, b"secret" * 6, "HS256", kid="o"),
        signed(EXTERNAL, RSA_KEY, "PS256", kid="r"),
        signed(EXTERNAL, RSA_KEY, "RS256", kid="e"),
        signed(EXTERNAL, EC_KEY, "ES256", kid="unknown"),
        signed(EXTERNAL | {"aud": "other"}, EC_KEY, "ES256", kid="e"),
        unsigned({"alg": "none", "kid": "r"}, EXTERNAL),
    ):
        with pytest.raises(InvalidToken):
            await tokens.verify_access(forged, now_ms=NOW_MS)


async def test_a_new_key_is_fetched_and_not_more_often_than_the_interval(key_server: tuple[KeyServer, str]) -> None:
    server, url = key_server
    server.jwks = [rsa_jwk("old")]
    clock = StillClock()
    tokens = tokens_trusting(Jwks(url, clock))
    await tokens.verify_access(signed(EXTERNAL, RSA_KEY, "RS256", kid="old"), now_ms=NOW_MS)
    server.jwks = [rsa_jwk("new")]
    rotated = signed(EXTERNAL, RSA_KEY, "RS256", kid="new")
    for _ in range(5):
        with pytest.raises(InvalidToken):
            await tokens.verify_access(rotated, now_ms=NOW_MS)
    assert server.requests == 1
    clock.at_ms = 30_000
    await tokens.verify_access(rotated, now_ms=NOW_MS)
    assert server.requests == 2


async def test_an_issuer_out_of_reach_leaves_the_last_keys_in_force(key_server: tuple[KeyServer, str]) -> None:
    server, url = key_server
    server.is_broken = True
    clock = StillClock()
    tokens = tokens_trusting(Jwks(url, clock))
    token = signed(EXTERNAL, RSA_KEY, "RS256", kid="r")
    with pytest.raises(IssuerUnavailable):
        await tokens.verify_access(token, now_ms=NOW_MS)
    server.is_broken, server.jwks, clock.at_ms = False, [rsa_jwk("r")], 30_000
    await tokens.verify_access(token, now_ms=NOW_MS)
    server.is_broken, clock.at_ms = True, 10_000_000
    await tokens.verify_access(token, now_ms=NOW_MS)
    assert server.requests == 3


async def test_a_shared_secret_is_trusted_for_hs256_only() -> None:
    secret = "s" * 40
    tokens = tokens_trusting(shared_secret=secret)
    assert await tokens.verify_access(signed(EXTERNAL, secret), now_ms=NOW_MS)
    for forged in (
        signed(EXTERNAL, "t" * 40),
        signed(EXTERNAL, secret * 2, "HS512"),
        signed(EXTERNAL | {"iss": "cadenza"}, secret),
        signed(CLAIMS | {"iss": ISSUER}),
        signed(EXTERNAL | {"sub": ""}, secret),
        signed(EXTERNAL | {"sub": "x" * 300}, secret),
        signed(EXTERNAL | {"sid": "a\0b"}, secret),
    ):
        with pytest.raises(InvalidToken):
            await tokens.verify_access(forged, now_ms=NOW_MS)
    with pytest.raises(TokenExpired):
        await tokens.verify_access(signed(EXTERNAL, secret), now_ms=NOW_MS + 90_000)


async def test_an_odd_address_is_left_out() -> None:
    tokens = tokens_trusting(shared_secret="s" * 40)
    for email in (7, "a\nb", "", "x" * 300, None):
        claims = await tokens.verify_access(signed(EXTERNAL | {"email": email}, "s" * 40), now_ms=NOW_MS)
        assert isinstance(claims, ExternalClaims)
        assert claims.email is None
