"""Users, sessions, tokens, passwords, mail and the jobs that serve them."""

from collections.abc import Mapping
from dataclasses import dataclass

from cadenza.adapters.mail.console import ConsoleMailer
from cadenza.adapters.mail.smtp import SmtpMailer, SmtpSettings
from cadenza.adapters.storage.jobs import Handler
from cadenza.adapters.vault.external_issuer import ExternalIssuer, ExternalIssuerSettings
from cadenza.adapters.vault.jwks import Jwks
from cadenza.adapters.vault.keyring import KeyRing
from cadenza.adapters.vault.passwords import Argon2Hasher
from cadenza.adapters.vault.tokens import JwtTokens
from cadenza.application.identity.authenticate import Authenticate
from cadenza.application.identity.create_api_key import CreateApiKey
from cadenza.application.identity.external_users import ExternalUsers
from cadenza.application.identity.failed_log_ins import FailedLogIns
from cadenza.application.identity.get_user import GetUser
from cadenza.application.identity.issuing import SessionIssuer
from cadenza.application.identity.letters import MAIL_JOB, Letters
from cadenza.application.identity.log_in import LogIn
from cadenza.application.identity.log_out import LogOut
from cadenza.application.identity.policy import IdentityPolicy, SignupMode
from cadenza.application.identity.recover import RECOVERY_JOB, Recover
from cadenza.application.identity.refresh_session import RefreshSession
from cadenza.application.identity.revoke_api_key import RevokeApiKey
from cadenza.application.identity.send_mail import SendMail
from cadenza.application.identity.send_recovery import SendRecovery
from cadenza.application.identity.session_states import SessionStates
from cadenza.application.identity.sign_up import SignUp
from cadenza.application.identity.throttle import FailedKeys, Throttle
from cadenza.application.identity.update_user import UpdateUser
from cadenza.application.identity.used_keys import UsedKeys
from cadenza.application.system.purge import PURGE_JOB, PurgeEnded
from cadenza.domain.ids import Access
from cadenza.network.rate_limiter import TokenBuckets
from cadenza.ports.clock import Clock
from cadenza.ports.concurrency import Concurrency
from cadenza.ports.ids import Ids
from cadenza.ports.mail import Mailer
from cadenza.ports.storage import Storage
from cadenza.runtime.config import Settings

ISSUER = "cadenza"
DAY_MS = 86_400_000
THROTTLED_KEYS_MAX = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What the wiring of identity gives the rest."""

    authenticate: Authenticate
    sign_up: SignUp
    log_in: LogIn
    log_out: LogOut
    refresh_session: RefreshSession
    get_user: GetUser
    update_user: UpdateUser
    recover: Recover
    create_api_key: CreateApiKey
    revoke_api_key: RevokeApiKey
    used_keys: UsedKeys
    failed_log_ins: FailedLogIns
    sessions: SessionStates
    purge: PurgeEnded
    job_handlers: Mapping[str, Handler]
    hasher: Argon2Hasher


def wire_identity(
    settings: Settings, *, storage: Storage, keys: KeyRing, clock: Clock, ids: Ids, concurrency: Concurrency
) -> Identity:
    """Make the identity use cases as the settings say."""
    policy = policy_of(settings)
    tokens = JwtTokens(keys, issuer=ISSUER, external=_external_issuer(settings, clock))
    hasher = Argon2Hasher(workers=settings.auth.password_hash_workers)
    sessions = SessionStates(storage=storage, clock=clock, concurrency=concurrency)
    issuer = SessionIssuer(tokens=tokens, policy=policy)
    letters = Letters(clock=clock, ids=ids)
    limits = settings.limits
    purge = PurgeEnded(storage=storage, clock=clock, policy=policy)
    recovery = SendRecovery(storage=storage, letters=letters, clock=clock, ids=ids, policy=policy)
    used_keys = UsedKeys(storage=storage, clock=clock)
    failed_log_ins = FailedLogIns(storage=storage, clock=clock, ids=ids)
    mail = SendMail(storage=storage, mailer=_mailer(settings), clock=clock)
    return Identity(
        authenticate=Authenticate(
            tokens=tokens,
            sessions=sessions,
            external_users=ExternalUsers(storage=storage, clock=clock, ids=ids, policy=policy),
            used_keys=used_keys,
            failed_keys=FailedKeys(per_client=_buckets(limits.failed_keys_per_minute, clock)),
            clock=clock,
        ),
        sign_up=SignUp(
            storage=storage,
            hasher=hasher,
            throttle=_throttle(limits.signup_per_minute, clock),
            clock=clock,
            ids=ids,
            policy=policy,
        ),
        log_in=LogIn(
            storage=storage,
            hasher=hasher,
            issuer=issuer,
            throttle=_throttle(limits.login_per_minute, clock),
            failed=failed_log_ins,
            clock=clock,
            ids=ids,
            policy=policy,
        ),
        log_out=LogOut(storage=storage, sessions=sessions, clock=clock),
        refresh_session=RefreshSession(
            storage=storage, tokens=tokens, issuer=issuer, sessions=sessions, clock=clock, policy=policy
        ),
        get_user=GetUser(storage=storage),
        update_user=UpdateUser(
            storage=storage, hasher=hasher, sessions=sessions, letters=letters, clock=clock, ids=ids
        ),
        recover=Recover(storage=storage, throttle=_throttle(limits.recover_per_minute, clock)),
        create_api_key=CreateApiKey(storage=storage, tokens=tokens, clock=clock, ids=ids),
        revoke_api_key=RevokeApiKey(storage=storage, sessions=sessions, clock=clock, ids=ids),
        used_keys=used_keys,
        failed_log_ins=failed_log_ins,
        sessions=sessions,
        purge=purge,
        job_handlers={MAIL_JOB: mail, RECOVERY_JOB: recovery, PURGE_JOB: purge},
        hasher=hasher,
    )


def policy_of(settings: Settings) -> IdentityPolicy:
    """The rules of identity as configured."""
    return IdentityPolicy(
        signup=SignupMode(settings.auth.signup),
        new_tenant_access=frozenset(Access(name) for name in settings.auth.new_tenant_environments),
        access_token_ttl_ms=settings.auth.access_token_ttl_s * 1000,
        refresh_token_ttl_ms=settings.auth.refresh_token_ttl_days * DAY_MS,
    )


def _throttle(per_minute: int, clock: Clock) -> Throttle:
    """The same rate for an address as for an e-mail: a minute's worth at once, then evenly."""
    return Throttle(per_client=_buckets(per_minute, clock), per_email=_buckets(per_minute, clock))


def _buckets(per_minute: int, clock: Clock) -> TokenBuckets:
    return TokenBuckets(
        burst=per_minute,
        interval_ms=max(1, 60_000 // per_minute),
        keys_max=THROTTLED_KEYS_MAX,
        monotonic_ms=clock.monotonic_ms,
    )


def _external_issuer(settings: Settings, clock: Clock) -> ExternalIssuer | None:
    auth = settings.auth
    if not auth.issuer_url:
        return None
    facts = ExternalIssuerSettings(
        issuer=auth.issuer_url,
        jwks_url=auth.issuer_jwks_url,
        shared_secret=auth.issuer_shared_secret,
        audience=auth.issuer_audience,
    )
    return ExternalIssuer(facts, Jwks(auth.issuer_jwks_url, clock=clock) if auth.issuer_jwks_url else None)


def _mailer(settings: Settings) -> Mailer:
    if not settings.mail.smtp_url:
        return ConsoleMailer()
    return SmtpMailer(SmtpSettings.from_url(settings.mail.smtp_url, settings.mail.sender))
