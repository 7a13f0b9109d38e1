"""Everything about users wired together over a real database, with a clock that the test turns."""

import json
import os
import secrets
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from cadenza.adapters.storage.database import SqlStorage, open_pool
from cadenza.adapters.vault.external_issuer import ExternalIssuer, ExternalIssuerSettings
from cadenza.adapters.vault.keyring import KeyRing, MasterKey
from cadenza.adapters.vault.passwords import Argon2Hasher
from cadenza.adapters.vault.tokens import JwtTokens
from cadenza.application.identity.administrators import AdministratorsAudit
from cadenza.application.identity.authenticate import Authenticate
from cadenza.application.identity.create_api_key import CreateApiKey
from cadenza.application.identity.create_user import CreateUser
from cadenza.application.identity.external_users import ExternalUsers
from cadenza.application.identity.failed_log_ins import FailedLogIns
from cadenza.application.identity.get_user import GetUser
from cadenza.application.identity.invite_member import InviteMember
from cadenza.application.identity.invite_tenant import InviteTenant
from cadenza.application.identity.issuing import SessionIssuer
from cadenza.application.identity.letters import Letters
from cadenza.application.identity.list_api_keys import ListApiKeys
from cadenza.application.identity.list_audit import ListAudit
from cadenza.application.identity.log_in import LogIn
from cadenza.application.identity.log_out import LogOut
from cadenza.application.identity.policy import IdentityPolicy
from cadenza.application.identity.recover import RECOVERY_JOB, Recover
from cadenza.application.identity.refresh_session import RefreshSession
from cadenza.application.identity.remove_user import RemoveUser
from cadenza.application.identity.reset_password import ResetPassword
from cadenza.application.identity.revoke_api_key import RevokeApiKey
from cadenza.application.identity.send_mail import SendMail
from cadenza.application.identity.send_recovery import SendRecovery
from cadenza.application.identity.session_states import SessionStates
from cadenza.application.identity.set_environments import SetEnvironments
from cadenza.application.identity.set_password import SetPassword
from cadenza.application.identity.set_scopes import SetScopes
from cadenza.application.identity.sign_up import SignUp
from cadenza.application.identity.throttle import FailedKeys, Throttle
from cadenza.application.identity.update_user import UpdateUser
from cadenza.application.identity.used_keys import UsedKeys
from cadenza.application.identity.views import IssuedSession
from cadenza.application.paging import CursorCodec
from cadenza.application.system.purge import PurgeEnded
from cadenza.domain.identity.actor import Actor
from cadenza.domain.identity.mail import Mail
from cadenza.domain.identity.user import User
from cadenza.network.rate_limiter import TokenBuckets
from cadenza.ports.mail import MailUnavailable
from cadenza.runtime.local import AsyncioConcurrency

START_MS = 1_800_000_000_000
PASSWORD = "correct horse"
CLIENT = "192.0.2.1"
FAILED_KEYS_BURST = 5
EXTERNAL_ISSUER = "https://issuer.example/auth/v1"
EXTERNAL_SECRET = "external secret that is long enough for HS256"


class TestClock:
    """Stands still until the test moves it."""

    __test__ = False

    def __init__(self) -> None:
        self.at_ms = START_MS

    def now_ms(self) -> int:
        return self.at_ms

    def monotonic_ms(self) -> int:
        return self.at_ms

    async def sleep_ms(self, duration_ms: int) -> None:
        self.at_ms += duration_ms

    def advance_ms(self, duration_ms: int) -> None:
        self.at_ms += duration_ms


class RandomIds:
    def new(self) -> uuid.UUID:
        return uuid.uuid4()

    def token(self, size_bytes: int) -> bytes:
        return os.urandom(size_bytes)


@dataclass
class KeptMail:
    """A mailer that keeps what it was given; `is_down` makes it refuse."""

    mails: list[Mail] = field(default_factory=list)
    keeps_text: bool = False
    is_down: bool = False

    async def send(self, mail: Mail) -> None:
        if self.is_down:
            raise MailUnavailable("down")
        self.mails.append(mail)


class IdentityWorld:
    """All use cases. Two of these over one database are two server processes."""

    def __init__(self, pool: asyncpg.Pool, keys: KeyRing, clock: TestClock, policy: IdentityPolicy) -> None:
        self.pool, self.clock, self.ids, self.keys, self.policy = pool, clock, RandomIds(), keys, policy
        self.storage = SqlStorage(pool)
        self.hasher = Argon2Hasher(workers=2, memory_kib=64, passes=1)
        self.mailer = KeptMail()
        external = ExternalIssuer(ExternalIssuerSettings(issuer=EXTERNAL_ISSUER, shared_secret=EXTERNAL_SECRET))
        self.tokens = JwtTokens(keys, issuer="cadenza", external=external)
        self.sessions = SessionStates(storage=self.storage, clock=clock, concurrency=AsyncioConcurrency())
        base: dict[str, Any] = {"storage": self.storage}
        timed = base | {"clock": clock}
        making = timed | {"ids": self.ids, "policy": policy}
        issuer = SessionIssuer(tokens=self.tokens, policy=policy)
        letters = Letters(clock=clock, ids=self.ids)
        hashing = {"hasher": self.hasher}
        self.sign_up = SignUp(**making, **hashing, throttle=self.throttle())
        self.failed_log_ins = FailedLogIns(**timed, ids=self.ids)
        self.log_in = LogIn(**making, **hashing, issuer=issuer, throttle=self.throttle(), failed=self.failed_log_ins)
        self.log_out = LogOut(**timed, sessions=self.sessions)
        self.refresh = RefreshSession(**timed, tokens=self.tokens, issuer=issuer, sessions=self.sessions, policy=policy)
        self.external_users = ExternalUsers(**making)
        self.used_keys = UsedKeys(**timed)
        self.failed_keys = FailedKeys(per_client=self.buckets(FAILED_KEYS_BURST))
        self.authenticator = Authenticate(
            tokens=self.tokens,
            sessions=self.sessions,
            external_users=self.external_users,
            used_keys=self.used_keys,
            failed_keys=self.failed_keys,
            clock=clock,
        )
        cursors = CursorCodec(b"cursors")
        self.create_api_key = CreateApiKey(**timed, tokens=self.tokens, ids=self.ids)
        self.list_api_keys = ListApiKeys(**timed, cursors=cursors)
        self.revoke_api_key = RevokeApiKey(**timed, sessions=self.sessions, ids=self.ids)
        self.list_audit = ListAudit(**base, cursors=cursors)
        self.get_user = GetUser(**base)
        self.update_user = UpdateUser(**timed, **hashing, sessions=self.sessions, letters=letters, ids=self.ids)
        self.recover = Recover(**base, throttle=self.throttle())
        self.send_recovery = SendRecovery(**making, letters=letters)
        self.reset_password = ResetPassword(
            **timed, **hashing, sessions=self.sessions, letters=letters, throttle=self.throttle(), ids=self.ids
        )
        self.invite_member = InviteMember(**making, letters=letters)
        self.invite_tenant = InviteTenant(**making, letters=letters)
        self.create_user = CreateUser(**making, **hashing)
        audit = AdministratorsAudit(self.clock, self.ids)
        self.set_password = SetPassword(**timed, **hashing, letters=letters, audit=audit)
        self.set_environments = SetEnvironments(**base, audit=audit)
        self.set_scopes = SetScopes(**timed, audit=audit)
        self.remove_user = RemoveUser(**timed, audit=audit)
        self.send_mail = SendMail(**timed, mailer=self.mailer)
        self.purge = PurgeEnded(**timed, policy=policy)

    def throttle(self, burst: int = 100) -> Throttle:
        return Throttle(per_client=self.buckets(burst), per_email=self.buckets(burst))

    def buckets(self, burst: int) -> TokenBuckets:
        return TokenBuckets(burst=burst, interval_ms=1000, keys_max=1000, monotonic_ms=self.clock.monotonic_ms)

    async def authenticate(self, token: str, client: str = CLIENT) -> Actor:
        return await self.authenticator(token, client)

    async def member(self, email: str = "ann@example.com", **details: Any) -> User:
        """Sign somebody up."""
        details = {"password": PASSWORD, "metadata": None, "client": CLIENT} | details
        return await self.sign_up(email=email, **details)

    async def session(self, email: str = "ann@example.com", password: str = PASSWORD) -> IssuedSession:
        return await self.log_in(email=email, password=password, client=CLIENT)

    async def run_jobs(self) -> None:
        """Do what the job runner would do with the jobs that wait now, and with those they make."""
        handlers = {"mail.send": self.send_mail, RECOVERY_JOB: self.send_recovery}
        while rows := await self.pool.fetch("DELETE FROM jobs.queue RETURNING entrypoint, payload"):
            for row in rows:
                await handlers[row["entrypoint"]](json.loads(row["payload"]))

    async def mailed_token(self) -> str:
        """The token in the last mail that was sent."""
        await self.run_jobs()
        return next(line.strip() for line in self.mailer.mails[-1].text.splitlines() if line.startswith("    "))


@asynccontextmanager
async def identity_world(dsn: str, **policy: Any) -> AsyncIterator[IdentityWorld]:
    pool = await open_pool(dsn, connections_max=8)
    keys = KeyRing((MasterKey(secrets.token_bytes(32)),))
    world = IdentityWorld(pool, keys, TestClock(), IdentityPolicy(**policy))
    try:
        yield world
    finally:
        world.hasher.close()
        await pool.close()
