"""Authentication by an API key against that by the token of a log-in, in one run: microseconds and their ratios.

    PYTHONPATH=. .venv/bin/python bench/key_authentication.py --requests 20000 --rounds 15

The key is limited as far as a key can be: accounts, environments and a list of 50 addresses. `known` is a token that
was seen before, as all requests but the first of a process show; `new` is one that was not. States come from memory:
one process reads each at most about twice a second. The rounds alternate, and the median counts.
"""

import argparse
import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from statistics import median
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from cadenza.adapters.vault.keyring import KeyRing, MasterKey
from cadenza.adapters.vault.tokens import JwtTokens
from cadenza.application.identity.authenticate import Authenticate
from cadenza.application.identity.create_api_key import digest_of_key
from cadenza.application.identity.session_states import SessionStates
from cadenza.application.identity.throttle import FailedKeys
from cadenza.application.identity.used_keys import UsedKeys
from cadenza.domain.identity.actor import Scope
from cadenza.domain.identity.api_key import ADDRESSES_PER_KEY_MAX, KeyState
from cadenza.domain.identity.session import SessionState
from cadenza.domain.identity.user import User
from cadenza.domain.ids import Access, ApiKeyId, SessionId, TenantId, TradingAccountId, UserId
from cadenza.network.rate_limiter import TokenBuckets
from cadenza.runtime.local import AsyncioConcurrency, SystemClock

USER_ID, TENANT_ID = UserId(UUID(int=1)), TenantId(UUID(int=2))
LOG_IN, KEY = SessionId(UUID(int=3)), ApiKeyId(UUID(int=4))
CLIENT = f"192.0.2.{ADDRESSES_PER_KEY_MAX - 1}"
HOUR_MS = 3_600_000


class States:
    """Storage that answers from memory."""

    def __init__(self) -> None:
        self.by_id: dict[Any, SessionState] = {}

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Any]:
        yield SimpleNamespace(identity=self)

    async def get_session_state(self, session_id: SessionId, now_ms: int) -> SessionState | None:
        return self.by_id.get(session_id)


class Bench:
    """Everything that authenticates, and a token of each kind."""

    def __init__(self) -> None:
        self._clock = SystemClock()
        self._states: Any = States()
        self._tokens = JwtTokens(KeyRing((MasterKey(b"\1" * 32),)), issuer="cadenza")
        now_ms = self._clock.now_ms()
        user = User(
            id=USER_ID,
            tenant_id=TENANT_ID,
            email="bench@example.com",
            scopes=frozenset(Scope),
            access=frozenset(Access),
            is_operator=False,
            created_at_ms=now_ms,
            updated_at_ms=now_ms,
        )
        self.log_in = self._tokens.issue_access(user, LOG_IN, issued_at_ms=now_ms, expires_at_ms=now_ms + HOUR_MS)
        self.key = self._tokens.issue_key(
            USER_ID, KEY, b"\7" * 32, issued_at_ms=now_ms, expires_at_ms=now_ms + HOUR_MS
        ).token
        limits = KeyState(
            digest=digest_of_key(self.key),
            accounts=frozenset(TradingAccountId(UUID(int=number)) for number in range(100)),
            addresses=tuple(ip_network(f"192.0.2.{number}") for number in range(ADDRESSES_PER_KEY_MAX)),
            never_expires=False,
        )
        self._states.by_id = {LOG_IN: _state(LOG_IN, None), KEY: _state(SessionId(KEY), limits)}

    def authenticate(self) -> Authenticate:
        """Return one that has seen no token."""
        clock, states = self._clock, self._states
        buckets = TokenBuckets(burst=60, interval_ms=1_000, keys_max=10, monotonic_ms=clock.monotonic_ms)
        return Authenticate(
            tokens=self._tokens,
            sessions=SessionStates(storage=states, clock=clock, concurrency=AsyncioConcurrency()),
            external_users=None,  # type: ignore[arg-type]
            used_keys=UsedKeys(storage=states, clock=clock),
            failed_keys=FailedKeys(per_client=buckets),
            clock=clock,
        )

    async def known_us(self, token: str, requests: int) -> float:
        """CPU time of a request whose token was seen before."""
        authenticate = self.authenticate()
        await authenticate(token, CLIENT)
        started = time.process_time_ns()
        for _ in range(requests):
            await authenticate(token, CLIENT)
        return (time.process_time_ns() - started) / requests / 1_000

    async def new_us(self, token: str, requests: int) -> float:
        """CPU time of a request whose token was not seen before."""
        fresh = [self.authenticate() for _ in range(requests)]
        started = time.process_time_ns()
        for authenticate in fresh:
            await authenticate(token, CLIENT)
        return (time.process_time_ns() - started) / requests / 1_000


def _state(session_id: SessionId, key: KeyState | None) -> SessionState:
    return SessionState(
        session_id=session_id,
        user_id=USER_ID,
        tenant_id=TENANT_ID,
        scopes=frozenset(Scope),
        access=frozenset(Access),
        is_operator=False,
        is_live=True,
        key=key,
    )


async def measure(requests: int, rounds: int) -> None:
    bench = Bench()
    for name, ask, count in (("known", bench.known_us, requests), ("new", bench.new_us, max(1, requests // 40))):
        by_token, by_key = [], []
        for _ in range(rounds):
            by_token.append(await ask(bench.log_in, count))
            by_key.append(await ask(bench.key, count))
        token_us, key_us = median(by_token), median(by_key)
        print(f"{name:<6} by token {token_us:8.2f} us   by key {key_us:8.2f} us   ratio {key_us / token_us:5.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Authentication by API key against by token.")
    parser.add_argument("--requests", type=int, default=20_000, help="requests of a round")
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    asyncio.run(measure(arguments.requests, arguments.rounds))


if __name__ == "__main__":
    main()
