"""Keys, their scopes, and the tokens that they are exchanged for."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from cadenza.ports.ids import Ids
from cadenza.simulators.deribit.wire.errors import invalid_params
from cadenza.simulators.kit.keys import VenueKeys

AREAS = ("account", "block_trade", "trade", "wallet")
LEVELS = ("none", "read", "read_write")
CONNECTION = "connection"
SESSION = "session:"
_IGNORED = ("mainaccount", "name:", "ip:")
TOKENS_MAX = 10_000
"""Tokens that are kept; the oldest are forgotten first."""

Scopes = dict[str, str]
"""What may be done in each area: `none`, `read` or `read_write`."""


def usual_scopes() -> Scopes:
    """Return what a key may do unless a test asks for something else: all but withdraw (`wallet:read_write`)."""
    return {"account": "read_write", "block_trade": "read_write", "trade": "read_write", "wallet": "read"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeribitKey:
    """An API key. `key` is the client id."""

    account: str
    key: str
    secret: str
    scopes: Scopes = field(default_factory=usual_scopes)

    def verifies(self, payload: str, signature: str) -> bool:
        """Whether the hex of the HMAC-SHA256 is this key's for the payload."""
        expected = hmac.new(self.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
        return hmac.compare_digest(expected.encode(), signature.lower().encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessGrant:
    """Who calls, and what that key may do here."""

    key: DeribitKey
    scopes: Scopes

    @property
    def account(self) -> str:
        return self.key.account

    def allows(self, needed: str) -> bool:
        """Whether a scope such as `trade:read` is within the granted ones."""
        area, _, level = needed.partition(":")
        return LEVELS.index(self.scopes.get(area, "none")) >= LEVELS.index(level)


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedToken:
    """An access token with its refresh token. It belongs to the connection on which it was asked for, unless it has the
    scope of a session."""

    access: str
    refresh: str
    grant: AccessGrant
    connection: int | None
    session: str | None
    expires_ms: int

    def scope(self) -> str:
        """The scope as the venue states it."""
        areas = [f"{area}:{level}" for area, level in self.grant.scopes.items() if level != "none"]
        binding = CONNECTION if self.session is None else f"{SESSION}{self.session}"
        return " ".join(sorted([*areas, binding, "mainaccount"]))


class AccessTokens:
    """The tokens that are valid. A restart forgets them."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self._by_access: dict[str, IssuedToken] = {}
        self._by_refresh: dict[str, IssuedToken] = {}

    def issue(self, key: DeribitKey, scope: str | None, connection: int, now_ms: int, life_ms: int) -> IssuedToken:
        """Make a token of a key. `scope` narrows what the key may do, and may name a session."""
        asked = read_scope(scope)
        scopes = {
            area: _lower(level, asked.scopes.get(area, "none" if asked.scopes else level))
            for area, level in key.scopes.items()
        }
        life_ms = life_ms if asked.expires_s is None else min(life_ms, asked.expires_s * 1_000)
        token = IssuedToken(
            access=f"{now_ms}.1{self._ids.token(48).hex()}",
            refresh=f"{now_ms}.2{self._ids.token(48).hex()}",
            grant=AccessGrant(key=key, scopes=scopes),
            connection=None if asked.session is not None else connection,
            session=asked.session,
            expires_ms=now_ms + life_ms,
        )
        self._by_access[token.access] = self._by_refresh[token.refresh] = token
        for kept in (self._by_access, self._by_refresh):
            if len(kept) > TOKENS_MAX:
                kept.pop(next(iter(kept)))
        return token

    def find(self, access: str, connection: int, now_ms: int) -> IssuedToken | None:
        """Return a token that is valid on this connection."""
        token = self._by_access.get(access)
        if token is None or token.expires_ms <= now_ms:
            return None
        return token if token.session is not None or token.connection == connection else None

    def take_refresh(self, refresh: str) -> IssuedToken | None:
        """Return the token that a refresh token belongs to, and end both."""
        token = self._by_refresh.get(refresh)
        if token is not None:
            self._end(token)
        return token

    def end_connection(self, connection: int, session: str | None) -> None:
        """End the tokens of a connection, and those of its session."""
        for token in list(self._by_access.values()):
            if token.connection == connection or (session is not None and token.session == session):
                self._end(token)

    def end_key(self, key: str) -> None:
        for token in list(self._by_access.values()):
            if token.grant.key.key == key:
                self._end(token)

    def _end(self, token: IssuedToken) -> None:
        self._by_access.pop(token.access, None)
        self._by_refresh.pop(token.refresh, None)


@dataclass(frozen=True, slots=True)
class AskedScope:
    """A scope as a client asks for it."""

    scopes: Scopes
    session: str | None
    expires_s: int | None


def read_scope(text: str | None) -> AskedScope:
    """Return the parts of a scope. Raises `DeribitRefusal` for a word that no scope has."""
    scopes: Scopes = {}
    session: str | None = None
    expires_s: int | None = None
    for word in (text or "").split():
        area, _, level = word.partition(":")
        if area in AREAS and level in LEVELS:
            scopes[area] = level
        elif word.startswith(SESSION) and level:
            session = level
        elif area == "expires" and level.isdecimal():
            expires_s = int(level)
        elif word != CONNECTION and not word.startswith(_IGNORED):
            raise invalid_params("scope", f"unknown scope {word}")
    return AskedScope(scopes, session, expires_s)


def make_deribit_key(account: str, ids: Ids, scopes: Scopes | None = None) -> DeribitKey:
    return DeribitKey(
        account=account,
        key=ids.token(4).hex(),
        secret=ids.token(32).hex(),
        scopes=usual_scopes() if scopes is None else scopes,
    )


def keys_of(directory: Path, account: str, ids: Ids) -> VenueKeys[DeribitKey]:
    """Return the keys in the directory's file. There is one of the account at least."""
    make = {account: partial(make_deribit_key, account, ids)}
    return VenueKeys.load(directory, DeribitKey, lambda key: key.account, make)


def _lower(one: str, other: str) -> str:
    return min(one, other, key=LEVELS.index)
